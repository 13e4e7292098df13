"""Bayesian optimisation on texts themselves: a Gaussian process by similarity chooses among bred texts.

The "GP BO" of PMO (Gao et al. 2022, arXiv:2206.12411) after Tripp et al. 2021: the acquisition is what evolution climbs
between two batches (Tripp & Hernandez-Lobato 2023, arXiv:2310.09267, for how well its parts do).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from botorch.models import SingleTaskGP
from gpytorch.kernels import Kernel, ScaleKernel
from numpy.typing import NDArray
from torch import Tensor

from seqvae.optimiser_config import TanimotoConfig
from seqvae.search.archive import Archive
from seqvae.search.designs import archive_from, archive_state, remember
from seqvae.search.evolution import Crossover, Moves, Mutation, Start
from seqvae.search.features import Features, Likeness
from seqvae.search.fresh import Fresh
from seqvae.search.gaussian import fitted, hyperparameters, settled, thompson
from seqvae.search.oracle import Candidate, Canonical, Scores
from seqvae.search.state import State

_CROSSED = 0.5  # share of the offspring that has two parents
# Decades of the upper confidence bound's beta; each round draws one, as PMO's "GP BO" does.
_BETA = (-2.0, 0.0)
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
class TanimotoGp:
    """Breeds texts from the best, round after round by an upper confidence bound, and proposes the best of all.

    The process has a constant mean and the Tanimoto kernel (Ralaivola et al. 2005, doi:10.1016/j.neunet.2005.07.009)
    times a scale. Of more than `points` scores it is fitted to the best half and to as many of the others, drawn.

    Args:
        moves: small changes of texts.
        features: counts of a text's parts: `features.substructures` of molecules, `features.Words()` of sequences.
        start: returns so many texts by a seed, to begin with and where breeding finds nothing new.
        canonical: returns the canonical form of a text, None for an invalid one.
        config: sizes, acquisition.
        seed: of all draws.
    """

    def __init__(
        self,
        moves: Moves,
        features: Features,
        start: Start,
        canonical: Canonical,
        config: TanimotoConfig | None = None,
        seed: int = 0,
    ) -> None:
        self.start, self.canonical, self.config = start, canonical, config or TanimotoConfig()
        self.archive, self.likeness = Archive(), Likeness(features)
        self._crossover, self._mutation = Crossover(moves), Mutation(moves)
        self._rng = np.random.default_rng(seed)
        self._hyper: State | None = None

    def ask(self, count: int) -> list[Candidate]:
        """Return new texts that the process thinks well of; of the start before there are enough scores."""
        fresh = Fresh(count, self.canonical, self.archive)
        if len(self.archive) >= self.config.start:
            with settled(self._seed(), _CPU):
                for one in self._chosen(count):
                    fresh.take(one, one.text)
            self.likeness.forget(but=list(self.archive))
        fresh.fill(lambda lacking: self.start(lacking, self._seed()))
        return fresh.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the first of the scores of each valid text."""
        remember(self.archive, scores)

    def state_dict(self) -> State:
        """Return texts, scores, hyperparameters and the generator."""
        return {**archive_state(self.archive), "rng": self._rng.bit_generator.state, "hyper": self._hyper}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.archive, self._hyper = archive_from(state), state["hyper"]
        self._rng.bit_generator.state = state["rng"]

    def _seed(self) -> int:
        return int(self._rng.integers(2**31))

    def _chosen(self, count: int) -> list[Candidate]:
        """Fit, breed, and choose."""
        known = self._known()
        guess = _Guess(self.likeness, known, [self.archive.score(text) for text in known], self._hyper)
        self._hyper = hyperparameters(guess.model)
        beta = float(10 ** self._rng.uniform(*_BETA))
        pool = self._bred(guess, beta)
        best = sorted(pool, key=lambda text: -pool[text][0])
        if self.config.acquisition == "thompson":
            best = best[:_FINALISTS]
            best = [best[row] for row in guess.drawn(best, count)]
        return [pool[text][1] for text in best[:count]]

    def _known(self) -> list[str]:
        """Return the texts that the process is fitted to."""
        ranked = self.archive.best(len(self.archive))
        best, rest = ranked[: self.config.points], ranked[self.config.points :]
        if rest:
            half = self.config.points // 2
            drawn = self._rng.choice(len(ranked) - half, self.config.points - half, replace=False) + half
            best = [*ranked[:half], *(ranked[int(row)] for row in np.sort(drawn))]
        return best

    def _bred(self, guess: _Guess, beta: float) -> dict[str, tuple[float, Candidate]]:
        """Return new texts, bred by the bound, with their bounds."""
        parents = self.archive.best(self.config.population)
        climbing, pool = Archive(), dict[str, tuple[float, Candidate]]()
        climbing.update(parents, guess.bounds(parents, beta))
        for _ in range(self.config.generations):
            fresh = Fresh(self.config.offspring, self.canonical, climbing)
            made = {self.canonical(one.text): one for one in self._offspring(climbing)}
            children = [form for form, one in made.items() if fresh.take(one, form) and form not in self.archive]
            new = [form for form in children if form is not None]
            bounds = guess.bounds(new, beta)
            climbing.update(new, bounds)
            for form, bound in zip(new, bounds, strict=True):
                pool[form] = bound, Candidate(form, f"tanimoto-{self.config.acquisition}")
        return pool

    def _offspring(self, climbing: Archive) -> list[Candidate]:
        count = self.config.offspring
        parents = climbing.parents(2 * count, self._rng, self.config.population, self.config.greed)
        crossed = round(_CROSSED * count)
        return [
            *self._crossover(parents[: 2 * crossed], crossed, self._rng),
            *self._mutation(parents[2 * crossed :], count - crossed, self._rng),
        ]


class _Guess:
    """A Gaussian process over texts that grows by rows: first those with scores, then those that are asked about.

    Args:
        likeness: similarities.
        known: texts with scores.
        scores: of these.
        begin: hyperparameters to begin the fit with.
    """

    def __init__(self, likeness: Likeness, known: list[str], scores: list[float], begin: State | None) -> None:
        self.likeness, self.known = likeness, known
        self._among = torch.from_numpy(likeness.table(known, known))
        self._look = LookUp(self._among)
        rows = torch.arange(len(known), dtype=torch.float64).unsqueeze(-1)
        values = torch.tensor(scores, dtype=torch.float64)
        self.model: SingleTaskGP = fitted(rows, values, ScaleKernel(self._look), begin)

    def bounds(self, texts: list[str], beta: float) -> NDArray[np.float64]:
        """Return the upper confidence bound of each text: mean + sqrt(beta) * standard deviation."""
        if not texts:
            return np.empty(0)
        with torch.no_grad():
            posterior = self.model.posterior(self._rows(texts))
            found = posterior.mean + (beta * posterior.variance).sqrt()
        return found.flatten().numpy()

    def drawn(self, texts: list[str], count: int) -> list[int]:
        """Return rows of texts that are the best of a draw of the posterior each."""
        return thompson(self.model, self._rows(texts), count) if texts else []

    def _rows(self, texts: list[str]) -> Tensor:
        """Put texts into the table behind those with scores, and return their rows, `(texts, 1)`."""
        across = torch.from_numpy(self.likeness.table(self.known, texts))
        among = torch.from_numpy(self.likeness.table(texts, texts))
        self._look.table = torch.cat(
            [torch.cat([self._among, across], dim=1), torch.cat([across.T, among], dim=1)], dim=0
        )
        return torch.arange(len(self.known), len(self.known) + len(texts), dtype=torch.float64).unsqueeze(-1)
