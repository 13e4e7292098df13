"""Operators: how offspring are bred from the best texts so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Protocol, final

import numpy as np

from seqvae.config import MoveConfig
from seqvae.search.domain.moves import Moves
from seqvae.search.domain.sequence_moves import SequenceMoves
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
        name: by which its offspring go.
    """

    least: ClassVar[int] = 1
    moves: Moves
    name: str = "mutation"

    def __call__(self, parents: Sequence[str], count: int, rng: np.random.Generator) -> list[Candidate]:
        """Return mutated texts."""
        found = ((parent, self.moves.mutate(parent, rng)) for parent in parents[:count])
        return [Candidate(text, self.name, parents=(parent,)) for parent, text in found if text]


@final
@dataclass(frozen=True)
class Crossover:
    """Breeds by crossing two parents, and mutates some of the results.

    Attributes:
        moves: small changes and crossovers of texts.
        mutated: share of the results that are mutated too.
        name: by which its offspring go.
    """

    least: ClassVar[int] = 1
    moves: Moves
    mutated: float = 0.3
    name: str = "crossover"

    def __call__(self, parents: Sequence[str], count: int, rng: np.random.Generator) -> list[Candidate]:
        """Return crossed texts."""
        found = []
        for first, second in zip(parents[:count], parents[count:], strict=False):
            text = self.moves.cross(first, second, rng)
            if text and rng.random() < self.mutated:
                text = self.moves.mutate(text, rng) or text
            found += [Candidate(text, self.name, parents=(first, second))] if text else []
        return found


def breeding(moves: Moves, shares: MoveConfig) -> dict[str, tuple[Operator, float]]:
    """Return the operators that need no model, each with its share of the proposals.

    Of sequences of one length, those that keep each letter at its place and those that shift letters are operators of
    their own: which of them succeeds differs from task to task.
    """
    if not (isinstance(moves, SequenceMoves) and moves.fixed_length and shares.apart):
        return {
            "crossover": (Crossover(moves, shares.mutated), shares.crossover),
            "mutation": (Mutation(moves), shares.mutation),
        }
    aligned, shifting = replace(moves, shifted=0.0), replace(moves, shifted=1.0)
    names = {"crossover": (aligned, 1 - moves.shifted), "transposition": (shifting, moves.shifted)}
    crossed = {
        name: (Crossover(of, shares.mutated, name), shares.crossover * part) for name, (of, part) in names.items()
    }
    names = {"mutation": (aligned, 1 - moves.shifted), "shift": (shifting, moves.shifted)}
    return crossed | {name: (Mutation(of, name), shares.mutation * part) for name, (of, part) in names.items()}
