"""The page of a search: what was asked, how far it came call by call, and the best designs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqvae.report.html import Section, code, page, paragraph, table
from seqvae.report.molecules import molecule_grid
from seqvae.report.plots import Series, line_plot
from seqvae.report.sequences import sequence_text
from seqvae.search.ledger import CALLED, OK, Entry
from seqvae.search.results import TOP, Results, anytime, best_of
from seqvae.text.molecules import is_valid

_POINTS = 200  # of a curve: more than the page has pixels for would be wasted
_DESIGNS = 24


def search_page(name: str, settings: Mapping[str, Any], found: Results, entries: Sequence[Entry]) -> str:
    """Return the page of a search.

    Args:
        name: of the run.
        settings: as its folder has them.
        found: what it came to.
        entries: of its ledger, in their order.
    """
    called = [entry for entry in entries if entry.status in CALLED]
    best = best_of([entry for entry in called if entry.status == OK])[:_DESIGNS]
    sections = [
        Section("What it came to", (_figures(found), curves(called))),
        Section(f"The best {len(best)} designs", (_designs(best), _table(best))),
        Section("Who proposed what", (_proposers(entries),)),
        Section("Settings", (code(json.dumps(settings, indent=1)),)),
    ]
    return page(f"Search {name}", sections, f"{found.unique:,} texts scored, best {found.best:.4g}.")


def _figures(found: Results) -> str:
    rows = [
        ["calls, each valid text once", found.unique],
        ["calls, every proposal", found.proposals],
        ["best", found.best],
        [f"mean of the best {TOP}", found.top_mean],
        ["area under the curve of that mean, over the budget", found.auc_top],
    ]
    return table(["figure", "value"], [*rows, *([f"proposals: {key}", n] for key, n in found.statuses.items())], 1)


def curves(called: Sequence[Entry]) -> str:
    """Return a plot of the best scores so far, call by call, or a sentence where there are none."""
    scores = np.array([entry.scores[0] if entry.status == OK else -np.inf for entry in called])
    if not len(scores):
        return paragraph("Nothing has been scored yet.")
    every = max(1, len(scores) // _POINTS)
    calls = [*range(every, len(scores), every), len(scores)]
    lines = [
        Series(title, calls, anytime(scores, top, every)[-len(calls) :].tolist())
        for title, top in (("best", 1), (f"mean of the best {TOP}", TOP))
    ]
    return line_plot(lines, "Best scores so far", "calls", "score")


def _designs(best: Sequence[Entry]) -> str:
    texts = [str(entry.canonical) for entry in best]
    captions = [f"{entry.scores[0]:.4g}" for entry in best]
    drawn = all(map(is_valid, texts[:TOP]))
    return molecule_grid(texts, captions) if drawn else sequence_text(texts, captions)


def _table(best: Sequence[Entry]) -> str:
    rows = [[*entry.scores, entry.proposer, entry.round, entry.canonical] for entry in best]
    if not rows:
        return ""
    scores = [f"score {place + 1}" for place in range(len(best[0].scores))] if len(best[0].scores) > 1 else ["score"]
    return table([*scores, "proposed by", "round", "text"], rows)


def _proposers(entries: Sequence[Entry]) -> str:
    """Return a table of the ways of proposing: how many texts, how many scored, how many of the best hundred."""
    scored = [entry for entry in entries if entry.status == OK]
    best = Counter(entry.proposer for entry in sorted(scored, key=lambda entry: -entry.scores[0])[:100])
    count, good = Counter(entry.proposer for entry in entries), Counter(entry.proposer for entry in scored)
    rows = [[name or "given", number, good[name], best[name]] for name, number in count.most_common()]
    return table(["way", "proposals", "scored", "among the best 100"], rows)
