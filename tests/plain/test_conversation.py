"""The turn as a stream, on fakes."""

import asyncio
import io
from collections.abc import AsyncGenerator

import av
import numpy as np
import pytest

from deployments.contracts import HEARING_RATE_HZ, Message, Pcm, ReplyRequest, SpeechRequest, Step, Utterance
from deployments.errors import AtCapacity, AvatarError, BadInput, EngineFailed, NotFound, TooLarge, Unsupported
from serve_app.conversation import ConversationSettings, converse
from serve_app.events import Ended, Event, Heard, Media, ReplyText, Speaking, TurnRequest
from serve_app.playback import Playback
from tests.fakes.stages import RATE_HZ, FakeStages

pytestmark = pytest.mark.plain
SETTINGS = ConversationSettings(closing_seconds=0)


def spoken_question(seconds: float = 1.0) -> Utterance:
    return Utterance(Pcm(np.full(int(seconds * HEARING_RATE_HZ), 0.1, np.float32), HEARING_RATE_HZ))


async def events_of(stages: FakeStages, request: TurnRequest, settings: ConversationSettings = SETTINGS) -> list[Event]:
    return [event async for event in converse(request, stages, settings)]


def only(events: list[Event], kind: type) -> list:
    return [event for event in events if isinstance(event, kind)]


async def test_a_spoken_turn_comes_out_as_words_speech_and_picture_in_order() -> None:
    stages = FakeStages()
    events = await events_of(stages, TurnRequest("t", utterance=spoken_question()))
    assert isinstance(events[0], Heard) and events[0].transcript.text == stages.heard
    assert isinstance(events[-1], Ended)
    assert "".join(event.text for event in only(events, ReplyText)) == "".join(stages.reply_pieces)
    assert events[-1].reply == "".join(stages.reply_pieces)
    media = only(events, Media)
    frames = [frame for event in media for frame in event.frames]
    assert [frame.index for frame in frames] == list(range(len(frames)))
    shown = np.cumsum([len(event.frames) / 25 for event in media])
    heard = np.cumsum([event.pcm.seconds for event in media])
    assert ((heard - shown > -1e-6) & (heard - shown < 0.12 + 1e-6)).all(), "sound leads by up to 120 ms"
    assert heard[0] > shown[0] and heard[-1] == pytest.approx(shown[-1])
    spoken = sum(len(request.text.split()) for request in stages.asked("speak")) * 0.3
    assert events[-1].media_seconds == pytest.approx(spoken, abs=0.04)
    decoded = list(av.open(io.BytesIO(b"".join(frame.data for frame in frames)), format="h264").decode(video=0))
    assert len(decoded) == len(frames)


async def test_the_question_and_the_history_reach_the_model_in_the_language_heard() -> None:
    stages = FakeStages(heard="¿Qué hora es?", language="es")
    history = (Message("user", "Hola"), Message("assistant", "Buenas"))
    await events_of(stages, TurnRequest("t", utterance=spoken_question(), history=history))
    (request,) = stages.asked("reply")
    assert isinstance(request, ReplyRequest)
    assert request.messages == (*history, Message("user", "¿Qué hora es?"))
    assert request.language == "es"
    assert {asked.language for asked in stages.asked("speak") if isinstance(asked, SpeechRequest)} == {"es"}


async def test_a_script_is_spoken_as_it_is_and_the_model_is_not_asked() -> None:
    stages = FakeStages()
    events = await events_of(stages, TurnRequest("t", script="Good morning to all of you out there.", voice_id="x"))
    assert not stages.asked("reply") and not stages.asked("transcribe")
    clauses = [asked.text for asked in stages.asked("speak") if isinstance(asked, SpeechRequest)]
    assert " ".join(clauses) == "Good morning to all of you out there."
    assert {asked.voice_id for asked in stages.asked("speak") if isinstance(asked, SpeechRequest)} == {"x"}
    assert only(events, Ended)[0].reply == "Good morning to all of you out there."


@pytest.mark.parametrize(
    ("text", "language"),
    [("What time is it, please?", "en"), ("今天天气怎么样？", "zh"), ("¿Dónde está el baño?", "es")],
)
async def test_typed_text_is_answered_in_its_own_language(text: str, language: str) -> None:
    stages = FakeStages()
    events = await events_of(stages, TurnRequest("t", text=text))
    assert only(events, Ended)[0].language == language


