"""The page of several searches, side by side: metrics, and the best so far, call by call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqvae.evaluate.glossary import SEARCH, search_terms
from seqvae.report.html.line_plot import Series, line_plot
from seqvae.report.html.page import Section, glossary, page, paragraph, table
from seqvae.search.results import TOP, Compared, anytime
from seqvae.search.storage.ledger import OK

_POINTS = 200  # of a curve


def comparison_rows(found: Sequence[Compared]) -> list[list[object]]:
    """Return the metrics of each search as rows of a table, its titles first."""
    volumes = [] if found[0].hypervolume is None else [f"hypervolume after {found[0].calls:,} calls"]
    titles = ["search", "optimizer", *(metric.title for metric in SEARCH.values()), *volumes, "best design"]
    rows: list[list[object]] = [list(titles)]
    for one in found:
        metrics = [getattr(one.results, key) for key in SEARCH]
        shown = [f"{value:,}" if isinstance(value, int) else f"{value:.6g}" for value in metrics]
        best = one.results.top[0].canonical if one.results.top else ""
        volume = [] if one.hypervolume is None else [f"{one.hypervolume:.6g}"]
        rows.append([one.name, one.settings["config"]["optimizer"]["name"], *shown, *volume, best or ""])
    return rows


def comparison_page(found: Sequence[Compared]) -> str:
    """Return the page."""
    titles, *rows = comparison_rows(found)
    budgets = {one.settings["config"]["oracle"]["budget"] for one in found}
    remarks = []  # what stands in the way of the comparison
    if len({repr(one.settings["objective"]) for one in found}) > 1:
        remarks.append("The objectives of these searches differ, so their scores say nothing of one another.")
    if len(budgets) > 1:
        remarks.append("Their budgets differ: the area under the curve is over each one's own.")
    results = table([str(title) for title in titles], rows, 2)
    sections = [
        Section("Results", (results, *map(paragraph, remarks))),
        Section("Best so far", tuple(_curves(found, top) for top in (1, TOP))),
        glossary(search_terms()),
    ]
    return page("Searches compared", sections, f"{len(found)} searches: {', '.join(one.name for one in found)}.")


def _curves(found: Sequence[Compared], top: int) -> str:
    """Return a plot of the mean of the best `top` first scores of each search."""
    lines = []
    for one in found:
        if one.called:
            every = max(1, len(one.called) // _POINTS)
            calls = [*range(every, len(one.called), every), len(one.called)]
            scores = np.array([entry.scores[0] if entry.status == OK else -np.inf for entry in one.called])
            lines.append(Series(one.name, calls, anytime(scores, top, every)[-len(calls) :].tolist()))
    if not lines:
        return paragraph("Nothing has been scored yet.")
    return line_plot(lines, "Best" if top == 1 else f"Mean of the top {top}", "calls", "score")
