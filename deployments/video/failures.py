"""Failures after which an engine is not to be trusted any more."""

from deployments.errors import EngineFailed


class DeviceFailed(EngineFailed):
    """The device is out of memory, or gone. The caller sees an EngineFailed; the replica turns unhealthy, and another
    takes its place and its streams."""


class ReplicaBroken(RuntimeError):
    """What the steps get that a replica's device failed under first. Not one of our typed errors: the caller takes it
    for the replica's death and tries each step once more, which another replica may answer. Who comes to this one
    after that gets the DeviceFailed itself, with its remedy."""
