"""What an answer's media say about time, and a conversation's answers about each other."""

import numpy as np
import pytest

from benchmarks.listener import Answer
from benchmarks.soak.track import Timeline, film_of, pieces_out_of_place, track_of
from deployments.contracts import Pcm
from deployments.errors import BadInput
from serve_app.client import MediaPiece
from serve_app.media.fragments import FragmentWriter
from tests.fakes.frames import encoded_frames

SIZE = (64, 48)


def answer(frames: int = 25, start_frame: int = 0, sound_seconds: float | None = None, skipped: int = 0) -> Answer:
    """One as it comes over the socket, five frames a piece; `skipped` frames of its timeline are left out before the
    last piece."""
    seconds = frames / 25 if sound_seconds is None else sound_seconds
    sound = np.sin(np.arange(round(seconds * 24_000)) / 20).astype(np.float32)
    writer, later = (
        FragmentWriter(SIZE, start_frame=start_frame),
        FragmentWriter(SIZE, start_frame=start_frame + skipped),
    )
    made = encoded_frames(frames)
    found = Answer("resp_1", 0.0, start_frame / 25)
    for at in range(0, frames, 5):
        part = Pcm(sound[at * 960 : (at + 5) * 960], 24_000)
        pieces = [one.fragment(made[at : at + 5], part) for one in (writer, later)]
        head = b"" if at else writer.init_segment()
        last = skipped and at + 5 == frames
        found.media.append(piece(head + pieces[bool(last)], at * 40, 200))
    found.media.append(piece((later if skipped else writer).finish(), frames * 40, 0))
    return found


def piece(data: bytes, start_ms: int, duration_ms: int) -> MediaPiece:
    return MediaPiece("resp_1", start_ms, duration_ms, "video/mp4", data)


def test_a_good_answer_has_no_faults_wherever_it_lies() -> None:
    for start_frame in (0, 750):
        found = answer(start_frame=start_frame)
        track = track_of(film_of(found))
        assert track.faults == [] and Timeline().follow(found, track) == []
        assert (track.start_seconds, track.end_seconds) == (start_frame / 25, start_frame / 25 + 1)
        assert abs(track.media_seconds - 1) < 0.05 and abs(track.drift_ms) < 40


def test_sound_that_ends_early_and_a_gap_are_faults() -> None:
    unfinished = answer(frames=50, sound_seconds=1.0)
    unfinished.media.pop()
    (apart,) = track_of(film_of(unfinished)).faults
    assert "end -1" in apart and "ms apart" in apart
    (gap,) = track_of(film_of(answer(frames=25, skipped=3))).faults
    assert "gaps" in gap and "120.0 ms" in gap


def test_media_that_cannot_be_read_are_said_to_be() -> None:
    with pytest.raises(BadInput):
        track_of(b"")
    with pytest.raises(BadInput):
        track_of(answer().media[0].data[:600])


def test_answers_follow_each_other() -> None:
    line, first, second = Timeline(), answer(), answer(start_frame=25)
    assert line.follow(first, track_of(film_of(first))) == []
    assert line.follow(second, track_of(film_of(second))) == []
    (fault,) = line.follow(second, track_of(film_of(second)))
    assert "before the end of the last" in fault
    second.start_seconds = 7.0
    assert any("not at 7.000 s" in fault for fault in Timeline().follow(second, track_of(film_of(second))))


def test_after_a_lost_line_the_last_answer_may_come_again() -> None:
    line, first, second = Timeline(), answer(), answer(start_frame=25)
    for each in (first, second):
        line.follow(each, track_of(film_of(each)))
    line.resumed()
    assert line.follow(second, track_of(film_of(second))) == []
    line.resumed()
    line.resumed()
    assert line.follow(first, track_of(film_of(first))) != []


def test_pieces_lie_end_to_end() -> None:
    found = answer()
    assert pieces_out_of_place(found) == []
    found.media[2] = piece(b"", 200, 200)
    (fault,) = pieces_out_of_place(found)
    assert "piece 2 begins at 200 ms" in fault
