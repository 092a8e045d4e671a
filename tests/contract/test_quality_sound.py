"""Measures of a film's sound, words and clock, on a film of the portrait engine and on the same film spoiled."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.quality.__main__ import main
from benchmarks.quality.closures import Closures, bilabial_times, closures
from benchmarks.quality.faces import mouth_opening
from benchmarks.quality.film import Film, read_film
from benchmarks.quality.lip_sync import lip_sync
from benchmarks.quality.loudness import loudness
from benchmarks.quality.measure import judged, measure
from benchmarks.quality.report import value_at
from benchmarks.quality.sight import Sight
from benchmarks.quality.timing import timing
from benchmarks.quality.voices import voice_likeness
from benchmarks.quality.words import listen, understood
from benchmarks.record import read_record
from deployments.contracts import HEARING_RATE_HZ, Float32, Transcript
from deployments.errors import BadInput
from deployments.video.builtins import built_in_photo
from deployments.weights.settings import WeightsSettings
from serve_app.cli.main import main as avatar
from serve_app.media.fragments import FragmentWriter
from tests.contract import test_quality_picture as studio

pytestmark = pytest.mark.contract
heard_by_whisper = pytest.mark.weights("whisper-base")

PORTRAITS = Path(__file__).resolve().parents[2] / "deployments" / "video" / "portraits"
WEIGHTS = WeightsSettings()


def with_sound(name: str, sound: Float32) -> Film:
    """The film's pictures with another sound, AAC as the product makes it."""
    return read_film(studio.written(name, studio.drawn()[1], sound))


# --- the clock ---------------------------------------------------------------------------------------------


def remuxed(name: str, sound_late: float = 0.0, slower: float = 1.0, without: range = range(0)) -> Path:
    """The good film's packets, written again: the sound later by so many seconds, the pictures' clock slower by a
    factor, some packets of the sound left out."""
    path = Path(studio.folder().name) / f"{name}.mp4"
    with av.open(str(studio.good())) as given, av.open(str(path), "w") as made:
        streams = {stream.index: made.add_stream_from_template(stream) for stream in given.streams}
        number = 0
        for packet in given.demux():
            if packet.pts is None or packet.time_base is None:
                continue
            if packet.stream.type == "audio":
                number += 1
                if number in without:
                    continue
                packet.pts += round(sound_late / packet.time_base)
            else:
                packet.pts = round(packet.pts * slower)
                packet.duration = round((packet.duration or 0) * slower)
            packet.dts = packet.pts
            packet.stream = streams[packet.stream.index]
            made.mux(packet)
    return path


def test_picture_and_sound_of_a_film_of_ours_share_their_clock() -> None:
    found = timing(studio.good_film())
    assert found.start_offset_ms == found.end_offset_ms == found.drift_ms == 0
    assert found.gaps == 0 and found.edits == () and found.pictures_per_second == pytest.approx(25)


def test_a_fragmented_film_does_too() -> None:
    frames, pieces = studio.drawn()[1], []
    writer = FragmentWriter((studio.drawn()[0][0].shape[1], studio.drawn()[0][0].shape[0]))
    pieces.append(writer.init_segment(frames[0]))
    for start in range(0, len(frames), 5):
        sound = studio.speech()[start * 640 : (start + 5) * 640]
        pieces.append(writer.fragment(frames[start : start + 5], studio.Pcm(sound, HEARING_RATE_HZ)))
    path = Path(studio.folder().name) / "fragments.mp4"
    path.write_bytes(b"".join([*pieces, writer.finish()]))
    film = read_film(path)
    found = timing(film)
    assert found.start_offset_ms == 0 and abs(found.drift_ms) < 1 and found.gaps == 0
    assert len(film.frame_times) == 100 and lip_sync(mouth_opening(studio.good_sight().points), film).lag_ms < 40


