"""The OpenMP runtime that stands in for a missing system library."""

import subprocess
import sys

import pytest

from deployments.errors import EngineFailed
from deployments.openmp import SONAME, bundled_openmp, load_openmp, renamed

# In a process of its own: a library cannot be unloaded, and the system's may be loaded here already.
STAND_IN = f"""
import ctypes
from deployments import openmp
real = ctypes.CDLL
def without_system(name, *args, **kwargs):
    if name == {SONAME!r}:
        raise OSError("cannot open shared object file")
    return real(name, *args, **kwargs)
ctypes.CDLL = without_system
openmp.load_openmp()
assert "/libgomp.so.1 (deleted)" in open("/proc/self/maps").read()
real(None).GOMP_parallel
real({SONAME!r})
assert "/usr/lib/x86_64-linux-gnu/libgomp" not in open("/proc/self/maps").read()
"""


def test_systems_own_is_enough_or_replaced() -> None:
    load_openmp()


def test_bundled_library_answers_to_the_systems_name() -> None:
    assert bundled_openmp() is not None
    subprocess.run([sys.executable, "-c", STAND_IN], check=True)


def test_name_is_replaced_in_place() -> None:
    library = b"\x7fELF..libgomp-12345678.so.1.0.0\0tail"
    assert renamed(library, "libgomp-12345678.so.1.0.0") == b"\x7fELF..libgomp.so.1" + b"\0" * 14 + b"tail"


@pytest.mark.parametrize("name", ["libother-12345678.so", "lib.so"])
def test_unexpected_library_is_refused(name: str) -> None:
    with pytest.raises(EngineFailed, match="libgomp1"):
        renamed(b"\x7fELF lib.so\0", name)
