"""Bayesian optimisation in trust regions of a latent space (TuRBO: Eriksson et al. 2019, arXiv:1910.01739).

One Gaussian process sees every score at the point that re-encodes its text; proposals come from boxes around the best
texts, which grow while they find something better and shrink while they do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, final

import numpy as np
import torch
from botorch.acquisition import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.models import SingleTaskGP
from botorch.models.utils.gpytorch_modules import get_covar_module_with_dim_scaled_prior
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from numpy.typing import NDArray
from torch import Tensor
from torch.quasirandom import SobolEngine

from seqvae.device import generator
from seqvae.optimiser_config import TurboConfig
from seqvae.search.designs import Designs
from seqvae.search.fresh import Fresh
from seqvae.search.gaussian import fitted, hyperparameters, settled, thompson
from seqvae.search.oracle import Candidate, Scores
from seqvae.search.prior import sampled
from seqvae.search.space import Points, Space
from seqvae.search.state import State

# What is better: by a thousandth of the best score at least, as the authors have it, lest rounding counts as progress.
_BETTER = 1e-3
# Coordinates of the centre that a Thompson candidate changes, on average; all of them lead too far in many dimensions.
_CHANGED = 20
_BOX_DRAWS = 1000  # of the prior, whose range is the box
_ATTEMPTS = 4  # at points whose texts are new, in one call of `ask`
_AMONG, _GREED = 20, 0.01  # best texts at which a new region may begin, and how evenly
# Where an acquisition is climbed: starts, points looked at before, steps, and posterior draws of each look. BoTorch's
# own numbers take some ten times as long, which is minutes a batch once there are hundreds of scores.
_RESTARTS, _RAW, _CLIMB, _DRAWS = 2, 64, 15, 64


@dataclass
class Region:
    """A box around the best text that was found in it.

    Attributes:
        centre: the text.
        best: its score.
        length: side of the box, before it is stretched along the dimensions that matter little.
        successes: rounds in a row that found something better.
        failures: rounds in a row that did not.
        waiting: canonical forms of its proposals that have no score yet.
    """

    centre: str
    best: float
    length: float
    successes: int = 0
    failures: int = 0
    waiting: list[str] = field(default_factory=list)

    def learn(self, score: float, tolerance: int, config: TurboConfig) -> None:
        """Count a round by its best score, NaN where it brought none, and resize where there were enough in a row."""
        better = score > self.best + _BETTER * abs(self.best)
        self.successes, self.failures = (self.successes + 1, 0) if better else (0, self.failures + 1)
        if self.successes >= config.successes:
            self.length, self.successes = min(2 * self.length, config.longest), 0
        elif self.failures >= tolerance:
            self.length, self.failures = self.length / 2, 0


@final
class Turbo:
    """Proposes by a Gaussian process over latent points, within trust regions.

    The process is fitted to points scaled to the unit cube, in float64, with a Matern-5/2 kernel of one length a
    dimension and priors that grow with their number (Hvarfner et al. 2024, arXiv:2402.02229). The cube is the range of
    draws from the prior and of the texts that were known at the first fit; it stays, so that lengths keep their
    meaning, and later points may lie a little outside. Of more than `points` scores it takes the best half and, for the
    rest, the nearest to the regions' centres: within a region that ranks new texts better than a variational process
    that sees all scores through inducing points. Texts that failed in the oracle are left out; a point that brings no
    new valid text is no data either. Both count as failures of their region. All regions share one process and so
    compete for the proposals.

    Args:
        space: what is searched.
        config: regions, acquisition, sizes.
        seed: of all draws.
    """

    def __init__(self, space: Space, config: TurboConfig | None = None, seed: int = 0) -> None:
        self.space, self.config, self.designs = space, config or TurboConfig(), Designs(space)
        self.regions: list[Region] = []
        self._rng = np.random.default_rng(seed)
        self._box: Points | None = None  # (2, latent): lowest and highest
        self._hyper: State | None = None
        self._left: list[str] = []  # centres of regions that have ended

    def ask(self, count: int) -> list[Candidate]:
        """Return new texts of points in the regions; of the prior before there are enough scores."""
        fresh = Fresh(count, self.space.canonical, self.designs.archive)
        if self.designs.ready(self.config.start):
            with settled(self._seed(), self.space.device):
                self._explore(fresh)
        fresh.fill(partial(sampled, self.space, self._rng))
        return fresh.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the first of the scores of each valid text; regions move, grow, shrink and end by them."""
        new = self.designs.tell(scores)
        for region in self.regions:
            told = [form for form in region.waiting if form in self.designs.archive]
            if told:
                values = np.array([self.designs.archive.score(form) for form in told])
                region.learn(float(np.nanmax(values, initial=-math.inf)), self._tolerance(len(told)), self.config)
                region.waiting = [form for form in region.waiting if form not in told]
            for form in [*told, *self._inside(region, new)]:
                if self.designs.point(form) is not None and self.designs.archive.score(form) > region.best:
                    region.centre, region.best = form, self.designs.archive.score(form)
        self._end_small()

    def state_dict(self) -> State:
        """Return texts, scores, points, regions, hyperparameters and the generator."""
        return {
            **self.designs.state_dict(),
            "rng": self._rng.bit_generator.state,
            "regions": [asdict(region) for region in self.regions],
            "box": self._box,
            "hyper": self._hyper,
            "left": [*self._left],
        }

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.designs.load_state_dict(state)
        self._rng.bit_generator.state = state["rng"]
        self.regions = [Region(**{**one, "waiting": [*one["waiting"]]}) for one in state["regions"]]
        self._box, self._hyper, self._left = state["box"], state["hyper"], [*state["left"]]

    def _seed(self) -> int:
        return int(self._rng.integers(2**31))

    def _tolerance(self, proposals: int) -> int:
        return self.config.failures or math.ceil(max(4, self.space.latent) / proposals)

    def _explore(self, fresh: Fresh) -> None:
        """Fit the process, and take from the regions what is new."""
        self._begin_regions()
        model = self._fitted()
        self._hyper = hyperparameters(model)
        tried: set[int] = set()
        for attempt in range(_ATTEMPTS):
            if fresh.lacking == 0:
                break
            acquisition = self.config.acquisition if attempt == 0 else "thompson"
            owners, points = self._chosen(model, fresh.lacking, acquisition)
            tried.update(owners)
            self._decode(owners, points, fresh)
        for number in tried:
            region = self.regions[number]
            if not region.waiting:
                region.learn(math.nan, self._tolerance(fresh.count), self.config)
        self._end_small()

    def _decode(self, owners: list[int], points: Points, fresh: Fresh) -> None:
        """Take the first new text of each point; points without one are written again, by sampling."""
        seed, left = self._seed(), list(range(len(points)))
        for attempt in range(self.config.decodes):
            found = self.space.decode(points[left], seed, f"turbo-{self.config.acquisition}", attempt)
            still = []
            for row, one in zip(left, found, strict=True):
                form = self.space.canonical(one.text)
                if fresh.take(one, form):
                    self.regions[owners[row]].waiting.append(str(form))
                else:
                    still.append(row)
            left = still

    def _begin_regions(self) -> None:
        """Put new regions at the best texts where no region is or was; anywhere among the best if there is none."""
        taken = {region.centre for region in self.regions}
        while len(self.regions) < self.config.regions:
            best = self.designs.best(_AMONG + len(self._left) + len(self.regions))
            free = [text for text in best if text not in taken and text not in self._left] or best
            # The first regions are at the very best; those that follow one that ended are drawn.
            text = free[min(int(self._rng.exponential(_AMONG / 4)), len(free) - 1)] if self._left else free[0]
            taken.add(text)
            self.regions.append(Region(text, self.designs.archive.score(text), self.config.length))

    def _end_small(self) -> None:
        ended = [region for region in self.regions if region.length < self.config.shortest]
        self._left += [region.centre for region in ended]
        self.regions = [region for region in self.regions if region.length >= self.config.shortest]

    def _inside(self, region: Region, texts: Sequence[str]) -> list[str]:
        """Return which texts are in a region's box, as it is before it is stretched."""
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

    def _fitted(self) -> SingleTaskGP:
        _, points, scores = self.designs.table()
        points = self._scaled(points)
        rows = self._nearby(points, scores)
        kernel = get_covar_module_with_dim_scaled_prior(ard_num_dims=self.space.latent, use_rbf_kernel=False)
        return fitted(self._tensor(points[rows]), self._tensor(scores[rows]), kernel, self._hyper)

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
        found = [self.designs.point(region.centre) for region in self.regions]
        return self._scaled(np.array([point for point in found if point is not None]))

    def _tensor(self, values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float64)).to(self.space.device)

    def _chosen(self, model: SingleTaskGP, count: int, acquisition: str) -> tuple[list[int], Points]:
        """Return so many points to decode, and the number of the region of each."""
        boxes = [_box(model, self._tensor(centre), region.length) for centre, region in self._pairs()]
        if acquisition == "thompson":
            each = max(self.config.candidates // len(boxes), 1)
            rows = torch.cat([_perturbed(*box, each, self._seed()) for box in boxes])
            picked = thompson(model, rows, count)
            owners, found = [row // each for row in picked], rows[picked]
        else:
            shares = [len(part) for part in np.array_split(np.arange(count), len(boxes))]
            parts = [
                _climbed(model, acquisition, box, share) for box, share in zip(boxes, shares, strict=True) if share
            ]
            owners = [number for number, share in enumerate(shares) for _ in range(share)]
            found = torch.cat(parts)
        low, high = self._box if self._box is not None else np.zeros((2, self.space.latent))
        return owners, np.asarray(low + found.cpu().numpy() * (high - low))

    def _pairs(self) -> list[tuple[Points, Region]]:
        return list(zip(self._centres(), self.regions, strict=True))


def _box(model: SingleTaskGP, centre: Tensor, length: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return a region's centre and its lowest and highest corner: longer where the process says that less changes.

    The sides are in proportion to the lengths of the kernel, and their product is `length` to the power of their
    number, where they do not leave the unit cube.
    """
    kernel: Any = model.covar_module
    scales = getattr(kernel, "base_kernel", kernel).lengthscale.detach().squeeze(0)
    sides = length * scales / scales.log().mean().exp()
    low = torch.minimum((centre - sides / 2).clamp(0.0, 1.0), centre)
    high = torch.maximum((centre + sides / 2).clamp(0.0, 1.0), centre)
    return centre, low, high


def _perturbed(centre: Tensor, low: Tensor, high: Tensor, count: int, seed: int) -> Tensor:
    """Return points that differ from the centre in some coordinates, by a Sobol sequence over the box."""
    dimensions = len(centre)
    engine = SobolEngine(dimensions, scramble=True, seed=seed)
    drawn = low + (high - low) * engine.draw(count, dtype=torch.float64).to(centre)
    rng = generator(seed, 1)
    changed = torch.rand(count, dimensions, generator=rng) < min(_CHANGED / dimensions, 1.0)
    one = torch.randint(dimensions, (count, 1), generator=rng)  # each changes one coordinate at least
    return torch.where(changed.scatter(1, one, True).to(centre.device), drawn, centre)


def _climbed(model: SingleTaskGP, acquisition: str, box: tuple[Tensor, Tensor, Tensor], count: int) -> Tensor:
    """Return a batch of the highest acquisition in a box, point by point."""
    seen, (_, low, high) = model.train_inputs[0], box
    criterion: Any
    sampler = SobolQMCNormalSampler(torch.Size([_DRAWS]))  # its seed is drawn from the global generator
    if acquisition == "lognei":
        criterion = qLogNoisyExpectedImprovement(model, seen, sampler=sampler, prune_baseline=True)
    else:
        with torch.no_grad():
            best = model.posterior(seen).mean.max()
        criterion = qLogExpectedImprovement(model, best, sampler=sampler)
    points, _ = optimize_acqf(
        criterion,
        torch.stack([low, high]),
        q=count,
        num_restarts=_RESTARTS,
        raw_samples=_RAW,
        sequential=True,
        options={"maxiter": _CLIMB},
    )
    return points.detach()
