"""Bayesian optimisation in trust regions of a latent space (TuRBO: Eriksson et al. 2019, arXiv:1910.01739).

One Gaussian process sees every score at the point that re-encodes its text; proposals come from boxes around the best
texts, which grow while they improve and shrink while they do not. Several objectives have a process each
(MORBO: Daulton et al. 2022, arXiv:2109.10964).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

import numpy as np
import torch
from botorch.models import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from numpy.typing import NDArray
from torch import Tensor

from seqvae.config import INITIAL, TurboConfig
from seqvae.config.toml import checked
from seqvae.errors import ConfigError, quoted
from seqvae.search.memory.initial_design import FromPrior, InitialDesign, fill
from seqvae.search.memory.latent_archive import Designs
from seqvae.search.memory.latent_space import Points, Space
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.optimizer import Material
from seqvae.search.optimizers.trust_regions import Region, Regions, box, perturbed
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.storage.state import State, array_of
from seqvae.search.surrogates.acquisition import climbed
from seqvae.search.surrogates.gp import fitted, hyperparameters, settled, thompson
from seqvae.search.surrogates.improvement import ParetoFront

_BOX_DRAWS = 1000  # of the prior, whose range is the box
_ATTEMPTS = 4  # at points whose texts are new, in one call of `ask`
# Points per wanted one, of which those with the surest texts are taken: beforehand, draws of the posterior are equally
# good. In boxes around drugs the surer half of the points gave molecules in 93 to 100 of 100 cases, the other half in
# 19 to 76, and their texts encode nearer to the point that they were decoded from.
_WRITTEN = 2


def build(config: TurboConfig, material: Material) -> Turbo:
    """Return the optimiser over the latent space of the model; raises UsageError where there is none."""
    config = replace(config, start=config.start or material.initial)
    return Turbo(material.space(), config, material.seed, material.initial_designs())


@final
class Turbo:
    """Proposes by a Gaussian process over latent points, within trust regions.

    The process is fitted to points scaled to the unit cube, in float64, with a Matern-5/2 kernel, one length scale per
    dimension, and priors that grow with their number (Hvarfner et al. 2024, arXiv:2402.02229). The cube is the range of
    draws from the prior and of the texts that were known at the first fit; it stays, so that length scales keep their
    meaning, and later points may lie a little outside. Of more than `points` scores it takes the best half and, for the
    rest, the nearest to the regions' centres: within a region that ranks new texts better than a variational process
    that sees all scores through inducing points. Of several objectives the best are those of the best Pareto ranks, and
    a Thompson draw takes what goes furthest beyond the front (`improvement.py`). Twice as many points as are wanted are
    chosen, and those with the surest texts taken. Texts that failed in the oracle are left out; a point that brings no
    new valid text is no data either. Both count as failures of their region. All regions share one process and so
    compete for the proposals.

    Args:
        space: the latent space.
        config: regions, acquisition, sizes.
        seed: of all draws.
        initial: designs for texts before there are enough scores, and where nothing is new, in this order; none: the
            prior.
    """

    def __init__(
        self, space: Space, config: TurboConfig | None = None, seed: int = 0, initial: Sequence[InitialDesign] = ()
    ) -> None:
        self.initial = initial or (FromPrior(space.codec),)
        self.space, self.config, self.designs = space, config or TurboConfig(), Designs(space)
        self.regions = Regions(self.designs, self.config)
        self._rng = np.random.default_rng(seed)
        self._box: Points | None = None  # (2, latent): lowest and highest
        self._hyper: list[State] | None = None  # of each objective's process

    def ask(self, count: int) -> list[Candidate]:
        """Return new texts of points in the regions, or of the initial designs until enough have scores."""
        novel = NoveltyFilter(count, self.space.canonical, self.designs.archive)
        if self.designs.ready(self.config.start or INITIAL):
            with settled(self._seed(), self.space.device):
                self.regions.begin(self._rng)
                models = self._fitted()
                self._hyper = [hyperparameters(model) for model in models]
                tried: set[int] = set()
                for attempt in range(_ATTEMPTS):
                    if novel.lacking == 0:
                        break
                    acquisition = self.config.acquisition if attempt == 0 else "thompson"
                    owners, points = self._chosen(models, novel.lacking, acquisition)
                    tried.update(owners)
                    self._decode(owners, points, novel)
                self.regions.missed(tried, novel.count)
        fill(novel, self.initial, self._rng)
        return novel.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the scores of each valid text; regions move, grow, shrink and end accordingly."""
        before = self.designs.values(self.designs.scored())
        self.regions.tell(self.designs.tell(scores), before, self._inside)

    def state_dict(self) -> State:
        """Return texts, scores, points, regions, hyperparameters and the generator."""
        return {
            **self.designs.state_dict(),
            "rng": self._rng.bit_generator.state,
            **self.regions.state_dict(),
            "box": self._box,
            "hyper": self._hyper,
        }

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.designs.load_state_dict(state)
        self._rng.bit_generator.state = state["rng"]
        self.regions.load_state_dict(state)
        if lost := [one.centre for one in self.regions.all if one.centre not in self.designs.archive]:
            raise ConfigError(f"regions: expected centres among the texts of the archive, got {quoted(lost[0])}")
        box = state["box"]
        self._box = None if box is None else array_of("box", box, (2, self.space.latent))
        self._hyper = checked("hyper", state["hyper"], list[dict[str, np.ndarray]] | None)

    def _seed(self) -> int:
        return int(self._rng.integers(2**31))

    def _decode(self, owners: list[int], points: Points, novel: NoveltyFilter) -> None:
        """Take the first new text of each point, the surest first; points without one are decoded again, by sampling.

        Surplus texts of an attempt are left.
        """
        seed, left = self._seed(), np.arange(len(points))
        for attempt in range(self.config.decodes):
            found, sure = self.space.written(points[left], seed, f"turbo-{self.config.acquisition}", attempt)
            still = []
            for place in np.argsort(-sure, kind="stable"):
                form = self.space.canonical(found[place].text)
                if novel.take(found[place], form):
                    self.regions.all[owners[left[place]]].waiting.append(str(form))
                else:
                    still.append(left[place])
            left = np.sort(np.array(still, int))
            if not novel.lacking:
                break

    def _inside(self, region: Region, texts: Sequence[str]) -> list[str]:
        """Return which texts lie in a region's box before it is stretched."""
        points = {text: self.designs.point(text) for text in texts}
        centre = self.designs.point(region.centre)
        rows = {text: point for text, point in points.items() if point is not None}
        if not rows or centre is None:
            return []
        off = np.abs(self._scaled(np.array(list(rows.values()))) - self._scaled(centre[None])).max(1)
        return [text for text, far in zip(rows, off, strict=True) if far <= region.length / 2]

    def _scaled(self, points: Points) -> Points:
        """Return points with the box as the unit cube."""
        if self._box is None:
            draws = np.concatenate([self.space.draw(_BOX_DRAWS, self._seed()), self.designs.table()[1]])
            self._box = np.stack([draws.min(0), draws.max(0)])
        return np.asarray((points - self._box[0]) / (self._box[1] - self._box[0]))

    def _fitted(self) -> list[SingleTaskGP]:
        """Return the process of each objective, from the hyperparameters of the last fit on."""
        texts, points, scores = self.designs.table()
        points, values = self._scaled(points), self.designs.values(texts)
        rows = self._nearby(points, scores)
        initial: list[State | None] = [*self._hyper] if self._hyper else [None] * values.shape[1]
        return [
            fitted(
                self._tensor(points[rows]),
                self._tensor(column),
                get_covar_module_with_dim_scaled_prior(ard_num_dims=self.space.latent, use_rbf_kernel=False),
                begin,
            )
            for column, begin in zip(values[rows].T, initial, strict=True)
        ]

    def _nearby(self, points: Points, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the rows that the process is fitted to, in their order."""
        if len(points) <= self.config.points:
            return np.arange(len(points))
        best = np.argsort(-scores, kind="stable")[: self.config.points // 2]
        centres = self._centres()
        distance = np.min([((points - centre) ** 2).sum(1) for centre in centres], axis=0)
        distance[best] = -1.0  # among the nearest, so that both together are as many as wanted
        return np.sort(np.argsort(distance, kind="stable")[: self.config.points])

    def _centres(self) -> Points:
        found = [self.designs.point(region.centre) for region in self.regions.all]
        return self._scaled(np.array([point for point in found if point is not None]))

    def _tensor(self, values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float64)).to(self.space.device)

    def _chosen(self, models: list[SingleTaskGP], count: int, acquisition: str) -> tuple[list[int], Points]:
        """Return `count` points to decode or more, and the number of each one's region."""
        pairs = zip(self._centres(), self.regions.all, strict=True)
        boxes = [box(models, self._tensor(centre), region.length) for centre, region in pairs]
        if acquisition == "thompson":
            each = max(self.config.candidates // len(boxes), 1)
            rows = torch.cat([perturbed(*one, each, self._seed()) for one in boxes])
            known = ParetoFront.of(self.designs.values(self.designs.scored()), self.space.device)
            picked = thompson(models, rows, _WRITTEN * count, known)
            owners, found = [row // each for row in picked], rows[picked]
        else:
            shares = [len(part) for part in np.array_split(np.arange(count), len(boxes))]
            parts = [
                climbed(models, acquisition, torch.stack([low, high]), share)
                for (_, low, high), share in zip(boxes, shares, strict=True)
                if share
            ]
            owners = [number for number, share in enumerate(shares) for _ in range(share)]
            found = torch.cat(parts)
        low, high = self._box if self._box is not None else np.zeros((2, self.space.latent))
        return owners, np.asarray(low + found.cpu().numpy() * (high - low))
