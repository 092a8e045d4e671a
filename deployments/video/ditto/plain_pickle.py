"""Pickles of plain data: dictionaries, lists, tuples, texts, numbers and numpy arrays of numbers. Nothing else is built
and nothing of a file is called: numpy's own names stand for the small recorders below, from which arrays are made after
their sizes were checked."""

import io
import math
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

MOST_BYTES = 1 << 20
_MOST_PARTS = 100_000
_MOST_DEPTH = 16
_NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
_PLAIN = (
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT SHORT_BINUNICODE BINUNICODE "
    "SHORT_BINBYTES BINBYTES BYTEARRAY8 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM SETITEMS EMPTY_TUPLE TUPLE TUPLE1 "
    "TUPLE2 TUPLE3 BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD"
)
_OPCODES = frozenset(_PLAIN.split())
_FAILURES = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    OverflowError,
    MemoryError,
    RecursionError,
)


def load(path: Path) -> Any:
    """The data of a pickle, protocols 2 to 5: dict, list, tuple, str, bytes, int, float, bool, None, and numpy arrays,
    of numpy 1 and 2; numpy's scalars become Python's. Raises OSError where the file cannot be read, ValueError with the
    reason for anything else in it, for damage and for more than 1 MiB."""
    with path.open("rb") as file:
        blob = file.read(MOST_BYTES + 1)
    if len(blob) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES} bytes")
    try:
        _check_opcodes(blob)
        return _Tree().plain(_Reader(io.BytesIO(blob)).load())
    except _FAILURES as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _check_opcodes(blob: bytes) -> None:
    """Before anything is built: only what plain data needs, and no place in the memo beyond what the file can fill."""
    for opcode, argument, _ in pickletools.genops(blob):
        if opcode.name not in _OPCODES:
            raise ValueError(f"{opcode.name} has no place in plain data")
        if opcode.name == "LONG_BINPUT" and (argument is None or argument > len(blob)):
            raise ValueError("the memo is larger than the file")


class _Name:
    """What stands for a name of numpy's. It can be called as pickles of arrays call it, and nothing else."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., object]) -> None:
        self._make = make

    def __call__(self, *arguments: object) -> object:
        return self._make(*arguments)

    def __setstate__(self, state: object) -> None:
        raise ValueError("a name is given a state")


class _Kind:
    """Records a numpy.dtype."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: object, *_: object) -> None:
        if code not in _NUMBERS:
            raise ValueError(f"arrays of {code!r} are not numbers")
        self._code = str(code)
        self._order = "|"

    def __setstate__(self, state: tuple[object, ...]) -> None:
        order = state[1]
        if order not in ("<", ">", "|") or state[2:5] != (None, None, None):
            raise ValueError("an array's type has parts")
        self._order = str(order)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self._order + self._code)


class _Array:
    """Records a numpy.ndarray: its shape, type, order and bytes."""

    __slots__ = ("values",)
    values: npt.NDArray[Any]

    def __init__(self, *_: object) -> None:
        self.values = np.empty(0, np.float32)

    def __setstate__(self, state: tuple[object, ...]) -> None:
        _, shape, kind, columns_first, content = state
        self._fill(content, kind, shape, "F" if columns_first is True else "C")

    @classmethod
    def of(cls, content: object, kind: object, shape: object, order: object) -> "_Array":
        """As protocol 5 writes arrays."""
        array = cls()
        array._fill(content, kind, shape, "F" if order == "F" else "C")
        return array

    @classmethod
    def scalar(cls, kind: object, content: object) -> object:
        return cls.of(content, kind, (), "C").values.item()

    def _fill(self, content: object, kind: object, shape: object, order: Any) -> None:
        if not isinstance(kind, _Kind) or not isinstance(shape, tuple) or not isinstance(content, (bytes, bytearray)):
            raise ValueError("an array without numbers")
        sides = tuple(side for side in shape if isinstance(side, int) and side >= 0)
        if len(sides) < len(shape) or math.prod(sides) * kind.dtype.itemsize != len(content):
            raise ValueError(f"an array of shape {shape} in {len(content)} bytes")
        self.values = np.frombuffer(bytes(content), kind.dtype).reshape(sides, order=order)


def _encoded(text: str, encoding: str) -> bytes:
    """Protocol 2 has no bytes and writes them so."""
    if encoding != "latin1":
        raise ValueError(f"bytes as {encoding}")
    return text.encode("latin1")


class _Reader(pickle.Unpickler):
    _NAMES: ClassVar[dict[tuple[str, str], _Name]] = {
        ("numpy", "ndarray"): _Name(_Array),
        ("numpy", "dtype"): _Name(_Kind),
        ("_codecs", "encode"): _Name(_encoded),
        **{
            (f"{core}.{module}", name): _Name(make)
            for core in ("numpy.core", "numpy._core")
            for module, name, make in (
                ("multiarray", "_reconstruct", _Array),
                ("multiarray", "scalar", _Array.scalar),
                ("numeric", "_frombuffer", _Array.of),
            )
        },
    }

    def find_class(self, module: str, name: str) -> Any:
        found = self._NAMES.get((module, name))
        if found is None:
            raise ValueError(f"{module}.{name} has no place in plain data")
        return found


class _Tree:
    """From what was read to plain data, with a limit to how much that may become: a small pickle can name one part
    many times, or a list within itself."""

    def __init__(self) -> None:
        self._parts = 0

    def plain(self, value: object, depth: int = 0) -> Any:
        self._parts += 1
        if self._parts > _MOST_PARTS or depth > _MOST_DEPTH:
            raise ValueError("more parts than a configuration has")
        if isinstance(value, _Array):
            return value.values
        if type(value) is dict:
            if not all(isinstance(key, (str, int)) for key in value):
                raise ValueError("a key that is neither text nor number")
            return {key: self.plain(part, depth + 1) for key, part in value.items()}
        if type(value) in (list, tuple):
            parts: Any = value
            return type(parts)(self.plain(part, depth + 1) for part in parts)
        if value is None or type(value) in (bool, int, float, str, bytes):
            return value
        raise ValueError(f"{type(value).__name__} has no place in plain data")
