"""The parts of the cloned voice that need no networks: texts, edges of a clause, blobs, interpolation, turns."""

import asyncio
import io
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from deployments.contracts import Pcm, SpeechRequest
from deployments.errors import BadInput
from deployments.store.settings import StoreSettings
from deployments.tts import deployment, torchaudio_stub
from deployments.tts.deployment import Tts
from deployments.tts.edges import Edges
from deployments.tts.pauses import trimmed
from deployments.tts.samples import spoken
from deployments.tts.settings import XTTS_LANGUAGES, MatchSettings, PauseSettings, TtsSettings, XttsSettings
from deployments.tts.xtts_text import CHARACTER_LIMITS, has_words, limit_of, speakable, split_text
from deployments.tts.xtts_voice import Latents
from deployments.weights.settings import WeightsSettings
from serve_app.args import AppArgs
from tests.contract.synthesizer_suite import person
from tests.fakes.synthesizer import FakeSynthesizer

pytestmark = pytest.mark.plain
torch = pytest.importorskip("torch")

STORY = "Mr. Smith went to the U.S. in 1999, so they say. He stayed; why, nobody knows! Was it the weather, perhaps? "
CHINESE = "你好，我是小明。今天天气很好，我们去公园散步吧！你想一起去吗？公园里有很多花，也有很多人。"


def test_settings_refuse_what_is_impossible_and_name_the_engines_weights() -> None:
    for wrong in ({"precision": "int8"}, {"device": "tpu"}, {"top_p": 0}, {"chunk_tokens": 1}, {"voice": "x"}):
        with pytest.raises(ValidationError):
            XttsSettings.model_validate(wrong)
    assert set(XTTS_LANGUAGES) == set(CHARACTER_LIMITS) == set(XttsSettings().default_voices)
    assert (TtsSettings().weights, TtsSettings(engine="xtts").weights) == ("kokoro-v1.0-int8", "xtts-v2")
    assert AppArgs(tts=TtsSettings(engine="xtts")).doors().models.speaking == "xtts-v2"


