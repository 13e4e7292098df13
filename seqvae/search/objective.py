"""What a search maximises: terms that are scored, or a function of a user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

from seqvae.errors import UsageError
from seqvae.properties.scoring import SCORE, Scoring, scoring_of
from seqvae.properties.user import PerText
from seqvae.sequences.domain import DOMAINS

Objective = str | Scoring | Callable[[str], float | None]


@final
@dataclass(frozen=True)
class OwnFunction:
    """Scores texts by a function that was given as such, not by name.

    Attributes:
        function: takes a text, returns a number or None.
    """

    KEY: ClassVar[str] = "function"
    columns: ClassVar[int] = 1
    names: ClassVar[tuple[str, ...]] = (SCORE,)
    domains: ClassVar[tuple[str, ...]] = tuple(DOMAINS)
    one_by_one: ClassVar[bool] = True
    function: Callable[[str], float | None]

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return a number for each text, NaN where it has none; raises InputError where the function fails."""
        return PerText(self.to_dict()[self.KEY], self.function)(texts)

    def to_dict(self) -> dict[str, Any]:
        """Return its name, which is all that can be written down of it."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return {self.KEY: f"{self.function.__module__}:{name}"}


def columns_of(scoring: Scoring | OwnFunction | None) -> int:
    """Return how many numbers a text gets; one where a laboratory measures."""
    return scoring.columns if scoring else 1


def scored_by(objective: Objective) -> Scoring | OwnFunction:
    """Return what an objective means; raises UsageError where it means nothing."""
    if isinstance(objective, str):
        return scoring_of(objective)
    return objective if isinstance(objective, Scoring) else OwnFunction(objective)


def found_scoring(
    written: dict[str, Any] | None, function: Callable[[str], float | None] | None, folder: Path
) -> Scoring | OwnFunction | None:
    """Return the objective of a search's folder, a user's function given again; raises UsageError for another one."""
    name = (written or {}).get(OwnFunction.KEY)
    if name is None:
        if function is not None:
            raise UsageError(f"{folder}: its objective was not given as a function: leave the function out")
        return None if written is None else Scoring.from_dict(written)
    if function is None:
        raise UsageError(f"{folder}: its objective is the function {name}: give it again")
    found = OwnFunction(function)
    other = found.to_dict()[OwnFunction.KEY]
    if not same_name(name, other):
        raise UsageError(f"{folder}: its objective is the function {name}: expected that one, got {other}")
    return found


def same_name(*names: str) -> bool:
    """Return whether names of functions may be of one; a script that is run calls its own module by another name."""
    modules, functions = zip(*(name.split(":", 1) for name in names), strict=True)
    return len(set(functions)) == 1 and (len(set(modules)) == 1 or "__main__" in modules)
