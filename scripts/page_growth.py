"""The section of BENCHMARKS.md on growth: time and memory as data grow."""

from __future__ import annotations

from page_tables import Values, mebibytes, table


def section(result: Values, published: Values) -> str:
    """Return the section."""
    found, settings = result["figures"], result["settings"]
    training = [
        [
            f"{int(size):,}",
            f"{1e6 * row['seconds_a_molecule']:,.0f}",
            f"{1e6 * row['seconds_a_position']:,.1f}",
            f"{row['plan_seconds']:.2f} s",
            mebibytes(row["largest_mib"]),
        ]
        for size, row in found["training"].items()
    ]
    sampling = [
        [f"{row['texts']:,}", f"{row['texts_a_second']:,.0f}", mebibytes(row["peak_mib"])]
        for row in found["sampling"].values()
    ]
    ratio = found["ratios"]
    return (
        f"Training steps on packed molecules drawn from {settings['dataset']}, so that the stores differ in size "
        "alone; the store is memory-mapped.\n\n"
        + table(
            ["molecules", "µs a molecule", "µs a padded position", "plan of an epoch", "largest resident memory"],
            training,
        )
        + f"\nLargest over smallest store: {ratio['seconds a position, largest over smallest store']:.2f} × the time a "
        f"position, {mebibytes(ratio['training memory, more MiB'])} more memory.\n\n"
        f"`seqvae sample` to a file, executor {settings['executor']}, the start of the processes included, from "
        f"{found['sampled from']}:\n\n"
        + table(["texts", "texts/s", "peak of the largest process"], sampling)
        + f"\nMost over fewest texts: {mebibytes(ratio['sampling memory, more MiB'])} more memory.\n"
    )
