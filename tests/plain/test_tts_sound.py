"""Pauses, levels, pitch and timbre: the arithmetic around the model."""

import numpy as np
import pytest

from deployments.contracts import Cancellation, Pcm, SpeechRequest
from deployments.errors import BadInput, NotFound
from deployments.tts.harmonics import audio, by_frames, harmonic_source
from deployments.tts.kokoro import KokoroSynthesizer
from deployments.tts.kokoro_snake import sine_squared_coefficients
from deployments.tts.match_blob import MatchBlob
from deployments.tts.matching import likeness
from deployments.tts.pauses import limited, pause_after, trimmed
from deployments.tts.phonemes import Phonemizer
from deployments.tts.settings import KokoroSettings, MatchSettings, PauseSettings, TtsSettings
from deployments.tts.speaker import Speaker, bent, builtin_speaker
from deployments.tts.timbre import BANDS, Timbre, colouring, measure, pitch_track
from deployments.tts.voice_measures import measures
from deployments.tts.voices import builtin_voices, style_for
from tests.plain.test_tts_text import Letters

pytestmark = pytest.mark.plain
PAUSES = PauseSettings()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Yes.", PAUSES.sentence_seconds),
        ("他说：“好。”", PAUSES.sentence_seconds),
        ("so:", PAUSES.colon_seconds),
        ("well,", PAUSES.comma_seconds),
        ("好、", PAUSES.comma_seconds),
        ("and then", PAUSES.tail_seconds),
        ("", PAUSES.tail_seconds),
    ],
)
def test_the_pause_follows_the_mark(text: str, seconds: float) -> None:
    assert pause_after(text, PAUSES) == seconds


def burst() -> np.ndarray:
    """A second of silence, half a second of tone, a second of silence, at 24 kHz."""
    tone = 0.3 * np.sin(np.arange(12_000) / 10)
    return np.concatenate([np.zeros(24_000), tone, np.zeros(24_000)]).astype(np.float32)


def test_trimming_keeps_the_sound_and_makes_the_pause() -> None:
    kept = trimmed(burst(), 24_000, 0.4, PAUSES)
    assert len(kept) == pytest.approx((0.03 + 0.5 + 0.4) * 24_000, abs=480)
    assert np.abs(kept[-4_000:]).max() == 0
    assert np.abs(np.diff(kept)).max() <= np.abs(np.diff(burst())).max()


def test_trimming_pads_where_the_model_stopped_early() -> None:
    kept = trimmed(burst()[:36_000], 24_000, 0.4, PAUSES)
    assert len(kept) == pytest.approx((0.03 + 0.5 + 0.4) * 24_000, abs=480)
    assert np.abs(kept[-1]) == 0


def test_pause_settings_change_the_sound() -> None:
    longer = trimmed(burst(), 24_000, 0.4, PauseSettings(lead_seconds=0.2))
    assert len(longer) - len(trimmed(burst(), 24_000, 0.4, PAUSES)) == pytest.approx(0.17 * 24_000, abs=2)
    assert len(trimmed(burst() * np.float32(1e-4), 24_000, 0.4, PAUSES)) == 0
    assert len(trimmed(burst() * np.float32(1e-2), 24_000, 0.4, PauseSettings(threshold_db=-90))) > 0
    faded = trimmed(burst(), 24_000, 0.0, PauseSettings(fade_out_seconds=0.1))
    assert np.abs(faded[-1200:]).max() < np.abs(trimmed(burst(), 24_000, 0.0, PAUSES)[-1200:]).max()


def test_the_limiter_bends_only_peaks() -> None:
    sound = np.linspace(-1.5, 1.5, 301, dtype=np.float32)
    bent_sound = limited(sound)
    assert np.abs(bent_sound).max() <= 1.0
    assert np.array_equal(bent_sound[np.abs(sound) < 0.9], sound[np.abs(sound) < 0.9])
    assert np.all(np.diff(bent_sound) >= 0)


