"""`seqvae tell`: what a laboratory measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from seqvae.cli.options import COMPUTING, Place
from seqvae.errors import InputError, RecordError

if TYPE_CHECKING:
    from seqvae.data.files.formats import Record
    from seqvae.search.oracle.measurements import Measurement

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

    found = told(run, read_measurements(measured, column, (score,)))
    parts = [
        f"{found.asked:,} asked for",
        f"{found.observed:,} not asked for",
        f"{found.again:,} measured again (the mean counts)",
        f"{found.missing:,} without a score",
    ]
    COMPUTING.note(f"round {found.round}: {', '.join(parts)}; then: seqvae ask {run} -n 96")


def read_measurements(source: str, column: str, scores: Sequence[str]) -> list[Measurement]:
    """Read a table of texts and their scores.

    Args:
        source: path of the table, or `-`.
        column: of the texts; empty: the one obvious column.
        scores: columns of the scores.

    Raises:
        InputError: there is no such column.
        RecordError: a score is no number; with its line.
    """
    from seqvae.data.files.open import shown_name
    from seqvae.data.files.readers import ReadSettings, read_records
    from seqvae.search.oracle.measurements import Measurement

    format_ = "csv" if source == "-" else ""
    records, _ = read_records(source, ReadSettings(column, keep=tuple(scores), format=format_))
    name = shown_name(source)
    for score in scores:
        if not any(score in record.fields for record in records):
            raise InputError(f"{name}: expected a table with a column {score!r} beside the texts, found none")
    return [
        Measurement(record.text, tuple(_number(record, score, name) for score in scores), f"{name}:{record.line}: ")
        for record in records
    ]


def _number(record: Record, score: str, name: str) -> float:
    """Return what is in a cell, NaN where it is empty."""
    cell = str(record.fields.get(score) or "").strip()
    try:
        return float(cell) if cell else math.nan
    except ValueError as error:
        raise RecordError(f"expected a number as {score!r}, got {cell!r}", file=name, line=record.line) from error
