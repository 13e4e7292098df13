"""Results as notebooks show them: the page that the command line writes, in a frame of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from html import escape
from importlib import import_module
from typing import Any

_HEIGHT = 640  # of a frame, pixels
# Classes by the module that has them, and the function that makes their page. Neither is imported before it is needed.
PAGES = {
    ("seqvae.search.lead_analogs", "Analogs"): ("seqvae.report.analogs_page", "analogs_page"),
    ("seqvae.evaluate.evaluation", "Evaluation"): ("seqvae.report.evaluation_page", "evaluation_page"),
    ("seqvae.evaluate.diagnosis.record", "Diagnosis"): ("seqvae.report.diagnosis_page", "diagnosis_page"),
    ("seqvae.evaluate.demonstration", "Quickstart"): ("seqvae.report.quickstart_page", "quickstart_page"),
    ("seqvae.evaluate.curves.record", "RateDistortion"): ("seqvae.report.curve_page", "curve_page"),
    ("seqvae.search.results", "Results"): ("seqvae.report.notebook", "_results_page"),
    ("seqvae.infer.scoring", "Scores"): ("seqvae.report.notebook", "_scores_page"),
}


def install() -> None:
    """Let IPython, where it runs, show results by their pages."""
    shell: Any = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        return
    formatter = shell.display_formatter.formatters["text/html"]
    for (module, name), (place, function) in PAGES.items():
        formatter.for_type_by_name(module, name, _framed(place, function))


def _framed(place: str, function: str) -> Callable[[Any], str]:
    def show(found: Any) -> str:  # noqa: ANN401 - one of the classes above
        """Return a page in a frame, which keeps its style from the notebook's."""
        page = escape(getattr(import_module(place), function)(found))
        return f'<iframe srcdoc="{page}" width="100%" height="{_HEIGHT}" frameborder="0"></iframe>'

    return show


def _results_page(found: Any) -> str:  # noqa: ANN401 - search.Results
    from seqvae.report.html.molecules import molecule_grid
    from seqvae.report.html.page import Section, page
    from seqvae.report.html.sequences import sequence_text
    from seqvae.sequences.molecules import is_valid

    texts = [str(entry.canonical) for entry in found.top]
    captions = [", ".join(f"{score:.3g}" for score in entry.scores) for entry in found.top]
    drawn = molecule_grid if all(map(is_valid, texts)) else sequence_text
    best = f"best {found.best:.3g}" if found.top else "nothing scored yet"
    return page("Search", [Section("The best designs", (drawn(texts, captions),))], f"{found.unique:,} calls, {best}.")


def _scores_page(found: Any) -> str:  # noqa: ANN401 - infer.Scores
    from seqvae.report.html.page import Section, page, table

    rows = [list(row) for row in zip(*found.columns.values(), strict=True)]
    status = found.columns.get("status")
    said = ", ".join(f"{found.count(one):,} {one}" for one in dict.fromkeys(status)) if status is not None else ""
    return page("Scores", [Section("Row by row", (table(list(found.columns), rows),))], said or found.note)
