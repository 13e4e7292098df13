"""`seqvae tell`: what a laboratory measured."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from seqvae.cli.options import COMPUTING, Place
from seqvae.errors import InputError, RecordError

if TYPE_CHECKING:
    from seqvae.search.laboratory import Measurement

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

    found = told(run, read_measurements(measured, column, score))
    parts = [
        f"{found.asked:,} asked for",
        f"{found.observed:,} not asked for",
        f"{found.again:,} measured again (the mean counts)",
        f"{found.missing:,} without a score",
    ]
    COMPUTING.note(f"round {found.round}: {', '.join(parts)}; then: seqvae ask {run} -n 96")


def read_measurements(source: str, column: str, score: str) -> list[Measurement]:
    """Read a table of texts and their scores.

    Raises:
        RecordError: a score is no number; with its line.
    """
    from seqvae.data.readers import ReadSettings, read_records
    from seqvae.data.streams import shown_name
    from seqvae.search.laboratory import Measurement

    format_ = "csv" if source == "-" else ""
    records, _ = read_records(source, ReadSettings(column, keep=(score,), format=format_))
    name, found = shown_name(source), list[Measurement]()
    if not any(score in record.fields for record in records):
        raise InputError(f"{name}: expected a table with a column {score!r} beside the texts, found none")
    for record in records:
        cell = str(record.fields.get(score) or "").strip()
        try:
            value = float(cell) if cell else math.nan
        except ValueError as error:
            raise RecordError(f"expected a number as {score!r}, got {cell!r}", file=name, line=record.line) from error
        found.append(Measurement(record.text, (value,), f"{name}:{record.line}: "))
    return found