async def test_picture_starts_while_the_reply_is_still_being_written() -> None:
    stages = FakeStages(delays={"reply_piece": 0.03})
    events = await events_of(stages, TurnRequest("t", utterance=spoken_question()))
    first_media = next(i for i, event in enumerate(events) if isinstance(event, Media))
    last_text = max(i for i, event in enumerate(events) if isinstance(event, ReplyText))
    assert first_media < last_text


async def test_each_clause_is_announced_before_its_sound() -> None:
    events = await events_of(FakeStages(), TurnRequest("t", utterance=spoken_question()))
    position = 0.0
    for event in events:
        if isinstance(event, Speaking):
            assert event.start_seconds >= position - 1e-6
        if isinstance(event, Media):
            position += len(event.frames) / 25
    starts = [event.start_seconds for event in only(events, Speaking)]
    assert starts[0] == 0 and starts == sorted(starts)


async def test_sound_matches_what_was_spoken_sample_for_sample() -> None:
    stages = FakeStages()
    events = await events_of(stages, TurnRequest("t", script="One two three four five six seven."))
    heard = np.concatenate([event.pcm.samples for event in only(events, Media)])
    spoken = [pcm async for request in _each(stages) async for pcm in FakeStages().speak(request)]
    expected = np.concatenate([pcm.samples for pcm in spoken])
    assert np.array_equal(heard[: len(expected)], expected)
    assert not heard[len(expected) :].any()


async def _each(stages: FakeStages) -> AsyncGenerator[SpeechRequest, None]:
    for request in stages.asked("speak"):
        assert isinstance(request, SpeechRequest)
        yield request


@pytest.mark.parametrize("verb", ["transcribe", "reply", "reply_piece", "speak", "speak_piece", "step"])
async def test_a_failing_stage_ends_the_turn_with_its_own_error_and_leaves_nothing_running(verb: str) -> None:
    stages = FakeStages(errors={verb: EngineFailed(f"{verb} broke")})
    with pytest.raises(EngineFailed, match=f"{verb} broke"):
        await events_of(stages, TurnRequest("t", utterance=spoken_question()))
    assert stages.running == 0


@pytest.mark.parametrize("verb", ["transcribe", "reply_piece", "speak_piece", "step"])
async def test_closing_the_stream_stops_every_stage(verb: str) -> None:
    stages = FakeStages(delays={verb: 30.0})
    stream = converse(TurnRequest("t", utterance=spoken_question()), stages, SETTINGS)
    reader = asyncio.create_task(_read(stream))
    await asyncio.sleep(0.2)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    await stream.aclose()
    assert stages.running == 0


async def test_leaving_in_the_middle_of_media_stops_every_stage() -> None:
    stages = FakeStages(reply_pieces=("Some words that go on and on. ",) * 50)
    stream = converse(TurnRequest("t", utterance=spoken_question()), stages, SETTINGS)
    async for event in stream:
        if isinstance(event, Media):
            break
    await stream.aclose()
    assert stages.running == 0
    assert len(stages.asked("speak")) < 50


async def test_a_reader_who_does_not_read_stops_the_work() -> None:
    stages = FakeStages(reply_pieces=("Some words that go on and on. ",) * 200)
    stream = converse(TurnRequest("t", utterance=spoken_question()), stages, SETTINGS)
    async for event in stream:
        if isinstance(event, Media):
            break
    await asyncio.sleep(0.3)
    assert len(stages.asked("step")) < 30
    await stream.aclose()


async def test_silence_is_refused_with_advice() -> None:
    silence = Utterance(Pcm(np.zeros(HEARING_RATE_HZ, np.float32), HEARING_RATE_HZ))
    with pytest.raises(BadInput, match="No speech"):
        await events_of(FakeStages(), TurnRequest("t", utterance=silence))


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (TurnRequest("t", text="   "), BadInput),
        (TurnRequest("t", script="hello", language="xx"), Unsupported),
        (TurnRequest("t", script="x" * 5000), TooLarge),
        (TurnRequest("t", script="!!! ..."), BadInput),
        (TurnRequest("t", script="hello there", avatar_id="nobody"), NotFound),
        (TurnRequest("t", script="hello there", voice_id="nobody"), NotFound),
    ],
)
async def test_bad_requests_get_their_typed_error(request_: TurnRequest, error: type[AvatarError]) -> None:
    stages = FakeStages()
    with pytest.raises(error):
        await events_of(stages, request_)
    assert stages.running == 0


async def test_an_empty_reply_is_an_error_and_not_an_empty_film() -> None:
    with pytest.raises(EngineFailed, match="no speakable answer"):
        await events_of(FakeStages(reply_pieces=()), TurnRequest("t", text="hello"))