def test_a_sound_that_begins_late_is_found_twice() -> None:
    """By the container's word and by the lips."""
    film = read_film(remuxed("late", sound_late=0.12))
    assert timing(film).start_offset_ms == pytest.approx(120, abs=2) and timing(film).edits == (-1,)
    assert lip_sync(mouth_opening(studio.good_sight().points), film).lag_ms == pytest.approx(-120, abs=40)


def test_streams_that_drift_and_sound_that_is_missing_are_found() -> None:
    assert timing(read_film(remuxed("drifting", slower=1.02))).drift_ms == pytest.approx(-80, abs=5)
    holed = timing(read_film(remuxed("holed", without=range(80, 85))))
    assert holed.gaps == 1 and holed.largest_gap_ms == pytest.approx(5 * 1024 / 48, abs=2)


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"nothing" * 99)
    with pytest.raises(BadInput, match="cannot be read"):
        read_film(tmp_path / "no.mp4")


# --- the sound ---------------------------------------------------------------------------------------------


def noise(decibels: float) -> Float32:
    level = 10 ** (decibels / 20) * float(np.sqrt(np.mean(studio.speech() ** 2)))
    return np.random.default_rng(7).normal(0, level, len(studio.speech())).astype(np.float32)


def test_noise_clipping_and_level_are_measured() -> None:
    usual = loudness(studio.good_film().sound, studio.good_film().rate_hz)
    assert usual.clipped < 0.002 and usual.true_peak_dbtp < -1 and usual.speech_over_noise_db > 25
    film = with_sound("noisy", studio.speech() + noise(-10))
    assert loudness(film.sound, film.rate_hz).speech_over_noise_db < usual.speech_over_noise_db - 10
    film = with_sound("clipped", np.clip(studio.speech() * 12, -1, 1))
    clipped = loudness(film.sound, film.rate_hz)
    assert clipped.clipped > 0.05 and clipped.true_peak_dbtp > -1
    assert loudness(film.sound / 10, film.rate_hz).clipped == pytest.approx(clipped.clipped)
    film = with_sound("quiet", studio.speech() / 4)
    quiet = loudness(film.sound, film.rate_hz)
    assert quiet.integrated_lufs == pytest.approx(usual.integrated_lufs - 12.04, abs=0.3)


@heard_by_whisper
def test_words_in_noise_are_lost() -> None:
    film = with_sound("loud-noise", 0.5 * studio.speech() + noise(6))
    clear, lost = (understood(studio.SAID, listen(each.heard(), "en", WEIGHTS)) for each in (studio.good_film(), film))
    assert clear.word_error_rate == 0 and clear.letter_error_rate == 0
    assert lost.word_error_rate > 0.3 and lost.letter_error_rate > 0.2


@pytest.mark.weights("speaker-judge", "speaker-encoder")
def test_another_voice_is_another_voice() -> None:
    sample = studio.recorded("librivox-austen-0880.wav")
    own = voice_likeness(studio.good_film().heard(), sample, WEIGHTS)
    film = with_sound("other-voice", np.resize(studio.recorded("mouth/en.wav"), len(studio.speech())))
    other = voice_likeness(film.heard(), sample, WEIGHTS)
    assert own.judge > 0.7 and own.encoder > 0.7
    assert other.judge < own.judge - 0.1 and other.encoder < own.encoder - 0.1
    with pytest.raises(BadInput, match="under a second"):
        voice_likeness(sample[:8000], sample, WEIGHTS)


# --- closures ----------------------------------------------------------------------------------------------


def heard() -> Transcript:
    return listen(studio.good_film().heard(), "en", WEIGHTS)


def shut(film: Film, sight: Sight) -> Closures:
    found = closures(mouth_opening(sight.points), film, heard())
    assert found is not None
    return found


@heard_by_whisper
@pytest.mark.parametrize("language", ["en", "es", "zh"])
def test_closures_are_found_where_they_were_seen_in_the_sound(language: str) -> None:
    known = json.loads((studio.DATA / "mouth" / "said.json").read_text("utf-8"))[language]["closed"]
    sound = studio.recorded(f"mouth/{language}.wav")
    found = np.array(bilabial_times(sound, listen(sound, language, WEIGHTS)))
    assert all(np.abs(found - at).min() <= 0.04 for at in known)
    assert len(found) <= len(known) + 2


