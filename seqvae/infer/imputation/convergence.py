"""Whether chains agree, and what their draws are worth (Gelman et al. 2013, Bayesian Data Analysis, section 11.4-5)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def split_r_hat(chains: NDArray[np.float64]) -> float:
    """Return the potential scale reduction of halved chains, `(draws, chains)`: near 1 where all say the same.

    NaN where nothing varies or there are fewer than four draws.
    """
    half = len(chains) // 2
    if half < 2:
        return math.nan
    parts = np.concatenate([chains[:half], chains[half : 2 * half]], axis=1)
    within, between = parts.var(0, ddof=1).mean(), parts.mean(0).var(ddof=1)
    if within <= 0:
        return math.nan if between <= 0 else math.inf
    return float(math.sqrt((half - 1) / half + between / within))


def effective_draws(chains: NDArray[np.float64]) -> float:
    """Return how many independent draws those of some chains, `(draws, chains)`, are worth.

    Autocorrelations of all chains together, summed in pairs as long as these are positive (Geyer 1992,
    doi:10.1214/ss/1177011137). NaN where nothing varies.
    """
    count, number = chains.shape
    within = chains.var(0, ddof=1).mean() if count > 1 else 0.0
    between = chains.mean(0).var(ddof=1) if number > 1 else 0.0
    variance = within * (count - 1) / count + between
    if variance <= 0:
        return math.nan
    steps = np.array([((chains[lag:] - chains[: count - lag]) ** 2).mean() for lag in range(1, count)])
    correlations = np.concatenate([[1.0], 1 - steps / (2 * variance)])
    total = 0.0
    for first in range(0, count - 1, 2):
        pair = float(correlations[first] + correlations[first + 1])
        if pair <= 0:
            break
        total += pair
    return float(min(count * number, count * number / max(2 * total - 1, 1e-12)))
