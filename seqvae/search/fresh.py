"""Proposals that are worth a call: valid, distinct, and not scored yet."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import final

from seqvae.search.oracle import Candidate, Canonical

_ROUNDS = 12  # of making proposals until enough are new; each makes as many as still lack


@final
class Fresh:
    """Collects so many proposals, each of a canonical form that is neither known nor collected yet.

    Args:
        count: how many are wanted.
        canonical: returns the canonical form of a text, None for an invalid one.
        known: the forms that have a score, or were found to have none.
    """

    def __init__(self, count: int, canonical: Canonical, known: Container[str]) -> None:
        self.count, self.canonical, self.known = count, canonical, known
        self.found: list[Candidate] = []
        self._taken: set[str] = set()

    @property
    def lacking(self) -> int:
        """How many are still wanted."""
        return self.count - len(self.found)

    def take(self, one: Candidate, form: str | None) -> bool:
        """Take a proposal of that canonical form if it is new and still wanted; say whether it was taken."""
        if self.lacking <= 0 or form is None or form in self._taken or form in self.known:
            return False
        self._taken.add(form)
        self.found.append(one)
        return True

    def fill(self, make: Callable[[int], Sequence[Candidate]]) -> None:
        """Make proposals, as many as are lacking, until there are enough; give up where they do not come."""
        for _ in range(_ROUNDS):
            if self.lacking <= 0:
                break
            for one in make(self.lacking):
                self.take(one, self.canonical(one.text))
