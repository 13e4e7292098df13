"""A surrogate for breeding: a Gaussian process with the Tanimoto kernel, which chooses among offspring.

The "GP BO" of PMO (Gao et al. 2022, arXiv:2206.12411) after Tripp et al. 2021, with the evolution's own operators in
place of its genetic algorithm (Tripp & Hernandez-Lobato 2023, arXiv:2310.09267, on how well that does).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from operator import add
from typing import Any, final

import numpy as np
import torch
from botorch.models import SingleTaskGP
from gpytorch.kernels import Kernel, ScaleKernel
from numpy.typing import NDArray
from torch import Tensor

from seqvae.config import GuideConfig
from seqvae.config.toml import checked
from seqvae.search.memory.archive import Archive
from seqvae.search.storage.state import State
from seqvae.search.surrogates.gp import fitted, hyperparameters, settled, thompson
from seqvae.search.surrogates.improvement import ParetoFront
from seqvae.search.surrogates.tanimoto import Features, Likeness

# Range of log10 of the upper confidence bound's beta; each round draws one, as PMO's "GP BO" does.
_BETA = (-2.0, 0.0)
_GROWN = 1.1  # growth of the scores after which hyperparameters are fitted again; until then the last ones stand
_FINALISTS = 1000  # texts with the highest bounds, among which posterior draws choose
_CPU = torch.device("cpu")  # tables of similarities are made there, and are small


@final
class LookUp(Kernel):
    """A precomputed covariance function: inputs are row numbers of a table of covariances.

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
    """Makes the surrogate of each round; its hyperparameters are refitted, from the last ones on, as scores grow.

    The process has a constant mean and the Tanimoto kernel (Ralaivola et al. 2005, doi:10.1016/j.neunet.2005.07.009)
    times a scale; of several kinds of parts the sum of such kernels, each with its scale, so that the scores decide
    which parts matter. Of more than `points` scores it is fitted to the best half and to a random draw of the others.
    Where texts have several scores, each score has a process of its own; the best texts are then those of the best
    Pareto ranks, and bounds are measured beyond the front (`improvement.py`).

    Args:
        features: counts of a text's parts, of one or several kinds: `tanimoto.Substructures` of molecules,
            `representations.representations` of sequences.
        config: sizes.
    """

    def __init__(self, features: Sequence[Features], config: GuideConfig | None = None) -> None:
        self.config, self.likenesses = config or GuideConfig(), [Likeness(one) for one in features]
        self._hyper: list[State] | None = None  # of each score's process
        self._fitted = 0  # scores there were at the last fit

    def fitted(self, archive: Archive, several: Mapping[str, tuple[float, ...]], rng: np.random.Generator) -> Surrogate:
        """Return the surrogate fitted to an archive.

        Args:
            archive: texts with their scores or ranks.
            several: all scores of these texts where they have more than one, else empty.
            rng: of all draws.
        """
        known = archive.best(len(archive))
        if len(known) > self.config.points:  # the best half, and as many as are left of the others at random
            half = self.config.points // 2
            drawn = rng.choice(len(known) - half, self.config.points - half, replace=False) + half
            known = [*known[:half], *(known[int(row)] for row in np.sort(drawn))]
        for one in self.likenesses:
            one.forget(but=known)
        seed, beta = int(rng.integers(2**31)), float(10 ** rng.uniform(*_BETA))
        scores = np.array([several.get(text, (archive.score(text),)) for text in known], np.float64)
        fit = self._hyper is None or len(archive) >= _GROWN * self._fitted
        found = Surrogate(self.likenesses, known, scores, self._hyper, (seed, beta), fit)
        if fit:
            self._hyper, self._fitted = [hyperparameters(model) for model in found.models], len(archive)
        return found

    def state_dict(self) -> State:
        """Return where the next fit begins."""
        return {"hyper": self._hyper, "fitted": self._fitted}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self._hyper = checked("hyper", state["hyper"], list[dict[str, np.ndarray]] | None)
        self._fitted = checked("fitted", state["fitted"], int)


@final
class Surrogate:
    """Gaussian processes over a table of texts: first those with scores, then those to predict.

    Args:
        likenesses: similarities of texts, by each kind of parts.
        known: texts with scores.
        scores: of these, `(texts, objectives)`.
        begin: hyperparameters of each objective's process to begin the fit with.
        chance: seed of the draws, and beta, the weight of the variance in the bound.
        fit: whether to fit them.
    """

    def __init__(
        self,
        likenesses: Sequence[Likeness],
        known: list[str],
        scores: NDArray[np.float64],
        begin: list[State] | None,
        chance: tuple[int, float],
        fit: bool = True,
    ) -> None:
        self.likenesses, self.known = likenesses, known
        self._seed, self._beta = chance
        self._front = ParetoFront.of(scores, _CPU)
        self._among = [torch.from_numpy(one.table(known, known)) for one in likenesses]
        self._looks = [LookUp(table) for table in self._among]
        rows = torch.arange(len(known), dtype=torch.float64).unsqueeze(-1)
        starts: list[State | None] = [*begin] if begin else [None] * scores.shape[1]
        with settled(self._seed, _CPU):
            self.models: list[SingleTaskGP] = [
                fitted(rows, values, functools.reduce(add, map(ScaleKernel, self._looks)), start, fit)
                for values, start in zip(torch.from_numpy(scores).unbind(1), starts, strict=True)
            ]

    def bounds(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how far each text's upper confidence bound, mean + sqrt(beta) * sd, lies beyond the front."""
        if not texts:
            return np.empty(0)
        with settled(self._seed, _CPU), torch.no_grad():
            rows = self._rows(texts)
            posteriors = [model.posterior(rows) for model in self.models]
            found = torch.cat([one.mean + (self._beta * one.variance).sqrt() for one in posteriors], dim=1)
            return np.asarray(self._front.gain(found).numpy(), np.float64)

    def predicted(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation of the first score of each text, `(texts,)`, noise of scores included."""
        with settled(self._seed, _CPU), torch.no_grad():
            found = self.models[0].posterior(self._rows(texts), observation_noise=True)
            return found.mean[:, 0].numpy(), found.variance[:, 0].sqrt().numpy()

    def choose(self, bounds: dict[str, float], count: int) -> list[str]:
        """Return the best text of each of `count` posterior draws, among those with the highest bounds."""
        best = sorted(bounds, key=lambda text: -bounds[text])[:_FINALISTS]
        if len(best) <= count:
            return best
        with settled(self._seed, _CPU):
            return [best[row] for row in thompson(self.models, self._rows(best), count, self._front)]

    def _rows(self, texts: Sequence[str]) -> Tensor:
        """Append texts to the tables of those with scores, and return their row numbers, `(texts, 1)`."""
        for likeness, look, known in zip(self.likenesses, self._looks, self._among, strict=True):
            across = torch.from_numpy(likeness.table(self.known, texts))
            among = torch.from_numpy(likeness.table(texts, texts))
            look.table = torch.cat([torch.cat([known, across], dim=1), torch.cat([across.T, among], dim=1)], dim=0)
        return torch.arange(len(self.known), len(self.known) + len(texts), dtype=torch.float64).unsqueeze(-1)
