"""espeak-ng and flite: voices nobody ships, whose phone times are exact because the programs chose them.

They carry the variety that a few neural voices lack. Used as separate programs of the training recipe only; nothing of
them is needed, or contained, in what is shipped.
"""

import ctypes
import logging
import random
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from benchmarks.mouth.recording import Recording, save
from benchmarks.mouth.texts import sentences
from deployments.contracts import HEARING_RATE_HZ, Float32

logger = logging.getLogger(__name__)

ESPEAK_ACCENTS = {
    "en": ("en-us", "en-gb-x-rp", "en-gb-scotland", "en-029"),
    "es": ("es", "es-419"),
    "zh": ("cmn-latn-pinyin",),
}
ESPEAK_VARIANTS = [
    "m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f3", "f4", "Alex", "Andy", "Denis", "Hugo", "Michael",
    "anika", "aunty", "belinda", "linda", "steph", "iven", "max", "quincy", "rob", "robert", "sandro", "travis",
    "victor", "zac", "Gene", "Lee", "Mario", "Annie", "adam", "benjamin", "caleb", "ed", "edward", "grandma",
    "Jacky", "john", "marcelo", "norbert", "pablo", "paul", "pedro", "shelby", "klatt", "klatt3", "klatt4",
    "Marco", "Mike", "Diogo", "Nguyen", "antonio", "boris", "david", "gustave", "michel", "grandpa",
]  # fmt: skip
HELD_OUT_VARIANTS = ("f5", "m5")
FLITE_VOICES, HELD_OUT_FLITE = ("awb", "rms", "kal16"), ("slt",)
_ESPEAK_COUNTS = {"en": (520, 40), "es": (200, 16), "zh": (200, 16)}
_FLITE_COUNTS = (420, 60)
Phones = list[tuple[str, float]]


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("phoneme", ctypes.c_char * 8),
    ]


def espeak() -> Callable[[str, str, int, int, int], tuple[Float32, Phones]]:
    """A function (text, voice, words a minute, pitch, pitch range) -> 16 kHz samples and phones in seconds."""
    library = ctypes.CDLL("libespeak-ng.so.1")
    rate_hz = library.espeak_Initialize(2, 0, None, 0x1 | 0x2)  # synchronous; phoneme events, in IPA
    pieces: list[np.ndarray] = []
    starts: list[tuple[float, str]] = []

    def receive(samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: "ctypes._Pointer[_Event]") -> int:
        if samples and count > 0:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        number = 0
        while events[number].type != 0:
            if events[number].type == 7:  # espeakEVENT_PHONEME
                symbol = bytes(events[number].phoneme).split(b"\0")[0].decode("utf8", "ignore")
                starts.append((events[number].audio_position / 1000, symbol))
            number += 1
        return 0

    short, event = ctypes.POINTER(ctypes.c_short), ctypes.POINTER(_Event)
    callback = ctypes.CFUNCTYPE(ctypes.c_int, short, ctypes.c_int, event)(receive)
    library.espeak_SetSynthCallback(callback)

    def speak(text: str, voice: str, rate: int, pitch: int, pitch_range: int) -> tuple[Float32, Phones]:
        pieces.clear()
        starts.clear()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice}.")
        for parameter, value in ((1, rate), (3, pitch), (4, pitch_range)):
            library.espeak_SetParameter(parameter, value, 0)
        data = text.encode()
        library.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        samples = np.concatenate(pieces).astype(np.float32) / 32768
        ends = [time for time, _ in starts[1:]] + [len(samples) / rate_hz]
        phones = [(symbol, max(0.0, end - start)) for (start, symbol), end in zip(starts, ends, strict=True)]
        if starts and starts[0][0] > 0:
            phones.insert(0, ("", starts[0][0]))
        heard: Float32 = resample_poly(samples, 320, 441).astype(np.float32)
        return heard, phones

    speak.keep = (library, callback)  # type: ignore[attr-defined]  # the C side holds pointers into both
    return speak


def flite(text: str, voice: str, stretch: float) -> tuple[Float32, Phones]:
    """16 kHz samples and phones in seconds."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        program = [
            "flite",
            "-voice",
            voice,
            "--setf",
            f"duration_stretch={stretch:.2f}",
            "-psdur",
            "-t",
            text,
            "-o",
            file.name,
        ]
        told = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        samples, rate_hz = soundfile.read(file.name, dtype="float32")
    phones, start = [], 0.0
    for word in told.split():
        symbol, _, end = word.rpartition(":")
        phones.append((symbol, float(end) - start))
        start = float(end)
    if rate_hz != HEARING_RATE_HZ:
        samples = resample_poly(samples, HEARING_RATE_HZ, rate_hz).astype(np.float32)
    return samples, phones


def spelled(text: str, language: str) -> str:
    """Text that espeak-ng can read: its Chinese dictionary is not packaged, but it speaks pinyin with tone digits."""
    if language != "zh":
        return text
    from pypinyin import Style, lazy_pinyin

    return " ".join(lazy_pinyin(text, style=Style.TONE3, v_to_u=True, neutral_tone_with_five=True))


def make_robots(folder: Path) -> None:
    """Speaks both programs' share of the corpus."""
    speak = espeak()
    for language, counts in _ESPEAK_COUNTS.items():
        for held_out in (True, False):
            chance = random.Random(f"espeak {language} {held_out}")
            for number, text in enumerate(sentences(language, counts[held_out], held_out, 0.15)):
                accent = chance.choice(ESPEAK_ACCENTS[language])
                variant = chance.choice(HELD_OUT_VARIANTS if held_out else ESPEAK_VARIANTS)
                manner = (chance.randint(120, 210), chance.randint(20, 85), chance.randint(20, 80))
                voice = f"{accent}+{variant}"
                samples, phones = speak(spelled(text, language), voice, *manner)
                name = f"espeak-{'score' if held_out else 'train'}-{language}-{number:03d}.npz"
                save(folder / name, Recording(samples, "espeak", language, voice, text, phones))
        logger.info("espeak %s done", language)
    for held_out in (True, False):
        chance = random.Random(f"flite {held_out}")
        for number, text in enumerate(sentences("en", _FLITE_COUNTS[held_out], held_out, 0.15)):
            voice = chance.choice(HELD_OUT_FLITE if held_out else FLITE_VOICES)
            samples, phones = flite(text, voice, 1.0 if held_out else chance.uniform(0.85, 1.25))
            name = f"flite-{'score' if held_out else 'train'}-en-{number:03d}.npz"
            save(folder / name, Recording(samples, "flite", "en", voice, text, phones))
    logger.info("flite done")