def test_the_polynomial_is_the_sine_squared() -> None:
    r = np.linspace(-0.5, 0.5, 1001)
    s = r**2
    value = s * np.polynomial.polynomial.polyval(s, sine_squared_coefficients())
    assert np.abs(value - np.sin(np.pi * r) ** 2).max() < 5e-6


def test_the_source_has_the_shape_and_the_pitch_it_was_asked_for() -> None:
    source = harmonic_source(np.full((1, 40), 200, np.float32))
    assert source.shape == (1, 22, 120 * 20 + 1)
    assert np.array_equal(source, harmonic_source(np.full((1, 40), 200, np.float32)))
    unvoiced = harmonic_source(np.zeros((1, 40), np.float32))
    assert source[0, 0].std() > 2 * unvoiced[0, 0].std()
    assert unvoiced[0, 5].mean() > source[0, 5].mean()


def test_sound_comes_out_five_samples_a_column_and_as_loud_as_it_says() -> None:
    spectrum = np.full((1, 22, 121), -20, np.float32)
    spectrum[0, 11:] = 0
    assert audio(spectrum).shape == (600,)
    assert np.abs(audio(spectrum)).max() < 1e-6
    # Ten in the lowest bin alone: 1/2 a frame, overlapping to 1, over the window's squares that overlap to 3/2.
    spectrum[0, 0] = np.log(10)
    assert np.allclose(audio(spectrum)[20:-20], 2 / 3, atol=1e-5)


def test_frames_repeat_what_belongs_to_a_token() -> None:
    values = np.array([[[1.0, 2.0, 3.0]]], np.float32)
    assert by_frames(values, np.array([2, 0, 1])).tolist() == [[[1.0, 1.0, 3.0]]]


def buzz(hertz: float, tilt: float = 1.0) -> np.ndarray:
    times = np.arange(32_000) / 16_000
    return sum(0.1 * k**-tilt * np.sin(2 * np.pi * hertz * k * times) for k in range(1, 20)).astype(np.float32)


@pytest.mark.parametrize("hertz", [80.0, 120.0, 220.0, 330.0])
def test_pitch_is_found_and_not_an_octave_off(hertz: float) -> None:
    found = pitch_track(buzz(hertz))
    assert np.median(found[found > 0]) == pytest.approx(hertz, rel=0.03)


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(1).normal(size=32_000).astype(np.float32) * 0.1
    assert measure(noise) is None


def test_colouring_moves_the_bands_it_is_told_to() -> None:
    change = np.linspace(-6, 6, BANDS).astype(np.float32)
    response = np.abs(np.fft.rfft(colouring(change), 4096))
    low, high = response[int(300 / 24_000 * 4096)], response[int(6_000 / 24_000 * 4096)]
    assert 20 * np.log10(high / low) > 6
    assert 20 * np.log10(np.abs(np.fft.rfft(colouring(np.full(BANDS, 40, np.float32)), 4096)).max()) < 11


