"""The section of BENCHMARKS.md on variants of a protein."""

from __future__ import annotations

import statistics

from scripts.page.tables import Values, reached, table

# EVE's on ProteinGym's alignment of the protein (Notin et al. 2023, doi:10.1101/2023.12.07.570727), where the
# site-independent model has .649 and DeepSequence .672.
_EVE = 0.679


def section(result: Values, published: Values) -> str:
    """Return the Markdown of a result of `benchmark_families.py`."""
    figures, settings = result["figures"], result["settings"]
    family, each = figures["family"], figures["spearman"]
    spread = f" (sd {statistics.stdev(each):.3f}, {min(each):.3f} to {max(each):.3f})" if len(each) > 1 else ""
    rows = [
        (f"**seqvae**, mean of {len(each)} seeds", f"{figures['mean']:.3f}{spread}"),
        (f"seqvae, {len(each)} models together", f"{figures['together']:.3f}"),
        ("site-independent, same weights", f"{figures['site_independent']:.3f}"),
        ("number of mutations alone", f"{figures['mutations']:.3f}"),
    ]
    return (
        "Rank correlation of log p(variant) - log p(target) with what was measured, of "
        f"{figures['variants']:,} variants of `{settings['family']}`: {family['rows']:,} aligned sequences worth "
        f"{family['effective']:.0f} at "
        f"{family['identity']:.0%} identity. {figures['unmodelled']:,} variants have mutations in columns that the "
        "alignment leaves out. Sizes, dropout and steps of the package's settings for families were chosen on this "
        "family; no model has seen a measurement.\n\n"
        + table(("model", "Spearman"), rows)
        + f"\nMedian standard error of a variant {statistics.fmean(figures['median_error']):.2f} nats. Training takes "
        f"{statistics.fmean(figures['train_seconds']):.0f} s of one processor, scoring "
        f"{statistics.fmean(figures['score_seconds']):.0f} s.\n\n"
        + reached("mean rank correlation", figures["mean"], _EVE, lambda value: f"{value:.3f}")
    )
