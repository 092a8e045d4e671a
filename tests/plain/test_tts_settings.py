"""Every knob of the speaking stage does something. (Pauses, speed and matching strengths: test_tts_sound.py.)"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import openvino
import pytest
from pydantic import ValidationError

from deployments.contracts import Cancellation, Pcm
from deployments.errors import BadInput, EngineFailed
from deployments.tts import kokoro_decoder, kokoro_network, matching
from deployments.tts.kokoro_decoder import Decoder
from deployments.tts.kokoro_network import PartsNetwork, PublishedNetwork, Session, build_network
from deployments.tts.matching import Matcher
from deployments.tts.settings import KokoroSettings, MatchSettings, TtsSettings
from tests.contract.synthesizer_suite import person

pytestmark = pytest.mark.plain


def test_unknown_keys_and_impossible_values_are_refused() -> None:
    for wrong in ({"voice": "x"}, {"kokoro": {"thread": 2}}, {"speed": 5}, {"kokoro": {"precision": "int4"}}):
        with pytest.raises(ValidationError):
            TtsSettings.model_validate(wrong)


def test_threads_and_spinning_reach_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        kokoro_network.onnxruntime, "InferenceSession", lambda path, options, providers: seen.append(options)
    )
    Session(Path("x"), KokoroSettings(threads=3, spinning=True))
    Session(Path("x"), KokoroSettings())
    found = [(o.intra_op_num_threads, o.get_session_config_entry("session.intra_op.allow_spinning")) for o in seen]
    assert found == [(3, "1"), (1, "0")]


class FakeRequest:
    """Answers with the reference, or something else."""

    def __init__(self, answer: np.ndarray) -> None:
        self._answer = answer

    def infer(self, inputs: dict[str, np.ndarray]) -> None:
        self._inputs = inputs

    def get_output_tensor(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(data=self._answer)


@pytest.fixture
def reference(tmp_path: Path) -> np.ndarray:
    expected = np.random.default_rng(0).normal(size=(1, 22, 120 * 16 + 1)).astype(np.float32)
    np.save(tmp_path / "check.npy", expected)
    return expected


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], Any]]:
    """Options of each compilation; the second of each pair is the answer, to be set before."""
    seen: list[tuple[dict[str, Any], Any]] = []
    monkeypatch.setattr(openvino.Core, "read_model", lambda self, path: path)
    return seen


def answering(monkeypatch: pytest.MonkeyPatch, seen: list[Any], answers: list[np.ndarray]) -> None:
    def compile_model(self: Any, graph: Any, device: str, options: dict[str, Any]) -> SimpleNamespace:
        seen.append(options)
        answer = answers[min(len(seen), len(answers)) - 1]
        return SimpleNamespace(create_infer_request=lambda: FakeRequest(answer))

    monkeypatch.setattr(openvino.Core, "compile_model", compile_model)


def test_precision_and_threads_reach_openvino(
    tmp_path: Path, reference: np.ndarray, compiled: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, compiled, [reference])
    Decoder(tmp_path, KokoroSettings(threads=2, precision="f32"))
    Decoder(tmp_path, KokoroSettings(precision="bf16"))
    found = [(o["INFERENCE_NUM_THREADS"], o["INFERENCE_PRECISION_HINT"]) for o in compiled]
    assert found == [(2, "f32"), (1, "bf16")]


def test_a_decoder_that_computes_wrongly_is_compiled_plainly_and_refused_if_still_wrong(
    tmp_path: Path, reference: np.ndarray, compiled: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, short = np.zeros_like(reference), reference[:, :, :5]
    for bad in (wrong, short, np.full_like(reference, np.nan)):
        compiled.clear()
        answering(monkeypatch, compiled, [bad, reference])
        Decoder(tmp_path, KokoroSettings())
        assert [("SNIPPETS_MODE" in options) for options in compiled] == [True, False]
    compiled.clear()
    answering(monkeypatch, compiled, [wrong])
    with pytest.raises(EngineFailed, match="onnxruntime"):
        Decoder(tmp_path, KokoroSettings())


def test_the_runtime_decides_what_is_built_and_the_derived_folder_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "graph.onnx").write_bytes(b"")
    asked: list[Any] = []
    monkeypatch.setattr(kokoro_network, "Session", lambda path, settings: None)
    monkeypatch.setattr(kokoro_decoder, "Decoder", lambda folder, settings: None)
    monkeypatch.setattr(kokoro_network, "ensure_parts", lambda graph, parent: asked.append(parent) or tmp_path)
    assert isinstance(build_network(KokoroSettings(runtime="onnxruntime"), tmp_path), PublishedNetwork)
    assert isinstance(build_network(KokoroSettings(derived_dir=tmp_path / "d"), tmp_path), PartsNetwork)
    assert asked == [tmp_path / "d"]
    with pytest.raises(EngineFailed, match="avatar models pull"):
        build_network(KokoroSettings(), tmp_path / "nothing")


class Part:
    """A part of the graph that answers in the right shapes: five tokens, the first 16 frames long."""

    def __init__(self, path: Path, settings: KokoroSettings) -> None:
        self._text = path.stem == "text"

    def run(self, inputs: dict[str, np.ndarray], cancellation: Cancellation) -> list[np.ndarray]:
        if self._text:
            return [np.array([16, 3, 3, 3, 2]), np.zeros((1, 5, 640), np.float32), np.zeros((1, 512, 5), np.float32)]
        frames = inputs["encoding_frames"].shape[2]
        return [np.zeros((1, 2 * frames), np.float32)] * 2


@pytest.mark.parametrize(("lead", "grid", "frames"), [(8, 8, 24), (4, 8, 16), (40, 8, 32), (8, 1, 19), (8, 16, 32)])
def test_lead_and_grid_decide_how_much_is_decoded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lead: int, grid: int, frames: int
) -> None:
    decoded: list[int] = []

    class Decoding:
        def __init__(self, folder: Path, settings: KokoroSettings) -> None: ...

        def __call__(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
            count = inputs["letter_frames"].shape[2]
            assert inputs["pitch"].shape == inputs["energy"].shape == (1, 2 * count)
            decoded.append(count)
            return np.zeros((1, 22, 120 * count + 1), np.float32)

    monkeypatch.setattr(kokoro_network, "Session", Part)
    monkeypatch.setattr(kokoro_decoder, "Decoder", Decoding)
    network = PartsNetwork(KokoroSettings(lead_frames=lead, grid_frames=grid), tmp_path)
    sound = network.render([1, 2, 3], np.zeros(256, np.float32), 1.0, Cancellation())
    assert decoded == [frames]
    assert len(sound) == 600 * frames


@pytest.fixture
def matcher(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Encoder:
        def __init__(self, folder: Path) -> None: ...

        def embed(self, speech: np.ndarray) -> np.ndarray:
            return np.ones(256, np.float32) / 16

    class Singing:
        def __init__(self) -> None:
            self.rendered = 0

        def render(self, *arguments: Any) -> np.ndarray:
            self.rendered += 1
            return person(2, rate_hz=24_000).samples

    monkeypatch.setattr(matching, "SpeakerEncoder", Encoder)

    def build(**settings: Any) -> tuple[Matcher, Singing]:
        network, phonemizer = Singing(), SimpleNamespace(spell=lambda text, language, accent: "həlˈO")
        return Matcher(MatchSettings(**settings), Path("x"), network, phonemizer), network  # type: ignore[arg-type]

    return build


def test_match_settings_take_effect(matcher: Any) -> None:
    for blended, trials in ((1, 1), (2, 3), (3, 6)):
        engine, network = matcher(blended_voices=blended)
        engine.enrol(person(5))
        assert network.rendered == trials
    with pytest.raises(BadInput, match="only"):
        matcher(min_speech_seconds=10.0)[0].enrol(person(5))
    loud = Pcm(np.clip(person(5).samples * 4, -1, 1), 16_000)
    with pytest.raises(BadInput, match="clipped"):
        matcher()[0].enrol(loud)
    assert matcher(max_clipped_fraction=0.9)[0].enrol(loud)
    short, long = (matcher(max_speech_seconds=seconds)[0]._speech(person(12)) for seconds in (5.0, 30.0))
    assert len(short) == 80_000 < len(long)


def test_stereo_and_odd_rates_are_refused(matcher: Any) -> None:
    for wrong in (Pcm(np.zeros((2, 100), np.float32), 16_000), Pcm(person(5).samples, 1_000)):
        with pytest.raises(BadInput, match="one channel"):
            matcher()[0].enrol(wrong)
