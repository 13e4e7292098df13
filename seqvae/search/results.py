"""The results of a search, from its ledger: calls by both rules, the best designs, the anytime curve and its area."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from seqvae.config import CHUNK
from seqvae.config.checks import door
from seqvae.data.files.chunks import Results as Rows
from seqvae.data.files.writers import TEXT
from seqvae.data.frames import frame_of
from seqvae.errors import UsageError
from seqvae.search.memory.origins import AMONG, Diversity, diversity, sheets_for
from seqvae.search.memory.pareto import hypervolumes, pareto_front, reference
from seqvae.search.oracle.failures import Failure, Failures
from seqvae.search.oracle.oracle import is_call
from seqvae.search.replicates import averaged
from seqvae.search.storage.ledger import CACHED, CALLED, INVALID, OK, Entry, Ledger
from seqvae.search.storage.run_folder import CHEAP, LEDGER, carried, settings_of, shape_of
from seqvae.search.storage.run_folder import names as names_in

if TYPE_CHECKING:
    import pandas as pd

TOP = 10  # designs whose mean score is followed
EVERY = 100  # calls between two points of the curve
ID = "id"  # the column of the names of designs
_OWN = {"text", "scores", "proposer", "terms", "cheap", "parents", "predicted"}  # of a design in JSON


@dataclass(frozen=True)
class Results:
    """The results of a search.

    Attributes:
        unique: calls, each valid text counted once.
        proposals: calls, counting every proposal within the budget: repeats and invalid texts too.
        best: the highest score; NaN where there is none.
        top_mean: mean score of the best ten designs, or of all where there are fewer.
        auc_top: area under the curve of that mean over the calls of the budget, 0 to 1 for scores in that range.
        top: the best designs, best first; of several scores the Pareto front.
        statuses: number of proposals by status.
        failures: why calls failed, the commonest first; errors that differ only in the text or in numbers are one.
        cheap_calls: of the cheap score, where proposals are screened by one first; they count nowhere else.
        hypervolumes: of two or three scores, what the designs so far dominate above `reference`, after 96, 384, 1,000
            and 10,000 calls and after the last, by number of calls; else empty.
        reference: point of the hypervolume: below the worst of each score on the front by a tenth of the front's width.
    """

    unique: int
    proposals: int
    best: float
    top_mean: float
    auc_top: float
    top: list[Entry]
    statuses: dict[str, int]
    failures: tuple[Failure, ...] = ()
    cheap_calls: int = 0
    hypervolumes: Mapping[int, float] = field(default_factory=dict)
    reference: tuple[float, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the best designs as a data frame of pandas; raises UsageError where that is not installed."""
        columns: dict[str, Sequence[object]] = {"text": [one.canonical for one in self.top]}
        several = max((len(one.scores) for one in self.top), default=1) > 1
        for place, values in enumerate(zip(*(one.scores for one in self.top), strict=True), 1):
            columns[f"score {place}" if several else "score"] = values
        return frame_of({**columns, "proposer": [one.proposer for one in self.top]})

    def to_dict(self, known: Known | None = None) -> dict[str, object]:
        """Return the same in JSON's types: NaN, where there is no score yet, becomes None.

        Args:
            known: names and columns of the best designs, which they then have too.
        """
        named = {
            "calls_unique": self.unique,
            "calls_every": self.proposals,
            "best": _or_none(self.best),
            "top10_mean": _or_none(self.top_mean),
            "auc_top10": self.auc_top,
        }
        top = [
            {"text": entry.canonical, "scores": list(entry.scores), "proposer": entry.proposer}
            | ({"terms": [_or_none(term) for term in entry.terms]} if entry.terms else {})
            | ({"cheap": _or_none(entry.cheap)} if entry.cheap is not None else {})
            | ({"parents": list(entry.parents)} if entry.parents else {})
            | ({"predicted": list(entry.predicted)} if entry.predicted else {})
            | ({title: cells[0] for title, cells in known.of([entry], _OWN).items() if cells[0]} if known else {})
            for entry in self.top
        ]
        failures = {"failures": [asdict(one) for one in self.failures]} if self.failures else {}
        more: dict[str, object] = {"cheap_calls": self.cheap_calls} if self.cheap_calls else {}
        if self.hypervolumes:
            after = {str(calls): volume for calls, volume in self.hypervolumes.items()}
            more["hypervolume"] = {"reference": list(self.reference), "after_calls": after}
        return {**named, **more, "statuses": self.statuses, **failures, "top": top}


def _or_none(score: float) -> float | None:
    return None if math.isnan(score) else score


@contextmanager
def opened_results(folder: str | Path, kept: int = 0) -> Iterator[tuple[Results, dict[str, Any], Ledger]]:
    """Yield the results of a search, even while it runs, with its settings and its ledger.

    Args:
        folder: of the search.
        kept: as in `results`.

    Raises:
        InputError: there is no search in the folder.
        UsageError: as in `results`.
    """
    settings = settings_of(Path(folder))
    calls = settings["config"]["oracle"]
    with closing(Ledger(Path(folder) / LEDGER, shape=shape_of(settings))) as ledger:
        yield results(ledger.entries(), calls["budget"], count=calls["count"], kept=kept), settings, ledger


