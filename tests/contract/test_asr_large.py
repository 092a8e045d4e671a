"""Whisper large-v3's shape on the engine: 128 mel bands, its vocabulary, batches. The weights are random and small."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deployments.asr import model as model_module
from deployments.asr.failures import failure
from deployments.asr.settings import AsrSettings, BatchSettings
from deployments.asr.whisper import WhisperTranscriber
from deployments.contracts import HEARING_RATE_HZ, Pcm, Transcriber, Transcript, Utterance
from deployments.errors import EngineFailed, Unsupported
from serve_app.media.decode import decode_audio
from serve_app.media.settings import MediaLimits
from serve_app.samples.catalogue import question, questions
from tests.contract.transcriber_suite import TranscriberSuite

tiny_whisper = pytest.importorskip("tests.tiny_whisper")
pytestmark = pytest.mark.contract
SETTINGS = AsrSettings(
    weights="whisper-large-v3-turbo",
    compute_type="float32",
    languages=("en", "es", "zh", "yue"),
    max_tokens_per_second=2.0,
    min_mean_log_probability=-100.0,
    max_compression_ratio=50.0,
    batching=BatchSettings(max_batch_size=16),
)


def asked(name: str) -> Utterance:
    return Utterance(decode_audio(question(name).sound(), MediaLimits()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.make_whisper(tmp_path_factory.mktemp("whisper"))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def large(folder: Path) -> WhisperTranscriber:
    return WhisperTranscriber(SETTINGS, folder)


class TestLargeWhisper(TranscriberSuite):
    @pytest.fixture
    def engine(self, large: WhisperTranscriber) -> Transcriber:
        return large

    @pytest.fixture
    def speech(self) -> Sequence[Utterance]:
        return [asked("en-sky"), asked("zh-travel"), asked("es-capital")]


def test_the_models_own_bands_tokens_and_alignment_heads_are_used(large: WhisperTranscriber) -> None:
    model = large._model
    assert model._model.n_mels == tiny_whisper.MEL_BANDS and model._model.is_multilingual
    assert model._features.mel_filters.shape[0] == tiny_whisper.MEL_BANDS
    # from Cantonese on, every special token stands one further on than in the smaller models' vocabulary
    english, cantonese = (model._tokenizers[name] for name in ("en", "yue"))
    first = tiny_whisper.TEXT_TOKENS + 1
    assert list(english.sot_sequence) == [first, first + 1, first + 102]
    assert cantonese.sot_sequence[1] == first + 100
    assert (english.no_timestamps, english.sot_prev) == (first + 106, first + 104)
    encoded = model.encode([np.zeros(HEARING_RATE_HZ, np.float32)], 8.0)
    assert encoded.shape == (1, 400, tiny_whisper.WIDTH) and encoded.dtype == np.float32
    assert set(model.language_probabilities(encoded)[0]) == {"en", "es", "zh", "yue"}


def test_a_full_batch_is_heard_as_each_member_alone(large: WhisperTranscriber) -> None:
    batch = [asked(questions()[place % len(questions())].name) for place in range(16)]
    together = large.transcribe(batch)
    assert all(isinstance(result, Transcript) and result.text for result in together)
    assert together == [large.transcribe([utterance])[0] for utterance in batch]


@pytest.mark.parametrize(("most", "runs"), [(16, 1), (4, 2), (3, 2), (1, 6)])
def test_a_run_takes_no_more_windows_than_are_allowed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, most: int, runs: int
) -> None:
    sizes: list[int] = []
    settings = SETTINGS.model_copy(update={"batching": BatchSettings(max_windows=most), "word_times": False})
    engine = WhisperTranscriber(settings, folder)
    encode = engine._model.encode

    def counted(windows: Sequence[Any], seconds: float) -> Any:
        sizes.append(len(windows))
        return encode(windows, seconds)

    monkeypatch.setattr(engine._model, "encode", counted)
    engine.transcribe([asked("en-sky")] * 6)
    assert len(sizes) == runs and max(sizes) <= most and sum(sizes) == 6


def test_a_language_that_the_weights_do_not_know_is_refused_at_the_start(folder: Path) -> None:
    with pytest.raises(Unsupported, match="tlh"):
        WhisperTranscriber(SETTINGS.model_copy(update={"languages": ("en", "tlh")}), folder)


@pytest.mark.weights("whisper-base")
def test_cantonese_needs_the_large_model() -> None:
    from deployments.asr.engines import build_engine
    from deployments.weights.settings import WeightsSettings

    with pytest.raises(Unsupported, match="whisper-large-v3-turbo"):
        build_engine(AsrSettings(languages=("en", "yue")), WeightsSettings(offline=True))


def test_the_device_and_its_number_reach_the_library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []

    def refused(path: str, **options: Any) -> None:
        seen.append(options)
        raise RuntimeError("CUDA failed with error CUDA driver version is insufficient for CUDA runtime version")

    monkeypatch.setattr(model_module.ctranslate2.models, "Whisper", refused)
    gpu = {"device": "cuda", "device_index": 1, "compute_type": "int8_float16"}
    with pytest.raises(EngineFailed, match=r"Install NVIDIA's driver, or set asr\.device to cpu"):
        WhisperTranscriber(SETTINGS.model_copy(update=gpu), folder)
    assert (seen[0]["device"], seen[0]["device_index"], seen[0]["compute_type"]) == ("cuda", 1, "int8_float16")


def test_arithmetic_that_the_device_cannot_do_names_the_setting(folder: Path) -> None:
    with pytest.raises(EngineFailed, match=r"asr\.compute_type"):
        WhisperTranscriber(SETTINGS.model_copy(update={"compute_type": "int8_float16"}), folder)


def test_damaged_weights_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(EngineFailed, match="avatar models pull whisper-large-v3-turbo"):
        WhisperTranscriber(SETTINGS, tmp_path)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("Library libcublas.so.12 is not found or cannot be loaded", "nvidia-cublas-cu12"),
        ("CUDA failed with error out of memory", "max_windows"),
        ("CUDA failed with error no CUDA-capable device is detected", "driver"),
        ("CUDA failed with error invalid device ordinal", "num_gpus"),
        ("This CTranslate2 package was not compiled with CUDA support", "driver"),
        ("something new", "Try again"),
    ],
)
def test_each_failure_has_its_remedy(said: str, remedy: str) -> None:
    with pytest.raises(EngineFailed, match=remedy):
        raise failure(RuntimeError(said), SETTINGS)


def test_a_library_that_is_missed_with_the_first_run_is_told_at_the_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: object) -> None:
        raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")

    monkeypatch.setattr(model_module.WhisperModel, "encode", missing)
    with pytest.raises(EngineFailed, match="nvidia-cublas-cu12"):
        WhisperTranscriber(SETTINGS, folder)
    quiet = WhisperTranscriber(SETTINGS.model_copy(update={"warm_up": False}), folder)
    (result,) = quiet.transcribe([Utterance(Pcm(asked("en-sky").pcm.samples, HEARING_RATE_HZ))])
    assert isinstance(result, EngineFailed) and "nvidia-cublas-cu12" in result.message
