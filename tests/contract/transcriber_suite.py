"""What every Transcriber must do. A test class per engine inherits this and gives the engine and some speech."""

from collections.abc import Sequence

import numpy as np
import pytest

from deployments.contracts import HEARING_RATE_HZ, Pcm, Transcriber, Transcript, Utterance
from deployments.errors import BadInput, Unsupported


class TranscriberSuite:
    """Subclasses define the fixtures `engine` and `speech` (at least two different utterances, language not given)."""

    @pytest.fixture
    def engine(self) -> Transcriber:
        raise NotImplementedError

    @pytest.fixture
    def speech(self) -> Sequence[Utterance]:
        raise NotImplementedError

    def one(self, engine: Transcriber, utterance: Utterance) -> Transcript:
        (result,) = engine.transcribe([utterance])
        assert isinstance(result, Transcript), result
        return result

    def test_empty_batch(self, engine: Transcriber) -> None:
        assert engine.transcribe([]) == []

    def test_results_are_in_order_and_those_of_single_calls(
        self, engine: Transcriber, speech: Sequence[Utterance]
    ) -> None:
        singles = [self.one(engine, utterance) for utterance in speech]
        assert engine.transcribe(speech) == singles
        assert engine.transcribe(speech[::-1]) == singles[::-1]

    def test_the_same_speech_is_heard_the_same_way_twice(
        self, engine: Transcriber, speech: Sequence[Utterance]
    ) -> None:
        assert self.one(engine, speech[0]) == self.one(engine, speech[0])

    def test_silence_and_nothing_are_empty_transcripts(self, engine: Transcriber) -> None:
        for samples in (0, 1, 100, 2 * HEARING_RATE_HZ):
            found = self.one(engine, Utterance(Pcm(np.zeros(samples, np.float32), HEARING_RATE_HZ), "es"))
            assert (found.text, found.words, found.language) == ("", (), "es")
            assert found.seconds == samples / HEARING_RATE_HZ

    def test_bad_members_get_their_errors_and_spare_the_others(
        self, engine: Transcriber, speech: Sequence[Utterance]
    ) -> None:
        pcm = speech[0].pcm
        spoilt = [pcm.samples.copy() for _ in range(2)]
        spoilt[0][len(pcm.samples) // 2] = np.nan
        spoilt[1][0] = np.inf
        bad = [
            Utterance(Pcm(spoilt[0], HEARING_RATE_HZ)),
            Utterance(Pcm(spoilt[1], HEARING_RATE_HZ)),
            Utterance(Pcm(pcm.samples, 8_000)),
            Utterance(Pcm(np.stack([pcm.samples, pcm.samples]), HEARING_RATE_HZ)),
            Utterance(pcm, "tlh"),
        ]
        before, *failed, after = engine.transcribe([speech[0], *bad, speech[1]])
        assert [type(error) for error in failed] == [BadInput, BadInput, BadInput, BadInput, Unsupported]
        assert [before, after] == engine.transcribe(speech[:2])

    def test_words_lie_in_order_within_the_utterance(self, engine: Transcriber, speech: Sequence[Utterance]) -> None:
        for utterance in speech:
            found = self.one(engine, utterance)
            assert found.words
            times = [time for word in found.words for time in (word.start_seconds, word.end_seconds)]
            assert times == sorted(times)
            assert times[0] >= 0
            assert times[-1] <= found.seconds == utterance.pcm.seconds

    def test_the_speech_is_not_changed(self, engine: Transcriber, speech: Sequence[Utterance]) -> None:
        before = speech[0].pcm.samples.copy()
        self.one(engine, speech[0])
        assert np.array_equal(before, speech[0].pcm.samples)
