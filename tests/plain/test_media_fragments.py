"""Our MP4: what is written must be what a decoder finds, at the times that counting gives."""

import io

import av
import numpy as np
import pytest

from deployments.contracts import EncodedFrame, Pcm
from deployments.errors import BadInput, EngineFailed
from serve_app.media.boxes import read_boxes, walk_boxes
from serve_app.media.fragments import FragmentWriter
from serve_app.media.h264 import parameter_sets, split_annex_b
from serve_app.media.synthetic import is_marked_synthetic
from serve_app.media.whole import whole_mp4
from tests.fakes.frames import decoded, encoded_frames

SIZE = (64, 48)
SILENCE = Pcm(np.zeros(0, np.float32), 24_000)


def tone(seconds: float, rate_hz: int = 24_000, hertz: float = 440.0) -> Pcm:
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    return Pcm((0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32), rate_hz)


def split(pcm: Pcm, samples: int) -> list[Pcm]:
    return [Pcm(pcm.samples[at : at + samples], pcm.rate_hz) for at in range(0, len(pcm.samples), samples)]


def streamed(writer: FragmentWriter, frames: list[EncodedFrame], pcm: Pcm) -> tuple[bytes, list[bytes]]:
    """The initialisation segment and the fragments of a stream made in steps of five frames."""
    steps = split(pcm, pcm.rate_hz // 5)
    parts = [
        writer.fragment(frames[at : at + 5], steps[at // 5] if at // 5 < len(steps) else SILENCE)
        for at in range(0, len(frames), 5)
    ]
    return writer.init_segment(), [*parts, writer.finish()]


def seconds(frames: list[av.VideoFrame] | list[av.AudioFrame]) -> list[float]:
    return [float(frame.pts * frame.time_base) for frame in frames if frame.pts is not None and frame.time_base]


def test_stream_decodes_to_all_frames_at_counted_times() -> None:
    head, fragments = streamed(FragmentWriter(SIZE), encoded_frames(50), tone(2.0))
    video, audio = decoded(head + b"".join(fragments))
    assert [int(frame.to_ndarray(format="gray").mean()) for frame in video] == pytest.approx(
        [int(16 + 2 * n) for n in range(50)], abs=3
    )
    assert seconds(video) == pytest.approx([n / 25 for n in range(50)])
    assert seconds(audio) == pytest.approx([k * 1024 / 48_000 for k in range(len(audio))])
    assert abs(len(audio) * 1024 / 48_000 - 2.0) < 1024 / 48_000


def test_first_fragment_is_decodable_alone() -> None:
    head, fragments = streamed(FragmentWriter(SIZE), encoded_frames(10), tone(0.4))
    video, audio = decoded(head + fragments[0])
    assert len(video) == 5
    assert len(audio) >= 5


@pytest.mark.parametrize("start", [0, 7, 25 * 3600 * 24])
def test_timeline_starts_at_any_absolute_frame_and_runs_on(start: int) -> None:
    first = FragmentWriter(SIZE, start_frame=start)
    head, fragments = streamed(first, encoded_frames(10), tone(0.4))
    second = FragmentWriter(SIZE, start_frame=first.next_frame)
    _, more = streamed(second, encoded_frames(10), tone(0.4, hertz=600))
    data = head + b"".join(fragments + more)
    with av.open(io.BytesIO(data), "r") as container:
        found = [(packet.stream.type, packet.dts) for packet in container.demux() if packet.dts is not None]
    video_times = [time for kind, time in found if kind == "video"]
    audio_times = [time for kind, time in found if kind == "audio"]
    assert video_times == [(start + n) * 1920 for n in range(20)]
    assert audio_times == [(start + turn) * 1920 + 1024 * k for turn in (0, 10) for k in range(19)]
    assert len(decoded(data)[0]) == 20


def test_any_split_gives_the_same_samples() -> None:
    frames, pcm = encoded_frames(25), tone(1.0)
    whole = FragmentWriter(SIZE)
    one = whole.fragment(frames, pcm) + whole.finish()
    pieces = FragmentWriter(SIZE)
    parts = b"".join(pieces.fragment([frame], part) for frame, part in zip(frames, split(pcm, 960), strict=True))
    many = parts + pieces.finish()
    head = whole.init_segment()
    for ours, theirs in zip(decoded(head + one), decoded(head + many), strict=True):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert np.array_equal(a.to_ndarray(), b.to_ndarray())


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 48_000])
def test_speech_of_any_rate_keeps_its_place(rate_hz: int) -> None:
    pcm = tone(1.0, rate_hz)
    pcm.samples[: len(pcm.samples) // 2] = 0
    head, fragments = streamed(FragmentWriter(SIZE), encoded_frames(25), pcm)
    _, audio = decoded(head + b"".join(fragments))
    heard = np.concatenate([frame.to_ndarray()[0] for frame in audio])
    onset = int(np.argmax(np.abs(heard) > 0.1)) / 48_000
    assert onset == pytest.approx(0.5, abs=0.005)
    assert np.abs(heard[30_000:40_000]).max() == pytest.approx(0.3, abs=0.05)


def test_speech_shorter_than_picture_ends_in_silence_with_it() -> None:
    head, fragments = streamed(FragmentWriter(SIZE), encoded_frames(25), tone(0.3))
    _, audio = decoded(head + b"".join(fragments))
    assert abs(len(audio) * 1024 / 48_000 - 1.0) < 1024 / 48_000
    assert np.abs(audio[-5].to_ndarray()).max() < 0.01


def test_last_packet_ends_with_the_last_frame() -> None:
    head, fragments = streamed(FragmentWriter(SIZE), encoded_frames(25), tone(1.0))
    with av.open(io.BytesIO(head + b"".join(fragments)), "r") as container:
        packets = [packet for packet in container.demux(audio=0) if packet.dts is not None]
    assert sum(packet.duration or 0 for packet in packets) == 48_000


def test_codec_names_come_from_the_stream() -> None:
    writer = FragmentWriter(SIZE)
    frame = encoded_frames(1)[0]
    assert b"avcC" in writer.init_segment(frame)
    found = parameter_sets(frame.data)
    assert found is not None
    assert writer.media_type == f'video/mp4; codecs="avc1.{found.sps[1:4].hex().upper()},mp4a.40.2"'
    assert writer.media_type.startswith('video/mp4; codecs="avc1.42')


def test_parameter_sets_stand_in_the_head_only_until_they_change() -> None:
    plain, other = encoded_frames(5), encoded_frames(5, first_index=5, crf=40)
    assert parameter_sets(plain[0].data) != parameter_sets(other[0].data)
    writer = FragmentWriter(SIZE)
    one, two = writer.fragment(plain, SILENCE), writer.fragment(other, SILENCE)
    found = parameter_sets(plain[0].data)
    changed = parameter_sets(other[0].data)
    assert found is not None and changed is not None
    assert found.sps not in one
    assert changed.pps in two
    video, _ = decoded(writer.init_segment() + one + two + writer.finish())
    assert len(video) == 10


def test_each_fragment_is_one_moof_and_one_mdat() -> None:
    head, fragments = streamed(FragmentWriter(SIZE), encoded_frames(20), tone(0.8))
    assert [kind for kind, _ in read_boxes(head)] == [b"ftyp", b"uuid", b"moov"]
    for fragment in fragments:
        assert [kind for kind, _ in read_boxes(fragment)] == [b"moof", b"mdat"]


def test_nothing_ready_gives_nothing() -> None:
    writer = FragmentWriter(SIZE)
    assert writer.fragment([], SILENCE) == b""
    assert writer.finish() == b""


def test_speech_may_run_ahead_of_the_picture() -> None:
    writer = FragmentWriter(SIZE)
    frames = encoded_frames(5)
    early = writer.fragment([], tone(0.2))
    late = writer.fragment(frames, SILENCE)
    video, audio = decoded(writer.init_segment() + early + late + writer.finish())
    assert len(video) == 5
    assert len(audio) == 10


def test_a_lost_frame_is_an_error() -> None:
    frames = encoded_frames(5)
    writer = FragmentWriter(SIZE)
    with pytest.raises(EngineFailed, match="frame 3 after frame 1"):
        writer.fragment([*frames[:2], *frames[3:]], SILENCE)


def test_a_stream_must_start_with_a_key_frame() -> None:
    with pytest.raises(EngineFailed, match="SPS"):
        FragmentWriter(SIZE).fragment(encoded_frames(5)[1:], SILENCE)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_an_error(bad: float) -> None:
    pcm = Pcm(np.full(4800, bad, np.float32), 24_000)
    with pytest.raises(EngineFailed, match="finite"):
        FragmentWriter(SIZE).fragment([], pcm)


def test_a_voice_keeps_its_rate_through_a_turn() -> None:
    writer = FragmentWriter(SIZE)
    writer.fragment([], tone(0.1, 24_000))
    with pytest.raises(EngineFailed, match="rate"):
        writer.fragment([], tone(0.1, 22_050))


def test_whole_file_is_seekable_and_starts_with_its_index() -> None:
    data = whole_mp4(encoded_frames(60), split(tone(2.4), 4800), SIZE)
    kinds = [kind for kind, _ in read_boxes(data)]
    assert kinds == [b"ftyp", b"uuid", b"moov", b"mdat"]
    video, audio = decoded(data)
    assert seconds(video) == pytest.approx([n / 25 for n in range(60)])
    assert abs(len(audio) * 1024 / 48_000 - 2.4) < 1024 / 48_000
    with av.open(io.BytesIO(data), "r") as container:
        assert container.duration == 2_400_000
        assert float((container.streams.video[0].duration or 0) * container.streams.video[0].time_base) == 2.4
        container.seek(int(1.3 * 1_000_000))
        found = next(container.decode(video=0))
        assert found.time == pytest.approx(1.2)
        assert int(found.to_ndarray(format="gray").mean()) == pytest.approx(16 + 2 * 30, abs=3)


def test_whole_file_holds_the_very_frames_of_the_stream() -> None:
    frames, pcm = encoded_frames(30), tone(1.2)
    head, fragments = streamed(FragmentWriter(SIZE), frames, pcm)
    for ours, theirs in zip(decoded(whole_mp4(frames, [pcm], SIZE)), decoded(head + b"".join(fragments)), strict=True):
        assert len(ours) == len(theirs)
        assert all(np.array_equal(a.to_ndarray(), b.to_ndarray()) for a, b in zip(ours, theirs, strict=True))


def test_whole_file_without_frames_is_refused() -> None:
    with pytest.raises(BadInput, match="no frame"):
        whole_mp4([], [tone(1.0)], SIZE)


def test_both_kinds_of_file_are_marked_as_synthetic() -> None:
    frames = encoded_frames(5)
    whole = whole_mp4(frames, [tone(0.2)], SIZE)
    head = FragmentWriter(SIZE).init_segment(frames[0])
    assert is_marked_synthetic(whole)
    assert is_marked_synthetic(head)
    with av.open(io.BytesIO(whole), "r") as container:
        assert "AI-generated" in container.metadata["comment"]
        assert container.metadata["encoder"] == "Realtime Avatar"


@pytest.mark.parametrize("mark", [b"trainedAlgorithmicMedia", b"AI-generated"])
def test_either_form_of_the_mark_is_enough(mark: bytes) -> None:
    data = whole_mp4(encoded_frames(5), [], SIZE)
    assert is_marked_synthetic(data.replace(mark, b"x" * len(mark)))


def test_other_files_are_not_taken_for_marked() -> None:
    data = whole_mp4(encoded_frames(5), [], SIZE)
    stripped = data.replace(b"trainedAlgorithmicMedia", b"x" * 23).replace(b"AI-generated", b"x" * 12)
    assert not is_marked_synthetic(stripped)
    assert not is_marked_synthetic(b"")
    assert not is_marked_synthetic(b"RIFF\x00\x00\x00\x00WAVEfmt ")
    assert not is_marked_synthetic(b"\x00\x00\x00\x00" * 100)


def test_boxes_of_a_stream_name_both_tracks() -> None:
    head = FragmentWriter(SIZE).init_segment(encoded_frames(1)[0])
    kinds = [kind for kind, _ in walk_boxes(head)]
    assert kinds.count(b"trak") == 2
    assert kinds.count(b"trex") == 2


def test_annex_b_with_either_start_code() -> None:
    assert split_annex_b(b"\x00\x00\x00\x01\x67\x01\x00\x00\x01\x68\x02\x00\x00\x00\x01\x65\x88") == [
        b"\x67\x01",
        b"\x68\x02",
        b"\x65\x88",
    ]


def test_a_film_without_speech_has_no_audio_track() -> None:
    film = whole_mp4(encoded_frames(60), None, SIZE)
    with av.open(io.BytesIO(film), "r") as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert container.duration == 2_400_000
    assert len(decoded(film)[0]) == 60
    assert is_marked_synthetic(film)
