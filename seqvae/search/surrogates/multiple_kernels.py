"""A Gaussian process with one Tanimoto kernel for each representation, for tens to hundreds of measurements.

Its covariance is a weighted sum of the kernels (multiple kernel learning), with the weights and the noise of the
highest posterior density: which fingerprint says most about a target is learned from its measurements. The noise
differs from design to design where standard errors or repeats are known.

A batch is chosen by posterior draws whose deviation is half of the posterior's, each design the best of a draw of its
own: they are drawn jointly, so that designs that are alike are rarely best in two draws. Drawing with all of it spends
a small budget on exploring.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.optimize import minimize
from scipy.special import erf

from seqvae.properties.molecules.cache import Sheets
from seqvae.search.surrogates.representations import representations
from seqvae.search.surrogates.tanimoto import Likeness

Numbers = NDArray[np.float64]
# Priors of the logarithms of the hyperparameters, of scores that are standardised: mean and standard deviation. The
# mean of the weights is 1 / representations: then the variance of the process is 1.
_WEIGHT_SD = 1.5
_NOISE = (-2.0, 1.0)
_STEPS = 50  # of L-BFGS
_JITTER = 1e-4  # the least noise, in variances of the scores
_NEGLIGIBLE = 0.01  # share of the variance below which a kernel is left out of predictions
_BOLDNESS = 0.5  # standard deviations of the posterior by which draws stray from its mean, per its own
_DRAWS = 1_024  # of a batch, for what it is expected to gain
_POINTS = 1_000  # most measured designs that the process is fitted to


class Similarity(Protocol):
    """Similarities of designs, as `tanimoto.Likeness` returns them."""

    def table(self, first: Sequence[str], second: Sequence[str]) -> Numbers:
        """Return the similarity of each design to each other one, `(first, second)`."""

    def forget(self, but: Sequence[str]) -> None:
        """Forget what is kept of all designs but some."""


def likenesses_of(sheets: Sheets | None) -> list[Likeness]:
    """Return the similarities of designs by all representations; `sheets` as in `representations`."""
    return [Likeness(one) for one in representations(sheets)]


def surrogate_of(
    scores: Mapping[str, float],
    likenesses: Sequence[Similarity],
    seed: int,
    errors: Mapping[str, float] | None = None,
) -> MultipleKernels:
    """Return the process fitted to measured designs; of very many, to the best half and a random draw of the others.

    Args:
        scores: of each measured design, not all equal.
        likenesses: similarities of designs, by each representation.
        seed: of the draw.
        errors: standard errors of the scores; None: unknown.
    """
    known = sorted(scores, key=lambda form: (-scores[form], form))
    if len(known) > _POINTS:
        half = _POINTS // 2
        drawn = np.random.default_rng(seed).choice(len(known) - half, _POINTS - half, replace=False) + half
        known = [*known[:half], *(known[int(row)] for row in np.sort(drawn))]
    given = None if errors is None else np.array([errors[form] for form in known], np.float64)
    return MultipleKernels(likenesses, known, [scores[form] for form in known], given)


@final
class MultipleKernels:
    """The process, fitted to measured designs.

    Args:
        likenesses: similarities of designs, by each representation; of each to itself it is 1.
        known: measured designs, distinct, at least two.
        scores: of these, not all equal, higher is better.
        errors: standard errors of these; None: unknown, then all noise is that of measurement. Where they are known,
            what is left of the noise is the designs' own: what no representation sees.

    Attributes:
        weights: of each kernel, in variances of the scores.
        noise: the fitted noise, in variances of the scores.
    """

    def __init__(
        self,
        likenesses: Sequence[Similarity],
        known: Sequence[str],
        scores: Sequence[float],
        errors: Numbers | None = None,
    ) -> None:
        self.known, values = list(known), np.asarray(scores, np.float64)
        self._all = likenesses
        self._mean, self._unit = float(values.mean()), float(values.std())
        given = np.zeros(len(values)) if errors is None else (errors / self._unit) ** 2
        self._own, self._error = errors is not None, float(np.mean(given))
        tables = [one.table(self.known, self.known) for one in self._all]
        self.weights, self.noise = fitted(tables, (values - self._mean) / self._unit, given)
        self._among = self._summed(tables)
        noisy = self._among + np.diag(given + self.noise)
        self._factor = np.linalg.cholesky(noisy)
        ones, targets = (self._solved(one) for one in (np.ones(len(values)), (values - self._mean) / self._unit))
        self._centre = float(ones @ targets / (ones @ ones))
        self._solution = targets - self._centre * ones

    def predicted(self, texts: Sequence[str], measured: bool = True) -> tuple[Numbers, Numbers]:
        """Return mean and standard deviation of each design, `(texts,)`.

        Args:
            texts: designs.
            measured: of what a measurement would give, with its noise; False: of the mean of many.
        """
        if not texts:
            return np.empty(0), np.empty(0)
        mean, variance, _ = self._posterior(texts)
        more = self.noise + self._error if measured else self._own * self.noise
        return self._mean + self._unit * mean, self._unit * np.sqrt(variance + more)

    def bounds(self, texts: Sequence[str]) -> Numbers:
        """Return mean + half a standard deviation of each design; by it a list is screened."""
        mean, deviation = self.predicted(texts, measured=False)
        return mean + _BOLDNESS * deviation

    def improvement(self, texts: Sequence[str]) -> Numbers:
        """Return the expected improvement of each design on the best posterior mean, in the unit of the scores.

        Mockus 1978; Jones et al. 1998, doi:10.1023/A:1008306431147.
        """
        mean, deviation = self.predicted(texts, measured=False)
        lead = (mean - self.at_known()[0].max()) / deviation
        below = 0.5 * (1 + erf(lead / np.sqrt(2)))
        density = np.exp(-0.5 * lead**2) / np.sqrt(2 * np.pi)
        return np.asarray(deviation * (lead * below + density), np.float64)

    def at_known(self) -> tuple[Numbers, Numbers]:
        """Return posterior mean and deviation of the values of the measured designs, without noise of measurement."""
        cross = self._among + (self.noise * np.eye(len(self.known)) if self._own else 0.0)
        explained = self._solved(cross)
        variance = np.maximum(np.diag(cross) - (explained**2).sum(0), 0.0)
        mean = self._centre + explained.T @ self._solution
        return self._mean + self._unit * mean, self._unit * np.sqrt(variance)

    def left_out(self) -> tuple[Numbers, Numbers]:
        """Return what each measured design was predicted to give without its own measurement, and the deviation.

        Rasmussen & Williams 2006, equations 5.12; the hyperparameters and the centre stay as they are.
        """
        inverse = self._solved(np.eye(len(self.known)))
        precision = (inverse**2).sum(0)
        residual = (inverse.T @ self._solution) / precision
        values = self._factor @ self._solution + self._centre
        return self._mean + self._unit * (values - residual), self._unit / np.sqrt(precision)

    @property
    def noise_deviation(self) -> float:
        """Standard deviation of the fitted noise, in the unit of the scores."""
        return self._unit * float(np.sqrt(self.noise))

    def gain(self, texts: Sequence[str], seed: int) -> float:
        """Return the expected improvement of the best of a batch on the best posterior mean, from joint draws.

        Args:
            texts: the batch, at least one.
            seed: of the draws.
        """
        mean, _, explained = self._posterior(texts)
        among = self._summed([one.table(texts, texts) for one in self._used()], used=True) - explained.T @ explained
        deviations = np.linalg.cholesky(among + (self._own * self.noise + 1e-6) * np.eye(len(texts)))
        drawn = np.random.default_rng(seed).standard_normal((len(texts), _DRAWS))
        best = (self.at_known()[0].max() - self._mean) / self._unit
        return float(self._unit * np.maximum((mean[:, None] + deviations @ drawn).max(0) - best, 0.0).mean())

    def choose(self, bounds: dict[str, float], count: int, rng: np.random.Generator) -> list[str]:
        """Return the best design of each of `count` draws, of those with the highest bounds; none comes twice."""
        best = sorted(bounds, key=lambda text: -bounds[text])
        if len(best) <= count:
            return best
        mean, _, explained = self._posterior(best)
        among = self._summed([one.table(best, best) for one in self._used()], used=True) - explained.T @ explained
        deviations = np.linalg.cholesky(among + 1e-6 * np.eye(len(best)))
        taken: list[int] = []
        for _ in range(count):
            worth = mean + _BOLDNESS * (deviations @ rng.standard_normal(len(best)))
            worth[taken] = -np.inf
            taken.append(int(worth.argmax()))
        return [best[row] for row in taken]

    def forget(self) -> None:
        """Forget the counts of all designs but the measured ones."""
        for one in self._all:
            one.forget(but=self.known)

    def _posterior(self, texts: Sequence[str]) -> tuple[Numbers, Numbers, Numbers]:
        """Return mean and variance of each design, standardised, and what is explained, `(known, texts)`."""
        across = self._summed([one.table(self.known, texts) for one in self._used()], used=True)
        explained = self._solved(across)
        variance = np.maximum(float(self.weights.sum()) - (explained**2).sum(0), 1e-9)
        return self._centre + explained.T @ self._solution, variance, explained

    def _used(self) -> list[Similarity]:
        return [one for one, weight in zip(self._all, self.weights, strict=True) if weight > 0]

    def _summed(self, tables: Iterable[Numbers], used: bool = False) -> Numbers:
        weights = [weight for weight in self.weights if weight > 0 or not used]
        return np.asarray(sum(weight * table for weight, table in zip(weights, tables, strict=True)))

    def _solved(self, right: Numbers) -> Numbers:
        return np.asarray(solve_triangular(self._factor, right, lower=True))


def fitted(tables: Sequence[Numbers], scores: Numbers, given: Numbers) -> tuple[Numbers, float]:
    """Return the weights of the kernels and the noise of the highest posterior density; negligible weights are 0.

    Args:
        tables: similarities of the measured designs by each representation, `(known, known)`.
        scores: standardised, `(known,)`.
        given: known variances of their errors, `(known,)`.
    """
    kernels, means = len(tables), np.full(len(tables) + 1, -np.log(len(tables)))
    means[-1] = _NOISE[0]
    deviations = np.array([*[_WEIGHT_SD] * kernels, _NOISE[1]])
    stacked = np.stack(tables)

    def loss(log: Numbers) -> tuple[float, Numbers]:
        """Return minus the log density and its gradient; the constant mean is the likeliest one."""
        weights, noise = np.exp(log[:-1]), np.exp(log[-1])
        covariance = np.tensordot(weights, stacked, 1) + np.diag(given + noise + _JITTER)
        factor = np.linalg.cholesky(covariance)
        half = solve_triangular(factor, np.eye(len(scores)), lower=True)
        inverse = half.T @ half
        centred = scores - (inverse @ scores).sum() / inverse.sum()
        alpha = inverse @ centred
        slope = 0.5 * (inverse - np.outer(alpha, alpha))
        gradient = np.array([*(weights * (stacked * slope).sum((1, 2))), noise * np.trace(slope)])
        off = (log - means) / deviations
        value = 0.5 * centred @ alpha + np.log(np.diag(factor)).sum() + 0.5 * (off**2).sum()
        return float(value), gradient + off / deviations

    bounds = [*[(-8.0, 4.0)] * kernels, (-8.0, 2.0)]
    found = minimize(loss, means, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS}).x
    weights = np.exp(found[:-1])
    weights[weights < _NEGLIGIBLE * weights.sum()] = 0.0
    return weights, float(np.exp(found[-1])) + _JITTER