@pytest.mark.parametrize("limit", [20, 40, 82, 200])
@pytest.mark.parametrize("text", [STORY * 4, CHINESE * 3, "word " * 90, "x" * 500, "¿Cómo estás? " * 30])
def test_pieces_are_within_the_limit_and_leave_nothing_out(text: str, limit: int) -> None:
    pieces = split_text(text, limit)
    assert all(0 < len(piece) <= limit and has_words(piece) for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_pieces_end_where_sentences_or_at_least_clauses_do() -> None:
    assert split_text(STORY, 80) == [
        "Mr. Smith went to the U.S. in 1999, so they say. He stayed; why, nobody knows!",
        "Was it the weather, perhaps?",
    ]
    assert split_text(CHINESE, 20)[0] == "你好，我是小明。"
    assert [piece[-1] for piece in split_text("one two three, " * 10, 50)] == [","] * 4
    assert [piece[-1] for piece in split_text("यह एक वाक्य है। और यह दूसरा है। ", 24)] == ["।", "।"]
    assert split_text("كيف حالك اليوم؟ أنا بخير", 20)[0][-1] == "؟"
    assert split_text("short", 40) == ["short"] and split_text(" ... ", 40) == [] == split_text("", 40)


def test_each_language_has_its_limit_and_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (limit_of("en", 200), limit_of("zh", 200), limit_of("zh", 40)) == (200, 82, 40)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert speakable(("en", "zh", "ja", "ko")) == ("en", "ko")


def clause(seconds: Sequence[float], rate_hz: int = 24_000) -> np.ndarray:
    """Silence and sound in turn."""
    rng = np.random.default_rng(1)
    parts = [
        (0.2 if place % 2 else 0.0001) * rng.normal(size=round(length * rate_hz))
        for place, length in enumerate(seconds)
    ]
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize(
    "seconds",
    [(0.3, 0.5, 0.2, 0.4, 0.5), (0.0, 0.6), (0.5, 0.012, 0.3), (0.4,), (0.0, 0.3, 0.01), (0.1, 0.2, 0.9, 0.3)],
)
@pytest.mark.parametrize("pause", [0.08, 0.4])
def test_edges_piece_by_piece_are_those_of_the_whole(seconds: tuple[float, ...], pause: float) -> None:
    sound, settings = clause(seconds), PauseSettings()
    expected = trimmed(sound, 24_000, pause, settings)
    for size in (len(sound), 1000, 5333):
        edges = Edges(24_000, pause, settings)
        given = [edges.push(sound[at : at + size]) for at in range(0, len(sound), size)]
        assert np.array_equal(np.concatenate([*given, edges.finish()]), expected)
        if size == 1000 and len(expected) > 20_000:
            assert sum(len(one) > 0 for one in given) > 3, "it is given on while it comes"


def latents(width: int = 64) -> Latents:
    rng = np.random.default_rng(0)
    return Latents(rng.normal(size=(1, 32, width)).astype("f4"), rng.normal(size=(1, 512, 1)).astype("f4"))


def test_a_voice_survives_the_store_without_a_pickle() -> None:
    voice = latents()
    data = voice.pack()
    again = Latents.unpack(data, 64, 512)
    assert np.array_equal(again.conditioning, voice.conditioning) and np.array_equal(again.embedding, voice.embedding)
    assert data == latents().pack()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert not any(name.endswith("pkl") for name in archive.namelist())


def test_what_is_no_voice_of_this_model_is_refused() -> None:
    voice = latents()
    nan = Latents(np.full_like(voice.conditioning, np.nan), voice.embedding)
    objects, bomb = io.BytesIO(), io.BytesIO()
    np.savez(objects, format=np.array([{"a": 1}], object))
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conditioning.npy", b"\0" * 50_000_000)
    for data in (latents(32).pack(), nan.pack(), objects.getvalue(), bomb.getvalue(), voice.pack()[:-200], b"{}"):
        with pytest.raises(BadInput, match="Upload the sample again"):
            Latents.unpack(data, 64, 512)


def test_samples_are_refused_with_their_reason() -> None:
    good = person(6).samples
    for samples, reason in (
        (good[:16_000], "only"),
        (np.zeros(96_000, np.float32), "silent"),
        (np.clip(good * 20, -1, 1), "clipped"),
        (np.stack([good, good]), "one channel"),
    ):
        with pytest.raises(BadInput, match=reason):
            spoken(Pcm(np.asarray(samples, np.float32), 16_000), MatchSettings())


@pytest.mark.parametrize("scale", [4.0, 24_000 / 22_050, 1 / 1.3, 0.5, 1 / 0.7, 1.0])
@pytest.mark.parametrize("count", [13, 40])
def test_rows_that_come_bit_by_bit_are_stretched_as_all_at_once(scale: float, count: int) -> None:
    from deployments.tts.xtts_vocoder import Stretch

    rows = torch.randn(count, 5, generator=torch.Generator().manual_seed(count))
    expected = torch.nn.functional.interpolate(rows.T[None], scale_factor=[scale], mode="linear")[0].T
    for cuts in ((), (1,), (0, 0, 1), tuple(range(1, count)), (7, 7, 11)):
        stretch = Stretch(scale)
        made = [stretch.push(part, False) for part in rows.tensor_split(cuts)]
        found = torch.cat([*made, stretch.push(rows[:0], True)])
        assert (
            found.shape == expected.shape and (found - expected).abs().max() < 5e-5
        )  # torch reckons places in float32


def test_torchaudio_is_replaced_only_where_it_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    name = torchaudio_stub._NAME
    for cuda, here, replaced in ((None, False, True), ("13.0", False, False), (None, True, False)):
        monkeypatch.setattr(torch.version, "cuda", cuda)
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.delitem(sys.modules, "torchaudio", raising=False)
        if here:
            monkeypatch.setitem(sys.modules, "torchaudio", ModuleType("torchaudio"))
        torchaudio_stub.allow_torchaudio()
        assert (name in sys.modules) == replaced
    stub = torchaudio_stub._stub()
    with pytest.raises(RuntimeError, match="torch with CUDA"):
        stub.fail_if_no_align(max)(1, 2)


@pytest.mark.parametrize(("engine", "most"), [("xtts", 1), ("kokoro", 2)])
async def test_clauses_of_several_people_wait_for_each_other_where_the_engine_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Any, most: int
) -> None:
    fake = FakeSynthesizer(0.01)
    monkeypatch.setattr(deployment, "build_engine", lambda *_: fake)
    tts = Tts(TtsSettings(engine=engine), WeightsSettings(), StoreSettings(url=str(tmp_path)))

    async def heard() -> int:
        return len([piece async for piece in tts.speak(SpeechRequest("one two three four", "en"))])

    assert await asyncio.gather(heard(), heard()) == [4, 4]
    assert fake.most_running == most
