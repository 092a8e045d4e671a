"""A session as the protocol shows it."""

from serve_app.realtime.host import Talk

UNSHOWN = {"prompt", "reasoning"}


async def session_object(talk: Talk, resumed: bool | None = None) -> dict[str, object]:
    """OpenAI's session object, and the avatar. `resumed` is told with the first message only, as is the token."""
    shown = talk.configuration.model_dump(mode="json", exclude=UNSHOWN)
    described = await talk.host.stages.describe_video()
    avatar = talk.configuration.avatar.id or talk.host.conversation.avatar
    shown["avatar"] |= {
        "id": avatar,
        "frame_size": list(described.frame_size),
        "media_type": talk.host.media_type,
        "idle_url": f"/v1/avatars/{avatar}/idle",
    }
    if resumed is not None:
        shown["avatar"] |= {"resume_token": talk.token, "resumed": resumed}
    return {"id": talk.id, "object": "realtime.session", **shown, "expires_at": talk.expires_at}
