"""`seqvae tell`: what a laboratory measured."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from seqvae.cli.options import COMPUTING, Place

app = App(
    name="tell",
    help_epilogue="""
Example:

    seqvae tell runs/plates measured.csv

The table has a column of texts and a column `score`, higher is better. Rows may be missing or without a score; a text
measured twice counts with its mean; texts that were never asked for are learned from too.
""",
)


@app.default
def tell(run: Path, measured: Place, /, *, column: str = "", score: str = "score") -> None:
    """Take measurements into a search, as one round.

    Args:
        run: folder of the search.
        measured: .csv, .tsv or .parquet table of texts and their scores, or `-` for a CSV table from a pipe.
        column: of the texts; by default the one obvious column.
        score: column of the scores.
    """
    from seqvae.search.laboratory import tell as told
    from seqvae.search.oracle.measurements import read_measurements

    found = told(run, read_measurements(measured, column, (score,)))
    parts = [
        f"{found.asked:,} asked for",
        f"{found.observed:,} not asked for",
        f"{found.again:,} measured again (the mean counts)",
        f"{found.missing:,} without a score",
    ]
    COMPUTING.note(f"round {found.round}: {', '.join(parts)}; then: seqvae ask {run} -n 96")
