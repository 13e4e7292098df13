"""A guide for breeding: a Gaussian process by similarity, which knows the scores so far and chooses among bred texts.

The "GP BO" of PMO (Gao et al. 2022, arXiv:2206.12411) after Tripp et al. 2021, with the evolution's own ways of
breeding in place of its genetic algorithm (Tripp & Hernandez-Lobato 2023, arXiv:2310.09267, for how well that does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from botorch.models import SingleTaskGP
from gpytorch.kernels import Kernel, ScaleKernel
from numpy.typing import NDArray
from torch import Tensor

from seqvae.config import GuideConfig
from seqvae.search.memory.archive import Archive
from seqvae.search.storage.state import State
from seqvae.search.surrogates.gp import fitted, hyperparameters, settled, thompson
from seqvae.search.surrogates.improvement import ParetoFront
from seqvae.search.surrogates.tanimoto import Features, Likeness

# Decades of the upper confidence bound's beta; each round draws one, as PMO's "GP BO" does.
_BETA = (-2.0, 0.0)
_GROWN = 1.1  # times as many scores: the hyperparameters are fitted again; between, the last ones stand
_FINALISTS = 1000  # texts of the highest bound, among which posterior draws choose
_CPU = torch.device("cpu")  # tables of similarities are made there, and are small


@final
class LookUp(Kernel):
    """A covariance function that has been computed: inputs are numbers of rows of a table of covariances.

    Args:
        table: `(rows, rows)`, symmetric, positive semi-definite.
    """

    has_lengthscale = False

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:  # noqa: ANN401
        """Return the covariances of rows `(..., n, 1)` with rows `(..., m, 1)`."""
        first, second = x1[..., 0].long(), x2[..., 0].long()
        return self.table[first, second] if diag else self.table[first.unsqueeze(-1), second.unsqueeze(-2)]


@final
class Guide:
    """Makes the process anew in each round, and fits it again, from where the last fit ended, when more is known.

    The process has a constant mean and the Tanimoto kernel (Ralaivola et al. 2005, doi:10.1016/j.neunet.2005.07.009)
    times a scale. Of more than `points` scores it is fitted to the best half and to as many of the others, drawn. Of
    several scores a text, each has a process of its own; the best are then those of the best Pareto ranks, and what is
    wanted is to go beyond the front of all (`gain.py`).

    Args:
        features: counts of a text's parts: `tanimoto.Substructures` of molecules, `tanimoto.Words` of sequences.
        config: sizes.
    """

    def __init__(self, features: Features, config: GuideConfig | None = None) -> None:
        self.config, self.likeness = config or GuideConfig(), Likeness(features)
        self._hyper: list[State] | None = None  # of each score's process
        self._fitted = 0  # scores there were at the last fit

    def fitted(self, archive: Archive, several: Mapping[str, tuple[float, ...]], rng: np.random.Generator) -> Surrogate:
        """Return what the scores of an archive let one think of other texts.

        Args:
            archive: texts with their scores or ranks.
            several: the scores of each of these texts where it has more than one, else empty.
            rng: of all draws.
        """
        known = self._known(archive, rng)
        self.likeness.forget(but=known)
        seed, beta = int(rng.integers(2**31)), float(10 ** rng.uniform(*_BETA))
        scores = np.array([several.get(text, (archive.score(text),)) for text in known], np.float64)
        fit = self._hyper is None or len(archive) >= _GROWN * self._fitted
        found = Surrogate(self.likeness, known, scores, self._hyper, (seed, beta), fit)
        if fit:
            self._hyper, self._fitted = [hyperparameters(model) for model in found.models], len(archive)
        return found

    def state_dict(self) -> State:
        """Return where the next fit begins."""
        return {"hyper": self._hyper, "fitted": self._fitted}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self._hyper, self._fitted = state["hyper"], state["fitted"]

    def _known(self, archive: Archive, rng: np.random.Generator) -> list[str]:
        """Return the texts that the process is fitted to."""
        ranked = archive.best(len(archive))
        if len(ranked) <= self.config.points:
            return ranked
        half = self.config.points // 2
        drawn = rng.choice(len(ranked) - half, self.config.points - half, replace=False) + half
        return [*ranked[:half], *(ranked[int(row)] for row in np.sort(drawn))]


@final
class Surrogate:
    """Gaussian processes over texts that grow by rows: first those with scores, then those that are asked about.

    Args:
        likeness: similarities.
        known: texts with scores.
        scores: of these, `(texts, objectives)`.
        begin: hyperparameters of each objective's process to begin the fit with.
        chance: seed of the draws, and the weight of the variance in the bound.
        fit: whether to fit them.
    """

    def __init__(
        self,
        likeness: Likeness,
        known: list[str],
        scores: NDArray[np.float64],
        begin: list[State] | None,
        chance: tuple[int, float],
        fit: bool = True,
    ) -> None:
        self.likeness, self.known = likeness, known
        self._seed, self._beta = chance
        self._front = ParetoFront.of(scores, _CPU)
        self._among = torch.from_numpy(likeness.table(known, known))
        self._look = LookUp(self._among)
        rows = torch.arange(len(known), dtype=torch.float64).unsqueeze(-1)
        starts: list[State | None] = [*begin] if begin else [None] * scores.shape[1]
        with settled(self._seed, _CPU):
            self.models: list[SingleTaskGP] = [
                fitted(rows, values, ScaleKernel(self._look), start, fit)
                for values, start in zip(torch.from_numpy(scores).unbind(1), starts, strict=True)
            ]

    def bounds(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how far the upper confidence bound of each text, mean + sqrt(beta) * sd, goes beyond the front."""
        if not texts:
            return np.empty(0)
        with settled(self._seed, _CPU), torch.no_grad():
            rows = self._rows(texts)
            posteriors = [model.posterior(rows) for model in self.models]
            found = torch.cat([one.mean + (self._beta * one.variance).sqrt() for one in posteriors], dim=1)
            return np.asarray(self._front.gain(found).numpy(), np.float64)

    def choose(self, bounds: dict[str, float], count: int) -> list[str]:
        """Return the best texts of a draw of the posterior each, among those of the highest bounds."""
        best = sorted(bounds, key=lambda text: -bounds[text])[:_FINALISTS]
        if len(best) <= count:
            return best
        with settled(self._seed, _CPU):
            return [best[row] for row in thompson(self.models, self._rows(best), count, self._front)]

    def _rows(self, texts: Sequence[str]) -> Tensor:
        """Put texts into the table behind those with scores, and return their rows, `(texts, 1)`."""
        across = torch.from_numpy(self.likeness.table(self.known, texts))
        among = torch.from_numpy(self.likeness.table(texts, texts))
        self._look.table = torch.cat(
            [torch.cat([self._among, across], dim=1), torch.cat([across.T, among], dim=1)], dim=0
        )
        return torch.arange(len(self.known), len(self.known) + len(texts), dtype=torch.float64).unsqueeze(-1)