def blob(**changes: object) -> MatchBlob:
    fields = {
        "voices": {"en": "af_bella", "es": "ef_dora", "zh": "zf_xiaoyi"},
        "blend": {"af_bella": 0.5, "zf_xiaoyi": 0.5},
        "gain": 1.0,
        "pitch_mean": 5.2,
        "pitch_spread": 0.2,
        "curve": np.linspace(-3, 3, BANDS).astype(np.float32),
    }
    return MatchBlob(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_match_survives_the_store_and_nothing_else_does() -> None:
    packed = blob().pack()
    assert len(packed) < 2_000
    assert MatchBlob.unpack(packed).pack() == packed
    wrong = [b"", b"{}", b"[]", b"\x80\x04.", packed.replace(b'"version":1', b'"version":9'), b"x" * 100_000]
    wrong += [blob(**change).pack() for change in ({"gain": 1e9}, {"blend": {"af_bella": 0.7}}, {"pitch_mean": 99.0})]
    wrong.append(blob(curve=np.full(BANDS, np.nan, np.float32)).pack())
    wrong.append(packed.replace(b"ef_dora", b"../etc/"))
    for data in wrong:
        with pytest.raises(BadInput, match="Upload the sample again"):
            MatchBlob.unpack(data)


def test_match_settings_bend_less_or_not_at_all() -> None:
    pitch = np.array([[0.0, 150.0, 200.0]], np.float32)
    full = bent(blob(pitch_mean=4.6), "af_bella", MatchSettings())
    none = bent(blob(pitch_mean=4.6), "af_bella", MatchSettings(pitch_strength=0.0, envelope_strength=0.0))
    assert full.melody(pitch)[0, 0] == 0
    assert full.melody(pitch)[0, 1] < 120
    assert np.allclose(none.melody(pitch), pitch, rtol=1e-4)
    tone = buzz(200)
    assert np.abs(none.coloured(tone) - tone)[600:-600].max() < 0.02
    assert len(full.coloured(tone)) == len(tone)


def test_a_blend_mixes_colours_and_keeps_the_rhythm() -> None:
    speaker = Speaker.matched(blob().pack(), "en", MatchSettings())
    style = speaker.style(30)
    assert np.array_equal(style[128:], style_for("af_bella", 30)[128:])
    mean = (style_for("af_bella", 30)[:128] + style_for("zf_xiaoyi", 30)[:128]) / 2
    assert np.allclose(style[:128], mean, atol=1e-6)


def test_every_voice_was_measured_and_is_its_own_nearest() -> None:
    for voice_id in builtin_voices():
        own = measures(voice_id)
        timbre = Timbre(own.pitch_mean, own.pitch_spread, own.timbre)
        nearest = max(builtin_voices(), key=lambda other: likeness(other, own.vector, timbre))
        assert nearest == voice_id
        assert 0.2 < own.gain < 4
        assert builtin_speaker(voice_id).melody(np.ones((1, 2), np.float32)).tolist() == [[1, 1]]


class Recorder:
    """A network that notes what it was asked and answers with a burst."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, float]] = []
        self.prepared: list[int] = []

    def prepare(self, frames: int) -> None:
        self.prepared.append(frames)

    def render(self, ids, style, speed, cancellation, melody=None):  # type: ignore[no-untyped-def]
        self.asked.append((len(ids), speed))
        return burst()


def synthesizer(settings: TtsSettings) -> tuple[KokoroSynthesizer, Recorder]:
    def nothing(id: str) -> bytes:
        raise NotFound(id)

    def no_matcher():  # type: ignore[no-untyped-def]
        raise AssertionError("not needed")

    network = Recorder()
    return KokoroSynthesizer(settings, network, Phonemizer(Letters()), no_matcher, nothing), network


def speak(engine: KokoroSynthesizer, text: str, **fields: object) -> list[Pcm]:
    return list(engine.speak(SpeechRequest(text, "en", "", **fields), Cancellation()))  # type: ignore[arg-type]


def test_speech_settings_take_effect() -> None:
    engine, network = synthesizer(TtsSettings(speed=1.25, kokoro=KokoroSettings(piece_phonemes=20)))
    assert len(speak(engine, "One, two, three, four, five, six, seven, eight.", speed=1.2)) > 1
    assert {speed for _, speed in network.asked} == {1.5}
    with pytest.raises(BadInput, match="speed"):
        speak(engine, "One.", speed=float("nan"))


def test_warm_up_prepares_the_lengths_of_the_settings() -> None:
    engine, network = synthesizer(TtsSettings(kokoro=KokoroSettings(warm_frames=(24, 48))))
    engine.warm_up()
    assert network.prepared == [24, 48]
    assert len(network.asked) == 3


def test_default_voices_must_exist() -> None:
    with pytest.raises(NotFound, match="af_heart"):
        synthesizer(TtsSettings(default_voices={"en": "nobody"}))
    engine, _ = synthesizer(TtsSettings(default_voices={"en": "bm_george"}))
    assert [voice["id"] for voice in engine.voices() if voice["default"]] == ["bm_george"]


def test_freed_memory_can_be_given_back_here() -> None:
    import platform

    from deployments.tts.memory import return_freed_memory

    assert return_freed_memory() == (platform.libc_ver()[0] == "glibc")
