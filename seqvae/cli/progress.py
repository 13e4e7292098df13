"""Show the progress of long work on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from seqvae.runtime.progress import NowAndThen, bar, on_terminal


class Bars:
    """Notes where they do not mix with results; one bar after the other on a terminal, elsewhere a line now and then.

    Args:
        quiet: show nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.what = ""
        self.bar: Any = None  # of tqdm, which has no types
        self.lines = NowAndThen()

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """Show that `done` of `total` pieces of the step `what` are finished; None where the total is not known."""
        if self.quiet:
            return
        if what != self.what:
            self.__exit__(None, None, None)
            self.what, self.lines = what, NowAndThen()
            _ = self.lines.due  # the first line comes after half a minute
        if not on_terminal():
            if self.lines.due:
                self._print(f"{what}: {done:,}{f' of {total:,}' if total else ''}")
            return
        if self.bar is None:
            self.bar = bar(total, what)
            self.bar.leave = False
        self.bar.update(done - self.bar.n)

    def note(self, text: str) -> None:
        """Print a line."""
        self._print(text)

    def _print(self, text: str) -> None:
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)
