"""The parts of the hearing stage that need no weights: settings, spans of speech, words, guards, and the fake."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from deployments.asr.guards import compression_ratio
from deployments.asr.loops import made_up, repetitions
from deployments.asr.settings import AsrSettings, VoiceActivitySettings
from deployments.asr.speech import find_spans
from deployments.asr.words import align_words, in_order
from deployments.contracts import HEARING_RATE_HZ, Pcm, Transcriber, Utterance, Word
from deployments.errors import NotFound
from serve_app.media.decode import decode_audio
from serve_app.media.settings import MediaLimits
from serve_app.samples.catalogue import question, questions
from tests.contract.transcriber_suite import TranscriberSuite
from tests.fakes.transcriber import FakeTranscriber

SPEECH = decode_audio(question("en-sky").sound(), MediaLimits()).samples
SETTINGS = VoiceActivitySettings()


class TestFakeTranscriber(TranscriberSuite):
    @pytest.fixture
    def engine(self) -> Transcriber:
        return FakeTranscriber()

    @pytest.fixture
    def speech(self) -> Sequence[Utterance]:
        return [Utterance(Pcm(SPEECH, HEARING_RATE_HZ)), Utterance(Pcm(SPEECH[::-1].copy(), HEARING_RATE_HZ))]


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * HEARING_RATE_HZ), np.float32)


def test_speech_is_trimmed_of_silence() -> None:
    (span,) = find_spans(np.concatenate([silence(2), SPEECH, silence(3)]), SETTINGS)
    assert span.start / HEARING_RATE_HZ == pytest.approx(2.0, abs=0.2)
    assert span.end / HEARING_RATE_HZ == pytest.approx(2.0 + len(SPEECH) / HEARING_RATE_HZ, abs=0.4)


def test_silence_and_noise_are_no_speech() -> None:
    assert find_spans(silence(0), SETTINGS) == []
    assert find_spans(silence(2), SETTINGS) == []
    assert find_spans(0.05 * np.random.default_rng(0).normal(size=32_000).astype(np.float32), SETTINGS) == []


def test_short_stretches_are_joined_and_long_ones_cut() -> None:
    sound = np.concatenate([SPEECH, silence(0.6)] * 6)
    assert len(find_spans(sound, SETTINGS)) == 2
    assert len(find_spans(sound, VoiceActivitySettings(joined_seconds=2.0))) == 6
    unbroken = np.concatenate([SPEECH[4000:-6000]] * 8)
    spans = find_spans(unbroken, VoiceActivitySettings(joined_seconds=2.0, min_silence_seconds=5.0), max_seconds=4.0)
    assert len(spans) >= 2
    assert all(span.seconds <= 4.0 for span in spans)


def test_voice_activity_settings_take_effect() -> None:
    sound = np.concatenate([silence(1), SPEECH, silence(1)])
    (narrow,) = find_spans(sound, VoiceActivitySettings(padding_seconds=0.0))
    (wide,) = find_spans(sound, VoiceActivitySettings(padding_seconds=0.5))
    assert wide.seconds - narrow.seconds == pytest.approx(1.0, abs=0.05)
    assert find_spans(sound, VoiceActivitySettings(min_speech_seconds=5.0)) == []
    assert find_spans(0.01 * sound, VoiceActivitySettings(threshold=0.999)) == []
    off = VoiceActivitySettings(enabled=False)
    assert [span.seconds for span in find_spans(silence(5), off, max_seconds=2.0)] == [2.0, 2.0, 1.0]


def test_words_begin_where_their_tokens_first_appear() -> None:
    # Tokens: " ill" "-" "known" " man" "." end; two steps each.
    alignments = [(token, 2 * token + step) for token in range(6) for step in (0, 1)]
    texts, counts = [" ill", "-known", " man", ".", "<end>"], [1, 2, 1, 1, 1]
    words = align_words(texts, counts, alignments, 1.0)
    assert [(word.text, round(word.start_seconds, 2), round(word.end_seconds, 2)) for word in words] == [
        ("ill-known", 1.0, 1.12),
        ("man.", 1.12, 1.16),
    ]
    chinese = align_words(["你", "好", "?", "<end>"], [1, 1, 1, 1], alignments[:8], 0.0, spaced=False)
    assert [word.text for word in chinese] == ["你", "好?"]
    assert align_words(["<end>"], [1], alignments[:2], 0.0) == []
    assert align_words([" word", "<end>"], [1, 1], [], 0.0) == []


def test_times_never_go_back_nor_beyond_the_end() -> None:
    words = in_order([Word("a", -0.1, 0.5), Word("b", 0.4, 0.3), Word("c", 0.9, 2.0)], 1.0)
    assert [(word.start_seconds, word.end_seconds) for word in words] == [(0.0, 0.5), (0.5, 0.5), (0.9, 1.0)]


def test_loops_compress_and_sentences_do_not() -> None:
    assert compression_ratio("thank you very much " * 10) > 2.4
    assert compression_ratio("Had he married a more amiable woman, he might have been still more respectable.") < 1.5
    assert compression_ratio("no no no no") == 1.0


def told(text: str, seconds: Sequence[float] | float) -> tuple[list[str | None], list[float]]:
    """Keys and beginnings of tokens: words that take so many seconds each; "." is punctuation, which takes none."""
    keys = [None if word == "." else word for word in text.split()]
    lengths = iter(seconds if isinstance(seconds, Sequence) else [seconds] * len(keys))
    begins = np.cumsum([0.0, *(0.0 if key is None else next(lengths) for key in keys)])
    return keys, [float(begin) for begin in begins]


def left(text: str, seconds: Sequence[float] | float, rate: float = 14.0) -> str:
    """What stays of a text once all that was made up is out, and the rest has shared the sound anew."""
    keys, begins = told(text, seconds)
    words = text.split()
    while True:
        start, end = made_up(keys, begins, rate)
        if start == end:
            return " ".join(words)
        del keys[start:end], words[start:end]
        begins = told(" ".join(words), begins[-1] / sum(key is not None for key in keys))[1]


SENTENCE = "paris is famous for its louvre"


def test_a_sentence_written_twice_and_said_once_is_written_once() -> None:
    for seconds in (
        [0.3] * 10 + [0.0] * 6,  # the sound went to the first copy
        [0.3] * 4 + [0.0] * 6 + [0.3] * 6,  # to the second
        [0.3] * 7 + [0.0] * 6 + [0.3] * 3,  # to the start of one and the end of the other
        [0.3] * 10 + [0.02] * 6,
    ):
        assert left(f"it is in france . {SENTENCE} . {SENTENCE} .", seconds) == f"it is in france . {SENTENCE} ."


def test_what_is_said_twice_is_written_twice() -> None:
    for text in (
        f"{SENTENCE} . {SENTENCE} .",
        f"{SENTENCE} {SENTENCE} {SENTENCE}",
        "no no no no no",
        "a b c d a b c d",
    ):
        assert left(text, 0.1) == text
        assert left(text, 0.3) == text
    twice_of_three = left(f"{SENTENCE} . {SENTENCE} . {SENTENCE} .", [0.3] * 12 + [0.0] * 6)
    assert twice_of_three == f"{SENTENCE} . {SENTENCE} ."


def test_a_loop_that_breaks_off_goes_and_what_follows_one_stays() -> None:
    assert left(f"{SENTENCE} . paris is famous for", [0.3] * 6 + [0.0] * 4) == f"{SENTENCE}"
    looped = f"{SENTENCE} . {SENTENCE} . good night"
    assert left(looped, [0.3] * 6 + [0.0] * 6 + [0.3] * 2) == f"{SENTENCE} . good night"
    assert left("no " * 40, [0.3] * 4 + [0.0] * 36).split() == ["no"] * 4
    assert left("very very good", [0.3, 0.0, 0.3]) == "very very good"
    assert left("short words at the very end . yes .", [0.3] * 6 + [0.0]) == "short words at the very end . yes ."
    assert list(repetitions(list("abcd"))) == [] == list(repetitions([]))


def test_the_fastest_speech_decides() -> None:
    text = f"{SENTENCE} {SENTENCE}"
    assert left(text, [0.3] * 6 + [0.1] * 6, rate=9.0) == SENTENCE
    assert left(text, [0.3] * 6 + [0.1] * 6, rate=14.0) == text


def test_settings_are_strict() -> None:
    for wrong in (
        {"thread": 2},
        {"threads": 0},
        {"languages": ()},
        {"engine": "other"},
        {"prompts": {"de": "Guten Tag."}},
        {"voice_activity": {"treshold": 0.4}},
        {"batching": {"max_batch_size": 0}},
    ):
        with pytest.raises(ValidationError):
            AsrSettings.model_validate(wrong)
    assert AsrSettings.model_validate({"languages": ["en"]}).languages == ("en",)


def test_sample_questions_are_what_the_catalogue_says() -> None:
    assert {found.language for found in questions()} == {"en", "es", "zh"}
    for found in questions():
        pcm = decode_audio(found.sound(), MediaLimits())
        assert pcm.seconds == pytest.approx(found.seconds, abs=0.01)
        assert 1.5 <= pcm.seconds <= 4.0
        assert 0.5 < np.abs(pcm.samples).max() <= 0.75
    page = (Path(__file__).parents[2] / "serve_app/samples/PROVENANCE.md").read_text()
    assert all(found.file in page and found.text in page and found.voice in page for found in questions())
    with pytest.raises(NotFound, match="en-sky"):
        question("de-himmel")
