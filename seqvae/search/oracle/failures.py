"""Failures of an objective, counted by kind: the reason of the commonest one is what its user must see."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import final

from seqvae.search.storage.ledger import FAILED, TIMEOUT, Entry

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


@final
@dataclass(frozen=True)
class Failure:
    """A kind of failure.

    Attributes:
        error: the first error of this kind.
        count: how many calls ended so.
    """

    error: str
    count: int


@final
class Failures:
    """Counts the failed calls of a search; errors that differ only in the text or in numbers are of one kind."""

    def __init__(self) -> None:
        self._kinds: dict[str, Failure] = {}

    @property
    def total(self) -> int:
        """How many calls have failed."""
        return sum(one.count for one in self._kinds.values())

    def add(self, entry: Entry) -> None:
        """Count an entry of the ledger, where it failed."""
        if entry.status not in (FAILED, TIMEOUT):
            return
        kind = _NUMBER.sub("0", entry.error.replace(repr(entry.text), "..."))
        first = self._kinds.get(kind, Failure(entry.error, 0))
        self._kinds[kind] = Failure(first.error, first.count + 1)

    def commonest(self) -> list[Failure]:
        """Return the kinds, the commonest first."""
        return sorted(self._kinds.values(), key=lambda one: -one.count)

    def describe(self, calls: int) -> str:
        """Return one line on the failures among so many calls; empty where there are none."""
        if not self._kinds:
            return ""
        first = self.commonest()[0]
        return f"{self.total:,} of {calls:,} calls failed; most often ({first.count:,}): {first.error}"
