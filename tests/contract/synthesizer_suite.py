"""What every Synthesizer must do, whatever voice it has. Subclasses provide the engine through two fixtures."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from deployments.contracts import Cancellation, Float32, Pcm, SpeechRequest, Synthesizer
from deployments.errors import BadInput, Cancelled, NotFound, Unsupported

HELLO = SpeechRequest("Hello there, my friend.", "en", "")


def said(synthesizer: Synthesizer, request: SpeechRequest) -> Float32:
    """All pieces of a clause, joined; their rates are one."""
    pieces = list(synthesizer.speak(request, Cancellation()))
    assert len({piece.rate_hz for piece in pieces}) <= 1
    return np.concatenate([piece.samples for piece in pieces]) if pieces else np.zeros(0, np.float32)


def person(seconds: float, rate_hz: int = 16_000, hertz: float = 140.0) -> Pcm:
    """Something with a voice: buzzing syllables through three resonances."""
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = hertz * (1 + 0.1 * np.sin(2 * np.pi * 0.7 * times))
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    formants = [(500, 0.5), (1500, 0.3), (2500, 0.1)]
    voice = sum(
        weight * np.exp(-(((k * hertz - centre) / 250) ** 2)) * np.sin(k * phase)
        for k in range(1, 25)
        for centre, weight in formants
    )
    syllables = 0.2 + 0.8 * np.clip(np.sin(2 * np.pi * 3 * times), 0, 1)
    noise = np.random.default_rng(3).normal(size=len(times)) * 0.001
    return Pcm((0.3 * voice * syllables + noise).astype(np.float32), rate_hz)


class SynthesizerSuite:
    """Fixtures to provide: `synthesizer`, and `enrolled`, which stores a blob and returns the voice's id."""

    def test_speech_is_float32_within_full_scale_and_finite(self, synthesizer: Synthesizer) -> None:
        samples = said(synthesizer, HELLO)
        assert samples.dtype == np.float32
        assert np.isfinite(samples).all()
        assert 0.05 < np.abs(samples).max() <= 1.0

    def test_the_same_request_gives_the_same_samples(self, synthesizer: Synthesizer) -> None:
        first = said(synthesizer, HELLO)
        said(synthesizer, replace(HELLO, text="Something else in between, and rather longer than that."))
        assert np.array_equal(first, said(synthesizer, HELLO))

    def test_speech_starts_and_ends_without_a_click(self, synthesizer: Synthesizer) -> None:
        samples = said(synthesizer, HELLO)
        assert max(abs(float(samples[0])), abs(float(samples[-1]))) < 0.01

    @pytest.mark.parametrize("text", ["", "   ", "...", "?!", "—", "\n"])
    def test_a_text_without_words_is_no_speech_and_no_error(self, synthesizer: Synthesizer, text: str) -> None:
        assert len(said(synthesizer, replace(HELLO, text=text))) == 0

    def test_more_speed_is_less_time(self, synthesizer: Synthesizer) -> None:
        slow, fast = (len(said(synthesizer, replace(HELLO, speed=speed))) for speed in (0.8, 1.5))
        assert fast < 0.85 * slow

    def test_an_unknown_voice_is_not_found_and_the_others_are_named(self, synthesizer: Synthesizer) -> None:
        with pytest.raises(NotFound, match="af_heart"):
            said(synthesizer, replace(HELLO, voice_id="nobody"))

    def test_an_unknown_language_is_unsupported_and_the_others_are_named(self, synthesizer: Synthesizer) -> None:
        with pytest.raises(Unsupported, match="en"):
            said(synthesizer, replace(HELLO, language="tlh"))

    def test_voices_say_what_they_are_and_each_language_has_one_by_default(self, synthesizer: Synthesizer) -> None:
        voices = synthesizer.voices()
        assert len({voice["id"] for voice in voices}) == len(voices)
        for voice in voices:
            assert {"id", "name", "language", "gender", "kind", "default"} <= set(voice)
        assert {voice["language"] for voice in voices if voice["default"]} == {voice["language"] for voice in voices}

    def test_a_cancelled_clause_ends_and_the_next_one_is_as_ever(self, synthesizer: Synthesizer) -> None:
        before = said(synthesizer, HELLO)
        cancellation = Cancellation()
        cancellation.cancel()
        with pytest.raises(Cancelled):
            list(synthesizer.speak(HELLO, cancellation))
        assert np.array_equal(before, said(synthesizer, HELLO))

    @pytest.mark.parametrize("sample", ["short", "silent", "nan", "empty"])
    def test_a_sample_that_will_not_do_is_refused(self, synthesizer: Synthesizer, sample: str) -> None:
        good = person(6)
        bad = {
            "short": Pcm(good.samples[:16_000], 16_000),
            "silent": Pcm(np.zeros(160_000, np.float32), 16_000),
            "nan": Pcm(np.where(np.arange(96_000) == 500, np.float32(np.nan), good.samples[:96_000]), 16_000),
            "empty": Pcm(np.zeros(0, np.float32), 16_000),
        }[sample]
        with pytest.raises(BadInput):
            synthesizer.enrol(bad)

    @pytest.mark.parametrize("language", ["en", "es", "zh"])
    def test_an_enrolled_voice_speaks_every_language(
        self, synthesizer: Synthesizer, enrolled: Callable[[bytes], str], language: str
    ) -> None:
        voice_id = enrolled(synthesizer.enrol(person(6)))
        text = {"en": "Good morning.", "es": "Buenos días.", "zh": "早上好。"}[language]
        samples = said(synthesizer, SpeechRequest(text, language, voice_id))
        assert len(samples) > 2_000
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() <= 1.0
