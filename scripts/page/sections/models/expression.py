"""The section of BENCHMARKS.md on promoters drawn for an expression."""

from __future__ import annotations

from scripts.page.tables import Values, share, table


def section(result: Values, _: Values) -> str:
    """Return how the predicted expression of draws follows what was asked of them."""
    settings, found = result["settings"], result["figures"]
    rows = [
        (
            name if name.startswith(("draws", "the nearest")) else f"**{name}**",
            f"{of['spearman']:.3f}",
            f"{of['mean_absolute_error']:.2f}",
            ", ".join(f"{mean:.2f}" for mean in of["means"]),
            share(of["distinct"]),
        )
        for name, of in found["rows"].items()
    ]
    targets = ", ".join(f"{target:.2f}" for target in found["targets"])
    judge, sizes = found["judge"], found["sequences"]
    return (
        f"{settings['draws']} sequences of `{settings['dataset']}` drawn for each of the values {targets} of "
        f"`{settings['label']}`. The model and the predictor by which rejection chooses learned from "
        f"{sizes['model']:,} sequences; the predictor that judges learned from {sizes['judge']:,} others, and on "
        f"{sizes['test']:,} that nothing has seen its rank correlation is {judge['spearman']:.2f}, its mean absolute "
        f"error {judge['mean_absolute_error']:.2f} (rejection's predictor: {found['chooser']['spearman']:.2f}). Rank "
        "correlation of what was asked with what the judge predicts, mean absolute difference, and the mean prediction "
        "for each target.\n\n"
        + table(("draws", "rank correlation", "mean absolute error", "mean for each target", "distinct"), rows)
    )
