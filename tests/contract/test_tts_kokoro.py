"""Kokoro with its real weights: the contract, cancellation inside a run, and every voice."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import soxr

from deployments.contracts import Cancellation, Pcm, SpeechRequest
from deployments.errors import BadInput, Cancelled, NotFound, TooLarge, WeightsMissing
from deployments.tts.engines import build_engine
from deployments.tts.kokoro import KokoroSynthesizer
from deployments.tts.settings import KokoroSettings, TtsSettings
from deployments.tts.timbre import measure
from deployments.weights.settings import WeightsSettings
from tests.contract.synthesizer_suite import HELLO, SynthesizerSuite, person, said

pytestmark = [pytest.mark.contract, pytest.mark.weights]

BLOBS: dict[str, bytes] = {}


def load(id: str) -> bytes:
    if id not in BLOBS:
        raise NotFound(f"There is no {id!r}.")
    return BLOBS[id]


def build(settings: TtsSettings) -> KokoroSynthesizer:
    try:
        engine = build_engine(settings, WeightsSettings(offline=True), load)
    except WeightsMissing as missing:
        pytest.skip(missing.message)
    assert isinstance(engine, KokoroSynthesizer)
    return engine


@pytest.fixture(scope="module")
def kokoro() -> KokoroSynthesizer:
    return build(TtsSettings(warm_up=False))


@pytest.fixture(scope="module")
def published() -> Iterator[KokoroSynthesizer]:
    yield build(TtsSettings(warm_up=False, kokoro=KokoroSettings(runtime="onnxruntime")))


class TestKokoro(SynthesizerSuite):
    @pytest.fixture
    def synthesizer(self, kokoro: KokoroSynthesizer) -> KokoroSynthesizer:
        return kokoro

    @pytest.fixture
    def enrolled(self) -> Callable[[bytes], str]:
        def keep(blob: bytes) -> str:
            BLOBS["mine"] = blob
            return "mine"

        return keep


def levels(samples: np.ndarray) -> np.ndarray:
    """dB by 20 ms of 24 kHz sound, from its first audible window on."""
    windows = samples[: len(samples) // 480 * 480].reshape(-1, 480)
    found = 20 * np.log10(np.sqrt((windows**2).mean(axis=1)) + 1e-5)
    return np.asarray(found[np.flatnonzero(found > -50)[0] :])


def test_the_graph_in_parts_sounds_like_the_graph_as_published(
    kokoro: KokoroSynthesizer, published: KokoroSynthesizer
) -> None:
    for text, language in (("The quick brown fox is here.", "en"), ("Me gusta mucho el café.", "es")):
        ours, theirs = (levels(said(engine, SpeechRequest(text, language, ""))) for engine in (kokoro, published))
        count = min(len(ours), len(theirs))
        assert abs(len(ours) - len(theirs)) <= 5
        loud = theirs[:count] > -40
        assert np.median(np.abs(ours[:count] - theirs[:count])[loud]) < 2.0


def test_every_listed_voice_speaks_at_the_same_loudness(kokoro: KokoroSynthesizer) -> None:
    texts = {"en": "Good morning, my friend.", "es": "Buenos días, amigo.", "zh": "早上好，朋友。"}
    loudness = {}
    for voice in kokoro.voices():
        language = str(voice["language"])
        samples = said(kokoro, SpeechRequest(texts[language], language, str(voice["id"])))
        found = levels(samples)
        loudness[voice["id"]] = float(np.percentile(found, 80))
        assert np.abs(samples).max() < 1.0
    assert max(loudness.values()) - min(loudness.values()) < 8, loudness


def test_a_cancel_inside_a_run_of_the_published_graph_is_quick_and_leaves_it_usable(
    published: KokoroSynthesizer,
) -> None:
    long = SpeechRequest(
        "This is one rather long sentence that takes its time, and then some more of it. " * 2, "en", ""
    )
    cancellation = Cancellation()
    threading.Timer(0.5, cancellation.cancel).start()
    with pytest.raises(Cancelled):
        list(published.speak(long, cancellation))
    assert cancellation.cancelled
    assert len(said(published, HELLO)) > 10_000


def test_a_cancel_between_pieces_ends_a_long_text(kokoro: KokoroSynthesizer) -> None:
    text = "Here is a sentence, and here is another one. " * 30
    cancellation, pieces = Cancellation(), []
    with pytest.raises(Cancelled):
        for piece in kokoro.speak(SpeechRequest(text, "en", ""), cancellation):
            pieces.append(piece)
            cancellation.cancel()
    assert len(pieces) == 1


def test_a_text_over_the_models_length_is_spoken_whole(kokoro: KokoroSynthesizer) -> None:
    text = " ".join(["one two three four five six seven eight nine ten"] * 8)
    pieces = list(kokoro.speak(SpeechRequest(text, "en", ""), Cancellation()))
    assert len(pieces) > 1
    assert 15 < sum(piece.seconds for piece in pieces) < 60


def test_a_full_stop_is_followed_by_a_longer_pause_than_a_comma(kokoro: KokoroSynthesizer) -> None:
    def silence_at_the_end(text: str) -> float:
        samples = said(kokoro, SpeechRequest(text, "en", ""))
        return (len(samples) - int(np.flatnonzero(np.abs(samples) > 0.003)[-1])) / 24_000

    comma, stop = silence_at_the_end("I like that hat,"), silence_at_the_end("I like that hat.")
    assert 0.1 < comma < stop < 0.6


def test_a_clipped_sample_is_refused_with_the_reason(kokoro: KokoroSynthesizer) -> None:
    good = person(6).samples
    with pytest.raises(BadInput, match="clipped"):
        kokoro.enrol(Pcm(np.clip(good * 20, -1, 1).astype(np.float32), 16_000))


def test_a_matched_voice_takes_the_pitch_of_its_sample(kokoro: KokoroSynthesizer) -> None:
    heard = {}
    for hertz in (105.0, 210.0):
        BLOBS["pitched"] = kokoro.enrol(person(6, hertz=hertz))
        request = SpeechRequest("We were all very glad to hear about your long journey.", "en", "pitched")
        timbre = measure(np.asarray(soxr.resample(said(kokoro, request), 24_000, 16_000), np.float32))
        assert timbre is not None
        heard[hertz] = float(np.exp(timbre.pitch_mean))
    assert heard[105.0] < 140 < heard[210.0]


def test_a_damaged_enrolment_and_too_long_a_text_are_refused(kokoro: KokoroSynthesizer) -> None:
    BLOBS["damaged"] = b"\x80\x04not json"
    with pytest.raises(BadInput, match="Upload the sample again"):
        said(kokoro, SpeechRequest("Hello.", "en", "damaged"))
    with pytest.raises(TooLarge):
        said(kokoro, SpeechRequest("a" * 5000, "en", ""))


def test_cancelling_costs_no_more_than_one_run(kokoro: KokoroSynthesizer) -> None:
    long = SpeechRequest("A long sentence that goes on for a good while before it comes to its end.", "en", "")
    started = time.perf_counter()
    said(kokoro, long)
    whole = time.perf_counter() - started
    cancellation = Cancellation()
    threading.Timer(whole / 10, cancellation.cancel).start()
    with pytest.raises(Cancelled):
        list(kokoro.speak(long, cancellation))
    assert len(said(kokoro, HELLO)) > 10_000
