"""Progress on stderr: one line, rewritten on a terminal or in a notebook."""
from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from collections.abc import Iterator
from typing import Any


class _Lines:
    """Writes lines over each other, at most ten a second."""

    def __init__(self) -> None:
        self._width = 0
        self._last = 0.0

    def show(self, text: str, now: bool = True) -> None:
        if not now and time.monotonic() - self._last < 0.1:
            return
        self._last = time.monotonic()
        print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(text)

    def end(self) -> None:
        if self._width:
            print(file=sys.stderr, flush=True)

    @classmethod
    @contextmanager
    def of(cls, progress: bool | Callable[..., None]
           ) -> Iterator[Callable[..., None] | None]:
        """What to call: nothing, our own lines, or the caller's function."""
        if progress is not True:
            yield progress or None
            return
        lines = cls()
        try:
            yield lines
        finally:
            lines.end()


class EpochLines(_Lines):
    """Of attune.train."""

    def __call__(self, epoch: dict[str, Any]) -> None:
        self.show(f"{epoch['stage']:<7} epoch {epoch['epoch']:>3}  loss "
                  f"{epoch['loss']:.4f}  validation {epoch['metric']:.4f} (best "
                  f"{epoch['best_metric']:.4f})  {epoch['seconds']:.1f} s  "
                  f"{epoch['events_per_second']:,.0f} events/s")


class FileLines(_Lines):
    """Of attune.ingest."""

    def __call__(self, path: str, rows: int, position: int, size: int) -> None:
        share = 100 * position / size if size else 100
        self.show(f"{path}: {rows:,} rows, {share:.0f}%", now=position >= size)
