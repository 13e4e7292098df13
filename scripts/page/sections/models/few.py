"""The section of BENCHMARKS.md on few sequences."""

from __future__ import annotations

from statistics import mean

from scripts.page.tables import Values, table


def section(result: Values, _: Values) -> str:
    """Return the bits per base of each dataset and size, beside the best model that only counts."""
    settings, rows = result["settings"], []
    for dataset, sizes in result["figures"].items():
        for size, seeds in sizes.items():
            runs = list(seeds.values())
            each = ", ".join(f"{run['difference']:+.4f} ± {run['standard_error']:.4f}" for run in runs)
            best = ", ".join(dict.fromkeys(run["best_counting_model"] for run in runs))
            means = (mean(run[key] for run in runs) for key in ("bits", "counted_bits", "rate"))
            bits, counted, rate = means
            rows.append([dataset, f"{int(size):,}", f"{bits:.4f}", f"{counted:.4f} ({best})", each, f"{rate:.2f} nats"])
    return (
        "So many sequences, and the settings that `seqvae train` chooses for them; bits per base of "
        f"{settings['held_out']:,} others, a bound by {settings['samples']} importance samples. The counting model is "
        "the one that does best on those very sequences. The difference of each seed has its standard error over "
        "sequences; below zero the model is better. Learning rate and schedule for few sequences were chosen "
        "on seeds 0 and 1 of ecoli_50 and of mpsa-sample.\n\n"
        + table(["dataset", "sequences", "**seqvae**", "best counting model", "difference of each seed", "rate"], rows)
    )
