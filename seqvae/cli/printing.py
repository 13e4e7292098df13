"""Print tables on a terminal."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from seqvae.errors import visible
from seqvae.report.tables import labelled_rows

if TYPE_CHECKING:
    from seqvae.evaluate.diagnosis.verdict import Verdict

WIDTH = 80  # columns of a terminal


def print_metrics(metrics: Mapping[str, object]) -> None:
    """Print held-out metrics with their units."""
    print_rows([(name, _shown(value), unit) for name, value, unit in labelled_rows(metrics)])


def print_change(before: Mapping[str, object], after: Mapping[str, object]) -> None:
    """Print held-out metrics before and after, side by side."""
    rows = [
        (name, _shown(before.get(key, "")), _shown(value), unit)
        for key in after
        for name, value, unit in labelled_rows({key: after[key]})
    ]
    print_rows([("", "before", "after", ""), *rows])


def print_verdict(verdict: Verdict) -> None:
    """Print the verdict of a diagnosis, last, where a reader looks."""
    print(f"\nverdict: {verdict.kind}")
    print(textwrap.fill(verdict.paragraph, WIDTH, break_on_hyphens=False))


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows with their columns aligned."""
    rows = [[visible(cell).replace("\n", "\\n") for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def print_json(metrics: Mapping[str, object]) -> None:
    """Print metrics as one JSON object."""
    print(json.dumps(metrics, indent=1))


def to_stderr(line: str) -> None:
    """Print a line on standard error, where it does not mix with results."""
    print(visible(line), file=sys.stderr)
