"""A line that shows that something is going on: it moves on a terminal and stays readable in a log."""

import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

_STEPS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_INTERVAL_SECONDS = 0.1
_WIDTH = 100


class Spinner:
    """Shows what is being done and for how long, on stderr, until the block ends.

    Where stderr is no terminal it writes one line for each new text instead.
    """

    def __init__(self, text: str, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self.text = text
        self._lively = self._stream.isatty()
        self._start = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, name="spinner", daemon=True)

    def __enter__(self) -> Self:
        if self._lively:
            self._thread.start()
        else:
            print(f"{self.text} …", file=self._stream, flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._lively:
            self._thread.join()
            print("\r\033[K", end="", file=self._stream, flush=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start

    def say(self, text: str) -> None:
        """Replaces the text."""
        changed, self.text = text != self.text, text
        if changed and not self._lively:
            print(f"{text} … ({self.seconds:.0f} s)", file=self._stream, flush=True)

    def note(self, line: str) -> None:
        """Writes a line that stays, on stdout, above the moving one."""
        if self._lively:
            print("\r\033[K", end="", file=self._stream, flush=True)
        print(line, flush=True)

    def _spin(self) -> None:
        step = 0
        while not self._ended.wait(_INTERVAL_SECONDS):
            step += 1
            line = f"{_STEPS[step % len(_STEPS)]} {self.text} {self.seconds:.1f} s"
            print(f"\r\033[K{line[:_WIDTH]}", end="", file=self._stream, flush=True)
