"""Failures after which an engine is not to be trusted any more."""

from deployments.errors import EngineFailed


class DeviceFailed(EngineFailed):
    """The device is out of memory, or gone. The caller sees an EngineFailed; the replica turns unhealthy, and another
    takes its place and its streams."""