@dataclass(frozen=True)
class Compared:
    """One of several searches that are compared.

    Attributes:
        name: of the run: its folder's, with as many of the folders above as tell it from the others.
        settings: as in its folder.
        results: of the search.
        called: evaluations that the oracle was called for, in order.
        hypervolume: of two or three scores, what the designs of the first `calls` calls dominate above one reference
            point of all these searches; None where their scores differ.
        calls: of the search that has the fewest.
    """

    name: str
    settings: Mapping[str, Any]
    results: Results
    called: list[Entry]
    hypervolume: float | None = None
    calls: int = 0


@door
def compared(folders: Sequence[str | Path]) -> list[Compared]:
    """Return the results of several searches; errors as in `opened_results`."""
    found, names = list[Compared](), _told_apart([Path(one) for one in folders])
    for folder, name in zip(folders, names, strict=True):
        with opened_results(folder) as (one, settings, ledger):
            called = [entry for entry in ledger.entries() if entry.status in CALLED]
            found.append(Compared(name, settings, one, called))
    return _with_hypervolumes(found)


def _with_hypervolumes(found: list[Compared]) -> list[Compared]:
    """Return searches with their hypervolumes, where all maximise the same several scores."""
    calls, names = min(len(one.called) for one in found), found[0].settings["scores"]
    if calls == 0 or len(names) < 2 or any(one.settings["scores"] != names for one in found):
        return found
    values = [np.array([entry.scores for entry in one.called], np.float64) for one in found]
    known = np.concatenate(values)
    known = known[np.isfinite(known).all(axis=1)]
    if not len(known):
        return found
    below = reference(known)
    volumes = [hypervolumes(rows[:calls], below).get(calls) for rows in values]
    return [replace(one, hypervolume=volume, calls=calls) for one, volume in zip(found, volumes, strict=True)]


def _told_apart(folders: Sequence[Path]) -> list[str]:
    """Return the shortest ends of some paths that differ; the paths themselves where one comes twice."""
    parts = [folder.absolute().parts for folder in folders]
    for count in range(1, max(map(len, parts)) + 1):
        names = [str(Path(*one[-count:])) for one in parts]
        if len(set(names)) == len(names):
            return names
    return [str(folder) for folder in folders]


