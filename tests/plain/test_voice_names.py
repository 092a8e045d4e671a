"""Which of a client's names for voices are ours."""

import pytest

from serve_app.realtime.client_events import ResponseFields
from serve_app.realtime.configuration import Configuration
from serve_app.realtime.plan import plan_of
from serve_app.voice_names import our_voice


@pytest.mark.parametrize("name", [None, "default", "alloy", "marin"])
def test_names_of_voices_that_are_not_here_give_the_default_voice(name: str | None) -> None:
    assert our_voice(name) is None


@pytest.mark.parametrize("name", ["af_heart", "voice-0123", "Alloy", "nobody"])
def test_other_names_are_to_be_looked_up(name: str) -> None:
    assert our_voice(name) == name


def test_a_realtime_session_may_name_them_too() -> None:
    session = Configuration().updated({"audio": {"output": {"voice": "marin"}}})
    assert plan_of(session).voice_id is None and plan_of(session).voice == "marin"
    asked = ResponseFields.model_validate({"audio": {"output": {"voice": "af_heart"}}})
    assert plan_of(session, asked).voice_id == "af_heart"
