"""Operators: how offspring are bred from the best texts so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, final

import numpy as np

from seqvae.search.domain.moves import Moves
from seqvae.search.proposals import Candidate


class Operator(Protocol):
    """Breeds offspring; there may be fewer than asked for, and known or invalid texts among them.

    Attributes:
        least: fewest texts that are worth breeding at once.
    """

    least: ClassVar[int]

    def __call__(self, parents: Sequence[str], count: int, rng: np.random.Generator) -> Sequence[Candidate]:
        """Return about `count` offspring; `parents` are twice as many, the better ones repeated."""


@final
@dataclass(frozen=True)
class Mutation:
    """Breeds by one move from one parent.

    Attributes:
        moves: small changes of texts.
    """

    least: ClassVar[int] = 1
    moves: Moves

    def __call__(self, parents: Sequence[str], count: int, rng: np.random.Generator) -> list[Candidate]:
        """Return mutated texts."""
        found = ((parent, self.moves.mutate(parent, rng)) for parent in parents[:count])
        return [Candidate(text, "mutation", parents=(parent,)) for parent, text in found if text]


@final
@dataclass(frozen=True)
class Crossover:
    """Breeds by crossing two parents, and mutates some of the results.

    Attributes:
        moves: small changes and crossovers of texts.
        mutated: share of the results that are mutated too.
    """

    least: ClassVar[int] = 1
    moves: Moves
    mutated: float = 0.3

    def __call__(self, parents: Sequence[str], count: int, rng: np.random.Generator) -> list[Candidate]:
        """Return crossed texts."""
        found = []
        for first, second in zip(parents[:count], parents[count:], strict=False):
            text = self.moves.cross(first, second, rng)
            if text and rng.random() < self.mutated:
                text = self.moves.mutate(text, rng) or text
            found += [Candidate(text, "crossover", parents=(first, second))] if text else []
        return found
