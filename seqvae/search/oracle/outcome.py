"""The outcome of scoring a text, whatever process it is scored in."""

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
_LONGEST = 300  # characters of an error that are kept


@dataclass(frozen=True)
class Outcome:
    """The outcome of scoring a text.

    Attributes:
        status: `ok`, `failed` or `timeout`.
        scores: its numbers, higher is better; NaN where it has none.
        error: why it failed, in one line; empty where it did not.
        seconds: wall time.
        terms: what the score is made of, where the function says it.
    """

    status: str
    scores: tuple[float, ...]
    error: str = ""
    seconds: float = 0.0
    terms: tuple[float, ...] = ()


def outcome_here(score: Score, text: str, columns: int, terms: int = 0) -> Outcome:
    """Score one text; an error of the function is a failed outcome."""
    started = time.perf_counter()
    try:
        return outcomes_here(score, [text], columns, terms)[0]
    except (Exception, SystemExit) as error:  # a user's function may raise anything, or call sys.exit()
        return failed(FAILED, reason_of(error), columns, time.perf_counter() - started)


def outcomes_here(score: Score, texts: Sequence[str], columns: int, terms: int = 0) -> list[Outcome]:
    """Score texts together.

    Args:
        score: the function.
        texts: to score.
        columns: numbers per text.
        terms: further numbers per text that the function returns after them.

    Raises:
        SeqVAEError: the function returned too many or too few numbers.
        Exception: what the function raises, which does not say which of the texts is to blame.
    """
    started = time.perf_counter()
    values = np.asarray(score(texts), np.float64)
    if values.shape == (len(texts),) and columns == 1 and not terms:
        values = values[:, None]
    wanted = (len(texts), columns + terms)
    if values.shape != wanted:
        raise SeqVAEError(f"the oracle returned an array of shape {values.shape}, expected {wanted}")
    seconds = (time.perf_counter() - started) / len(texts)
    found = []
    for whole in values.tolist():
        row = whole[:columns]
        if all(map(math.isfinite, row)):
            found.append(Outcome(OK, tuple(row), seconds=seconds, terms=tuple(whole[columns:])))
        else:
            shown = ", ".join(f"{number:g}" for number in row)
            found.append(failed(FAILED, f"the score is {shown}: expected finite numbers", columns, seconds))
    return found


def failed(status: str, reason: str, columns: int, seconds: float = 0.0) -> Outcome:
    """Return the outcome of a text that has no score."""
    return Outcome(status, (math.nan,) * columns, reason, seconds)


def late(columns: int, limit: float) -> Outcome:
    """Return the outcome of a text that took longer than the limit, in seconds."""
    return failed(TIMEOUT, f"no score within {limit:g} s", columns, limit)


def died(columns: int, how: str = "") -> Outcome:
    """Return the outcome of a text whose worker died; `how`, where that is known, follows "died"."""
    reason = f"the worker died{how}: out of memory, or ended by the oracle itself"
    return failed(FAILED, reason, columns)


def reason_of(error: BaseException) -> str:
    """Return the class of an error and the first line of its message."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}"[:_LONGEST]
