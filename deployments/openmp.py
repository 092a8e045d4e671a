"""The OpenMP runtime for engines that expect the system to have one.

The llama.cpp wheel links to `libgomp.so.1` and does not bring it; bare machines without a compiler often lack it, and
installing it takes root. The CTranslate2 wheel brings the same library under another name (wheels rename what they
bundle), so a copy of that one, under its real name, is loaded first: the dynamic linker resolves a library that is
needed by its SONAME to one that is loaded already.
"""

import ctypes
import importlib.util
import logging
import os
import tempfile
from pathlib import Path

from deployments.errors import EngineFailed

logger = logging.getLogger("ray.serve")

SONAME = "libgomp.so.1"
SPINS = 1000
"""How often a thread looks before it sleeps at a barrier: for some 50 microseconds. Threads that work side by side meet
within them and need not be woken, hundreds of times a token; where one has lost its processor to another stage, no more
than that is wasted. By default GNU OpenMP spins on, which on shared cores costs four fifths of the work."""


def rest_at_barriers() -> None:
    """Call it before GNU OpenMP is loaded, which reads these once. What the user has set stays."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", str(SPINS))


def load_openmp() -> None:
    """Make `libgomp.so.1` loadable in this process; call it before the import that needs it.

    Raises EngineFailed, naming the package to install, where neither the system nor the wheel has it.
    """
    try:
        ctypes.CDLL(SONAME)
    except OSError as error:
        logger.info("The system has no %s (%s): using the one that CTranslate2 brings.", SONAME, error)
        bundled = bundled_openmp()
        if bundled is None:
            raise EngineFailed(f"{SONAME} is missing. Install it: apt-get install libgomp1") from error
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / SONAME
            copy.write_bytes(renamed(bundled.read_bytes(), bundled.name))
            # Once mapped, it needs no file. Global, because it stands in for the system's.
            ctypes.CDLL(str(copy), mode=ctypes.RTLD_GLOBAL)


def bundled_openmp() -> Path | None:
    """The OpenMP library inside the CTranslate2 wheel, if there is one."""
    found = importlib.util.find_spec("ctranslate2")
    if found is None or found.origin is None:
        return None
    libraries = Path(found.origin).parents[1] / "ctranslate2.libs"
    return next(iter(sorted(libraries.glob("libgomp-*.so.1*"))), None)


def renamed(library: bytes, name: str) -> bytes:
    """The shared library with its SONAME `name` replaced, in place: the string table keeps its length.

    Raises EngineFailed where `name` is not in the library or is too short to hold the new one.
    """
    old = name.encode() + b"\0"
    new = SONAME.encode()
    if old not in library or len(new) >= len(old):
        raise EngineFailed(f"{name} is not the library it should be. Install the system's: apt-get install libgomp1")
    return library.replace(old, new.ljust(len(old), b"\0"))
