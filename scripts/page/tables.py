"""Tables and numbers in Markdown, for the page of benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import sqrt
from statistics import mean, stdev
from typing import Any

from scipy.stats import t as student

Values = Mapping[str, Any]


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def seconds(value: float) -> str:
    """Return a time with at least two significant digits."""
    return f"{value:,.0f} s" if value >= 10 else f"{value:.2g} s"


def reached(name: str, value: float, wanted: float, form: Callable[[float], str], most: bool = False) -> str:
    """Return a line with the goal, and whether it was reached."""
    good = value <= wanted if most else value >= wanted
    bound = "at most" if most else "at least"
    return f"* {name}: {form(value)} (asked for: {bound} {form(wanted)}) {'✓' if good else '✗'}\n"


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean by Student's t distribution; None for fewer than two values."""
    if len(values) < 2:
        return None
    half = float(student.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))
    return mean(values) - half, mean(values) + half


def beside(values: Sequence[float], other: float, form: Callable[[float], str]) -> str:
    """Return the mean of some seeds with its interval, and on which side of it another figure lies."""
    bounds, shown = interval(values), form(mean(values))
    if bounds is None:
        return f"{shown} from one seed, {form(other)} there: one seed decides nothing"
    side = "above" if bounds[0] > other else "below" if bounds[1] < other else "beside"
    return f"{shown} (95 % interval {form(bounds[0])} to {form(bounds[1])}) is {side} {form(other)}"


def times(value: float) -> str:
    """Return a ratio."""
    return f"{value:.1f} ×"


def share(value: float) -> str:
    """Return a share in per cent."""
    return f"{100 * value:.1f} %"


def each_round(figure: Values, unit: float = 1.0) -> str:
    """Return the median of a metric and its rounds."""
    return f"{figure['median'] / unit:,.0f} ({', '.join(f'{value / unit:,.0f}' for value in figure['rounds'])})"


def mebibytes(value: float) -> str:
    """Return an amount of memory."""
    return f"{value:,.0f} MiB"


def summary_rows(summary: Values) -> list[list[str]]:
    """Return the held-out metrics of a model, one row each, with units."""
    novelty = "not known" if summary["novelty"] is None else share(summary["novelty"])
    return [
        ["held-out texts", f"{summary['texts']:,} ({summary['left_out']} left out: not encodable)"],
        ["ELBO", f"{summary['elbo']:.3f} nats"],
        ["rate", f"{summary['rate']:.3f} nats"],
        ["distortion", f"{summary['distortion']:.3f} nats"],
        [f"bound on −log p(x), {summary['iwae_samples']} importance samples", f"{summary['nll_bound']:.3f} nats"],
        ["the same", f"{summary['bits_per_token']:.4f} bits/token, {summary['bits_per_character']:.4f} bits/character"],
        ["exact reconstruction (greedy, free-running)", share(summary["exact_reconstruction"])],
        ["token accuracy (teacher-forced)", share(summary["token_accuracy"])],
        ["active units", f"{summary['active_units']} of {summary['latent']}"],
        [f"validity of {summary['samples']:,} samples, single draws (SMILES: under rules)", share(summary["validity"])],
        ["uniqueness of the valid", share(summary["uniqueness"])],
        ["novelty of the distinct", novelty],
    ]
