"""Measures the built-in voices and writes deployments/tts/voice_measures.json: python -m benchmarks.measure_voices

Every voice says the same sentences of its language. Its gain brings their audible parts to one level; pitch, timbre
and d-vector are what a voice match compares a sample with.
"""

import json

import numpy as np
import soxr

from deployments.contracts import HEARING_RATE_HZ, Cancellation, Float32
from deployments.tts.espeak import open_espeak
from deployments.tts.harmonics import RATE_HZ
from deployments.tts.kokoro_network import Network, build_network
from deployments.tts.phonemes import Phonemizer, ids_of
from deployments.tts.settings import TtsSettings
from deployments.tts.speaker_encoder import SpeakerEncoder, audible
from deployments.tts.timbre import measure
from deployments.tts.voice_measures import LEVEL, PATH
from deployments.tts.voices import Voice, builtin_voices, style_for
from deployments.weights.resolver import require
from deployments.weights.settings import WeightsSettings

SENTENCES = {
    "en": (
        "The birch canoe slid on the smooth planks, and the sun came up behind the hills.",
        "It is easy to tell the depth of a well, but who would want to look down there at night?",
        "These days a chicken leg is a rare dish. Rice is often served in round bowls!",
        "We talked for hours about music, travel, and the small things that make a good day.",
    ),
    "es": (
        "El viento del norte y el sol discutían sobre cuál de ellos era el más fuerte.",
        "Ayer por la tarde fuimos al mercado a comprar fruta, pan y un poco de queso.",
        "¿Sabes a qué hora sale el próximo tren hacia la costa? Me gustaría llegar temprano.",
        "Hablamos durante horas de música, de viajes y de las cosas pequeñas de la vida.",
    ),
    "zh": (
        "有一次，北风和太阳正在争论谁比较有本事。",
        "昨天下午我们去市场买了一些水果、面包和奶酪。",
        "你知道下一班去海边的火车几点出发吗？我想早一点到。",
        "我们聊了好几个小时，聊音乐，聊旅行，聊生活里的小事。",
    ),
}


def said(network: Network, phonemizer: Phonemizer, voice: Voice) -> Float32:
    """All sentences of the voice's language, as the network makes them, 24 kHz."""
    sounds = []
    for sentence in SENTENCES[voice.language]:
        ids = ids_of(phonemizer.spell(sentence, voice.language, voice.accent))
        sounds.append(network.render(ids, style_for(voice.id, len(ids)), 1.0, Cancellation()))
    return np.concatenate(sounds)


def main() -> None:
    settings, weights = TtsSettings(), WeightsSettings()
    network = build_network(settings.kokoro, require(settings.kokoro.weights, weights))
    phonemizer = Phonemizer(open_espeak(settings.espeak))
    encoder = SpeakerEncoder(require(settings.match.weights, weights))
    table = {}
    for voice in builtin_voices().values():
        sound = said(network, phonemizer, voice)
        speech = audible(np.asarray(soxr.resample(sound, RATE_HZ, HEARING_RATE_HZ), np.float32))
        level = float(np.sqrt(np.mean(speech**2)))
        timbre = measure(speech * np.float32(LEVEL / level))
        assert timbre is not None, voice.id
        table[voice.id] = {
            "gain": round(LEVEL / level, 4),
            "pitch_mean": round(timbre.pitch_mean, 4),
            "pitch_spread": round(timbre.pitch_spread, 4),
            "timbre": [round(float(value), 2) for value in timbre.bands],
            "vector": [round(float(value), 4) for value in encoder.embed(speech)],
        }
        peak = float(np.abs(sound).max()) * LEVEL / level
        print(f"{voice.id:12} gain {LEVEL / level:.2f} peak {peak:.2f} pitch {np.exp(timbre.pitch_mean):.0f} Hz")
    PATH.write_text(json.dumps(table, separators=(",", ":")).replace("},", "},\n") + "\n", "utf-8")


if __name__ == "__main__":
    main()
