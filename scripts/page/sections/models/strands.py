"""The section of BENCHMARKS.md on models of both strands of DNA."""

from __future__ import annotations

from statistics import fmean

from scripts.page.tables import Values, table

_MODELS = {"one": "one strand", "both": "both strands"}


def section(result: Values, published: Values) -> str:
    """Return the Markdown of a result of `train_symmetric.py`."""
    runs, settings = result["figures"]["runs"], result["settings"]
    rows = []
    for dataset in dict.fromkeys(run["dataset"] for run in runs):
        of_it = [run for run in runs if run["dataset"] == dataset]
        for key, title in _MODELS.items():
            sides = (fmean(run[key][side] for run in of_it) for side in ("as_they_stand", "turned_round"))
            rows.append((dataset, title, *(f"{bits:.4f}" for bits in sides), str(len(of_it))))
    titles = ("data", "model", "bits per base", "the same, reverse complements", "seeds")
    return (
        f"Held-out sequences, of models trained on {settings['size']:,} of each set, by the importance-weighted bound "
        f"of {settings['samples']} samples. A model of one strand learns the strand that the file happens to have.\n\n"
        + table(titles, rows)
    )
