"""The page of a search: its settings, its progress call by call, and the best designs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqvae.evaluate.glossary import SEARCH, search_terms
from seqvae.report.html.line_plot import Series, line_plot
from seqvae.report.html.molecules import molecule_grid
from seqvae.report.html.page import Section, code, glossary, more, page, paragraph, table
from seqvae.report.html.sequences import sequence_text
from seqvae.search.memory.origins import diversity, origins, sheets_for
from seqvae.search.outlook import LEVEL, Outlook, Predicted, coverage, predictions_of, sentences
from seqvae.search.results import TOP, Known, Results, anytime, best_of
from seqvae.search.storage.ledger import CALLED, OK, Entry
from seqvae.search.storage.run_folder import CHEAP
from seqvae.sequences.molecules import is_valid

_POINTS = 200  # of a curve: a page has no pixels for many more
_DESIGNS = 24
_SCORES = ("best", "top_mean")  # metrics that are of the first score where there are several
_PREDICTED = 96  # last predictions that are shown beside measurements
_BEST = 100  # designs among which proposers are counted


def search_page(
    name: str,
    settings: Mapping[str, Any],
    found: Results,
    entries: Sequence[Entry],
    known: Known | None = None,
    said: Outlook | None = None,
) -> str:
    """Return the page of a search.

    Args:
        name: of the run.
        settings: as in the run's folder.
        found: its results.
        entries: of its ledger, in order.
        known: identifiers of designs, and the other columns of the tables that they were told in.
        said: what a laboratory's measurements say together.
    """
    called = [entry for entry in entries if entry.status in CALLED]
    names = [str(score) for score in settings["scores"]]
    best = best_of([entry for entry in called if entry.status == OK])
    several = len(names) > 1
    shown = best[:_DESIGNS]
    plots = [curves(called, names)]
    if several and best:  # designs from one end of the front to the other
        shown = [best[int(row)] for row in np.unique(np.linspace(0, len(best) - 1, _DESIGNS).round())]
        across = [entry.scores[0] for entry in best]
        lines = [Series(one, across, [entry.scores[i] for entry in best]) for i, one in enumerate(names[1:], 1)]
        plots.append(line_plot(lines, "The Pareto front", names[0], names[1] if len(names) == 2 else "score"))
    of = f" by {names[0]}" if several else ""
    metrics = [
        *[[f"{metric.title}{of if key in _SCORES else ''}", getattr(found, key)] for key, metric in SEARCH.items()],
        *([["calls of the cheap score", found.cheap_calls]] if CHEAP in settings else []),
        *[[f"hypervolume after {calls:,} calls", volume] for calls, volume in found.hypervolumes.items()],
        *[[f"proposals: {status}", count] for status, count in found.statuses.items()],
    ]
    count = Counter(entry.proposer for entry in entries)
    scored = Counter(entry.proposer for entry in entries if entry.status == OK)
    good = Counter(entry.proposer for entry in (best if several else best[:_BEST]))
    titles = ["proposed by", "proposals", "scored", "on the Pareto front" if several else f"among the best {_BEST}"]
    sources = [[one or "given", number, scored[one], good[one]] for one, number in count.most_common()]
    title = f"{len(shown)} designs along the Pareto front" if several else f"The best {len(shown)} designs"
    sections = [
        Section("Results", (f'<div class="side">{plots[0]}{table(["metric", "value"], metrics, 1)}</div>', *plots[1:])),
        Section(title, _designs(shown, names, settings.get("terms", ()), known or Known())),
        *_origins(shown, best, entries, (known or Known()).names),
        *_outlook(said, (known or Known()).names, predictions_of(settings, entries) if said is None else []),
        Section("Where the designs came from", (table(titles, sources),)),
        glossary(search_terms()),
        Section("Settings", (more("as in the folder of the search", code(json.dumps(settings, indent=1))),)),
    ]
    came_to = f"{len(best):,} on the Pareto front of {', '.join(names)}" if several else f"best {found.best:.4g}"
    return page(f"Search {name}", sections, f"{found.unique:,} designs scored, {came_to}.")


def _origins(
    shown: Sequence[Entry], best: Sequence[Entry], entries: Sequence[Entry], names: Mapping[str, str]
) -> list[Section]:
    """Return why each design was proposed: by whom, near what, and what it gained on that; and how much they differ."""
    if not best:
        return []
    sheets = sheets_for(entries)
    titles = ["design", "proposed by", "round", "nearest before", "similarity", "its score", "score", "gain"]
    rows = []
    for one, origin in zip(shown, origins(shown, entries, sheets), strict=True):
        near = ["", "", "", one.scores[0], ""]
        if origin is not None:
            near = [
                names.get(origin.nearest, origin.nearest),
                origin.similarity,
                origin.before,
                one.scores[0],
                origin.gain,
            ]
        rows.append([names.get(str(one.canonical), str(one.canonical)), one.proposer, one.round, *near])
    differ = diversity(best, sheets)
    said = "; ".join(f"{title}: {value}" for title, value in (differ.rows() if differ is not None else ()))
    return [Section("Why each design was proposed", (table(titles, rows), *([paragraph(f"{said}.")] if said else ())))]


def _outlook(said: Outlook | None, names: Mapping[str, str], predicted: Sequence[Predicted]) -> list[Section]:
    """Return what a laboratory's measurements say, and the last predictions beside what was measured.

    Of a search with an objective, of which nothing is said, `predicted` are the predictions.
    """
    shown = predicted if said is None else said.predictions
    lines = [coverage(shown)] if shown else []
    blocks = [paragraph(line) for line in (lines if said is None else sentences(said, names))]
    if not blocks:
        return []
    if shown:
        titles = ["design", "round", "predicted", "sd", "measured", f"in its {LEVEL:.0%} interval"]
        rows = [
            [
                names.get(one.form, one.form),
                one.round,
                one.mean,
                one.deviation,
                one.measured,
                "yes" if one.within else "no",
            ]
            for one in shown[-_PREDICTED:]
        ]
        blocks.append(table(titles, rows))
    title = "Predicted against measured" if said is None else "What the measurements say together"
    return [Section(title, tuple(blocks))]


def curves(called: Sequence[Entry], names: Sequence[str]) -> str:
    """Return a plot of the best of each score so far, call by call, or a sentence if there are none."""
    if not called:
        return paragraph("Nothing has been scored yet.")
    every = max(1, len(called) // _POINTS)
    calls = [*range(every, len(called), every), len(called)]
    lines = []
    for place, name in enumerate(names):
        scores = np.array([entry.scores[place] if entry.status == OK else -np.inf for entry in called])
        of = f" by {name}" if len(names) > 1 else ""
        for title, top in (("best", 1), (f"mean of the top {TOP}", TOP))[: 1 if of else 2]:
            lines.append(Series(title + of, calls, anytime(scores, top, every)[-len(calls) :].tolist()))
    return line_plot(lines, "Best scores so far", "calls", "score")


def _designs(best: Sequence[Entry], names: Sequence[str], terms: Sequence[str], known: Known) -> tuple[str, str]:
    """Return designs, drawn or written, with their scores, and the same as a table."""
    texts = [str(entry.canonical) for entry in best]
    captions = [
        ", ".join(f"{name} {score:.4g}" for name, score in zip(names, entry.scores, strict=True))
        if len(names) > 1
        else f"{names[0]} {entry.scores[0]:.3g}"
        for entry in best
    ]
    drawn = all(map(is_valid, texts[:TOP]))
    blank = [""] * len(terms)
    cheap = any(entry.cheap is not None for entry in best)
    rows = [
        [*entry.scores, *(entry.terms or blank), *([entry.cheap] if cheap else []), entry.proposer, entry.round]
        for entry in best
    ]
    rows = [[*row, entry.canonical] for row, entry in zip(rows, best, strict=True)]
    titles = [*names, *terms, *([CHEAP] if cheap else []), "proposed by", "round", "design"]
    carried = known.of(best, {*titles, "proposer", "text"})
    titles += carried
    rows = [[*row, *cells] for row, *cells in zip(rows, *carried.values(), strict=True)]
    return molecule_grid(texts, captions) if drawn else sequence_text(texts, captions), table(
        titles, rows
    ) if rows else ""
