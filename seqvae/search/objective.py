"""What a search maximises: scoring terms, or a user's own function."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from seqvae.config import DecodeConfig
from seqvae.errors import ConfigError, UsageError
from seqvae.latent.codec import Codec
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.scoring import SCORE, Scoring, scoring_of
from seqvae.properties.user import PerText
from seqvae.search.domain.domain import Texts, molecules, texts_alone, texts_of
from seqvae.search.storage.settings import CHEAP
from seqvae.sequences.domain import DNA, DOMAINS, LETTERS

_OLD_SIMILARITY = re.compile(r"^similarity:(ecfp4|ecfp6|fcfp4):")
_LOOKED_AT = 64  # texts of the prior
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


def cheap_scoring(name: str, scoring: Scoring | OwnFunction | None) -> Scoring | None:
    """Return the cheap score of that name, by which proposals are screened before the objective; None without a name.

    Raises:
        ConfigError: a laboratory measures, it is not one score, or a score of the objective has the name of its column.
        UsageError: there is no such property, or it is of other texts than the objective.
    """
    if not name:
        return None
    if scoring is None:
        raise ConfigError("stages.cheap: for searches with an objective, not for a laboratory's: leave it out")
    cheap = scoring_of(name)
    if cheap.columns != 1:
        raise ConfigError(f"stages.cheap: expected one score, {name} has {cheap.columns}: join them by another join")
    if CHEAP in scoring.names:
        raise ConfigError(f"stages.cheap: its column is called {CHEAP!r}, and so is a score: give that another name")
    read_by(scoring, cheap)
    return cheap


def read_by(scoring: Scoring | OwnFunction | None, cheap: Scoring | None) -> tuple[str, ...]:
    """Return the names of the domains whose texts both scores read; raises UsageError where there is none."""
    read = scoring.domains if scoring else tuple(DOMAINS)
    both = tuple(name for name in read if cheap is None or name in cheap.domains)
    if cheap is not None and not both:
        raise UsageError(f"the objective expects {read[0]}, the cheap score {cheap.domains[0]}: change one of them")
    return both


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


def texts_scored(codec: Codec | None, read: Sequence[str], start: Sequence[str], sheets: Sheets) -> Texts:
    """Return the kind of texts, from the model where there is one; raises where the objective expects another kind.

    Without a model it is what the objective reads, or, where that is any text, what the texts to begin with are.
    """
    if codec is None:
        return texts_alone(read, start, sheets)
    # A model of letters writes DNA where all that it learned are bases.
    letters = {token.upper() for token in codec.tokenizer.tokens if len(token) == 1}
    domain = codec.tokenizer.domain.name
    written = DNA if domain == LETTERS and letters <= set("ACGTUN") else domain
    if written not in read:
        raise UsageError(f"the objective expects {read[0]}, the model writes {written}: change one of them")
    if codec.tokenizer.molecular:
        return molecules(sheets)
    # The first texts show whether all have one length.
    return texts_of(codec.tokenizer, start or codec.generate_samples(_LOOKED_AT, DecodeConfig("sample")).texts)
