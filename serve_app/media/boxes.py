"""ISO base media boxes (ISO/IEC 14496-12): the few words that our MP4 files are written in, and a reader of them.

A box is `size:u32 type:4cc payload`; all numbers are big-endian. Every builder here returns finished bytes.
"""

import struct
from collections.abc import Iterator

IDENTITY_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
"""No rotation or scaling: 16.16 fixed point, the last column 2.30."""

CONTAINERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"mvex", b"moof", b"traf", b"udta", b"edts"})
"""Boxes that hold nothing but other boxes."""


def box(kind: bytes, *payload: bytes) -> bytes:
    """A box of the four-character `kind`. The payload must stay under 4 GiB."""
    body = b"".join(payload)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, version: int, flags: int, *payload: bytes) -> bytes:
    """A box that begins with a version (8 bits) and flags (24 bits)."""
    return box(kind, struct.pack(">I", version << 24 | flags), *payload)


def u32(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def u64(*values: int) -> bytes:
    return struct.pack(f">{len(values)}Q", *values)


def read_boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, payload) of each box in `data`, in order, without going into them.

    Stops quietly at a truncated box or at anything that is not a box: a reader of marks must not fail on rubbish.
    """
    position = 0
    while position + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        header = 8
        if size == 1 and position + 16 <= len(data):
            size, header = struct.unpack_from(">Q", data, position + 8)[0], 16
        elif size == 0:
            size = len(data) - position
        if size < header or position + size > len(data):
            return
        yield kind, data[position + header : position + size]
        position += size


def walk_boxes(data: bytes, depth: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(kind, payload) of each box in `data`, going into the containers, at most eight deep."""
    for kind, payload in read_boxes(data):
        yield kind, payload
        if kind in CONTAINERS and depth < 8:
            yield from walk_boxes(payload, depth + 1)
