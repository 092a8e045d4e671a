"""XTTS through the library's own networks, with random weights: every promise of a voice but how it sounds."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import torch

from deployments.contracts import Cancellation, Float32, Pcm, SpeechRequest
from deployments.errors import BadInput, Cancelled, EngineFailed, NotFound, TooLarge, Unsupported, WeightsMissing
from deployments.tts.engines import build_engine
from deployments.tts.settings import TtsSettings, XttsSettings
from deployments.weights.consent import ConsentMissing
from deployments.weights.settings import WeightsSettings
from tests.contract.synthesizer_suite import HELLO, SynthesizerSuite, person, said

tiny_xtts = pytest.importorskip("tests.tiny_xtts")
from deployments.tts.xtts import XttsSynthesizer  # noqa: E402
from deployments.tts.xtts_checkpoint import XttsAudioConfig, XttsConfig, load_xtts  # noqa: E402
from deployments.tts.xtts_model import XttsModel  # noqa: E402
from deployments.tts.xtts_vocoder import Vocoder  # noqa: E402

pytestmark = pytest.mark.contract
XTTS = XttsSettings(device="cpu", precision="float32", first_chunk_tokens=8, chunk_tokens=8)
SETTINGS = TtsSettings(engine="xtts", xtts=XTTS)
BLOBS: dict[str, bytes] = {}


def load(voice_id: str) -> bytes:
    if voice_id not in BLOBS:
        raise NotFound(voice_id)
    return BLOBS[voice_id]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_xtts.make_checkpoint(tmp_path_factory.mktemp("xtts"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> XttsModel:
    return XttsModel(checkpoint, XTTS)


@pytest.fixture(scope="module")
def xtts(model: XttsModel) -> XttsSynthesizer:
    return XttsSynthesizer(SETTINGS, model, load)


@pytest.fixture
def vocoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames of each run of the vocoder's network; it answers at once."""
    frames: list[int] = []

    class Quick(torch.nn.Module):
        def forward(self, window: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
            frames.append(window.shape[2])
            return torch.full((1, 1, 256 * window.shape[2]), 0.1)

    made = Vocoder.__init__

    def with_quick_network(self: Vocoder, *arguments: Any) -> None:
        made(self, *arguments)
        self._network = Quick()

    monkeypatch.setattr(Vocoder, "__init__", with_quick_network)
    return frames


class TestXtts(SynthesizerSuite):
    @pytest.fixture
    def synthesizer(self, xtts: XttsSynthesizer) -> XttsSynthesizer:
        return xtts

    @pytest.fixture
    def enrolled(self) -> Callable[[bytes], str]:
        def keep(blob: bytes) -> str:
            BLOBS["mine"] = blob
            return "mine"

        return keep


def latents_of(model: XttsModel, text: str, seed: int = 3) -> torch.Tensor:
    voice = model.speakers["Ana Test"]
    return torch.cat(list(model.latents(model.tokens(text, "en"), voice, 1000, seed)))


@pytest.mark.parametrize("speed", [1.0, 1.3])
def test_the_sound_is_that_of_the_librarys_own_streaming(model: XttsModel, speed: float) -> None:
    voice = model.speakers["Ana Test"]
    torch.manual_seed(3)
    chosen = {"temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 10.0, "speed": speed}
    conditioning, embedding = torch.from_numpy(voice.conditioning), torch.from_numpy(voice.embedding)
    theirs = model._model.inference_stream("Good day.", "en", conditioning, embedding, stream_chunk_size=0, **chosen)
    expected = torch.cat(list(theirs)).numpy()
    latents = latents_of(model, "Good day.")
    for cuts in ((), (3, 4, 9), range(1, len(latents))):
        vocoder = model.vocoder(voice, speed)
        parts = [vocoder.push(part) for part in latents.tensor_split(tuple(cuts))]
        sound = np.concatenate([*parts, vocoder.push(latents[:0], final=True)])
        assert sound.shape == expected.shape
        assert np.abs(sound - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_voice_is_heard_as_the_library_hears_it(model: XttsModel, monkeypatch: pytest.MonkeyPatch) -> None:
    sample, config = person(7), model._config
    samples = np.clip(soxr.resample(sample.samples, 16_000, 22_050), -1, 1).astype(np.float32)
    monkeypatch.setattr("TTS.tts.models.xtts.load_audio", lambda path, rate: torch.from_numpy(samples)[None])
    conditioning, embedding = model._model.get_conditioning_latents(
        audio_path="sample.wav",
        max_ref_length=config.max_ref_len,
        gpt_cond_len=config.gpt_cond_len,
        gpt_cond_chunk_len=config.gpt_cond_chunk_len,
    )
    heard = model.hear(sample)
    assert np.allclose(heard.conditioning, conditioning.numpy(), atol=1e-6)
    assert np.allclose(heard.embedding, embedding.numpy(), atol=1e-6)


def test_the_first_speech_comes_before_the_text_is_through(xtts: XttsSynthesizer, vocoded: list[int]) -> None:
    pieces = xtts.speak(replace(HELLO, text="This takes a while to say, and then some."), Cancellation())
    assert len(next(pieces).samples) > 2000
    assert len(vocoded) == 1
    rest = list(pieces)
    assert len(rest) >= 1 and len(vocoded) > 1


def test_cost_is_linear_in_the_length_of_the_text(
    model: XttsModel, vocoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    monkeypatch.setattr(XttsModel, "latents", _steady_latents(read))
    settings = SETTINGS.model_copy(update={"xtts": XTTS.model_copy(update={"chunk_tokens": 24})})
    engine = XttsSynthesizer(settings, model, load)
    sentence = "One sentence of a long story goes on here, and it is as long as the others. "
    costs = []
    for count in (4, 8, 16):
        read.clear()
        vocoded.clear()
        said(engine, SpeechRequest(sentence * count, "en"))
        costs.append((sum(read), sum(vocoded)))
    for fewer, more in pairwise(costs):
        assert 1.8 < more[0] / fewer[0] < 2.2
        assert 1.8 < more[1] / fewer[1] < 2.2
    tokens, frames = costs[-1]
    assert frames < 1.4 * tokens * 4 * 24_000 / 22_050, "context costs a third at most"
    one_piece = settings.model_copy(update={"xtts": settings.xtts.model_copy(update={"piece_characters": 250})})
    read.clear()
    vocoded.clear()
    said(XttsSynthesizer(one_piece, model, load), SpeechRequest(sentence * 3, "en"))
    assert sum(vocoded) < 1.4 * sum(read) * 4 * 24_000 / 22_050, "within one piece too"


def _steady_latents(read: list[int]) -> Callable[..., Iterator[torch.Tensor]]:
    """As many tokens as an ordinary speaker would take: one and a half a character."""

    def latents(self: XttsModel, tokens: list[int], voice: object, most: int, seed: int) -> Iterator[torch.Tensor]:
        count = round(1.5 * len(tokens))
        read.append(count)
        for _ in range(count):
            yield torch.zeros(1, self.width)

    return latents


def test_no_more_sound_is_made_than_the_text_can_take(model: XttsModel, monkeypatch: pytest.MonkeyPatch) -> None:
    assert model.most_tokens("Good morning. " * 9, "en") <= tiny_xtts.SOUND_TOKENS
    monkeypatch.setattr(model._gpt, "max_gen_mel_tokens", 600)
    words, number, chinese = (model.most_tokens(*one) for one in (("Hello.", "en"), ("987654", "en"), ("你好。", "zh")))
    assert words == 24 + 4 * len("hello.") < number and chinese > 24 + 4 * len("ni3hao3")
    voice = model.speakers["Ana Test"]
    assert len(list(model.latents(model.tokens("Hello.", "en"), voice, 5, 0))) <= 5


def test_equal_samples_are_listened_to_once(xtts: XttsSynthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []
    hear = xtts._model.hear

    def counted(sample: Pcm) -> Any:
        heard.append(sample.seconds)
        return hear(sample)

    monkeypatch.setattr(xtts._model, "hear", counted)
    first, second = xtts.enrol(person(5)), xtts.enrol(Pcm(person(5).samples.copy(), 16_000))
    assert first == second and len(heard) == 1
    assert xtts.enrol(person(5, hertz=210)) != first and len(heard) == 2


def test_each_voice_seed_and_text_sounds_otherwise(xtts: XttsSynthesizer) -> None:
    def head(request: SpeechRequest) -> Float32:
        pieces = xtts.speak(request, Cancellation())
        sound = next(pieces).samples
        pieces.close()  # type: ignore[attr-defined]
        return sound

    plain = head(HELLO)
    assert np.array_equal(plain, head(HELLO))
    for other in (replace(HELLO, seed=1), replace(HELLO, voice_id="ana_test"), replace(HELLO, text="Other words.")):
        assert not np.array_equal(plain, head(other)[: len(plain)])


def test_a_second_generation_waits_its_turn_and_does_not_spoil_the_first(xtts: XttsSynthesizer) -> None:
    whole = said(xtts, HELLO)
    pieces = xtts.speak(HELLO, Cancellation())
    first = next(pieces).samples
    with pytest.raises(EngineFailed, match="still speaking"):
        list(xtts.speak(HELLO, Cancellation()))
    assert np.array_equal(np.concatenate([first, *(piece.samples for piece in pieces)]), whole)


def test_a_card_without_memory_is_told_and_the_voice_is_free_again(
    xtts: XttsSynthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Iterator[torch.Tensor]:
        raise torch.OutOfMemoryError("CUDA out of memory")
        yield

    with monkeypatch.context() as patched:
        patched.setattr(XttsModel, "latents", full)
        with pytest.raises(EngineFailed, match=r"tts\.gpu\.vram_gigabytes"):
            said(xtts, HELLO)
    assert len(said(xtts, replace(HELLO, text="Yes."))) > 1000


def test_a_cancel_between_tokens_ends_it_and_frees_the_voice(xtts: XttsSynthesizer) -> None:
    cancellation, pieces = Cancellation(), []
    with pytest.raises(Cancelled):
        for piece in xtts.speak(HELLO, cancellation):
            pieces.append(piece)
            cancellation.cancel()
    assert len(pieces) == 1
    threading.Thread(target=lambda: pieces.extend(xtts.speak(replace(HELLO, text="..."), Cancellation()))).start()
    assert len(said(xtts, replace(HELLO, text="Yes."))) > 1000


def test_languages_without_their_reader_are_not_offered_and_bad_requests_refused(
    xtts: XttsSynthesizer, model: XttsModel
) -> None:
    assert {"en", "es", "zh", "fr", "ko", "hi"} <= set(xtts.languages)
    for wrong, error in (
        (SpeechRequest("a" * 5000, "en"), TooLarge),
        (SpeechRequest("Hello.", "en", speed=9.0), BadInput),
        (SpeechRequest("Hello.", "en", speed=float("nan")), BadInput),
        (SpeechRequest("3rd", "hi"), BadInput),
    ):
        with pytest.raises(error):
            said(xtts, wrong)
    if "ja" not in xtts.languages:
        with pytest.raises(Unsupported, match="cutlet"):
            XttsSynthesizer(TtsSettings(xtts=XttsSettings(languages=("ja",))), model, load)
    with pytest.raises(Unsupported, match="eo"):
        XttsSynthesizer(TtsSettings(xtts=XttsSettings(languages=("eo",))), model, load)
    only = XttsSynthesizer(TtsSettings(xtts=XttsSettings(languages=("es",))), model, load)
    with pytest.raises(Unsupported, match="es are"):
        said(only, HELLO)


def test_default_voices_are_the_settings_or_the_checkpoints_first(model: XttsModel) -> None:
    chosen = XttsSettings(default_voices={"en": "ana_test", "es": "benito_prueba"}, languages=("en", "es"))
    engine = XttsSynthesizer(TtsSettings(xtts=chosen), model, load)
    listed = {voice["id"]: (voice["language"], voice["default"]) for voice in engine.voices()}
    assert listed == {"af_heart": ("en", False), "ana_test": ("en", True), "benito_prueba": ("es", True)}
    with pytest.raises(NotFound, match="af_heart"):
        XttsSynthesizer(TtsSettings(xtts=XttsSettings(default_voices={"en": "nobody"})), model, load)


@pytest.mark.parametrize("blob", [b"", b"\x80\x04not json", b"PK\x03\x04 torn", b"x" * 3_000_000])
def test_a_damaged_enrolment_is_refused(xtts: XttsSynthesizer, blob: bytes) -> None:
    BLOBS["damaged"] = blob
    with pytest.raises(BadInput, match="Upload the sample again"):
        said(xtts, SpeechRequest("Hello.", "en", "damaged"))


def test_half_precision_speaks_too(checkpoint: Path) -> None:
    model = XttsModel(checkpoint, XTTS.model_copy(update={"precision": "float16"}))
    latents = latents_of(model, "Good day.")
    assert latents.dtype == torch.float32 and latents.isfinite().all()
    assert model._model.gpt.text_embedding.weight.dtype == torch.float16
    assert model.hear(person(4)).conditioning.dtype == np.float32


def test_the_published_form_of_the_checkpoint_is_read_and_left_as_it_is(checkpoint: Path, tmp_path: Path) -> None:
    """The library would write such a file anew: then its sha256 would no longer be that of the manifest."""
    config = XttsConfig()
    config.load_json(str(checkpoint / "config.json"))
    weights = torch.load(checkpoint / "model.pth", weights_only=True)["model"]
    published = _copied(checkpoint, tmp_path)
    old, classes = "TTS.tts.models.xtts", (tiny_xtts.XttsArgs, XttsAudioConfig)
    now = [kind.__module__ for kind in classes]
    try:
        for kind in classes:
            kind.__module__ = old
        (published / "model.pth").unlink()
        torch.save({"model": weights, "config": config}, published / "model.pth")
    finally:
        for kind, module in zip(classes, now, strict=True):
            kind.__module__ = module
    before = hashlib.sha256((published / "model.pth").read_bytes()).hexdigest()
    assert load_xtts(published, XTTS).speaker_manager.speaker_names
    assert hashlib.sha256((published / "model.pth").read_bytes()).hexdigest() == before


def _copied(checkpoint: Path, folder: Path) -> Path:
    for path in checkpoint.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was run",)


@pytest.mark.parametrize("name", ["model.pth", "config.json", "vocab.json", "speakers_xtts.pth"])
@pytest.mark.parametrize("harm", ["absent", "torn", "another"])
def test_a_damaged_checkpoint_names_the_file_and_the_remedy(
    checkpoint: Path, tmp_path: Path, name: str, harm: str
) -> None:
    path = _copied(checkpoint, tmp_path) / name
    content = path.read_bytes()[:3000]
    path.unlink()
    if harm == "torn":
        path.write_bytes(content)
    elif harm == "another" and name.endswith("pth"):
        torch.save({"model": Harmful()}, path)
    elif harm == "another":
        path.write_text("[1, 2]")
    with pytest.raises(WeightsMissing, match="avatar models pull xtts-v2") as caught:
        load_xtts(tmp_path, XTTS)
    assert str(path) in caught.value.message


def test_without_consent_weights_or_card_the_engine_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: Path
) -> None:
    monkeypatch.delenv("AVATAR_ACCEPT_CPML", raising=False)
    weights = WeightsSettings(cache_dir=tmp_path)
    with pytest.raises(WeightsMissing, match="avatar models pull xtts-v2"):
        build_engine(SETTINGS, weights, load)
    monkeypatch.setattr("deployments.weights.resolver.check_file", lambda path, file, *_: file.sha256)
    (tmp_path / "xtts-v2").mkdir()
    _copied(checkpoint, tmp_path / "xtts-v2")
    with pytest.raises(ConsentMissing, match="AVATAR_ACCEPT_CPML"):
        build_engine(SETTINGS, weights, load)
    monkeypatch.setenv("AVATAR_ACCEPT_CPML", "1")
    if not torch.cuda.is_available():
        with pytest.raises(EngineFailed, match=r"tts\.xtts\.device"):
            build_engine(TtsSettings(engine="xtts"), weights, load)
    engine = build_engine(SETTINGS, weights, load)
    assert isinstance(engine, XttsSynthesizer) and engine.voices()


def turned(**knobs: Any) -> TtsSettings:
    return SETTINGS.model_copy(update={"xtts": XTTS.model_copy(update=knobs)})


def test_sampling_knobs_reach_the_library(model: XttsModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    make = model._gpt.get_generator

    def spied(**options: Any) -> Any:
        seen.update(options)
        return make(**options)

    monkeypatch.setattr(model._gpt, "get_generator", spied)
    knobs = {"temperature": 0.3, "top_k": 7, "top_p": 0.5, "repetition_penalty": 3.0}
    monkeypatch.setattr(model, "_settings", turned(**knobs).xtts)
    next(model.latents([5, 6], model.speakers["Ana Test"], 5, 0))
    assert {name: seen[name] for name in knobs} == knobs


def test_lengths_of_pieces_threads_and_memories_are_settings(
    model: XttsModel, checkpoint: Path, vocoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(XttsModel, "latents", _steady_latents([]))
    long = SpeechRequest("One sentence of a long story goes on here, as long as it has to be.", "en")
    lengths = []
    for tokens in (8, 16):
        engine = XttsSynthesizer(turned(first_chunk_tokens=tokens, chunk_tokens=tokens), model, load)
        vocoded.clear()
        pieces = list(engine.speak(long, Cancellation()))
        lengths.append((len(pieces[0].samples), len(vocoded)))
    assert lengths[0][0] < lengths[1][0] and lengths[0][1] > lengths[1][1]
    threads: list[int] = []
    monkeypatch.setattr("deployments.tts.xtts_checkpoint.torch.set_num_threads", threads.append)
    (wrong := checkpoint.parent / "empty").mkdir(exist_ok=True)
    with pytest.raises(WeightsMissing):
        load_xtts(wrong, turned(threads=3).xtts)
    assert threads == [3]


def test_a_long_sample_is_cut_and_old_voices_are_forgotten(
    model: XttsModel, xtts: XttsSynthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    monkeypatch.setattr(
        model._model, "get_speaker_embedding", lambda sound, rate: heard.append(sound.shape[1]) or torch.ones(1, 512, 1)
    )
    monkeypatch.setattr(model._model, "get_gpt_cond_latents", lambda *_, **__: torch.ones(1, 32, model.width))
    for seconds in (6, 30):
        monkeypatch.setattr(model, "_settings", turned(sample_seconds=seconds).xtts)
        model.hear(person(12))
    assert heard == [6 * 22_050, int(model._config.max_ref_len) * 22_050]
    engine, listened = XttsSynthesizer(turned(latents_kept=1), model, load), len(heard)
    for hertz in (140.0, 210.0, 140.0):
        engine.enrol(person(4, hertz=hertz))
    assert len(heard) == listened + 3
