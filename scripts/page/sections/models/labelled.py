"""The sections of BENCHMARKS.md on models that are trained together with a measured label."""

from __future__ import annotations

from scripts.page.tables import Values, summary_rows, table


def section(result: Values, published: Values) -> str:
    """Return the held-out metrics and how the label is predicted; there is nothing published to compare with."""
    found, settings = result["figures"], result["settings"]
    part = found["predictions"]
    rows = [
        [name, f"{one['spearman']:.3f}", f"{one['pearson']:.3f}", f"{one['mean_absolute_error']:.3f}"]
        for name, one in part.items()
        if name != "texts"
    ]
    summary = found["summary"]
    return (
        f"{found['texts']:,} training sequences, up to {found['epochs']} epochs ({found['steps']:,} steps of "
        f"{settings['training']['batch_size']}) in {found['seconds'] / 60:,.1f} minutes on {found['threads']} "
        f"core(s), {_objective(settings['objective'])}, seed {settings['training']['seed']}; "
        f"{found['parameters']:,} parameters.\n\n"
        + table(["held-out metric", "value (nats are per sequence)"], summary_rows(summary))
        + (f"\n{summary['collapse']}\n" if summary["collapse"] else "")
        + f"\nThe label {found['label']} of {part['texts']:,} held-out sequences; the ridge regression sees each "
        "position's letter and no pairs:\n\n"
        + table(["predicted", "Spearman correlation", "Pearson correlation", "mean absolute error"], rows)
    )


def _objective(settings: Values) -> str:
    """Return what was charged for z, or asked of it."""
    asked = settings.get("target_rate", 0.0)
    return f"{asked:g} nats asked of z (beta {settings['beta']:.2g})" if asked else f"beta {settings['beta']:g}"
