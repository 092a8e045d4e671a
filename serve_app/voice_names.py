"""How clients name voices: by our ids, as `default`, or by the names of OpenAI's voices."""

DEFAULT_VOICE = "default"
OPENAI_VOICES = frozenset(
    ["alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse"]
)
"""Those voices do not exist here. Programs that name one, as all must, run all the same and hear the language's default
voice; the header X-Avatar-Voice of /v1/audio/speech says so."""


def our_voice(name: str | None) -> str | None:
    """One of our ids, to be checked; None for the language's default voice."""
    return None if name is None or name == DEFAULT_VOICE or name in OPENAI_VOICES else name
