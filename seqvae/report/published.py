"""Published metrics of other models, included in the package, for tables that show them beside ours."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_TABLE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True)
class Published:
    """Metrics of several models on one dataset.

    Attributes:
        rows: metrics of each model by key, the models in the order of the source.
        papers: where each model is described.
        note: how they were measured, a sentence.
        source: where they are printed.
    """

    rows: Mapping[str, Mapping[str, float]]
    papers: Mapping[str, str]
    note: str
    source: str


@cache
def tables() -> dict[str, Any]:
    """Return the whole table, as parsed from TOML."""
    return tomllib.loads(_TABLE.read_text("utf-8"))


def generation_rows(dataset: str) -> Published | None:
    """Return the published generation metrics against this dataset's test set; None if there are none."""
    return _rows("moses", dataset, lambda row: row["metrics"])


def reconstruction_rows(dataset: str) -> Published | None:
    """Return the published shares of reconstructed test molecules of this dataset; None if there are none."""
    return _rows("zinc_reconstruction", dataset, lambda row: {"reconstruction": row["reconstruction"]})


def _rows(name: str, dataset: str, metrics: Callable[[Mapping[str, Any]], Mapping[str, float]]) -> Published | None:
    table = tables()[name]
    if dataset not in table["datasets"]:
        return None
    rows = {row["model"]: metrics(row) for row in table["rows"]}
    papers = {row["model"]: row["paper"] for row in table["rows"]}
    return Published(rows, papers, table["note"], table.get("source", ""))
