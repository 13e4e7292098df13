"""The section of BENCHMARKS.md on metrics of generated molecules: agreement with other implementations, and time."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.page.tables import reached, seconds, table

Values = Mapping[str, Any]

_FIXTURE = Path(__file__).resolve().parents[1] / "published" / "moses_fixture.toml"
_REACH = {"nearest neighbours": 60, "cached": 600, "fresh": 600}  # seconds that this project set itself to reach
_TITLES = {
    "nearest neighbours": "Nearest neighbours of all samples among the test molecules, fingerprints at hand",
    "cached": "The whole table, reference statistics in the cache",
    "fresh": "The whole table, reference statistics and the training set's canonical forms computed from nothing",
}


def section(result: Values, published: Values) -> str:
    """Return the section.

    Args:
        result: result of `benchmark_metrics.py`.
        published: not used; the values to compare with are in `moses_fixture.toml`, because they are not from a paper.
    """
    metrics, counts = result["figures"], result["figures"]["counts"]
    whole = result["settings"]["samples"] == "moses-jtnvae"
    known = tomllib.loads(_FIXTURE.read_text("utf-8")) if whole else {"figures": {}, "within": {}}
    rows = [row(name, value, metrics["intervals"].get(name), known) for name, value in metrics["metrics"].items()]
    lines = [
        reached(title, metrics["seconds"][name], _REACH[name], seconds, most=True) for name, title in _TITLES.items()
    ]
    return (
        f"{counts['samples']:,} samples (dataset `{result['settings']['samples']}`), {counts['reference']:,} test "
        f"molecules, {counts.get('scaffold reference', 0):,} of unseen scaffolds, {counts.get('training', 0):,} "
        f"training molecules; {result['settings']['workers']} processes on molecules.\n\n"
        + table(["metric", "MOSES' own program", "seqvae", "95 % interval", "agrees"], rows)
        + "\n"
        + "".join(lines)
    )


def row(name: str, value: float, interval: list[float] | None, known: Values) -> list[str]:
    """Return the row of one metric."""
    theirs = known["figures"].get(name)
    span = "" if interval is None else f"{interval[0]:.4g} to {interval[1]:.4g}"
    if theirs is None:
        return [f"`{name}`", "", f"{value:.6g}", span, ""]
    bound = known["within"][name]
    off = abs(value - theirs) / (abs(theirs) if name.startswith("FCD") else 1.0)
    kind = "relative" if name.startswith("FCD") else "absolute"
    agrees = f"{'✓' if off <= bound else '✗'} {off:.1e} (asked for: {bound:g}, {kind})"
    return [f"`{name}`", f"{theirs:.10g}", f"{value:.10g}", span, agrees]
