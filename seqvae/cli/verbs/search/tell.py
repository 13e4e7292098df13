"""`seqvae tell`: measurements of a laboratory."""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from seqvae.cli.options import COMPUTING, Place, check_file

app = App(
    name="tell",
    help_epilogue="""
Example:

    seqvae tell runs/plates measured.csv

The table has a column of molecules or sequences and a column `score`, higher is better. Rows may be missing or without
a score. All measurements of a design are kept and count with their mean; how far they differ tells how much noise there
is, and so does a column of standard errors (--error). The search also learns from designs that it never asked for. Told
before the first `seqvae ask`, measurements are kept for it. A row that cannot be read is reported, and the others are
taken. Identifiers and all other columns of the table stand in `seqvae results`, and on plates that have these designs.
""",
)


@app.default
def tell(
    run: Path, measured: Place, /, *, column: str = "", format: str = "", score: str = "score", error: str = ""
) -> None:
    """Add measurements to a search, as one round.

    Args:
        run: folder of the search.
        measured: .csv, .tsv or .parquet table of molecules or sequences and their scores, or `-` for a CSV table from
            standard input.
        column: column of the molecules or sequences, its title or number; by default the one obvious column.
        format: what the table is, where neither its content nor its ending tells: `csv`, `tsv`, `parquet`, `xlsx`.
        score: column of the scores.
        error: column of their standard errors, by which measurements count; an empty cell: unknown.
    """
    check_file(measured)
    from seqvae.search.laboratory import tell as told
    from seqvae.search.oracle.measurements import read_measurements

    found = told(run, read_measurements(measured, column, (score,), format, error))
    if found.waiting:
        kept = f"{found.waiting:,} measurements are kept for its first plate"
        COMPUTING.note(f"{run}: there is no search here yet: {kept}; then: seqvae ask {run} -n 96")
        return
    parts = [
        f"{found.asked:,} asked for",
        f"{found.observed:,} not asked for",
        f"{found.again:,} measured again (the mean counts)",
        f"{found.missing:,} without a score",
    ]
    if found.outside:
        parts.append(f"{found.outside:,} outside the constraints (learned from, not proposed)")
    if found.unread:
        parts.append(f"{found.unread:,} left out")
    COMPUTING.note(f"round {found.round}: {', '.join(parts)}; then: seqvae ask {run} -n 96")
