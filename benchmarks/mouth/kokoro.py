"""Kokoro's speech with the times of its phones, which come from its own graph.

The graph predicts for each token a number of units of 600 samples (25 ms at 24 kHz), clips it to at least one and
repeats the token's features that often: the tensor DURATIONS is what feeds the alignment, so its times are exact to
one unit by construction. It is made an extra output; nothing else in the graph changes.
"""

import re
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from deployments.contracts import Float32

RATE_HZ = 24_000
SAMPLES_PER_UNIT = 600
DURATIONS = "/encoder/Gather_output_0"
"""Output of `/encoder/Clip` without its batch axis; the input of the CumSum that makes the alignment."""

# What espeak-ng writes with two letters and Kokoro reads as one.
_MERGED = (("a^ɪ", "I"), ("a^ʊ", "W"), ("d^ʒ", "ʤ"), ("e^ɪ", "A"), ("t^ʃ", "ʧ"), ("ɔ^ɪ", "Y"), ("o^ʊ", "O"),
           ("ə^ʊ", "Q"), ("t^s", "ʦ"), ("d^z", "ʣ"))  # fmt: skip
_ENGLISH = (("ɜː", "ɜɹ"), ("ː", ""), ("r", "ɹ"), ("ɐ", "ə"), ("ᵻ", "ɪ"))
_ALPHABET = (
    ';:,.!?  —…"()“” ̃ʣʥʦʨᵝꭧAI     O Q ST  W Yᵊabcdef hijklmnopqrstuvwxyzɑɐɒæ  βɔɕç ɖðʤə ɚɛɜ  ɟ'
    " ɡ      ɥ ɨɪʝ      ɯɰŋɳɲɴø ɸθœ  ɹ ɾɻ ʁɽʂʃʈʧ ʊʋ ʌɣɤ χʎ   ʒʔ       ˈˌː   ʰ ʲ    ↓ →↗↘   ᵻ"
)
SYMBOLS = {symbol: place for place, symbol in enumerate(_ALPHABET, start=1) if symbol != " " or place == 16}
"""Kokoro v1.0's vocabulary: symbol to token."""


def phonemes(text: str, language: str) -> str:
    """Kokoro's phonemes of a text: espeak-ng for en and es, misaki for zh."""
    if language == "zh":
        from misaki.zh import ZHG2P

        return str(ZHG2P()(text)[0])
    spoken = []
    for piece in re.findall(r"[^,.!?;:¡¿]+|[,.!?;:]+", text):
        if re.match(r"[,.!?;:]", piece):
            spoken.append(piece[-1] + " ")
            continue
        program = ["espeak-ng", "-q", "--ipa", "--tie=^", "-v", {"en": "en-us"}.get(language, language), piece]
        written = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        spoken.append(" ".join(re.sub(r"\([a-z-]+\)|͡", "^" if "͡" in written else "", written).split()))
    joined = "".join(spoken).strip()
    for before, after in _MERGED + (_ENGLISH if language == "en" else ()):
        joined = joined.replace(before, after)
    return joined.replace("^", "").replace("_", "")


class TimedKokoro:
    """The Kokoro graph with the durations as a second output."""

    def __init__(self, weights: Path) -> None:
        model = onnx.load(str(weights))
        model.graph.output.append(onnx.helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.INT64, None))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def speak(self, symbols: str, voice: Float32, speed: float) -> tuple[Float32, list[tuple[str, int]]]:
        """24 kHz samples, and per token (symbol, units); the tokens at both ends are written as "$".

        `voice`: float32 [510, 256]. Raises RuntimeError when the durations do not add up to the audio.
        """
        known = [symbol for symbol in symbols if symbol in SYMBOLS][:509]
        tokens = np.array([[0, *(SYMBOLS[symbol] for symbol in known), 0]], np.int64)
        inputs = {"tokens": tokens, "style": voice[len(known)][None], "speed": np.array([speed], np.float32)}
        audio, units = self._session.run(["audio", DURATIONS], inputs)
        samples: Float32 = audio.ravel()
        units = units.ravel().astype(int)
        if len(units) != tokens.shape[1] or abs(int(units.sum()) * SAMPLES_PER_UNIT - len(samples)) > SAMPLES_PER_UNIT:
            raise RuntimeError(f"Kokoro's durations ({units.sum()} units) do not match its audio ({len(samples)}).")
        return samples, list(zip(["$", *known, "$"], units.tolist(), strict=True))
