"""How far metrics of samples would move if other samples of the same size were drawn from the same model.

Efron & Tibshirani 1993, An Introduction to the Bootstrap. Samples are drawn again with replacement, which is a
multinomial draw of how often each distinct sample occurs; the metric is recomputed from these frequencies.

An interval here is the metric plus the 2.5 % and 97.5 % quantiles of the resampled values about their own mean. The
plain quantiles would not do: a resampled set repeats its members, which raises distances between distributions and
lowers similarities, so that the metric itself could lie outside its interval.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Interval = tuple[float, float]
Metric = Callable[[NDArray[np.float64]], float]  # of the shares of the distinct samples, `(distinct,)`, sum 1

_QUANTILES = (0.025, 0.975)


def bootstrap_intervals(
    metrics: Mapping[str, tuple[float, Metric]], counts: NDArray[np.float64], replicates: int, seed: int
) -> dict[str, Interval]:
    """Return a 95 % interval of each metric.

    Args:
        metrics: by name, the value of the samples, and how to compute it from the shares of the distinct samples.
        counts: how often each distinct sample occurs.
        replicates: number of resamplings; 0: no intervals.
        seed: of the draws.
    """
    if not replicates or not metrics:
        return {}
    generator = np.random.default_rng(seed)
    total = int(counts.sum())
    found = np.empty((replicates, len(metrics)))
    for row in found:
        shares = generator.multinomial(total, counts / total) / total
        row[:] = [compute(shares) for _, compute in metrics.values()]
    offsets = np.quantile(found - found.mean(0), _QUANTILES, axis=0)
    return {
        name: (value + float(low), value + float(high))
        for (name, (value, _)), low, high in zip(metrics.items(), *offsets, strict=True)
    }


def share_interval(hits: int, total: int, replicates: int, seed: int) -> Interval:
    """Return the 95 % interval of the share of `hits` in `total`: resampling it is a binomial draw."""
    drawn = np.random.default_rng(seed).binomial(total, hits / total, replicates) / total
    low, high = np.quantile(drawn - drawn.mean(), _QUANTILES)
    return max(0.0, hits / total + float(low)), min(1.0, hits / total + float(high))


def mean_metric(values: NDArray[np.float64]) -> Metric:
    """Return the mean, given a value for each distinct sample."""
    return lambda shares: float(shares @ values)


@dataclass(frozen=True)
class WassersteinMetric:
    """The Wasserstein distance of a property's distribution from a reference, as a function of the shares.

    Attributes:
        order: int64 `(distinct,)`: sorts the samples' values.
        below: int64 `(steps,)`: how many of the sorted samples lie at or below the start of each step.
        reference: float64 `(steps,)`: share of the reference at or below that start.
        widths: float64 `(steps,)`: widths of the steps between neighbouring values, samples and reference together.
    """

    order: NDArray[np.int64]
    below: NDArray[np.int64]
    reference: NDArray[np.float64]
    widths: NDArray[np.float64]

    def __call__(self, shares: NDArray[np.float64]) -> float:
        """Return the area between the two cumulative distributions."""
        cumulative = np.concatenate([[0.0], np.cumsum(shares[self.order])])
        return float(np.abs(cumulative[self.below] - self.reference) @ self.widths)


def wasserstein_metric(values: NDArray[np.float64], reference: NDArray[np.float64]) -> WassersteinMetric:
    """Prepare the distance of a property, values `(distinct,)`, from a reference `(any,)`."""
    order = np.argsort(values, kind="stable")
    ours, theirs = values[order], np.sort(reference)
    grid = np.unique(np.concatenate([ours, theirs]))
    starts = grid[:-1]
    return WassersteinMetric(
        order,
        np.searchsorted(ours, starts, side="right"),
        np.searchsorted(theirs, starts, side="right") / len(theirs),
        np.diff(grid),
    )


def cosine_metric(table: csr_array, reference: NDArray[np.float64], norm: float) -> Metric:
    """Return the cosine similarity of the samples' summed counts and a reference's; 0 if the samples have none.

    Args:
        table: how often each name (column) occurs in each distinct sample (row).
        reference: the reference's counts of these names.
        norm: Euclidean length of all counts of the reference, other names included.
    """
    columns = table.T.tocsr()

    def compute(shares: NDArray[np.float64]) -> float:
        """Return the similarity for these shares."""
        counts = columns @ shares
        length = float(np.linalg.norm(counts)) * norm
        return float(counts @ reference) / length if length else 0.0

    return compute
