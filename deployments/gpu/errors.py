"""Why a replica does not start on the card that it was given. Each says what to do about it."""

from deployments.errors import EngineFailed


class GpuUnfit(EngineFailed):
    """Base of what is wrong with a card, its driver, or what is asked of them."""


class NoGpu(GpuUnfit):
    """No NVIDIA driver answers, or the card that the replica was given does not exist."""


class DriverTooOld(GpuUnfit):
    """The driver is older than the libraries need."""


class CardTooSmall(GpuUnfit):
    """The budget of one replica is more than the whole card has."""


class CardFull(GpuUnfit):
    """The budgets of all replicas on the card are more than the card has, or others use what they were to have."""


class BudgetOutgrown(GpuUnfit):
    """The replica took more of the card than it had promised."""


class MpsMissing(GpuUnfit):
    """The Multi-Process Service is required, and its daemon does not run."""
