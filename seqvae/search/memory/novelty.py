"""The novelty filter: proposals that are worth a call are valid, distinct, and not scored yet."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from typing import final

from seqvae.search.proposals import Candidate, Canonical

_ROUNDS = 12  # attempts to make enough new proposals; each makes as many as are still lacking


@final
class NoveltyFilter:
    """Collects proposals whose canonical form is neither known nor collected yet; each then carries its form.

    Args:
        count: how many are wanted.
        canonical: returns the canonical form of a text, None for an invalid one.
        known: the forms that have been scored, successfully or not.
    """

    def __init__(self, count: int, canonical: Canonical, known: Container[str]) -> None:
        self.count, self.canonical, self.known = count, canonical, known
        self.found: list[Candidate] = []
        self.seen: dict[str, None] = {}  # new forms in order of arrival, those of `found` among them

    @property
    def lacking(self) -> int:
        """How many are still wanted."""
        return self.count - len(self.found)

    def new(self, form: str | None) -> bool:
        """Return whether a canonical form is new; from now on it is not."""
        if form is None or form in self.seen or form in self.known:
            return False
        self.seen[form] = None
        return True

    def take(self, one: Candidate, form: str | None) -> bool:
        """Take a proposal if its canonical form is new and it is still wanted; return whether it was taken."""
        if self.lacking <= 0 or not self.new(form):
            return False
        self.found.append(replace(one, form=form))
        return True

    def fill(self, make: Callable[[int], Sequence[Candidate]], most: int | None = None) -> None:
        """Make proposals until there are enough, or `most` more of them; give up after a dozen attempts.

        Surplus proposals are dropped, and do not count as new again.
        """
        end = self.count if most is None else min(len(self.found) + most, self.count)
        for _ in range(_ROUNDS):
            lacking = end - len(self.found)
            if lacking <= 0:
                break
            made = [replace(one, form=self.canonical(one.text)) for one in make(lacking)]
            self.found += [one for one in made if self.new(one.form)][:lacking]
