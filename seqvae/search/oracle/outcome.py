"""What comes of scoring a text, whatever process it is scored in."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from seqvae.errors import SeqVAEError
from seqvae.search.storage.ledger import FAILED, OK, TIMEOUT

Score = Callable[[Sequence[str]], ArrayLike]
_LONGEST = 300  # letters of an error that are kept


@dataclass(frozen=True)
class Outcome:
    """What came of scoring a text.

    Attributes:
        status: `ok`, `failed` or `timeout`.
        scores: its numbers; NaN where it has none.
        error: why it failed, in one line.
        seconds: wall time.
    """

    status: str
    scores: tuple[float, ...]
    error: str = ""
    seconds: float = 0.0


def outcome_here(score: Score, text: str, columns: int) -> Outcome:
    """Score a text."""
    started = time.perf_counter()
    try:
        return outcomes_here(score, [text], columns)[0]
    except Exception as error:
        return failed(FAILED, reason_of(error), columns, time.perf_counter() - started)


def outcomes_here(score: Score, texts: Sequence[str], columns: int) -> list[Outcome]:
    """Score texts together; raises what the function raises, which does not say which of them is to blame."""
    started = time.perf_counter()
    values = _numbers(score(texts), len(texts), columns)
    seconds = (time.perf_counter() - started) / len(texts)
    return [_judged(row, seconds) for row in values]


def _judged(scores: tuple[float, ...], seconds: float) -> Outcome:
    if all(map(math.isfinite, scores)):
        return Outcome(OK, scores, seconds=seconds)
    shown = ", ".join(f"{score:g}" for score in scores)
    return failed(FAILED, f"the score is {shown}: expected finite numbers", len(scores), seconds)


def failed(status: str, reason: str, columns: int, seconds: float = 0.0) -> Outcome:
    """Return what came of a text that has no score."""
    return Outcome(status, (math.nan,) * columns, reason, seconds)


def late(columns: int, limit: float) -> Outcome:
    """Return what came of a text that took longer than the limit, in seconds."""
    return failed(TIMEOUT, f"no score within {limit:g} s", columns, limit)


def died(columns: int, how: str = "") -> Outcome:
    """Return what came of a text whose worker died, `how` where that is known."""
    reason = f"the worker died{how}: out of memory, or ended by the oracle itself"
    return failed(FAILED, reason, columns)


def _numbers(values: ArrayLike, count: int, columns: int) -> list[tuple[float, ...]]:
    """Return a row of numbers for each text.

    Raises:
        SeqVAEError: there are more or fewer of them.
    """
    array = np.asarray(values, np.float64)
    if array.shape == (count,) and columns == 1:
        array = array[:, None]
    if array.shape != (count, columns):
        raise SeqVAEError(f"the oracle returned an array of shape {array.shape}, expected {(count, columns)}")
    return [tuple(row) for row in array.tolist()]


def reason_of(error: BaseException) -> str:
    """Return the kind of an error and the first line of what it says."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:_LONGEST]
