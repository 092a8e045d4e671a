"""Weights over HTTPS: from the model hub at a pinned revision, or from a fixed address. What broke off is resumed."""

import logging
import re
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from deployments.weights.manifest import HubSource, UrlSource
from deployments.weights.settings import WeightsSettings
from deployments.weights.sources import Advanced, SourceFailed

logger = logging.getLogger("ray.serve")

_STALL_SECONDS = 30.0
_MOST_REDIRECTS = 5


def address_of(source: HubSource | UrlSource, settings: WeightsSettings) -> str:
    """The address of a file. Hub files are named by commit, so that their content cannot change under us."""
    if isinstance(source, UrlSource):
        return source.url
    return f"{settings.hub_url.rstrip('/')}/{source.repository}/resolve/{source.revision}/{source.path}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What the hub says a file is, before it is fetched. `commit` is the revision it stands in."""

    sha256: str
    size_bytes: int
    commit: str


def identify(address: str, revision: str) -> Identity:
    """The digest that the hub keeps for a large file (Git LFS), from the headers of its resolve address.

    `revision` is the commit asked for. Raises SourceFailed where the hub refuses, names no sha256, or answers for
    another commit.
    """
    try:
        response = _head(address)
    except httpx.HTTPError as error:
        raise SourceFailed(f"{address} does not say what the file is: {error!r}") from error
    if response.is_error:
        raise SourceFailed(f"{address} answered {response.status_code}")
    headers = response.headers
    digest = headers.get("X-Linked-Etag", "").removeprefix("W/").strip('"').lower()
    size = headers.get("X-Linked-Size", "")
    if not re.fullmatch(r"[0-9a-f]{64}", digest) or not size.isdigit():
        raise SourceFailed(f"{address} names no sha256 and size for the file, so it could not be verified")
    commit = headers.get("X-Repo-Commit", "")
    if commit and commit != revision:
        raise SourceFailed(f"{address} answers for commit {commit}, not for {revision}")
    return Identity(digest, int(size), commit or revision)


def _head(address: str) -> httpx.Response:
    """The hub's own answer: redirects within it are followed (renamed repositories), that to its storage is not."""
    for _ in range(_MOST_REDIRECTS):
        response = httpx.head(address, headers={"Accept-Encoding": "identity"}, timeout=_STALL_SECONDS)
        if not response.has_redirect_location or "X-Linked-Etag" in response.headers:
            return response
        address = str(response.url.join(response.headers["Location"]))
    return response


class Probe:
    """Asks each host once whether it answers at all, and gives up after a fixed time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._answers: dict[str, bool] = {}

    def reachable(self, address: str) -> bool:
        parts = urlsplit(address)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._answers:
            self._answers[host] = self._ask(host)
        return self._answers[host]

    def _ask(self, host: str) -> bool:
        answered = threading.Event()

        def ask() -> None:
            try:
                httpx.head(host, timeout=self._seconds)
            except httpx.HTTPError as error:
                logger.info("No answer from %s: %s", host, error)
            else:
                answered.set()

        # A thread, because name resolution knows no timeout: a dead resolver blocks for far longer than we wait.
        worker = threading.Thread(target=ask, daemon=True, name="weights-probe")
        worker.start()
        worker.join(self._seconds)
        return answered.is_set()


def download(address: str, target: Path, size_bytes: int, attempts: int, advanced: Advanced) -> None:
    """Fetch `address` into `target`, going on from what `target` already holds.

    Raises SourceFailed after `attempts` broken transfers, or at once where the server refuses or sends more
    than `size_bytes`. What was received stays in `target` for the next try.
    """
    for attempt in range(1, attempts + 1):
        try:
            _transfer(address, target, size_bytes, advanced)
        except httpx.HTTPStatusError as error:
            raise SourceFailed(f"{address} answered {error.response.status_code}") from error
        except httpx.HTTPError as error:
            logger.warning("Transfer %d of %d of %s broke off: %r", attempt, attempts, address, error)
            failure = error
        else:
            return
    raise SourceFailed(f"{address} broke off {attempts} times, at last with {failure!r}") from failure


def _transfer(address: str, target: Path, size_bytes: int, advanced: Advanced) -> None:
    have = target.stat().st_size if target.exists() else 0
    if have >= size_bytes:
        have = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with httpx.stream("GET", address, headers=headers, follow_redirects=True, timeout=_STALL_SECONDS) as response:
        response.raise_for_status()
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            have = 0  # the server does not resume: it sends the whole file again
        with target.open("r+b" if have else "wb") as stream:
            stream.seek(have)
            for block in response.iter_raw():
                have += len(block)
                if have > size_bytes:
                    raise SourceFailed(f"{address} sends more than the expected {size_bytes} bytes")
                stream.write(block)
                advanced(have)
            stream.truncate()
    if have < size_bytes:
        raise httpx.RemoteProtocolError(f"ended after {have} of {size_bytes} bytes")
