"""`seqvae results`: what came of a search."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import Out

if TYPE_CHECKING:
    from seqvae.data.files.chunks import Results as Rows
    from seqvae.search.results import Results
    from seqvae.search.storage.ledger import Entry

app = App(
    name="results",
    help_epilogue="""
Examples:

    seqvae results runs/affinity
    seqvae results runs/affinity --json
    seqvae results runs/affinity --top 3
    seqvae results runs/affinity --out evaluations.csv
    seqvae results runs/affinity --top 100 --out best.smi --page results.html
""",
)


@app.default
def results(
    run: Path,
    /,
    *,
    top: int = 0,
    out: Out = "",
    page: Path | None = None,
    json: Annotated[bool, Parameter(name="--json")] = False,
) -> None:
    """Show what came of a search, while it runs too: calls, best, mean of the ten best, and their curve.

    Args:
        run: folder of the search.
        top: show so many of the best, best first, and write only these with --out; 0: show ten, of several scores the
            whole front, and write everything that was proposed, in its order.
        out: write the evaluations: .csv, .tsv, .parquet, .npz, or the texts alone as .smi, .txt or .fasta.
        page: write an HTML page with the curve and the best designs.
        json: print one JSON object.
    """
    from seqvae.cli.printing import print_json
    from seqvae.data.files.writers import write_pieces, write_text, writer_for
    from seqvae.search.results import results as results_of
    from seqvae.search.storage.ledger import Ledger
    from seqvae.search.storage.run_folder import LEDGER, settings_of

    if out:
        writer_for(out)
    settings = settings_of(run)
    calls, names = settings["config"]["oracle"], settings["scores"]
    ledger = Ledger(run / LEDGER)
    try:
        found = results_of(ledger.entries(), calls["budget"], count=calls["count"], kept=top)
        if json:
            print_json(metrics(found))
        elif out != "-":
            print_results(found, names)
        if out:
            wanted = found.top if top else ledger.entries()
            write_pieces(out, _written(wanted, names))
        if page is not None:
            from seqvae.report.search_page import search_page

            write_text(page, search_page(run.name, settings, found, list(ledger.entries())))
    finally:
        ledger.close()


def metrics(found: Results) -> dict[str, object]:
    """Return what `--json` prints."""
    named = {
        "calls_unique": found.unique,
        "calls_every": found.proposals,
        "best": _or_none(found.best),
        "top10_mean": _or_none(found.top_mean),
        "auc_top10": found.auc_top,
    }
    top = [{"text": entry.canonical, "scores": list(entry.scores), "proposer": entry.proposer} for entry in found.top]
    return {**named, "statuses": found.statuses, "top": top}


def _or_none(score: float) -> float | None:
    """Return a score, None in place of NaN, which JSON has no number for."""
    return None if math.isnan(score) else score


def print_results(found: Results, names: Sequence[str]) -> None:
    """Print the figures of a search and its best designs."""
    from seqvae.cli.printing import print_rows

    by = f" by {names[0]}" if len(names) > 1 else ""
    print_rows(
        [
            ("calls, each valid text once", f"{found.unique:,}"),
            ("calls, every proposal", f"{found.proposals:,}"),
            (f"best{by}", f"{found.best:.6g}"),
            (f"mean of the ten best{by}", f"{found.top_mean:.6g}"),
            ("area under its curve", f"{found.auc_top:.6g}"),
            ("proposals", ", ".join(f"{count:,} {status}" for status, count in found.statuses.items()) or "none"),
        ]
    )
    print()
    rows = [(", ".join(f"{score:.6g}" for score in one.scores), one.proposer, one.text) for one in found.top]
    print_rows([(", ".join(names), "proposed by", "text"), *rows])


def _written(entries: Iterable[Entry], names: Sequence[str]) -> Iterator[Rows]:
    """Yield evaluations as rows of a table, some at a time."""
    from seqvae.config import CHUNK
    from seqvae.data.files.chunks import Results as Rows

    source = iter(entries)
    while some := list(islice(source, CHUNK)):
        columns: dict[str, list[object]] = {"canonical": [entry.canonical or "" for entry in some]}
        columns |= {name: [entry.scores[place] for entry in some] for place, name in enumerate(names)}
        for title in ("status", "round", "proposer", "seconds", "error"):
            columns[title] = [getattr(entry, title) for entry in some]
        yield Rows([entry.text for entry in some], columns)
