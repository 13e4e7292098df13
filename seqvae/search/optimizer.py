"""The contract of every optimiser: ask for proposals, tell what they scored, and carry on from a saved state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from seqvae.search.proposals import Candidate, Scores
from seqvae.search.storage.state import State


@runtime_checkable
class Optimizer(Protocol):
    """Proposes texts and learns from their scores; higher is better.

    What is proposed follows from the seed and from what was told, so that an optimiser that was saved and loaded
    proposes what it would have proposed.
    """

    def ask(self, count: int) -> list[Candidate]:
        """Return proposals, distinct and not proposed before as far as possible; fewer only where there are no more."""

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Learn what proposals scored, whoever made them."""

    def state_dict(self) -> State:
        """Return everything that the next proposals follow from."""

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
