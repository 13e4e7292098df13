"""Gradient ascent in a latent space, on the scores that an ensemble of heads predicts.

The oldest way of searching one (Gomez-Bombarelli et al. 2018, doi:10.1021/acscentsci.7b00572), kept where the heads
know something: near the texts that it starts from, and where the model has learned to decode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

import numpy as np
import torch
from torch import Tensor

from seqvae.config import INITIAL, AscentConfig
from seqvae.search.memory.initial_design import FromPrior, InitialDesign, fill
from seqvae.search.memory.latent_archive import Designs
from seqvae.search.memory.latent_space import Points, Space
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.optimizer import Material
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.storage.state import State
from seqvae.search.surrogates.ensemble import Heads

_ATTEMPTS = 6  # at points whose texts are new, in one call of `ask`
# Shortest radius as a share of the longest: each point draws its own, so that not all end at the top of one slope.
_NEAREST = 0.2
_STEP = 2.0  # radii that the steps of an ascent would cover in a straight line


def build(config: AscentConfig, material: Material) -> Ascent:
    """Return the optimiser over the latent space of the model; raises UsageError where there is none."""
    config = replace(config, start=config.start or material.initial)
    return Ascent(material.space(), config, material.seed, material.initial_designs())


@final
class Ascent:
    """Climbs from the best texts to points that the heads rate highly.

    The objective is the mean of the heads less a multiple of their standard deviation, in standard deviations of the
    scores. A point stays within a ball around its start, and is penalised where p(z) is lower than there. The penalty
    uses the prior's log-density, not the decoder's log-likelihood: the text of a point on its way is not known before
    it has been decoded, the likelihood of the start's own text would only hold the point back, and heads err most at
    points far out, which the prior sees at once. Heads are trained anew in each round, from the scores and the seed
    alone, so that there are no weights to save.

    Args:
        space: the latent space.
        config: heads, radius, penalties.
        seed: of all draws.
        initial: designs for texts before there are enough scores, and where nothing is new, in this order; none: the
            prior.
    """

    def __init__(
        self, space: Space, config: AscentConfig | None = None, seed: int = 0, initial: Sequence[InitialDesign] = ()
    ) -> None:
        self.initial = initial or (FromPrior(space.codec),)
        self.space, self.config, self.designs = space, config or AscentConfig(), Designs(space)
        self._rng = np.random.default_rng(seed)

    def ask(self, count: int) -> list[Candidate]:
        """Return new texts of climbed points, or of the initial designs until enough have scores."""
        novel = NoveltyFilter(count, self.space.canonical, self.designs.archive)
        if self.designs.ready(self.config.start or INITIAL):
            _, points, scores = self.designs.table()
            heads = Heads(self.space.latent, self.config.heads, self.config.width, self._seed()).to(self.space.device)
            heads.learn(self._tensor(points), self._tensor(scores), self.config.training, self._seed())
            heads.requires_grad_(False)
            for _ in range(_ATTEMPTS):
                if novel.lacking == 0:
                    break
                left, seed = self._climbed(heads, novel.lacking), self._seed()
                for attempt in range(self.config.decodes):  # the first new text of each point
                    found = self.space.decode(left, seed, "ascent", attempt)
                    taken = [novel.take(one, self.space.canonical(one.text)) for one in found]
                    left = left[~np.array(taken, bool)]
        fill(novel, self.initial, self._rng)
        return novel.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the latest score of each valid text."""
        self.designs.tell(scores)

    def state_dict(self) -> State:
        """Return texts, scores, points and the generator."""
        return {**self.designs.state_dict(), "rng": self._rng.bit_generator.state}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.designs.load_state_dict(state)
        self._rng.bit_generator.state = state["rng"]

    def _seed(self) -> int:
        return int(self._rng.integers(2**31))

    def _tensor(self, values: Points) -> Tensor:
        return torch.from_numpy(values).float().to(self.space.device)

    def _climbed(self, heads: Heads, count: int) -> Points:
        """Return climbed points, `(count, latent)`, each from a start drawn by rank, within a radius of its own."""
        parents = self.designs.best(self.config.population)
        ranked = self.designs.archive.weights_of(parents, self.config.greed)
        drawn = self._rng.choice(len(parents), count, p=ranked)
        start = self._tensor(np.array([self.designs.point(parents[int(row)]) for row in drawn], np.float64))
        radius = self._tensor(self._rng.uniform(_NEAREST, 1.0, (count, 1)) * self.config.radius)
        # A little off the start, lest two climbs from one text be the same.
        off = self._tensor(self._rng.standard_normal(start.shape))
        z = start + 0.1 * radius * off / off.norm(dim=1, keepdim=True)
        before = self.space.codec.model.prior.log_prob(start)
        for _ in range(self.config.steps):
            slope = self._slope(heads, z, before)
            z = z + _STEP * radius / self.config.steps * slope / slope.norm(dim=1, keepdim=True).clamp_min(1e-12)
            way = z - start
            z = start + way * (radius / way.norm(dim=1, keepdim=True).clamp_min(1e-12)).clamp_max(1.0)
        return z.double().cpu().numpy()

    def _slope(self, heads: Heads, z: Tensor, before: Tensor) -> Tensor:
        """Return the gradient of mean - caution * deviation - penalty * nats below the start, `(count, latent)`."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            predicted = heads(z)
            lost = (before - self.space.codec.model.prior.log_prob(z)).clamp_min(0.0)
            value = predicted.mean(0) - self.config.caution * predicted.std(0) - self.config.penalty * lost
            return torch.autograd.grad(value.sum(), z)[0]