async def test_a_refused_step_keeps_its_retry_time() -> None:
    stages = FakeStages(errors={"step": AtCapacity("full", 7)})
    with pytest.raises(AtCapacity) as caught:
        await events_of(stages, TurnRequest("t", text="hello"))
    assert caught.value.retry_after_seconds == 7


async def test_when_speech_runs_dry_the_face_goes_on_in_counted_silence() -> None:
    stages = FakeStages(reply_pieces=("Well then. ", "Something more to say."), delays={"reply_piece": 0.9})
    events = await events_of(stages, TurnRequest("t", text="hello", paced=True))
    ended = only(events, Ended)[0]
    assert ended.filled_seconds > 0.1
    assert ended.filled_seconds == pytest.approx(sum(event.filled_seconds for event in only(events, Media)))
    spoken = sum(len(asked.text.split()) for asked in stages.asked("speak") if isinstance(asked, SpeechRequest)) * 0.3
    assert ended.media_seconds == pytest.approx(spoken + ended.filled_seconds, abs=0.04)


async def test_unpaced_turns_are_never_filled() -> None:
    stages = FakeStages(reply_pieces=("Well then. ", "Something more to say."), delays={"reply_piece": 0.5})
    events = await events_of(stages, TurnRequest("t", text="hello"))
    assert only(events, Ended)[0].filled_seconds == 0


async def test_starvation_limit_decides_how_early_silence_is_filled_in() -> None:
    filled = {}
    for limit in (0.0, 0.5):
        stages = FakeStages(reply_pieces=("Well then. ", "Something more."), delays={"reply_piece": 0.5})
        settings = ConversationSettings(starvation_seconds=limit, closing_seconds=0)
        events = await events_of(stages, TurnRequest("t", text="hello", paced=True), settings)
        filled[limit] = only(events, Ended)[0].filled_seconds
    assert filled[0.5] > filled[0.0]


async def test_a_paced_turn_stays_within_its_limit_ahead_of_playback() -> None:
    stages = FakeStages(reply_pieces=("Many words follow one another here. ",) * 6)
    settings = ConversationSettings(max_ahead_seconds=2.0)
    playback = Playback()
    playback.report(0.0)
    stream = converse(TurnRequest("t", text="hello", paced=True), stages, settings, playback)
    sent = 0.0

    async def read() -> None:
        nonlocal sent
        async for event in stream:
            if isinstance(event, Media):
                sent += len(event.frames) / 25

    reader = asyncio.create_task(read())
    await asyncio.sleep(0.5)
    assert sent <= 2.0 + 2 * SETTINGS.step_frames / 25
    while not reader.done():
        before = sent
        playback.report(sent)
        await asyncio.sleep(0.05)
        assert sent - before <= 2.0 + 2 * SETTINGS.step_frames / 25
    assert sent > 5


async def test_step_frames_sets_the_size_of_later_steps() -> None:
    sizes = {}
    for frames in (5, 25):
        stages = FakeStages(reply_pieces=("Many words follow one another in this one sentence here. ",) * 4)
        settings = ConversationSettings(step_frames=frames)
        await events_of(stages, TurnRequest("t", text="hello"), settings)
        steps = [asked for asked in stages.asked("step") if isinstance(asked, Step)]
        sizes[frames] = max(len(step.pcm_16k) for step in steps[2:])
    assert sizes[5] == 5 * 640 and sizes[25] == 25 * 640


async def test_a_turn_closes_with_silence_in_which_the_face_comes_to_rest() -> None:
    lengths: list[float] = []
    for closing in (0.0, 1.0):
        settings = ConversationSettings(closing_seconds=closing)
        events = await events_of(FakeStages(), TurnRequest("t", script="Good morning."), settings)
        lengths.append(only(events, Ended)[0].media_seconds)
        tail = np.concatenate([event.pcm.samples for event in only(events, Media)])[-round(closing * RATE_HZ) :]
        assert closing == 0 or not tail.any()
    assert lengths[1] - lengths[0] == pytest.approx(1.0)


async def test_timings_name_every_stage() -> None:
    events = await events_of(FakeStages(), TurnRequest("t", utterance=spoken_question()))
    timings = only(events, Ended)[0].timings
    assert {"transcript", "first_token", "first_clause", "first_speech", "first_media", "total"} <= set(timings)
    assert timings["first_token"] <= timings["first_clause"] <= timings["first_speech"] <= timings["first_media"]


async def _read(stream: AsyncGenerator[Event, None]) -> None:
    async for _ in stream:
        pass
