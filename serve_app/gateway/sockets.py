"""The realtime sockets that are open in this gateway."""

import asyncio
import hmac

from deployments.errors import AtCapacity
from serve_app.realtime.failures import CloseCode, Restarting, SessionEnd, TakenOver
from serve_app.realtime.host import Talk
from serve_app.realtime.session import Session

RETRY_SECONDS = 30
TAKEOVER_SECONDS = 5.0


class Sockets:
    """Counts them, finds them, closes them. Used from one event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._draining = False
        self._open: dict[str, tuple[Talk, Session, asyncio.Event]] = {}

    def check(self) -> None:
        """Raises AtCapacity where there are as many as may be, SessionEnd 1012 where none are taken any more."""
        if self._draining:
            raise SessionEnd(CloseCode.RESTART, Restarting())
        if len(self._open) >= self._most:
            raise AtCapacity(f"All {self._most} connections of this gateway are taken.", RETRY_SECONDS)

    def drain(self, draining: bool) -> None:
        """Takes no new ones, and lets go of each as soon as nobody speaks on it: the gateway is to be replaced."""
        self._draining = draining
        for _, session, _ in self._open.values() if draining else ():
            session.drain()

    def enter(self, talk: Talk, session: Session) -> None:
        self._open[talk.id] = (talk, session, asyncio.Event())

    def leave(self, talk: Talk) -> None:
        found = self._open.get(talk.id)
        if found is not None and found[0] is talk:
            del self._open[talk.id]
            found[2].set()

    async def take_over(self, session_id: str, token: str) -> None:
        """Ends the older connection of a session, if it is open here, and waits until it has saved itself."""
        found = self._open.get(session_id)
        if found is None or not hmac.compare_digest(found[0].token.encode(), token.encode()):
            return
        found[1].end(CloseCode.TAKEN_OVER, TakenOver("The session goes on over a newer connection."))
        try:
            async with asyncio.timeout(TAKEOVER_SECONDS):
                await found[2].wait()
        except TimeoutError:
            self.leave(found[0])
