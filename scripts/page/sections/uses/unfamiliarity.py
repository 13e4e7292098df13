"""The section of BENCHMARKS.md on scores that foresee where a predictor errs."""

from __future__ import annotations

from scripts.page.tables import Values, interval, table


def section(result: Values, _: Values) -> str:
    """Return the rank correlation of each score with the error, averaged over the sets."""
    settings, figures = result["settings"], result["figures"]
    sets = list(figures["sets"].values())
    rows = []
    for name, of in figures["means"].items():
        found, bounds = of["correlations"], interval(of["correlations"])
        mean = sum(found) / len(found)
        spread = f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds is not None else ""
        rows.append((name, f"{mean:.3f}{spread}", f"{of['high']:.3f}", f"{of['low']:.3f}"))
    rows.sort(key=lambda row: row[1], reverse=True)
    return (
        f"A random forest of {settings['trees']} trees on ECFP4 predicts the affinities of {len(sets)} sets, of their "
        f"published test molecules ({sum(one['molecules'] for one in sets):,} molecules in all; "
        f"{sum(one['left_out'] for one in sets)} that `{settings['model']}` cannot read are left out). Rank "
        f"correlation of each score with the absolute error, mean over the sets (95 % interval over "
        f"{len(settings['seeds'])} seeds of the forest), and the mean absolute error in the quarter of the molecules "
        "that a score finds least familiar and in the most familiar one. The model's scores are p-values for the "
        "length; it has seen none of the sets, so this is not the protocol of van Tilborg et al. 2026, whose model "
        "learns each.\n\n"
        + table(["score", "rank correlation with the error", "error, least familiar", "error, most familiar"], rows)
    )
