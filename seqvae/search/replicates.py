"""Several measurements of a design as one value with its standard error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from seqvae.search.storage.ledger import GIVEN, OK, Entry


def averaged(scores: Sequence[tuple[float, ...]], errors: Sequence[tuple[float, ...]] = ()) -> tuple[float, ...]:
    """Return the mean of the measurements of a design, column by column.

    Args:
        scores: of each measurement.
        errors: their standard errors, () of one that has none. Where all have one, each measurement counts by the
            inverse of its variance.
    """
    if errors and all(errors):
        weights = 1 / np.square(errors)
        return tuple((np.sum(weights * np.asarray(scores), 0) / weights.sum(0)).tolist())
    return tuple(np.mean(scores, axis=0).tolist())


@dataclass
class Replicates:
    """What was measured, by canonical form, in the first score.

    Attributes:
        scores: of each design the mean of its measurements, as `averaged` returns it.
        counts: of each design the number of its measurements.
        errors: the standard error of each mean; None where nothing is known of the noise: no measurement has a
            standard error, and no design was measured twice.
        deviation: of one measurement, from designs that were measured repeatedly, or else the root mean square of the
            errors that were told; None where nothing is known of the noise.
    """

    scores: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    errors: dict[str, float] | None = None
    deviation: float | None = None


def replicates(entries: Iterable[Entry]) -> Replicates:
    """Return what the entries of a ledger measure.

    A design whose measurements all have standard errors has that of their weighted mean. The error of another design is
    the deviation of one measurement, pooled over all designs that were measured repeatedly, over the root of the number
    of its own.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for entry in entries:
        if entry.status in (OK, GIVEN) and entry.canonical is not None and math.isfinite(entry.scores[0]):
            error = entry.errors[0] if entry.errors else math.nan
            found.setdefault(entry.canonical, []).append((entry.scores[0], error))
    kept = Replicates(counts={form: len(some) for form, some in found.items()})
    told = [error for some in found.values() for _, error in some if math.isfinite(error)]
    freedom = sum(len(some) - 1 for some in found.values())
    if freedom:
        squares = sum(np.var([score for score, _ in some]) * len(some) for some in found.values())
        kept.deviation = math.sqrt(max(float(squares), 0.0) / freedom)
    if not kept.deviation and told:  # repeats that agree to the last digit say nothing of the noise
        kept.deviation = math.sqrt(float(np.mean(np.square(told))))
    kept.deviation = kept.deviation or None
    errors = dict[str, float]()
    for form, some in found.items():
        own = all(math.isfinite(error) for _, error in some)
        pairs = [(error,) for _, error in some] if own else []
        kept.scores[form] = averaged([(score,) for score, _ in some], pairs)[0]
        if kept.deviation is not None:
            pooled = kept.deviation / math.sqrt(len(some))
            errors[form] = float(1 / math.sqrt(np.sum(1 / np.square(pairs)))) if own else pooled
    kept.errors = errors or None
    return kept
