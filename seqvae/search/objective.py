"""What a search maximises: scoring terms, or a user's own function."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import UsageError
from seqvae.properties.scoring import SCORE, Scoring, scoring_of
from seqvae.properties.user import PerText
from seqvae.sequences.domain import DOMAINS

_OLD_SIMILARITY = re.compile(r"^similarity:(ecfp4|ecfp6|fcfp4):")
Objective = str | Scoring | Callable[[str], float | None]


@final
@dataclass(frozen=True)
class OwnFunction:
    """Scores texts by a function object rather than by a property's name.

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
        """Return its name, which is all of it that can be saved."""
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return {self.KEY: f"{self.function.__module__}:{name}"}


@final
@dataclass(frozen=True)
class Termwise:
    """Scores texts by terms, and returns the terms after the scores.

    Attributes:
        scoring: the terms.
    """

    scoring: Scoring

    @property
    def one_by_one(self) -> bool:
        """As of the scoring."""
        return self.scoring.one_by_one

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return `(batch, columns + terms)`; raises as the scoring."""
        return self.scoring.with_terms(texts)


def columns_of(scoring: Scoring | OwnFunction | None) -> int:
    """Return the number of scores per text; one where a laboratory measures."""
    return scoring.columns if scoring else 1


def scored_by(objective: Objective) -> Scoring | OwnFunction:
    """Return the scoring that an objective stands for; raises UsageError where there is none."""
    if isinstance(objective, str):
        return scoring_of(objective)
    return objective if isinstance(objective, Scoring) else OwnFunction(objective)


def found_scoring(
    written: dict[str, Any] | None, function: Callable[[str], float | None] | None, folder: Path
) -> Scoring | OwnFunction | None:
    """Return the objective of a search's folder; raises UsageError where a function is missing or another one."""
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


def counted(written: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an objective of a search that is older than the bits of `similarity:ecfp4`: there it means counts."""
    if written is None or "term" not in written:
        return written
    terms = []
    for term in written["term"]:
        name = str(term.get("property", ""))
        changed = _OLD_SIMILARITY.sub(r"similarity:\1-counts:", name)
        terms.append(term if changed == name else {"name": name, **term, "property": changed})
    return {**written, "term": terms}


def same_name(*names: str) -> bool:
    """Return whether the names may be of one function; a script that is run calls its own module `__main__`."""
    modules, functions = zip(*(name.split(":", 1) for name in names), strict=True)
    return len(set(functions)) == 1 and (len(set(modules)) == 1 or "__main__" in modules)
