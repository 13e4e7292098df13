"""Scoring with many terms: properties, each optionally mapped to 0 to 1, and joined into one score.

The terms are written in a TOML file, as `read_scoring` reads it:

    join = "geometric"

    [[term]]
    property = "qed"
    weight = 2.0

    [[term]]
    property = "logp"
    transform = "window"
    low = 1.0
    high = 3.5

    [[term]]
    command = "./dock.sh {smiles}"
    name = "docking"
    timeout = 60
    transform = "reverse_sigmoid"
    low = -12.0
    high = -6.0
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.config import suggestion
from seqvae.config.checks import door
from seqvae.config.toml import read_toml, section_from_dict
from seqvae.errors import ConfigError, InputError, UsageError
from seqvae.properties.desirability import SLOPE, Desirability
from seqvae.properties.external_program import TIMEOUT, Program
from seqvae.properties.property import Property
from seqvae.properties.registry import get, score

if TYPE_CHECKING:
    from seqvae.properties.molecules.cache import Sheets

GEOMETRIC, ARITHMETIC, PARETO = JOINS = ("geometric", "arithmetic", "pareto")
_OLD_JOINS = {"apart": PARETO}  # still read
SCORE = "score"
_TEXT = "text"  # the column of texts in tables
_NO_BOUND = float("inf")
_WEIGHTS = (1e-6, 1e6)  # beyond these the other terms would have no effect


@final
@dataclass(frozen=True)
class Term:
    """One term of a score: a property or a program, and how its value counts.

    Attributes:
        property: name of a property, as `seqvae.properties.get` takes it.
        weight: its weight among the terms.
        transform: maps its value to 0 to 1: `sigmoid`, `reverse_sigmoid`, `window`, `step`; or `none`.
        low: lower bound of the transform, in the property's unit.
        high: its upper bound.
        slope: its steepness.
        name: name of the term; empty: its property or command.
        command: a program in place of a property; see `external_program.py` for how it receives the texts.
        timeout: seconds that a call of the program may take.
        shell: the command is a script for `sh`.

    Raises:
        ConfigError: a setting is unknown, out of range, or has no effect with the others.
    """

    property: str = ""
    weight: float = 1.0
    transform: str = "none"
    low: float = -_NO_BOUND
    high: float = _NO_BOUND
    slope: float = SLOPE
    name: str = ""
    command: str = ""
    timeout: float = TIMEOUT
    shell: bool = False

    def __post_init__(self) -> None:
        if bool(self.property) == bool(self.command):
            raise ConfigError(f"expected either a property or a command, got {self.property!r} and {self.command!r}")
        if not _WEIGHTS[0] <= self.weight <= _WEIGHTS[1]:
            raise ConfigError(
                f"weight: expected a number from {_WEIGHTS[0]:g} to {_WEIGHTS[1]:g}, got {self.weight:g}: "
                "leave out a term that does not count"
            )
        if self.property and (self.shell or self.timeout != TIMEOUT):
            raise ConfigError(f"timeout, shell: no effect on the property {self.property!r}, only on a command")
        self.desirability()

    def title(self) -> str:
        """Return the name of the term."""
        return self.name or self.property or self.command

    def desirability(self) -> Desirability:
        """Return the transform of its values."""
        return Desirability(self.transform, self.low, self.high, self.slope)

    def source(self) -> str | Program:
        """Return the source of its values: the name of a property, or a program; equal sources give equal values.

        Raises:
            UsageError: there is no such program.
        """
        return self.property or Program(self.command, self.timeout, self.shell)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, usual) in values.items() if value != usual}

    def describe(self) -> str:
        """Return it in a few words, such as `window(logp, 1 to 3.5), weight 2`."""
        bounds = f"{self.low:g} to {self.high:g}"
        shaped = self.title() if self.transform == "none" else f"{self.transform}({self.title()}, {bounds})"
        return shaped if self.weight == 1.0 else f"{shaped}, weight {self.weight:g}"


@final
@dataclass(frozen=True)
class Scoring:
    """Scores texts by several terms; higher is better.

    Joined scores are weighted means of the terms' desirabilities d with weights w: the geometric mean
    exp(sum(w log d) / sum(w)), which is 0 if any d is 0 (Derringer & Suich 1980,
    doi:10.1080/00224065.1980.11980968), or the arithmetic mean sum(w d) / sum(w). For a single term both are the term
    itself. A text without a value for one of the terms has no score, NaN.

    It holds names, so it can be sent to other processes, which look the names up again.

    Attributes:
        terms: at least one, all of one domain.
        join: `geometric`, `arithmetic`, or `pareto`: the terms' desirabilities as separate columns, for searches with
            many objectives.
        sheets: a cache of molecules in this process, or None.

    Raises:
        ConfigError: the join is unknown, or a weight would have no effect.
        UsageError: there is no term, a name is unknown, two terms have the same name, or they are of different
            domains.

    >>> both = Scoring((Term("qed"), Term("logp", transform="window", low=-1.0, high=3.0)))
    >>> both(["CCO", "CCCCCCCCCCCC", "not a molecule"]).round(2).tolist()
    [0.64, 0.0, nan]
    """

    terms: tuple[Term, ...]
    join: str = GEOMETRIC
    sheets: Sheets | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(self.terms))
        object.__setattr__(self, "join", _OLD_JOINS.get(self.join, self.join))
        if self.join not in JOINS:
            raise ConfigError(f"join: unknown value {self.join!r}{suggestion(self.join, JOINS)}")
        if not self.terms:
            raise UsageError("expected at least one term, got none: add a [[term]]")
        if self.join == PARETO and any(term.weight != 1.0 for term in self.terms):
            raise ConfigError(f"weight: no effect with join {PARETO}: leave it out, or use another join")
        columns = (_TEXT, *self.titles)
        twice = next((title for title in columns if columns.count(title) > 1), None)
        if twice is not None:
            raise UsageError(f"two columns would be called {twice!r}: give a term another name")
        for (term, found), (later, other) in combinations(zip(self.terms, self._properties, strict=True), 2):
            if not set(found.domains) & set(other.domains):
                raise UsageError(
                    f"{term.title()!r} is of {found.kind}, {later.title()!r} of {other.kind}: "
                    "all terms must be of one domain"
                )

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for other processes, without functions and molecules, which may be too large."""
        return {"terms": self.terms, "join": self.join}

    @door
    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return `(batch,)` float64, or `(batch, terms)` if the join is `pareto`; NaN for a text without a score.

        Raises:
            InputError: a property or a program fails; or a geometric mean would need a negative number: the message
                names term and text.
        """
        return self._joined(self._desirable(self._numbers(texts)), texts)

    @property
    def columns(self) -> int:
        """Number of scores per text."""
        return len(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of a result: `score`, or the terms if the join is `pareto`."""
        return tuple(term.title() for term in self.terms) if self.join == PARETO else (SCORE,)

    @property
    def titles(self) -> tuple[str, ...]:
        """The columns of `parts`."""
        of_terms = [title for term in self.terms for title in (term.title(), f"{term.title()}.desirability")]
        return tuple(of_terms) if self.join == PARETO else (SCORE, *of_terms)

    @property
    def term_titles(self) -> tuple[str, ...]:
        """The columns of `with_terms` after the scores: of each term its value and its desirability.

        Empty where they would repeat the score: of one term without a transform.
        """
        if len(self.terms) == 1 and self.terms[0].transform == "none":
            return ()
        return tuple(f"{term.title()}.{part}" for term in self.terms for part in ("value", "desirability"))

    @property
    def domains(self) -> tuple[str, ...]:
        """The names of the domains whose texts all terms accept; all domains if they accept any text."""
        first, *others = self._properties
        return tuple(name for name in first.domains if all(name in other.domains for other in others))

    @property
    def one_by_one(self) -> bool:
        """Whether one of the terms calls a function or a program for each text."""
        return any(found.one_by_one for found in self._properties)

    def parts(self, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return the scores and their parts, `(batch,)` float64 by title, everything computed once.

        First the `score`, unless the join is `pareto`; then each term's value under its name, and its desirability
        under the name followed by `.desirability`. Raises as a call does.
        """
        numbers = self._numbers(texts)
        desirable = self._desirable(numbers)
        columns = [column for pair in zip(numbers.T, desirable.T, strict=True) for column in pair]
        if self.join != PARETO:
            columns.insert(0, self._joined(desirable, texts))
        return dict(zip(self.titles, columns, strict=True))

    def with_terms(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return `(batch, columns + terms)`: the scores, and the columns of `term_titles`; raises as a call does."""
        numbers = self._numbers(texts)
        desirable = self._desirable(numbers)
        scores = self._joined(desirable, texts).reshape(len(texts), -1)
        terms = np.stack([numbers, desirable], axis=2).reshape(len(texts), -1)
        return np.concatenate([scores, terms[:, : len(self.term_titles)]], axis=1)

    def describe(self) -> str:
        """Return a one-line description of the score."""
        listed = "; ".join(term.describe() for term in self.terms)
        if self.join != PARETO:
            return f"{self.join} mean of {listed}" if len(self.terms) > 1 else listed
        return f"{listed}; Pareto front"

    def to_dict(self) -> dict[str, Any]:
        """Return it in types of JSON and TOML; `from_dict` reads it."""
        return {"join": self.join, "term": [term.to_dict() for term in self.terms]}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Scoring:
        """Build a scoring from nested mappings, as read from a TOML file.

        Raises:
            ConfigError: a setting is unknown or of the wrong type; the message has the number of its term.
            UsageError: as for the class.
        """
        for key in values:
            if key not in ("join", "term"):
                raise ConfigError(f"unknown setting {key!r}{suggestion(key, ('join', 'term'))}")
        rows, join = values.get("term", []), values.get("join", GEOMETRIC)
        if not isinstance(rows, list):
            raise ConfigError(f"term: expected tables, each headed [[term]], got {rows!r}")
        if not isinstance(join, str):
            raise ConfigError(f"join: expected one of {', '.join(JOINS)}, got {join!r}")
        terms = []
        for number, row in enumerate(rows, 1):
            where = f"term {number}"
            try:
                terms.append(section_from_dict(Term, row, where))
            except ConfigError as error:
                if str(error).startswith(where):  # errors of keys and types say where; those of the term itself do not
                    raise
                raise ConfigError(f"{where}: {error}") from error
        return cls(tuple(terms), join)

    @functools.cached_property
    def _properties(self) -> tuple[Property, ...]:
        """The property of each term; terms with the same source share it."""
        known: dict[str | Program, Property] = {}
        found = []
        for number, term in enumerate(self.terms, 1):
            with _named(f"term {number}" if len(self.terms) > 1 else ""):
                source = term.source()
                if source not in known and isinstance(source, str):
                    known[source] = get(source)
                elif source not in known and isinstance(source, Program):
                    about = f"what {source.command} prints"
                    known[source] = Property(source.command, source.kind(), about, source, source.also)
            found.append(known[source])
        return tuple(found)

    def _numbers(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return `(batch, terms)`, the properties' values."""
        programs = {id(found): found for found in self._properties if isinstance(found.compute, Program)}
        others = {found.name: found for found in self._properties if id(found) not in programs}
        named = score(list(others.values()), texts, self.sheets)
        printed = {key: found(texts) for key, found in programs.items()}  # all texts in one call
        columns = [printed[id(found)] if id(found) in printed else named[found.name] for found in self._properties]
        return np.stack(columns, axis=1)

    def _desirable(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        shaped = [term.desirability()(column) for term, column in zip(self.terms, numbers.T, strict=True)]
        return np.stack(shaped, axis=1)

    def _joined(self, desirable: NDArray[np.float64], texts: Sequence[str]) -> NDArray[np.float64]:
        if self.join == PARETO:
            return desirable
        if len(self.terms) == 1:
            return desirable[:, 0]
        weights = [term.weight for term in self.terms]
        if self.join == ARITHMETIC:
            return _mean(desirable, weights)
        rows, columns = np.nonzero(desirable < 0.0)
        if len(rows):
            row, column = int(rows[0]), int(columns[0])
            raise InputError(
                f"term {self.terms[column].title()!r}: a geometric mean needs numbers from 0, got "
                f"{desirable[row, column]:g} for {texts[row]!r}: give the term a transform, or join by {ARITHMETIC!r}"
            )
        with np.errstate(divide="ignore", over="ignore"):
            means = np.exp(_mean(np.log(desirable), weights))
        zero = (desirable == 0.0).any(axis=1) & ~np.isnan(desirable).any(axis=1)
        return np.where(zero, 0.0, means)


@door
def scoring_of(word: str) -> Scoring:
    """Return the scoring of a word: the path of a `.toml` file, or the name of a property.

    Raises:
        ConfigError: as `read_scoring`.
        UsageError: there is no such property.
    """
    return read_scoring(word) if is_scoring_file(word) else Scoring((Term(word),))


def is_scoring_file(word: str) -> bool:
    """Return whether a word is the path of a scoring rather than the name of a property."""
    return word.lower().endswith(".toml")


@door
def read_scoring(path: Path | str) -> Scoring:
    """Read a scoring from a TOML file, in the format shown at the top of this module.

    Paths in it are relative to the working directory.

    Raises:
        ConfigError: the file cannot be read or is not TOML, or a setting is unknown or out of range; the message has
            the file, the number of the term, and a suggestion.
        UsageError: a property, or the program of a command, is not found; likewise.
        InputError: a file named by a property cannot be read.
    """
    where = Path(path).expanduser()
    values = read_toml(where, "the scoring")
    with _named(str(where)):
        return Scoring.from_dict(values)


@contextmanager
def _named(where: str) -> Iterator[None]:
    """Prefix errors with their origin."""
    try:
        yield
    except (UsageError, InputError) as error:
        if not where:
            raise
        kind = next(kind for kind in (ConfigError, UsageError, InputError) if isinstance(error, kind))
        raise kind(f"{where}: {error}") from error


def _mean(columns: NDArray[np.float64], weights: Sequence[float]) -> NDArray[np.float64]:
    """Return the weighted mean of each row, summed column by column so that it does not depend on the batch."""
    total, whole = np.zeros(len(columns)), 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        for column, weight in zip(columns.T, weights, strict=True):
            total += weight * column
            whole += weight
    return total / whole
