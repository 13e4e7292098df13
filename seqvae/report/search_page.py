"""The page of a search: what was asked, how far it came call by call, and the best designs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqvae.report.html.line_plot import Series, line_plot
from seqvae.report.html.molecules import molecule_grid
from seqvae.report.html.page import Section, code, page, paragraph, table
from seqvae.report.html.sequences import sequence_text
from seqvae.search.results import TOP, Results, anytime, best_of
from seqvae.search.storage.ledger import CALLED, OK, Entry
from seqvae.sequences.molecules import is_valid

_POINTS = 200  # of a curve: more than the page has pixels for would be wasted
_DESIGNS = 24
_BEST = 100  # among which the ways of proposing are counted


def search_page(name: str, settings: Mapping[str, Any], found: Results, entries: Sequence[Entry]) -> str:
    """Return the page of a search.

    Args:
        name: of the run.
        settings: as its folder has them.
        found: what it came to.
        entries: of its ledger, in their order.
    """
    called = [entry for entry in entries if entry.status in CALLED]
    names = [str(score) for score in settings["scores"]]
    best = best_of([entry for entry in called if entry.status == OK])
    several = len(names) > 1
    shown = _spread(best) if several else best[:_DESIGNS]
    plots = [curves(called, names), *([_front(best, names)] if several and best else [])]
    title = f"{len(shown)} designs along the front" if several else f"The best {len(shown)} designs"
    sections = [
        Section("What it came to", (_figures(found, names), *plots)),
        Section(title, (_designs(shown, names), _table(shown, names))),
        Section("Who proposed what", (_proposers(entries, best),)),
        Section("Settings", (code(json.dumps(settings, indent=1)),)),
    ]
    came_to = f"{len(best):,} on the front of {', '.join(names)}" if several else f"best {found.best:.4g}"
    return page(f"Search {name}", sections, f"{found.unique:,} texts scored, {came_to}.")


def _spread(front: Sequence[Entry]) -> list[Entry]:
    """Return designs from one end of a front to the other."""
    return [front[int(row)] for row in np.unique(np.linspace(0, len(front) - 1, _DESIGNS).round())] if front else []


def _figures(found: Results, names: Sequence[str]) -> str:
    of = f" by {names[0]}" if len(names) > 1 else ""
    rows = [
        ["calls, each valid text once", found.unique],
        ["calls, every proposal", found.proposals],
        [f"best{of}", found.best],
        [f"mean of the best {TOP}{of}", found.top_mean],
        ["area under the curve of that mean, over the budget", found.auc_top],
    ]
    return table(["figure", "value"], [*rows, *([f"proposals: {key}", n] for key, n in found.statuses.items())], 1)


def curves(called: Sequence[Entry], names: Sequence[str]) -> str:
    """Return a plot of the best of each score so far, call by call, or a sentence where there are none."""
    if not called:
        return paragraph("Nothing has been scored yet.")
    every = max(1, len(called) // _POINTS)
    calls = [*range(every, len(called), every), len(called)]
    lines = []
    for place, name in enumerate(names):
        scores = np.array([entry.scores[place] if entry.status == OK else -np.inf for entry in called])
        of = f" by {name}" if len(names) > 1 else ""
        for title, top in (("best", 1), (f"mean of the best {TOP}", TOP))[: 1 if of else 2]:
            lines.append(Series(title + of, calls, anytime(scores, top, every)[-len(calls) :].tolist()))
    return line_plot(lines, "Best scores so far", "calls", "score")


def _front(best: Sequence[Entry], names: Sequence[str]) -> str:
    """Return a plot of the designs that nothing else beats, each further score over the first."""
    across = [entry.scores[0] for entry in best]
    lines = [Series(name, across, [entry.scores[place] for entry in best]) for place, name in enumerate(names[1:], 1)]
    return line_plot(lines, "The front", names[0], names[1] if len(names) == 2 else "score")


def _designs(best: Sequence[Entry], names: Sequence[str]) -> str:
    texts = [str(entry.canonical) for entry in best]
    captions = [_caption(entry.scores, names) for entry in best]
    drawn = all(map(is_valid, texts[:TOP]))
    return molecule_grid(texts, captions) if drawn else sequence_text(texts, captions)


def _caption(scores: Sequence[float], names: Sequence[str]) -> str:
    if len(scores) == 1:
        return f"{scores[0]:.4g}"
    return ", ".join(f"{name} {score:.4g}" for name, score in zip(names, scores, strict=True))


def _table(best: Sequence[Entry], names: Sequence[str]) -> str:
    rows = [[*entry.scores, entry.proposer, entry.round, entry.canonical] for entry in best]
    return table([*names, "proposed by", "round", "text"], rows) if rows else ""


def _proposers(entries: Sequence[Entry], best: Sequence[Entry]) -> str:
    """Return a table of the ways of proposing: how many texts, how many scored, how many of the best."""
    several = bool(best) and len(best[0].scores) > 1
    good = Counter(entry.proposer for entry in (best if several else best[:_BEST]))
    count = Counter(entry.proposer for entry in entries)
    scored = Counter(entry.proposer for entry in entries if entry.status == OK)
    rows = [[name or "given", number, scored[name], good[name]] for name, number in count.most_common()]
    return table(["way", "proposals", "scored", "on the front" if several else f"among the best {_BEST}"], rows)
