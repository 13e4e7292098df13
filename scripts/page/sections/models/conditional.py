"""The section of BENCHMARKS.md on conditional generation and on labels of few molecules."""

from __future__ import annotations

import math
from typing import Any

from scripts.page.tables import Values, table


def section(result: Values, _: Values) -> str:
    """Return the errors of samples for each target, and of predictions for each share of labels."""
    figures, settings = result["figures"], result["settings"]
    said = (
        f"{settings['molecules']:,} training molecules of {settings['dataset']}, {settings['steps']:,} steps of "
        f"{settings['batch_size']} for each model, of equal sizes.\n\n"
    )
    if generation := figures.get("generation"):
        said += _generation(generation, settings)
    if labels := figures.get("labels"):
        said += _labels(labels, settings)
    return said


def _generation(figures: dict[str, Any], settings: Values) -> str:
    rows, won, without_value = [], [], False
    for name, part in figures.items():
        for quantile, found in part["targets"].items():
            ways = {way: one for way, one in found.items() if way != "target"}
            each = [f"{_error(one['all'])} / {_error(one['nearest'])}" for one in ways.values()]
            without_value |= any(math.isnan(one["all"] or 0.0) for one in ways.values())
            rejected, given = found["without"]["nearest"], found["0"]["nearest"]
            won.append(rejected is None or (given is not None and given < rejected))
            valid = " / ".join(f"{one['valid']:.2f}" for one in ways.values())
            rows.append([name.replace("_", " "), f"{found['target']:.3g} ({float(quantile):.0%})", *each, valid])
    return (
        f"{settings['draws']:,} molecules drawn for each target, a quantile of training: mean absolute error of all "
        f"valid ones / of the {settings['kept']:.0%} nearest to the target, which is what rejection keeps.\n\n"
        + table(
            [
                "property",
                "target",
                "without conditions",
                "**given it**",
                "**guidance 1**",
                "**guidance 2**",
                "valid of each",
            ],
            rows,
        )
        + f"\nOf as many draws, the nearest given the target are nearer than those of rejection at {sum(won)} of "
        f"{len(won)} targets." + (" –: a molecule among them has no such value." if without_value else "") + "\n\n"
    )


def _error(value: float | None) -> str:
    """Return an error as it is shown, also where nothing valid was drawn, or a molecule has no value."""
    return "none valid" if value is None else "–" if math.isnan(value) else f"{value:.3g}"


def _labels(figures: dict[str, Any], settings: Values) -> str:
    ways = {"from_z": "**from z**", "ridge_on_z": "ridge on z", "ridge_on_ecfp4": "ridge on ECFP4", "mean": "the mean"}
    rows = []
    for share, found in figures.items():
        for name, errors in found.items():
            if not isinstance(errors, dict):
                continue
            values = [f"{errors[way]:.3g}" for way in ways]
            rows.append([f"{float(share):.0%} ({found['labelled']:,})", name, *values])
    return (
        "Labels of a share of the training molecules, trained jointly with all of them: mean absolute error for "
        f"{settings['held_out']:,} held-out molecules, beside ridges fitted to the same labels.\n\n"
        + table(["labelled", "label", *ways.values()], rows)
    )
