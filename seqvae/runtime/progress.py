"""Progress on standard error: bars that fit a terminal of 80 columns, plain lines elsewhere, and phases by name."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_WIDEST = 80  # columns, also on wider terminals
_SOON = 1.0  # seconds after which a phase is named
_LINE_EVERY = 30.0  # seconds between the lines of a bar where there is no terminal


def columns() -> int:
    """Return how wide a bar may be: one less than the terminal, so that no line is broken."""
    return min(_WIDEST, shutil.get_terminal_size((_WIDEST, 24)).columns) - 1


def on_terminal() -> bool:
    """Tell whether standard error is a terminal, which obeys control codes."""
    return sys.stderr.isatty()


def bar(total: int | None, what: str = "", unit: str = "", done: int = 0, quiet: bool = False) -> Any:  # noqa: ANN401
    """Return a bar of tqdm on a terminal; elsewhere one that is never drawn, and may still be updated.

    Args:
        total: how many there are to do; None: not known.
        what: what is being done, before the bar.
        unit: what is counted, such as ` molecules`.
        done: how many are done already.
        quiet: show nothing.
    """
    from tqdm import tqdm

    disabled = quiet or not on_terminal()
    return tqdm(
        total=total, initial=done, desc=what, unit=unit or "it", file=sys.stderr, ncols=columns(), disable=disabled
    )


def write_line(text: str) -> None:
    """Write a line on standard error at once."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def phase(what: str, quiet: bool = False) -> Iterator[None]:
    """Say what is being done while the block lasts, if it lasts longer than a moment.

    Args:
        what: such as `reading molecules.smi`.
        quiet: say nothing.
    """
    if quiet:
        yield
        return
    timer = threading.Timer(_SOON, write_line, [f"{what} ..."])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class NowAndThen:
    """Tells when the next line is due where no bar can be drawn: the first at once, then one in half a minute."""

    def __init__(self) -> None:
        self._last = float("-inf")

    @property
    def due(self) -> bool:
        """Whether a line is due; it is then taken to be printed."""
        now = time.monotonic()
        if now - self._last < _LINE_EVERY:
            return False
        self._last = now
        return True


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds.

    Examples:
        >>> clock(75), clock(7325)
        ('1:15', '2:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
