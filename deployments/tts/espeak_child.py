"""A process that loads the espeak-ng library (GPL-3) and answers over its standard streams; see espeak.py.

One JSON object a line in, {"voice": ..., "phrases": [...]}; one JSON list of IPA lines out. It ends with its input.
"""

import ctypes
import json
import sys

import espeakng_loader

_SYNCHRONOUS = 2
_UTF8 = 1
_IPA = 0x02
_WITH_TIE = 0x80
_TIE_SHIFT = 8


def load() -> ctypes.CDLL:
    """The library, initialised. Raises RuntimeError where it does not start."""
    library = ctypes.CDLL(str(espeakng_loader.get_library_path()))
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    if library.espeak_Initialize(_SYNCHRONOUS, 0, str(espeakng_loader.get_data_path()).encode(), 0) < 0:
        raise RuntimeError("the espeak-ng library did not start")
    return library


def spell(library: ctypes.CDLL, phrase: str) -> str:
    """IPA of one phrase in the current voice; clauses are joined by spaces."""
    mode = _IPA | _WITH_TIE | (ord("^") << _TIE_SHIFT)
    rest = ctypes.c_char_p(phrase.encode())
    lines: list[str] = []
    while rest.value:
        line = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode)
        lines.append((line or b"").decode("utf-8", "replace").strip())
    return " ".join(line for line in lines if line)


def main() -> None:
    library = load()
    current = ""
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        if asked["voice"] != current:
            if library.espeak_SetVoiceByName(asked["voice"].encode()) != 0:
                raise RuntimeError(f"espeak-ng has no voice {asked['voice']!r}")
            current = asked["voice"]
        answer = [spell(library, phrase) for phrase in asked["phrases"]]
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
