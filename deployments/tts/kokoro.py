"""Kokoro: clauses to speech at 24 kHz, in the voices that come with the product and in matched ones."""

import logging
from collections.abc import Callable, Iterator

import numpy as np

from deployments.contracts import Cancellation, Pcm, SpeechRequest
from deployments.errors import BadInput, NotFound, TooLarge, Unsupported
from deployments.tts.harmonics import RATE_HZ
from deployments.tts.kokoro_network import Network, stop_if
from deployments.tts.matching import Matcher
from deployments.tts.pauses import limited, pause_after, trimmed
from deployments.tts.phonemes import LANGUAGES, Phonemizer, ids_of
from deployments.tts.pieces import split_phonemes
from deployments.tts.settings import TtsSettings
from deployments.tts.speaker import Speaker, builtin_speaker
from deployments.tts.voices import builtin_voices

logger = logging.getLogger("ray.serve")

_GREETINGS = {"en": "Hello, how are you today?", "es": "Hola, ¿cómo estás hoy?", "zh": "你好，你今天怎么样？"}


class KokoroSynthesizer:
    """Implements `Synthesizer`. One call at a time: the network is not for several threads at once.

    `load` returns the enrolment blob of an uploaded voice, or raises NotFound. The matcher is made with the first
    sample that is enrolled: its weights are needed only then.
    """

    def __init__(
        self,
        settings: TtsSettings,
        network: Network,
        phonemizer: Phonemizer,
        matcher: Callable[[], Matcher],
        load: Callable[[str], bytes],
    ) -> None:
        unknown = sorted(set(settings.default_voices.values()) - set(builtin_voices()))
        if unknown:
            raise NotFound(f"tts.default_voices names {unknown[0]!r}. Choose from: {', '.join(builtin_voices())}.")
        self._settings = settings
        self._network = network
        self._phonemizer = phonemizer
        self._matcher = matcher
        self._load = load

    def warm_up(self) -> None:
        """Prepares the usual lengths and speaks once in every language."""
        for frames in self._settings.kokoro.warm_frames:
            self._network.prepare(frames)
        for language, greeting in _GREETINGS.items():
            request = SpeechRequest(greeting, language, self._settings.default_voices.get(language, ""))
            for pcm in self.speak(request, Cancellation()):
                logger.info("Warm-up: %.1f s of %s speech.", pcm.seconds, language)

    def enrol(self, sample: Pcm) -> bytes:
        """A voice match: the nearest of the voices there are, with the sample's pitch and timbre. See matching.py."""
        return self._matcher().enrol(sample)

    def voices(self) -> list[dict[str, object]]:
        """The built-in voices: id, name, language, gender, kind, and whether it is its language's default."""
        defaults = set(self._settings.default_voices.values())
        return [{**voice.entry(), "default": voice.id in defaults} for voice in builtin_voices().values()]

    def speak(self, request: SpeechRequest, cancellation: Cancellation) -> Iterator[Pcm]:
        """Speech in pieces with the pause that the punctuation asks for. Nothing at all for a text without words.

        An empty `voice_id` is the language's default voice. Raises NotFound, Unsupported, BadInput, TooLarge; and
        Cancelled soon after a cancel.
        """
        speaker = self._speaker(request)
        stop_if(cancellation)
        phonemes = self._phonemizer.spell(request.text, request.language, speaker.accent)
        if not any(letter.isalpha() for letter in phonemes):
            return
        pieces = split_phonemes(phonemes, self._settings.kokoro.piece_phonemes)
        for place, piece in enumerate(pieces):
            last = place == len(pieces) - 1
            pause = pause_after(request.text if last else piece, self._settings.pauses)
            pcm = self._render(piece, pause, speaker, request.speed * self._settings.speed, cancellation)
            if len(pcm.samples):
                yield pcm

    def _render(
        self, phonemes: str, pause_seconds: float, speaker: Speaker, speed: float, cancellation: Cancellation
    ) -> Pcm:
        # Without a mark at its end a text loses its last sounds; a comma keeps the voice up, for more to come.
        ids = ids_of(phonemes if not phonemes[-1].isalpha() else f"{phonemes},")
        sound = self._network.render(ids, speaker.style(len(ids)), speed, cancellation, speaker.melody)
        levelled = speaker.coloured(sound) * np.float32(speaker.gain)
        return Pcm(limited(trimmed(levelled, RATE_HZ, pause_seconds, self._settings.pauses)), RATE_HZ)

    def _speaker(self, request: SpeechRequest) -> Speaker:
        if request.language not in LANGUAGES:
            raise Unsupported(f"The language {request.language!r} is not spoken here: {', '.join(LANGUAGES)} are.")
        if len(request.text) > self._settings.max_characters:
            raise TooLarge(f"The text has {len(request.text)} characters; {self._settings.max_characters} are allowed.")
        if not (np.isfinite(request.speed) and 0.5 <= request.speed <= 2.0):
            raise BadInput(f"A speed of {request.speed} is not possible: it lies between 0.5 and 2.")
        voice_id = request.voice_id or self._settings.default_voices.get(request.language, "")
        if voice_id in builtin_voices():
            return builtin_speaker(voice_id)
        try:
            blob = self._load(voice_id)
        except (NotFound, BadInput) as error:
            names = ", ".join(builtin_voices())
            raise NotFound(f"There is no voice {voice_id!r}. Choose one of: {names}; or upload one.") from error
        return Speaker.matched(blob, request.language, self._settings.match)
