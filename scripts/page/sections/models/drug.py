"""The section of BENCHMARKS.md on the model of bioactive and drug-like molecules."""

from __future__ import annotations

import math

from scripts.page.sections.models.zinc import gone_on, samples
from scripts.page.tables import Values, share, summary_rows, table


def section(result: Values, published: Values) -> str:
    """Return what is reconstructed by dataset and size, the held-out metrics, and the samples beside GuacaMol's."""
    found, settings = result["figures"], result["settings"]
    epochs = f"{found['epochs']} epoch" + "s" * (found["epochs"] > 1)
    return (
        "Trained on the dataset `drug-like` (ChEMBL, ZINC250k and a part of MOSES, without what any of them holds "
        "out). Reconstruction is greedy, from the posterior mean, canonical strings equal; the last column is the "
        "default of `encode`, which takes gradient steps on the molecules that do not come back, and compares with no "
        "published figure. A molecule that the model cannot read counts as not reconstructed.\n\n"
        + reconstruction(found["reconstructed"])
        + f"\nOf its training molecules it reconstructs {share(found['training_exact'])}. "
        f"{found['parameters']:,} parameters, {found['symbols']} symbols; {found['texts']:,} training molecules, "
        f"{epochs} ({found['steps']:,} steps of {settings['training']['batch_size']}) in "
        f"{found['seconds'] / 60:,.0f} minutes on {found['threads']} core(s), beta {settings['objective']['beta']:g}, "
        f"seed {settings['training']['seed']}{gone_on(found)}.\n\n"
        + table(["held-out metric", "value (nats are per molecule)"], summary_rows(found["summary"]))
        + f"\n{found['samples']:,} samples each against the test molecules of ChEMBL, and as many training molecules "
        "in their place (the floor):\n\n" + samples(found) + "\n" + guacamol(published["guacamol"])
    )


def reconstruction(found: Values) -> str:
    """Return the table of exact reconstruction, of each set of held-out molecules and by size."""
    rows = []
    for name, part in found.items():
        refined = f"{share(part['refined_exact'])} of the first {part['refined_texts']:,}"
        rows.append([name, "all", f"{part['texts']:,}", share(part["readable"]), share(part["exact"]), refined])
        for size in part["sizes"]:
            atoms = f"{size['from']} to {size['below'] - 1}" if size["below"] < 1000 else f"{size['from']} and more"
            few = "–" if size["refined_exact"] is None else f"{share(size['refined_exact'])} of {size['refined_texts']}"
            rows.append(["", atoms, f"{size['texts']:,}", "", share(size["exact"]), few])
    return table(["test molecules of", "heavy atoms", "molecules", "readable", "exact", "exact by default"], rows)


def guacamol(published: Values) -> str:
    """Return GuacaMol's published distances, which are of another version of ChEMBL."""
    rows = [
        [row["model"], f"{row['fcd_score']:.3f}", f"{-5 * math.log(row['fcd_score']):.2f}", share(row["validity"])]
        for row in published["rows"]
    ]
    return published["note"] + "\n\n" + table(["model", "FCD score (published)", "FCD from it", "valid"], rows)