@dataclass(frozen=True)
class Known:
    """What a laboratory's tables say of designs, by canonical form.

    Attributes:
        names: identifiers, of the designs on plates too.
        columns: other columns by title.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, entries: Sequence[Entry], taken: Collection[str]) -> dict[str, list[object]]:
        """Return the columns of some evaluations, without those whose titles are taken."""
        forms = [entry.canonical or "" for entry in entries]
        titles = dict.fromkeys(title for cells in self.columns.values() for title in cells)
        named: dict[str, list[object]] = {ID: [self.names.get(form, "") for form in forms]} if self.names else {}
        return named | {
            title: [self.columns.get(form, {}).get(title, "") for form in forms]
            for title in titles
            if title not in taken and title != ID
        }


def known_of(folder: str | Path) -> Known:
    """Return the names and columns of the designs of a search; raises InputError where they are damaged."""
    return Known(names_in(Path(folder)), carried(Path(folder)))


def table_of(
    entries: Iterable[Entry],
    names: Sequence[str],
    terms: Sequence[str] = (),
    known: Known | None = None,
    cheap: bool = False,
) -> Iterator[Rows]:
    """Yield evaluations as rows of a table, `CHUNK` at a time.

    Args:
        entries: of a ledger.
        names: columns of the scores.
        terms: columns of the terms.
        known: what else is known of the designs: their names, and columns of the tables that they were told in.
        cheap: whether there is a cheap score, which has a column too.
    """
    source = iter(entries)
    while some := list(islice(source, CHUNK)):
        columns: dict[str, list[object]] = {"canonical": [entry.canonical or "" for entry in some]}
        columns |= {name: [entry.scores[place] for entry in some] for place, name in enumerate(names)}
        for place, name in enumerate(terms):
            columns[name] = [entry.terms[place] if entry.terms else math.nan for entry in some]
        columns |= {CHEAP: [math.nan if entry.cheap is None else entry.cheap for entry in some]} if cheap else {}
        for title in ("status", "round", "proposer", "seconds", "error"):
            columns[title] = [getattr(entry, title) for entry in some]
        columns |= known.of(some, {TEXT, *columns}) if known is not None else {}
        yield Rows([entry.text for entry in some], columns)


@door
def results(entries: Iterable[Entry], budget: int, top: int = TOP, count: str = "unique", kept: int = 0) -> Results:
    """Return the results of a search, from the first score of each entry.

    Args:
        entries: of a ledger, in its order.
        budget: calls over which the area is taken; a run that ended earlier keeps its last mean.
        top: designs whose mean is taken.
        count: what counts as a call of that budget: `unique`, as in PMO, or `every`; see `OracleConfig`.
        kept: designs to return; 0: `top` of them, of several scores the whole front.

    Raises:
        UsageError: `top` is below 1, or `kept` negative.
    """
    if top < 1 or kept < 0:
        raise UsageError(f"top: expected a number of designs from 1, got {min(top, kept)}")
    statuses: dict[str, int] = {}
    counted, cheap_calls = list[Entry](), 0
    failures = Failures()
    for entry in entries:
        failures.add(entry)
        cheap_calls += entry.cheap is not None
        statuses[entry.status] = statuses.get(entry.status, 0) + 1
        if is_call(entry.status, count):
            counted.append(entry)
    called = designs_of(entry for entry in counted if entry.status in CALLED)
    left, rows = dict(called), list[tuple[float, ...] | None]()  # the scores of each call; None: it brought nothing new
    for entry in counted:
        found = left.pop(entry.canonical, None)
        if found is not None or count == "every":
            rows.append(found.scores if found is not None and found.status == OK else None)
    scores = [-np.inf if row is None else row[0] for row in rows]
    curve = anytime(scores, top, 1)
    good = best_of([entry for entry in called.values() if entry.status == OK])
    several = bool(good) and len(good[0].scores) > 1
    nothing = (math.nan,) * (len(good[0].scores) if good else 1)
    values = np.array([nothing if row is None else row for row in rows], np.float64)
    below = reference(np.array([entry.scores for entry in good], np.float64)) if several else np.empty(0)
    return Results(
        unique=len(called),
        proposals=len(called) + sum(statuses.get(status, 0) for status in (CACHED, INVALID)),
        best=max((entry.scores[0] for entry in good), default=float("nan")),
        top_mean=float(curve[-1]) if len(curve) else float("nan"),
        auc_top=auc_top(scores, budget, top),
        top=good[: kept or (len(good) if several else top)],
        statuses=statuses,
        failures=tuple(failures.commonest()),
        cheap_calls=cheap_calls,
        hypervolumes=hypervolumes(values, below) if several else {},
        reference=tuple(below.tolist()),
    )


def best_of(entries: Sequence[Entry]) -> list[Entry]:
    """Return designs by their first score, best first; of several scores the Pareto front alone.

    One that was measured several times is its first entry, with the mean of all: not the luckiest well decides.
    """
    entries = list(designs_of(entries).values())
    if entries and len(entries[0].scores) > 1:
        values = np.array([entry.scores for entry in entries], np.float64)
        entries = [entries[int(row)] for row in pareto_front(values)]
    return sorted(entries, key=lambda entry: -entry.scores[0])


def diversity_of(entries: Iterable[Entry]) -> Diversity | None:
    """Return how much the best designs of a ledger differ; None where nothing has been scored."""
    best = best_of([entry for entry in entries if entry.status == OK])[:AMONG]
    return diversity(best, sheets_for(best))


def designs_of(called: Iterable[Entry]) -> dict[str | None, Entry]:
    """Return the first entry of each text, with the mean of all its measurements, in order."""
    first: dict[str | None, Entry] = {}
    scores: dict[str | None, list[tuple[float, ...]]] = {}
    errors: dict[str | None, list[tuple[float, ...]]] = {}
    for entry in called:
        first.setdefault(entry.canonical, entry)
        scores.setdefault(entry.canonical, []).append(entry.scores)
        errors.setdefault(entry.canonical, []).append(entry.errors)
    for text, found in scores.items():
        if len(found) > 1:
            first[text] = replace(first[text], scores=averaged(found, errors[text]))
    return first


def anytime(scores: Sequence[float] | NDArray[np.float64], top: int = TOP, every: int = EVERY) -> NDArray[np.float64]:
    """Return the mean of the best `top` scores after every `every` calls, and after the last one.

    While there are fewer scores it is the mean of all; scores of minus infinity count as none.
    """
    best: list[float] = []
    means = []
    for number, score in enumerate(scores, 1):
        if np.isfinite(score):
            (heapq.heappush if len(best) < top else heapq.heappushpop)(best, float(score))
        if number % every == 0 or number == len(scores):
            means.append(sum(best) / len(best) if best else float("nan"))
    return np.array(means)


def auc_top(scores: Sequence[float] | NDArray[np.float64], budget: int, top: int = TOP, every: int = EVERY) -> float:
    """Return the area under the curve of the best scores' mean over calls, divided by the budget.

    The measure of PMO (Gao et al. 2022, arXiv:2206.12411): trapezoids over every 100 calls, from 0 before the first
    call; a run that ends early keeps its last mean to the end of the budget. Scores beyond the budget do not count.

    Args:
        scores: in the order of the calls, each distinct text once.
        budget: calls.
        top: number of scores whose mean is followed.
        every: calls between two points of the curve.
    """
    within = np.asarray(scores, np.float64)[:budget]
    if not len(within):
        return 0.0
    means = np.nan_to_num(anytime(within, top, every), nan=0.0)
    at = np.array([*range(every, len(within), every), len(within)], np.float64)
    area = trapezoid([0.0, *means], [0.0, *at])
    return float((area + (budget - len(within)) * means[-1]) / budget)
