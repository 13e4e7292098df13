"""The section of BENCHMARKS.md on the pretrained models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.page.tables import share, table


def section(result: Mapping[str, Any], published: Mapping[str, Any]) -> str:
    """Return the Markdown of a result of `benchmark_models.py`; there is nothing published to compare with."""
    metrics = result["figures"]
    titles = (
        "model",
        "data",
        "parameters",
        "size, kB",
        "loaded in, s",
        "metrics on held-out data",
        "valid samples: raw / under rules / under rules in 3 draws",
        "by beam search",
        "off its card by",
    )
    rows = [
        (
            name,
            model["data"],
            f"{model['parameters']:,}",
            f"{model['bytes'] / 1e3:,.0f}",
            f"{model['load_seconds']:.2f}",
            model["headline"],
            validity(model.get("validity")),
            by_beam(model["figures"]),
            f"{model['largest_deviation']:.1g} ({model['of']})" if model["largest_deviation"] else "nothing",
        )
        for name, model in metrics["models"].items()
    ]
    text = (
        f"The models in the package take {metrics['bytes'] / 1e6:.2f} MB together. Loading is timed in a fresh process "
        "after torch is imported. Every figure of each card was measured again, on the held-out texts of the model's "
        "dataset and with the weights of the package (float16 on disk); the last column has the largest relative "
        "difference. Before it stands what share of samples of the default prior are molecules, and what beam search "
        "reconstructs, from the encoder's mean and a refined one.\n\n"
    )
    return text + table(titles, rows)


def validity(found: Mapping[str, float] | None) -> str:
    """Return the shares of valid samples: raw, under the rules of chemistry, and with repeated draws."""
    return "" if found is None else " / ".join(share(found[key]) for key in ("valid_raw", "valid_rules", "valid_tries"))


def by_beam(metrics: Mapping[str, Any]) -> str:
    """Return what beam search reconstructs of the first molecules."""
    found, refined = share(metrics["beam_exact"]), share(metrics["refined_beam_exact"])
    return f"{found}, refined {refined}, of the first {metrics['refined_texts']:,}"
