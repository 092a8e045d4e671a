"""Counts tokens through the in-process server's own endpoint, over its private socket."""

import http.client
import json
import os
import shutil
import socket
import tempfile
from functools import lru_cache
from pathlib import Path

from deployments.errors import EngineFailed

_SECONDS = 10.0
_FOLDER = "avatar-llm-"


def private_folder() -> Path:
    """A new folder that only this user may enter, for the socket. Those of processes that were killed are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        owner = left.name.removeprefix(_FOLDER).split("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and left.stat().st_uid == os.getuid():
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(self._path)


class Tokenizer:
    """Token counts of texts by the model's own vocabulary; remembers them, since a history comes back every turn."""

    def __init__(self, socket_path: str) -> None:
        self._path = socket_path
        self.count = lru_cache(maxsize=1024)(self._count)
        """Tokens in a text. Thread-safe. Raises EngineFailed."""

    def _count(self, text: str) -> int:
        connection = _UnixConnection(self._path)
        try:
            body = json.dumps({"content": text})
            connection.request("POST", "/tokenize", body, {"Content-Type": "application/json", "Connection": "close"})
            answer = connection.getresponse()
            found = json.loads(answer.read())
            if answer.status != http.client.OK:
                raise EngineFailed(f"The language model could not count tokens: {found}.")
            return len(found["tokens"])
        except (OSError, ValueError) as error:
            raise EngineFailed(f"The language model could not count tokens: {error}.") from error
        finally:
            connection.close()
