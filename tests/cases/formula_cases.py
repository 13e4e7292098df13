"""What the tests of formulas share: plain programs beside which the package's values stand."""

from __future__ import annotations

import math

import numpy as np
import torch

from seqvae.model.priors.contract import Prior
from seqvae.search.memory.archive import Archive


def arc(first, last, share):
    """The direction turns evenly, the length changes evenly."""
    lengths = np.linalg.norm(first), np.linalg.norm(last)
    angle = np.arccos(first @ last / lengths[0] / lengths[1])
    way = np.sin((1 - share) * angle) * first / lengths[0] + np.sin(share * angle) * last / lengths[1]
    return ((1 - share) * lengths[0] + share * lengths[1]) * way / np.sin(angle)


def archive(scores):
    """An archive of texts with these scores, by name."""
    found = Archive()
    found.update(scores, scores.values())
    return found


def rate(mean, log_variance):
    mean, log_variance = np.array(mean), np.array(log_variance)
    return 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance)


def adam(at, gradient, steps, size=0.05):
    """Kingma & Ba 2015, algorithm 1, its step size falling by half a cosine."""
    first, second = np.zeros_like(at), np.zeros_like(at)
    for step in range(steps):
        slope = gradient(at, step)
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        now = size * (1 + math.cos(math.pi * step / steps)) / 2
        whole = first / (1 - 0.9 ** (step + 1)) / (np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8)
        at = at - now * whole
    return at


class Shifted(Prior):
    """N(1, 4) in each of two dimensions."""

    def log_prob(self, z):
        return torch.distributions.Normal(1.0, 2.0).log_prob(z).sum(-1)

    def sample(self, count, rng):
        raise NotImplementedError


def table_distance(left: str, right: str) -> int:
    """Levenshtein's distance by the whole table (Wagner & Fischer 1974)."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        new = [i]
        for j, b in enumerate(right, 1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (a != b)))
        row = new
    return row[-1]
