"""Words that belong to one conversation, and a recogniser of tones that stand for them."""

import numpy as np

from benchmarks.own_words import Vocabulary, own_word
from benchmarks.realtime_memory import by_kind, trend
from deployments.contracts import Pcm, Transcript, Utterance
from tests.fakes.tone_words import ToneTranscriber, tone_of


def test_every_conversation_has_a_word_of_its_own() -> None:
    assert len({own_word(number) for number in range(5000)}) == 5000
    words = Vocabulary()
    mine, other = words.new(), words.new()
    assert words.foreign(f"My word is {mine.upper()}, not {other}!", mine) == {other}
    assert words.foreign(f"{mine} {own_word(77)}", mine) == set(), "nobody was given that one"
    assert (words.number(mine), words.number(other)) == (1, 2)


def test_a_tone_is_heard_as_its_word() -> None:
    heard = []
    for number in range(1, 400, 7):
        samples = np.frombuffer(tone_of(number), "<i2").astype(np.float32) / 32768
        padded = np.concatenate([np.zeros(1600, np.float32), samples])
        (result,) = ToneTranscriber().transcribe([Utterance(Pcm(padded, 16_000), "en")])
        assert isinstance(result, Transcript)
        heard.append(result.text)
    assert heard == [f"my word is {own_word(number)}" for number in range(1, 400, 7)]


def test_memory_by_kind_of_process_and_its_trend() -> None:
    sizes = {
        "11 ray::ServeReplica:avatar:TTS": 5,
        "12 ray::ServeReplica:avatar:TTS": 6,
        "13 ray::ProxyActor.listen_for_change": 2,
        "14 /venv/bin/python -m serve_app.cli.main serve": 3,
        "16 ray-dashboard-NodeHead-0": 4,
        "15 /venv/ray/core/src/ray/gcs/gcs_server --log_dir=/tmp": 1,
    }
    kinds = by_kind(sizes)
    assert (kinds["TTS"], kinds["ProxyActor"], kinds["gcs_server"]) == (11, 2, 1) and sum(kinds.values()) == 21
    assert kinds["dashboard.py"] == 4
    flat = trend([(minute, 1000 + minute % 2) for minute in range(40)])
    assert flat["flat"] and abs(flat["bytes_a_minute"]) < 0.1
    rising = trend([(minute, 1000 + 10 * minute) for minute in range(40)])
    assert not rising["flat"] and 9.9 < rising["bytes_a_minute"] < 10.1
    assert trend([(0.0, 5)])["flat"], "one sample says nothing"
