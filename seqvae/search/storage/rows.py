"""The rows of a ledger, read strictly: a damaged one is refused by its round, place and column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqvae.config.stored import json_of
from seqvae.errors import LONGEST_SHOWN, InputError

OK, CACHED, INVALID, FAILED, TIMEOUT, OVER_BUDGET = "ok", "cached", "invalid", "failed", "timeout", "over_budget"
GIVEN, SCREENED = "given", "screened_out"  # measured before the search; stopped by the cheap score
CALLED = (OK, FAILED, TIMEOUT)  # statuses of proposals that the oracle was called for
STATUSES = (*CALLED, CACHED, INVALID, OVER_BUDGET, GIVEN, SCREENED)
RESTORE = "restore the file from a copy of the folder"


@dataclass(frozen=True)
class Entry:
    """One proposal and its outcome.

    Attributes:
        round: the round that proposed it, from 0.
        place: its place in the round, from 0.
        text: what was scored: the canonical form; of an invalid text, the text as it was proposed.
        canonical: the canonical form; None where the text is invalid.
        status: `ok`, `cached` (scored before), `invalid`, `failed`, `timeout`, `over_budget` (not scored), or `given`
            (measured before the search, which costs no call).
        scores: from the oracle; NaN where there is none.
        error: why it failed; "" where it did not.
        seconds: the oracle's time for it, wall clock.
        proposer: the operator or model that proposed it.
        z: its latent point, `(latent,)`, where it has one.
        seed: of its decoding, where it was sampled.
        terms: what the score is made of; empty where that is not known.
        errors: standard errors of the scores; empty where they are not known.
        cheap: its cheap score, by which it got the dear one or not; NaN where that failed, None where there is none.
        parents: canonical forms of the scored designs that it was bred from; none where that is not known.
        predicted: mean and standard deviation that a surrogate predicted for its first score when it was proposed.
    """

    round: int
    place: int
    text: str
    canonical: str | None
    status: str
    scores: tuple[float, ...]
    error: str = ""
    seconds: float = field(default=0.0, compare=False)
    proposer: str = ""
    z: NDArray[np.float32] | None = field(default=None, compare=False)
    seed: int | None = None
    terms: tuple[float, ...] = field(default=(), compare=False)
    errors: tuple[float, ...] = field(default=(), compare=False)
    cheap: float | None = field(default=None, compare=False)
    parents: tuple[str, ...] = field(default=(), compare=False)
    predicted: tuple[float, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Shape:
    """How many numbers each row of a search has.

    Attributes:
        columns: scores; 0: any number of them.
        terms: numbers that the scores are made of, which a row may lack.
        latent: dimensions of a latent point; 0: any number.
    """

    columns: int = 0
    terms: int = 0
    latent: int = 0


@dataclass(frozen=True)
class Rows:
    """Turns rows of a ledger into entries.

    Attributes:
        path: path of the ledger, for messages.
        shape: numbers per row.
    """

    path: Path
    shape: Shape = Shape()

    def entry(self, row: Sequence[Any]) -> Entry:
        """Return a row as an entry; raises InputError where a cell is damaged."""
        round_, place, text, canonical, status, scores, error, seconds, proposer, z, seed, *more = row
        terms, errors, cheap, parents, predicted = more
        for name, value, kinds in (
            ("round", round_, int),
            ("place", place, int),
            ("text", text, str),
            ("canonical", canonical, (str, type(None)) if status in (INVALID, OVER_BUDGET) else str),
            ("error", error, str),
            ("seconds", seconds, (int, float)),
            ("proposer", proposer, str),
            ("seed", seed, (int, type(None))),
        ):
            if not isinstance(value, kinds):
                known = kinds if isinstance(kinds, tuple) else (kinds,)
                raise self._damaged(row, name, " or ".join(kind.__name__ for kind in known), value)
        if status not in STATUSES:
            raise self._damaged(row, "status", f"one of {', '.join(STATUSES)}", status)
        found = self._numbers(row, "scores", scores, self.shape.columns)
        # of what was measured before a search, some of several scores may be missing
        missing = status == GIVEN and not all(map(math.isnan, found))
        if status in (OK, GIVEN) and not all(math.isfinite(one) or (missing and math.isnan(one)) for one in found):
            raise self._damaged(row, "scores", f"finite numbers, since its status is {status}", scores)
        deviations = () if errors is None else self._numbers(row, "standard errors", errors, self.shape.columns)
        if not all(math.isfinite(one) and one > 0 for one in deviations):
            raise self._damaged(row, "standard errors", "numbers above 0", errors)
        return Entry(
            round_,
            place,
            # Earlier versions wrote the proposal as it was made, which is another design where positions are kept.
            text if canonical is None else canonical,
            canonical,
            status,
            found,
            error,
            seconds,
            proposer,
            self._point(row, z),
            seed,
            () if terms is None else self._numbers(row, "terms", terms, self.shape.terms),
            deviations,
            None if cheap is None else self.cheap(row, cheap),
            () if parents is None else self._parents(row, parents),
            () if predicted is None else self._numbers(row, "predicted", predicted, 2),
        )

    def cheap(self, row: Sequence[Any], cell: object) -> float:
        """Return a cheap score, NaN where it failed; `row` begins with round and place. Raises InputError."""
        return self._numbers(row, "cheap score", cell, 1)[0]

    def _numbers(self, row: Sequence[Any], name: str, cell: object, count: int) -> tuple[float, ...]:
        expected = f"a list of {count} numbers" if count else "a list of numbers"
        try:
            values = json_of(cell.encode(), self.path) if isinstance(cell, str) else None
            if not isinstance(values, list) or not values or count not in (0, len(values)):
                raise ValueError
            if not all(one is None or type(one) in (int, float) for one in values):
                raise ValueError
            return tuple(math.nan if one is None else float(one) for one in values)
        except (ValueError, OverflowError, InputError) as error:
            raise self._damaged(row, name, expected, cell) from error

    def _parents(self, row: Sequence[Any], cell: object) -> tuple[str, ...]:
        try:
            found = json_of(cell.encode(), self.path) if isinstance(cell, str) else None
        except (ValueError, InputError):
            found = None
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise self._damaged(row, "parents", "a list of texts", cell)
        return tuple(found)

    def _point(self, row: Sequence[Any], cell: object) -> NDArray[np.float32] | None:
        if cell is None:
            return None
        latent = self.shape.latent
        if not isinstance(cell, bytes) or len(cell) % 4 or not cell or latent not in (0, len(cell) // 4):
            given = f"{len(cell)} bytes" if isinstance(cell, bytes) else cell
            raise self._damaged(row, "z", f"a point of {latent or 'some'} float32 numbers", given)
        return np.frombuffer(cell, "<f4")

    def _damaged(self, row: Sequence[Any], column: str, expected: str, given: object) -> InputError:
        shown = repr(given)
        shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."
        where = f"{self.path}: round {row[0]!r}, place {row[1]!r}: {column}"
        return InputError(f"{where}: damaged: expected {expected}, got {shown}: {RESTORE}")
