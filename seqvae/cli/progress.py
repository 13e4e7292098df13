"""Show the progress of long work on a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Bars:
    """Notes on standard error, where they do not mix with results, and one bar after the other on a terminal."""

    def __init__(self) -> None:
        self.what = ""
        self.bar: Any = None  # of tqdm, which has no types

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` pieces of the step `what` are finished."""
        from tqdm import tqdm

        if what != self.what:
            self.__exit__(None, None, None)
            # disable=None shows the bar on a terminal only
            self.bar = tqdm(total=total, desc=what, file=sys.stderr, disable=None, leave=False)
            self.what = what
        self.bar.update(done - self.bar.n)

    def note(self, text: str) -> None:
        """Print a line."""
        print(text, file=sys.stderr)
