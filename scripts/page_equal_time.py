"""The section of BENCHMARKS.md on likelihoods after equal wall time."""

from __future__ import annotations

from page_tables import Values, table


def section(result: Values, published: Values) -> str:
    """Return the section."""
    found, settings = result["figures"], result["settings"]
    rows = [
        [
            f"**{name}**" if name.startswith("ours") else name,
            f"{row['parameters']:,}",
            f"{row['molecules_seen']:,}",
            f"{-row['elbo']:.2f}",
            f"{-row['bound']:.2f}",
        ]
        for name, row in found["models"].items()
    ]
    return (
        f"{settings['minutes']:g} minutes of training each, from scratch, one after the other on the same cores, on "
        f"{found['molecules']:,} molecules of {settings['dataset']}; then the same {found['held_out']:,} held-out "
        f"molecules, measured in the same way with {settings['samples']} draws of q(z|x) each. Lower is better. The "
        "recipes price the rate against the cross-entropy of a token, as published; ours runs once with its default "
        "and once with beta 1.\n\n"
        + table(["model", "parameters", "molecules seen", "−ELBO, nats a molecule", "bound on −log p(x), nats"], rows)
    )
