"""Size, orientation and completeness of a JPEG, PNG or WebP file, read without decoding a pixel.

A decompression bomb must be refused by its header, a photo from a phone turned upright, and a truncated file
noticed (decoders fill the rest of it with grey). Sources: ITU-T T.81 Annex B (JPEG markers), PNG 3rd edition §11,
RFC 9649 (WebP), Exif 2.32 §4.6 (orientation, tag 0x0112).
"""

import struct
from dataclasses import dataclass

from deployments.errors import BadInput, Unsupported

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ORIENTATION_TAG = 0x0112
_BARE_MARKERS = frozenset({0x01, *range(0xD0, 0xDA)})
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """`width`, `height` in pixels as stored; `orientation` as in Exif, 1 (upright) to 8; `complete`: not truncated."""

    width: int
    height: int
    orientation: int
    complete: bool


def read_header(data: bytes) -> ImageHeader:
    """Raises Unsupported for another format, BadInput for a damaged header."""
    try:
        if data.startswith(b"\xff\xd8\xff"):
            return _read_jpeg(data)
        if data.startswith(_PNG_SIGNATURE):
            return _read_png(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _read_webp(data)
    except (struct.error, IndexError) as error:
        raise BadInput("The photo's file is damaged or cut off: its header cannot be read. Send it again.") from error
    raise Unsupported("The photo's format is not known here. Save it as JPEG, PNG or WebP.")


def _read_jpeg(data: bytes) -> ImageHeader:
    width = height = 0
    orientation = 1
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker == 0xFF or marker in _BARE_MARKERS:
            position += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        segment = data[position + 4 : position + 2 + length]
        if marker in _FRAME_MARKERS:
            height, width = struct.unpack_from(">HH", segment, 1)
        elif marker == 0xE1 and segment.startswith(b"Exif\x00\x00"):
            orientation = _exif_orientation(segment[6:])
        elif marker == 0xDA:
            break
        position += 2 + length
    if not width or not height:
        raise BadInput("The photo's file is damaged or cut off: it names no size. Send it again.")
    # The end marker cannot occur inside compressed data (T.81 §B.1.1.5 stuffs a zero after each FF).
    return ImageHeader(width, height, orientation, complete=data.find(b"\xff\xd9", position) >= 0)


def _read_png(data: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", data, 16)
    orientation, complete = 1, False
    position = len(_PNG_SIGNATURE)
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"eXIf":
            orientation = _exif_orientation(data[position + 8 : position + 8 + length])
        complete = kind == b"IEND"
        position += 12 + length
    return ImageHeader(width, height, orientation, complete and position <= len(data))


def _read_webp(data: bytes) -> ImageHeader:
    (riff_bytes,) = struct.unpack_from("<I", data, 4)
    width = height = 0
    orientation = 1
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        payload = data[position + 8 : position + 8 + length]
        if kind == b"VP8X":
            width = 1 + int.from_bytes(payload[4:7], "little")
            height = 1 + int.from_bytes(payload[7:10], "little")
        elif kind == b"VP8 " and not width:
            width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", payload, 6))
        elif kind == b"VP8L" and not width:
            (bits,) = struct.unpack_from("<I", payload, 1)
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        elif kind == b"EXIF":
            orientation = _exif_orientation(payload.removeprefix(b"Exif\x00\x00"))
        position += 8 + length + (length & 1)
    if not width or not height:
        raise BadInput("The photo's file is damaged or cut off: it names no size. Send it again.")
    return ImageHeader(width, height, orientation, complete=8 + riff_bytes <= len(data))


def _exif_orientation(tiff: bytes) -> int:
    """The orientation in an Exif block, 1 where it has none or cannot be read: a wrong tag must not cost the photo."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (directory,) = struct.unpack_from(f"{order}I", tiff, 4)
    if directory + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(f"{order}H", tiff, directory)
    for entry in range(entries):
        position = directory + 2 + 12 * entry
        if position + 12 > len(tiff):
            return 1
        tag, _kind, _count, value = struct.unpack_from(f"{order}HHIH", tiff, position)
        if tag == _ORIENTATION_TAG:
            return value if 1 <= value <= 8 else 1
    return 1
