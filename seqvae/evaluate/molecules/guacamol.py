"""GuacaMol's five metrics of a distribution: validity, uniqueness, novelty, KL and FCD score.

Brown et al. 2019, doi:10.1021/acs.jcim.8b00839, as its program defines them: everything on the first 10,000 valid (or
distinct) samples, divided by how many were wanted, and distinct without stereo; the two distances are to 10,000 of the
training molecules, picked with its seed. If there are fewer samples or training molecules, all are taken.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import entropy, gaussian_kde

from seqvae.evaluate.molecules.descriptors import DESCRIPTORS
from seqvae.evaluate.molecules.fcd import Gaussian, frechet
from seqvae.evaluate.molecules.reference_cache import (
    Arrays,
    Distinct,
    Tools,
    arrays_of,
    chemnet_gaussian,
    distinct_molecules,
    gaussian_of,
)
from seqvae.evaluate.molecules.tanimoto import nearest_other_similarity

NAMES = ("validity", "uniqueness", "novelty", "KL", "FCD")
SIZE = 10_000

_SEED = 42  # GuacaMol's
_CONTINUOUS = 4  # descriptors, the first ones
_GRID, _BINS, _FLOOR = 1000, 10, 1e-10


@dataclass(frozen=True)
class Baseline:
    """What the two distances need to know about the training molecules.

    Attributes:
        chemnet: the Gaussian of their activations.
        descriptors: float64 `(molecules, 9)`, of the molecules without stereo.
        nearest: float64 `(molecules,)`: similarity of each to its nearest neighbour.
    """

    chemnet: Gaussian
    descriptors: NDArray[np.float64]
    nearest: NDArray[np.float64]


def baseline(texts: Sequence[str], tools: Tools) -> Baseline:
    """Return what the distances need of the training molecules, from the cache if it has been computed before.

    Raises:
        InputError: fewer than two of the texts are molecules.
    """

    def make() -> Arrays:
        """Compute what is cached."""
        picks = np.random.RandomState(_SEED).choice(len(texts), min(SIZE, len(texts)), replace=False)
        distinct = distinct_molecules([texts[pick] for pick in picks.tolist()], tools, "GuacaMol reference")
        descriptors, nearest = _facts(distinct.flat, tools, "the GuacaMol reference")
        gaussian = chemnet_gaussian(distinct, tools, "GuacaMol reference")
        return {**arrays_of(gaussian), "descriptors": descriptors, "nearest": nearest}

    arrays = tools.cached(texts, "guacamol", make)
    return Baseline(gaussian_of(arrays), arrays["descriptors"], arrays["nearest"])


def _facts(smiles: Sequence[str], tools: Tools, what: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return descriptors of the distinct molecules, and the similarity of each to its nearest neighbour."""
    columns = ["descriptors", "long fingerprint"]
    found: dict[str, Any] = tools.facts(sorted(set(smiles)), columns, f"descriptors of {what}")
    return found["descriptors"], nearest_other_similarity(found["long fingerprint"], tools.settings.device)


def guacamol_metrics(
    sampled: Distinct, samples: int, unseen: int | None, baseline_set: Baseline, tools: Tools
) -> dict[str, float]:
    """Return GuacaMol's metrics by name, except FCD; novelty only if the training molecules are known.

    Args:
        sampled: the valid samples.
        samples: how many samples there were.
        unseen: how many molecules of `first_distinct` training has not seen; None if that is not known.
        baseline_set: of the training molecules.
        tools: settings and processes.
    """
    wanted = min(SIZE, samples)
    metrics = {
        "validity": len(sampled.rows) / samples,
        "uniqueness": len({sampled.flat[row] for row in sampled.rows[:wanted].tolist()}) / wanted,
    }
    if unseen is not None:
        metrics["novelty"] = unseen / wanted
    descriptors, nearest = _facts(first_distinct(sampled, samples), tools, "the samples")
    metrics["KL"] = kl_score(baseline_set.descriptors, descriptors, baseline_set.nearest, nearest)
    return metrics


def fcd_score(sampled: Distinct, whole: Gaussian, baseline_set: Baseline, tools: Tools) -> float:
    """Return exp(-FCD / 5) of the first 10,000 valid samples.

    Args:
        sampled: the valid samples.
        whole: the Gaussian of all of them, which is taken if there are no more than that.
        baseline_set: of the training molecules.
        tools: settings and processes.
    """
    if len(sampled.rows) > SIZE:
        rows, counts = np.unique(sampled.rows[:SIZE], return_counts=True)
        smiles, flat = ([names[row] for row in rows.tolist()] for names in (sampled.smiles, sampled.flat))
        part = Distinct(smiles, flat, counts.astype(float), np.repeat(np.arange(len(rows)), counts))
        whole = chemnet_gaussian(part, tools, "first 10,000 samples")
    return math.exp(-0.2 * frechet(whole, baseline_set.chemnet))


def first_distinct(sampled: Distinct, samples: int) -> list[str]:
    """Return the first 10,000 distinct samples (fewer, of fewer samples), without stereo, each once."""
    rows = list(dict.fromkeys(sampled.rows.tolist()))[: min(SIZE, samples)]
    return sorted({sampled.flat[row] for row in rows})


def kl_score(
    reference: NDArray[np.float64],
    samples: NDArray[np.float64],
    nearest_reference: NDArray[np.float64],
    nearest_samples: NDArray[np.float64],
) -> float:
    """Return the mean of exp(-KL) over the descriptors and the similarity to the nearest neighbour.

    Args:
        reference: descriptors, float64 `(molecules, 9)`.
        samples: likewise.
        nearest_reference: similarity of each molecule to its nearest neighbour.
        nearest_samples: likewise.
    """
    divergences = [
        (continuous_kl if column < _CONTINUOUS else discrete_kl)(reference[:, column], samples[:, column])
        for column in range(len(DESCRIPTORS))
    ]
    divergences.append(continuous_kl(nearest_reference, nearest_samples))
    return float(np.mean(np.exp(-np.asarray(divergences))))


def continuous_kl(reference: NDArray[np.float64], samples: NDArray[np.float64]) -> float:
    """Return KL(reference || samples) of two kernel density estimates, in nats; infinite if one is a point."""
    both = np.concatenate([reference, samples])
    if min(np.ptp(reference), np.ptp(samples)) == 0:
        return 0.0 if np.ptp(both) == 0 else math.inf
    grid = np.linspace(both.min(), both.max(), _GRID)
    return float(entropy(gaussian_kde(reference)(grid) + _FLOOR, gaussian_kde(samples)(grid) + _FLOOR))


def discrete_kl(reference: NDArray[np.float64], samples: NDArray[np.float64]) -> float:
    """Return KL(reference || samples) of two histograms over the reference's ten bins, in nats.

    Samples outside the bins are not counted, as in GuacaMol; infinite if all are outside.
    """
    expected, edges = np.histogram(reference, bins=_BINS, density=True)
    found = np.histogram(samples, bins=edges)[0].astype(float)
    if not found.any():
        return math.inf
    return float(entropy(expected + _FLOOR, found / (found.sum() * np.diff(edges)) + _FLOOR))