@heard_by_whisper
def test_lips_meet_at_closures_and_a_frozen_mouth_does_not() -> None:
    usual = shut(studio.good_film(), studio.good_sight())
    assert len(usual.times) >= 5 and usual.opening < 0.4 and usual.depth > 0.5
    frozen = shut(*studio.mouth_frozen())
    assert frozen.depth < 0.3 and frozen.opening > usual.opening + 0.3


@heard_by_whisper
def test_a_mouth_kept_open_at_closures_is_found() -> None:
    opening = mouth_opening(studio.good_sight().points)
    usual = shut(studio.good_film(), studio.good_sight())
    half_open = int(np.argmin(np.abs(opening - np.percentile(opening, 70))))
    shown = studio.part(0, 85)
    for number in range(len(shown)):
        if np.abs(number * studio.PICTURE_SECONDS + 0.02 - np.array(usual.times)).min() < 0.12:
            shown[number] = studio.replaced(number, half_open, studio.MOUTH)
    spoiled = shut(*studio.spoiled("open-closures", shown))
    assert spoiled.opening > usual.opening + 0.4 and spoiled.depth < 0.6 * usual.depth


# --- all at once -------------------------------------------------------------------------------------------


@heard_by_whisper
def test_all_measures_of_a_film_and_what_was_not_asked_for() -> None:
    photo = built_in_photo(studio.AVATAR)
    found = judged(studio.good_film(), studio.good_sight(), photo, studio.SAID, "en", weights=WEIGHTS)
    assert found.notes == () and found.voice is None and found.understood is not None
    asked = ("lip_sync.correlation", "closures.depth", "blinks.a_minute", "head.speed", "identity.likeness")
    assert all((value_at(found, path) or 0) > 0 for path in asked)
    assert found.face_seen == found.lips_seen == 1 and len(found.samples.opening) == 100


def test_without_weights_it_says_what_is_missing(tmp_path: Path) -> None:
    nowhere = WeightsSettings(cache_dir=tmp_path, offline=True)
    voice = studio.DATA / "librivox-austen-0880.wav"
    found = judged(studio.good_film(), studio.good_sight(), None, studio.SAID, "en", voice, nowhere)
    assert found.understood is None and found.closures is None and found.voice is None and found.identity is None
    assert len(found.notes) == 2 and all("avatar models pull" in note for note in found.notes)
    assert found.lip_sync is not None and found.lip_sync.correlation > 0.5


@heard_by_whisper
def test_the_command_prints_a_table_and_keeps_the_samples(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    short = studio.written("short", studio.encoded(studio.part(0, 30)), studio.speech()[: 30 * 640])
    portrait = PORTRAITS / f"{studio.AVATAR}.png"
    words = ["quality", str(short), "--portrait", str(portrait), "--text", "He might", "--language", "en"]
    monkeypatch.setattr("sys.argv", [*words, "--out", str(tmp_path)])
    assert main() == 0
    shown = capsys.readouterr().out
    assert "lip sync: correlation" in shown and "written to" in shown
    (path,) = tmp_path.glob("quality-*.json")
    assert avatar(["bench", "compare", str(path), str(path), "--fail"]) == 0
    by_name = {measure.name: measure for measure in read_record(path).measures}
    assert by_name["lip_sync"].group == {"language": "en"} and by_name["lip_sync"].blocks == ("short",)
    assert by_name["identity_likeness"].better == "higher" and "blinks_beyond" not in by_name, "too short for a rate"
    figures = json.loads(path.read_text())["figures"]
    assert figures["film"]["name"] == "short.mp4" and len(figures["samples"]["opening"]) == 30
    assert figures["identity"]["likeness"] > 0.9


def test_a_photo_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="photo"):
        measure(studio.good(), tmp_path / "none.png")
