"""H.264 as MP4 wants it: Annex B access units to length-prefixed ones, and the decoder configuration.

Sources: ITU-T H.264 Annex B (start codes) and §7.3.2.1 (head of the SPS); ISO/IEC 14496-15 §5.3.3 (avcC); RFC 6381
§3.3 (names).
"""

import re
import struct
from dataclasses import dataclass

from deployments.errors import EngineFailed

_START_CODE = re.compile(rb"\x00\x00\x01")
_SPS, _PPS, _DELIMITER = 7, 8, 9
_PROFILES_WITH_CHROMA = frozenset({100, 110, 122, 144})


@dataclass(frozen=True, slots=True)
class ParameterSets:
    """The sequence and picture parameter sets of a stream, as NAL units without start code."""

    sps: bytes
    pps: bytes

    @property
    def codec_string(self) -> str:
        """RFC 6381 name, such as avc1.42C01E: profile, constraint flags and level are bytes 1 to 3 of the SPS."""
        return f"avc1.{self.sps[1:4].hex().upper()}"

    @property
    def decoder_configuration(self) -> bytes:
        """Payload of the avcC box. Lengths before NAL units take four bytes. Chroma is 4:2:0, eight bits."""
        profile, compatibility, level = self.sps[1:4]
        parts = [
            bytes([1, profile, compatibility, level, 0xFF, 0xE1]),
            struct.pack(">H", len(self.sps)) + self.sps,
            b"\x01" + struct.pack(">H", len(self.pps)) + self.pps,
        ]
        if profile in _PROFILES_WITH_CHROMA:
            parts.append(bytes([0xFC | 1, 0xF8, 0xF8, 0]))
        return b"".join(parts)


def split_annex_b(data: bytes) -> list[bytes]:
    """The NAL units of a byte stream, start codes and trailing zero bytes removed."""
    marks = [match.start() for match in _START_CODE.finditer(data)]
    ends = [*marks[1:], len(data)]
    units = (data[start + 3 : end].rstrip(b"\x00") for start, end in zip(marks, ends, strict=True))
    return [unit for unit in units if unit]


def parameter_sets(data: bytes) -> ParameterSets | None:
    """The parameter sets that an access unit carries, or None. A well-formed IDR of ours carries both."""
    found = {unit[0] & 0x1F: unit for unit in split_annex_b(data)}
    sps, pps = found.get(_SPS), found.get(_PPS)
    return ParameterSets(sps, pps) if sps and pps and len(sps) >= 4 else None


def require_parameter_sets(data: bytes) -> ParameterSets:
    """As `parameter_sets`; raises EngineFailed where they are missing: the stream could not be decoded."""
    found = parameter_sets(data)
    if found is None:
        raise EngineFailed("The video engine's stream does not start with a key frame that carries SPS and PPS.")
    return found


def length_prefixed(data: bytes, keep_parameter_sets: bool = False) -> bytes:
    """An Annex B access unit as an MP4 sample: each NAL unit after its length in four bytes.

    Delimiters are dropped, parameter sets too (they stand in avcC) unless `keep_parameter_sets`.
    """
    dropped = {_DELIMITER} if keep_parameter_sets else {_DELIMITER, _SPS, _PPS}
    kept = [unit for unit in split_annex_b(data) if unit[0] & 0x1F not in dropped]
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in kept)


class SampleFormatter:
    """Access units to samples over a whole stream, minding parameter sets that change on the way.

    A cheaper quality rung may write another PPS than the one in avcC. From then on parameter sets stay in the
    samples, which decoders accept; until then they are left out.
    """

    def __init__(self, first: ParameterSets) -> None:
        self._configured = first
        self._diverged = False

    def sample(self, data: bytes) -> bytes:
        found = parameter_sets(data)
        self._diverged = self._diverged or (found is not None and found != self._configured)
        return length_prefixed(data, keep_parameter_sets=self._diverged)
