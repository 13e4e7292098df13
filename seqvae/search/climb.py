"""Climb a property in latent space: CMA-ES over z, every decoded text scored and counted."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from cmaes import SepCMA
from numpy.typing import NDArray

from seqvae.errors import UsageError

Decode = Callable[[NDArray[np.float32]], Sequence[str]]
Score = Callable[[Sequence[str]], Sequence[float]]


@dataclass(frozen=True)
class ClimbConfig:
    """Settings of a climb.

    Attributes:
        generations: rounds of proposals, after the start.
        population: points a round.
        sigma: standard deviation of the first round around the start; 1 is the prior's.
        seed: seed of the proposals.
    """

    generations: int = 40
    population: int = 32
    sigma: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.generations < 1 or self.population < 2 or not self.sigma > 0:
            given = f"{self.generations}, {self.population} and {self.sigma:g}"
            raise UsageError(f"expected generations >= 1, population >= 2 and sigma > 0, got {given}")


@dataclass(frozen=True)
class Scored:
    """A text and its score.

    Attributes:
        text: the decoded text.
        score: higher is better; NaN where it could not be scored.
        generation: the round that found it first, 0 for the start.
    """

    text: str
    score: float
    generation: int


@dataclass(frozen=True)
class Generation:
    """What one round brought.

    Attributes:
        number: 0 for the start, then 1 and up.
        mean: mean score of the round's texts that could be scored, repeats included; NaN if there were none.
        best: the best text of the round.
        best_so_far: the best text of this and all earlier rounds.
        calls: distinct texts scored so far, the start included.
        decoded: points decoded so far, the start included.
    """

    number: int
    mean: float
    best: Scored
    best_so_far: Scored
    calls: int
    decoded: int


@dataclass
class Climb:
    """The record of a climb.

    Attributes:
        generations: one entry a round, the start first.
        scored: every distinct text in the order in which it was scored; its length is the number of calls.
    """

    generations: list[Generation] = field(default_factory=list)
    scored: dict[str, Scored] = field(default_factory=dict)

    @property
    def best(self) -> Scored:
        """The best text found."""
        return self.generations[-1].best_so_far

    def top(self, count: int) -> list[Scored]:
        """Return the best distinct texts, best first."""
        return sorted(self.scored.values(), key=_rank)[:count]


def climb(
    start: NDArray[np.floating],
    decode: Decode,
    score: Score,
    config: ClimbConfig | None = None,
    on_generation: Callable[[Generation], None] | None = None,
) -> Climb:
    """Maximise a score over latent points with separable CMA-ES (Ros & Hansen 2008, doi:10.1007/978-3-540-87700-4_30).

    The separable form adapts one variance a dimension: some hundred to thousand points in tens of dimensions are too
    few to learn a full covariance. A text decoded again keeps its score and costs no second call.

    Args:
        start: the point to start from, `(latent,)`; it is decoded, scored and counted too.
        decode: latent points `(count, latent)` to texts.
        score: texts to scores, higher is better; NaN for a text that cannot be scored.
        config: size and seed of the climb.
        on_generation: called after each round, to show progress.

    Raises:
        UsageError: the start is not one finite vector of at least two dimensions.
    """
    config = config or ClimbConfig()
    optimiser = SepCMA(_checked(start), config.sigma, seed=config.seed, population_size=config.population)
    record = Climb()
    _visit(record, np.asarray(start)[None], decode, score)
    for _ in range(config.generations):
        points = [optimiser.ask() for _ in range(config.population)]
        losses = _visit(record, np.stack(points), decode, score)
        optimiser.tell(list(zip(points, losses, strict=True)))
        if on_generation is not None:
            on_generation(record.generations[-1])
    return record


def _checked(start: NDArray[np.floating]) -> NDArray[np.float64]:
    vector = np.asarray(start, dtype=np.float64)
    if vector.ndim != 1 or vector.size < 2 or not np.isfinite(vector).all():
        raise UsageError(f"start: expected one finite vector of at least 2 dimensions, got shape {vector.shape}")
    return vector


def _visit(record: Climb, points: NDArray[np.floating], decode: Decode, score: Score) -> list[float]:
    """Decode and score points, write them into the record, and return their losses (CMA-ES minimises)."""
    texts = list(decode(points.astype(np.float32)))
    number = len(record.generations)
    new = [text for text in dict.fromkeys(texts) if text not in record.scored]
    for text, value in zip(new, score(new) if new else [], strict=True):
        record.scored[text] = Scored(text, float(value), number)
    found = [record.scored[text] for text in texts]
    best = min(found, key=_rank)
    before = record.generations[-1] if record.generations else None
    values = [item.score for item in found if not math.isnan(item.score)]
    record.generations.append(
        Generation(
            number=number,
            mean=sum(values) / len(values) if values else math.nan,
            best=best,
            best_so_far=min([best] if before is None else [before.best_so_far, best], key=_rank),
            calls=len(record.scored),
            decoded=len(texts) + (before.decoded if before else 0),
        )
    )
    return [_rank(item) for item in found]


def _rank(item: Scored) -> float:
    """Smaller is better; a text without a score comes last."""
    return math.inf if math.isnan(item.score) else -item.score
