"""What a domain's moves offer to optimisers that breed."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Moves(Protocol):
    """Small changes of texts; `MoleculeMoves`, `SelfiesMoves` and `SequenceMoves` are such."""

    def mutate(self, text: str, rng: np.random.Generator) -> str | None:
        """Return a text near this one; None where there is none."""

    def cross(self, first: str, second: str, rng: np.random.Generator) -> str | None:
        """Return a text of a part of each; None where there is none."""
