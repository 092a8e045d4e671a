"""Whether the weights of the default profile are here, asked before anything is started."""

from deployments.errors import WeightsMissing
from deployments.weights.manifest import load_manifest
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings


def require_weights() -> None:
    """Raises WeightsMissing, with one remedy for all that is missing."""
    settings = WeightsSettings()
    problems = []
    for weight_set in load_manifest().defaults():
        try:
            require(weight_set.name, settings)
        except WeightsMissing as error:
            problems.append(f"{weight_set.name}: {error.message}")
    if problems:
        raise WeightsMissing("\n".join([*problems, "All at once: avatar models pull"]))
