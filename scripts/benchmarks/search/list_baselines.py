"""What anyone would write to choose the next compounds of a list: neighbours, a Gaussian process, a random forest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import erf

from seqvae.properties.molecules.fingerprints import ECFP4_BITS, fingerprint
from seqvae.properties.tanimoto import tanimoto_of_sizes
from seqvae.search.surrogates.multiple_kernels import fitted
from seqvae.sequences.molecules import read_molecule

Numbers = NDArray[np.float64]
_LEADS = 5  # best measured compounds whose neighbours are taken
_TREES = 100


@dataclass
class Table:
    """Compounds with their values.

    Attributes:
        texts: SMILES, canonical and distinct.
        values: higher is better.
        bits: ECFP4 of each, `(compounds, 2048)`.
    """

    texts: list[str]
    values: Numbers
    bits: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.bits = np.zeros((len(self.texts), ECFP4_BITS), np.float32)
        for row, text in enumerate(self.texts):
            self.bits[row, list(fingerprint(read_molecule(text), "ecfp4").GetOnBits())] = 1

    def likeness(self, first: list[int]) -> Numbers:
        """Return the Tanimoto similarity of some compounds to all, `(first, compounds)`."""
        sizes = self.bits.sum(1)
        return np.asarray(tanimoto_of_sizes(self.bits[first] @ self.bits.T, sizes[first][:, None], sizes), np.float64)


Method = Callable[[Table, list[int], np.random.Generator], Numbers]  # the worth of every compound


def drawn(table: Table, known: list[int], rng: np.random.Generator) -> Numbers:
    """Return a random worth."""
    return rng.random(len(table.texts))


def near_the_best(table: Table, known: list[int], rng: np.random.Generator) -> Numbers:
    """Return the similarity to the nearest of the best measured compounds."""
    best = sorted(known, key=lambda row: -table.values[row])[:_LEADS]
    return np.asarray(table.likeness(best).max(0))


def improvement(mean: Numbers, deviation: Numbers, best: float) -> Numbers:
    """Return the expected improvement on the best value."""
    lead = (mean - best) / deviation
    density = np.exp(-0.5 * lead**2) / np.sqrt(2 * np.pi)
    return np.asarray(deviation * (lead * 0.5 * (1 + erf(lead / np.sqrt(2))) + density))


def process(greedy: bool) -> Method:
    """Return a Gaussian process with the Tanimoto kernel on ECFP4, 2,048 bits; hyperparameters by likelihood."""

    def worth(table: Table, known: list[int], rng: np.random.Generator) -> Numbers:
        values = table.values[known]
        scaled, across = (values - values.mean()) / values.std(), table.likeness(known)
        weights, noise = fitted([across[:, known]], scaled, np.zeros(len(known)))
        factor = cho_factor(weights[0] * across[:, known] + noise * np.eye(len(known)))
        mean = weights[0] * across.T @ cho_solve(factor, scaled)
        if greedy:
            return np.asarray(mean)
        explained = (across * cho_solve(factor, across)).sum(0) * weights[0] ** 2
        return improvement(mean, np.sqrt(np.maximum(weights[0] - explained, 1e-9)), scaled.max())

    return worth


def forest(greedy: bool) -> Method:
    """Return a random forest of scikit-learn on ECFP4; the deviation is that of its trees."""

    def worth(table: Table, known: list[int], rng: np.random.Generator) -> Numbers:
        from sklearn.ensemble import RandomForestRegressor  # of the benchmark alone

        model = RandomForestRegressor(_TREES, random_state=int(rng.integers(2**31)))
        varied = np.flatnonzero(np.ptp(table.bits[known], 0))  # no tree splits by another, and it takes a third
        bits = np.ascontiguousarray(table.bits[:, varied])
        model.fit(bits[known], table.values[known])
        found = np.stack([tree.tree_.predict(bits)[:, 0] for tree in model.estimators_])
        if greedy:
            return np.asarray(found.mean(0))
        return improvement(found.mean(0), found.std(0) + 1e-9, table.values[known].max())

    return worth


METHODS: dict[str, Method] = {
    "random": drawn,
    "neighbours of the best": near_the_best,
    "Gaussian process, greedy": process(greedy=True),
    "Gaussian process, expected improvement": process(greedy=False),
    "random forest, greedy": forest(greedy=True),
    "random forest, expected improvement": forest(greedy=False),
}
