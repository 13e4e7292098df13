"""Small changes of texts, the interface of every domain's moves."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Moves(Protocol):
    """Small changes of texts; `MoleculeMoves`, `SelfiesMoves`, `SequenceMoves` and `CodonMoves` are such."""

    def mutate(self, text: str, rng: np.random.Generator) -> str | None:
        """Return a text that differs a little from this one; None where there is none."""

    def cross(self, first: str, second: str, rng: np.random.Generator) -> str | None:
        """Return a text made of a part of each; None where there is none."""
