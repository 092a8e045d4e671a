"""The spectra that the mouth network hears."""

import numpy as np
import pytest

from deployments.contracts import HEARING_RATE_HZ
from deployments.video.portrait.features import (
    BANDS,
    BINS,
    HOP_SAMPLES,
    POWER_FLOOR,
    SPAN_SAMPLES,
    log_mel,
    mel_bands,
    power_spectra,
)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_one_spectrum_for_each_whole_span(count: int) -> None:
    samples = np.zeros(SPAN_SAMPLES + (count - 1) * HOP_SAMPLES + HOP_SAMPLES - 1, np.float32)
    assert power_spectra(samples).shape == (count, BINS)
    assert log_mel(samples).shape == (count, BANDS)


def test_all_is_32_bit() -> None:
    samples = np.ones(SPAN_SAMPLES, np.float32)
    assert power_spectra(samples).dtype == log_mel(samples).dtype == np.float32


def test_silence_is_the_floor() -> None:
    np.testing.assert_allclose(log_mel(np.zeros(800, np.float32)), np.log(POWER_FLOOR), rtol=1e-6)


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 4000.0])
def test_a_tone_is_loudest_in_its_own_band(hertz: float) -> None:
    tone = np.sin(2 * np.pi * hertz * np.arange(SPAN_SAMPLES) / HEARING_RATE_HZ).astype(np.float32)
    loudest = int(log_mel(tone)[0].argmax())
    bins = np.arange(BINS) * HEARING_RATE_HZ / 512
    band = mel_bands()[loudest]
    middle = float((band * bins).sum() / band.sum())
    assert abs(middle - hertz) / hertz < 0.12


def test_ten_times_quieter_is_a_shift() -> None:
    speech = np.random.default_rng(0).normal(size=800).astype(np.float32)
    shift = log_mel(speech) - log_mel(speech * np.float32(0.1))
    np.testing.assert_allclose(shift, np.log(100.0), rtol=1e-3)


def test_bands_cover_speech_without_a_gap() -> None:
    covered = mel_bands().sum(axis=0)
    assert (covered[4:230] > 0.3).all()
