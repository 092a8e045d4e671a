"""XTTS-v2: clauses to speech at 24 kHz in a cloned voice, streamed while it is made."""

import hashlib
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator

import numpy as np
import torch

from deployments.contracts import Cancellation, Float32, Pcm, SpeechRequest
from deployments.errors import BadInput, Cancelled, EngineFailed, NotFound, TooLarge, Unsupported
from deployments.tts.edges import Edges
from deployments.tts.pauses import limited, pause_after
from deployments.tts.samples import spoken
from deployments.tts.settings import XTTS_LANGUAGES, TtsSettings, XttsSettings
from deployments.tts.xtts_model import XttsModel
from deployments.tts.xtts_text import CHARACTER_LIMITS, has_words, limit_of, speakable, split_text
from deployments.tts.xtts_voice import Latents

logger = logging.getLogger("ray.serve")

_GREETING = "Hello, how are you today?"


class XttsSynthesizer:
    """Implements `Synthesizer`. One generation at a time: a second one that is begun meanwhile is refused.

    `load` returns the enrolment blob of an uploaded voice, or raises NotFound.
    """

    def __init__(self, settings: TtsSettings, model: XttsModel, load: Callable[[str], bytes]) -> None:
        self._settings = settings
        self._model = model
        self._load = load
        self.languages = _languages(settings.xtts)
        self._speakers = {voice_id(name): (name, latents) for name, latents in sorted(model.speakers.items())}
        if not self._speakers:
            raise EngineFailed("speakers_xtts.pth holds no voices. Fetch it anew: avatar models pull xtts-v2")
        self._defaults = self._default_voices()
        self._busy = threading.Lock()
        self._enrolled: OrderedDict[bytes, bytes] = OrderedDict()

    def warm_up(self) -> None:
        """Speaks once in each default voice's first language, and hears what it said: all kernels are loaded then."""
        language = "en" if "en" in self.languages else self.languages[0]
        said = [pcm.samples for pcm in self.speak(SpeechRequest(_GREETING, language), Cancellation())]
        if said:
            self._model.hear(Pcm(np.concatenate(said), self._model.rate_hz))
            logger.info("Warm-up: %.1f s of speech.", sum(map(len, said)) / self._model.rate_hz)

    def enrol(self, sample: Pcm) -> bytes:
        """The voice of a sample (xtts_voice.py). The same sample is listened to once. Raises BadInput."""
        spoken(sample, self._settings.match)
        content = hashlib.sha256(np.ascontiguousarray(sample.samples).tobytes() + str(sample.rate_hz).encode())
        key = content.digest()
        blob = self._enrolled.pop(key, None) or self._model.hear(sample).pack()
        self._enrolled[key] = blob
        while len(self._enrolled) > self._settings.xtts.latents_kept:
            self._enrolled.popitem(last=False)
        return blob

    def voices(self) -> list[dict[str, object]]:
        """The published speakers. `languages` are all that a voice speaks; `language` is the one that it is listed
        under: where it is the default, or the first."""
        homes = {voice: language for language, voice in reversed(self._defaults.items())}
        first = next(iter(self._defaults))
        return [
            {
                "id": id,
                "name": name,
                "language": homes.get(id, first),
                "languages": list(self.languages),
                "gender": "unknown",
                "kind": "builtin",
                "default": id in homes,
            }
            for id, (name, _) in self._speakers.items()
        ]

    def speak(self, request: SpeechRequest, cancellation: Cancellation) -> Iterator[Pcm]:
        """Speech in pieces with the pause that the punctuation asks for. Nothing at all for a text without words.

        Raises NotFound, Unsupported, BadInput, TooLarge; Cancelled within a token of a cancel; EngineFailed where
        another generation is under way.
        """
        voice = self._voice(request)
        _stop_if(cancellation)
        if not has_words(request.text):
            return
        if not self._busy.acquire(blocking=False):
            raise EngineFailed("The voice is still speaking something else. Try again.")
        try:
            pieces = self._pieces(request.text, request.language)
            for place, piece in enumerate(pieces):
                last = place == len(pieces) - 1
                pause = pause_after(request.text if last else piece, self._settings.pauses)
                for sound in self._spoken(piece, request, voice, place, pause, cancellation):
                    yield Pcm(limited(sound), self._model.rate_hz)
        except torch.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise EngineFailed(
                "The card has no memory left for speech. Give TTS more with tts.gpu.vram_gigabytes, or put fewer "
                "replicas on the card."
            ) from error
        finally:
            self._busy.release()

    def _spoken(
        self, piece: str, request: SpeechRequest, voice: Latents, place: int, pause: float, cancellation: Cancellation
    ) -> Iterator[Float32]:
        """One piece, chunk by chunk. Each has a seed of its own: what comes before does not change how it sounds."""
        model, settings = self._model, self._settings.xtts
        vocoder = model.vocoder(voice, request.speed * self._settings.speed)
        edges = Edges(model.rate_hz, pause, self._settings.pauses)
        tokens = model.tokens(piece, request.language)
        most = model.most_tokens(piece, request.language)
        waiting: list[torch.Tensor] = []
        wanted = settings.first_chunk_tokens
        for latent in model.latents(tokens, voice, most, (request.seed * 7919 + place) % 2**63):
            _stop_if(cancellation)
            waiting.append(latent)
            if len(waiting) >= wanted:
                sound = edges.push(vocoder.push(torch.cat(waiting)))
                waiting, wanted = [], settings.chunk_tokens
                if len(sound):
                    yield sound
        rest = vocoder.push(torch.cat(waiting) if waiting else torch.zeros(0, model.width), final=True)
        for sound in (edges.push(rest), edges.finish()):
            if len(sound):
                yield sound

    def _pieces(self, text: str, language: str) -> list[str]:
        """Within the language's limit of characters and the model's of tokens: numbers are read in many."""
        limit = limit_of(language, self._settings.xtts.piece_characters)
        pieces = split_text(text, limit)
        while any(len(self._model.tokens(piece, language)) > self._model.most_text_tokens for piece in pieces):
            limit //= 2
            if limit < 2:
                raise TooLarge("The text cannot be cut into pieces that are short enough to be read aloud.")
            pieces = split_text(text, limit)
        return pieces

    def _voice(self, request: SpeechRequest) -> Latents:
        if request.language not in self.languages:
            known = ", ".join(self.languages)
            raise Unsupported(f"The language {request.language!r} is not spoken here: {known} are.")
        if len(request.text) > self._settings.max_characters:
            raise TooLarge(f"The text has {len(request.text)} characters; {self._settings.max_characters} are allowed.")
        if not (np.isfinite(request.speed) and 0.5 <= request.speed <= 2.0):
            raise BadInput(f"A speed of {request.speed} is not possible: it lies between 0.5 and 2.")
        voice = request.voice_id or self._defaults[request.language]
        if voice in self._speakers:
            return self._speakers[voice][1]
        try:
            blob = self._load(voice)
        except (NotFound, BadInput) as error:
            names = ", ".join(self._speakers)
            raise NotFound(f"There is no voice {voice!r}. Choose one of: {names}; or upload one.") from error
        return Latents.unpack(blob, self._model.width, self._model.embedding_width)

    def _default_voices(self) -> dict[str, str]:
        """By language. Raises NotFound for a configured voice that the checkpoint does not have; where nothing was
        configured a checkpoint with other speakers has its first one speak."""
        chosen, settings = {}, self._settings.xtts
        for language in self.languages:
            voice = settings.default_voices.get(language, "")
            if voice not in self._speakers:
                if "default_voices" in settings.model_fields_set and voice:
                    raise NotFound(
                        f"tts.xtts.default_voices names {voice!r}. Choose from: {', '.join(self._speakers)}."
                    )
                voice = next(iter(self._speakers))
            chosen[language] = voice
        return chosen


def voice_id(name: str) -> str:
    """A speaker's name as an id: Ana Florence is ana_florence."""
    return re.sub(r"[^\w]+", "_", name.strip().lower()).strip("_")


def _languages(settings: XttsSettings) -> tuple[str, ...]:
    """Raises Unsupported for a configured language that the model does not speak, or whose reader is missing."""
    wanted = settings.languages if settings.languages is not None else XTTS_LANGUAGES
    strange = [language for language in wanted if language not in CHARACTER_LIMITS]
    if strange:
        raise Unsupported(f"XTTS-v2 does not speak {strange[0]!r}: {', '.join(XTTS_LANGUAGES)} are what it speaks.")
    able = speakable(wanted)
    missing = [language for language in wanted if language not in able]
    if missing and settings.languages is not None:
        remedy = {"zh": "pypinyin", "ja": "cutlet and fugashi[unidic-lite]"}[missing[0]]
        raise Unsupported(f"To speak {missing[0]!r}, install {remedy}; or leave it out of tts.xtts.languages.")
    return able


def _stop_if(cancellation: Cancellation) -> None:
    if cancellation.cancelled:
        raise Cancelled("The speech was withdrawn.")
