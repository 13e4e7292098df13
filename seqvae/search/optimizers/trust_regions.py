"""Trust regions of a search in a latent space: where they are, when they grow, shrink, and begin elsewhere.

Of one objective a region stays around the best text that was found in it (Eriksson et al. 2019, arXiv:1910.01739). Of
several, regions are around those texts of the front without which its volume would be smallest, and a round succeeds
where that volume grows (Daulton et al. 2022, arXiv:2109.10964).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, final

import numpy as np
import torch
from botorch.models import SingleTaskGP
from numpy.typing import NDArray
from torch import Tensor
from torch.quasirandom import SobolEngine

from seqvae.config import TurboConfig
from seqvae.config.toml import checked
from seqvae.runtime.device import generator
from seqvae.search.memory.latent_archive import Designs
from seqvae.search.memory.pareto import hypervolume, pareto_front, reference, shares
from seqvae.search.storage.state import State

# Least relative improvement that counts, as in the paper, lest rounding errors pass for progress.
_BETTER = 1e-3
# Coordinates of the centre that a Thompson candidate changes, on average: in many dimensions all would lead too far.
_CHANGED = 20
_AMONG = 20  # best texts at which a new region may begin
Inside = Callable[["Region", Sequence[str]], list[str]]


@dataclass
class Region:
    """A box around one of the best texts.

    Attributes:
        centre: the text.
        best: its score; of several objectives the hypervolume of the front that it is to extend.
        length: of a side of the box, before it is stretched along the dimensions that matter little.
        successes: rounds in a row with an improvement.
        failures: rounds in a row without one.
        waiting: canonical forms of its proposals that have no score yet.
    """

    centre: str
    best: float
    length: float
    successes: int = 0
    failures: int = 0
    waiting: list[str] = field(default_factory=list)

    def learn(self, score: float, tolerance: int, config: TurboConfig) -> None:
        """Count a round by its score, NaN where there is none; resize after enough successes or failures in a row."""
        better = score > self.best + _BETTER * abs(self.best)
        self.successes, self.failures = (self.successes + 1, 0) if better else (0, self.failures + 1)
        if self.successes >= config.successes:
            self.length, self.successes = min(2 * self.length, config.longest), 0
        elif self.failures >= tolerance:
            self.length, self.failures = self.length / 2, 0


@final
class Regions:
    """The regions of a search.

    Args:
        designs: the archive of the search.
        config: number and lengths of the regions.
    """

    def __init__(self, designs: Designs, config: TurboConfig) -> None:
        self.designs, self.config = designs, config
        self.all: list[Region] = []
        self._left: list[str] = []  # centres of regions that have ended

    def tell(self, new: Sequence[str], before: NDArray[np.float64], inside: Inside) -> None:
        """Learn from a round that has been scored.

        Args:
            new: the texts that were not known before.
            before: scores of those that were, `(texts, objectives)`.
            inside: returns which texts lie in a region.
        """
        archive = self.designs.archive
        for region in self.all:
            told = [form for form in region.waiting if form in archive]
            region.waiting = [form for form in region.waiting if form not in told]
            scored = [form for form in told if math.isfinite(archive.score(form))]
            if self.designs.several:
                if told:  # a round of several objectives counts by the front's hypervolume
                    below = reference(before)
                    region.best = hypervolume(before, below)
                    after = np.concatenate([before, self.designs.values(scored)]) if scored else before
                    region.learn(hypervolume(after, below), self.tolerance(len(told)), self.config)
                continue
            if told:
                region.learn(max(map(archive.score, scored), default=-math.inf), self.tolerance(len(told)), self.config)
            for form in [*told, *inside(region, new)]:
                if self.designs.point(form) is not None and archive.score(form) > region.best:
                    region.centre, region.best = form, archive.score(form)
        self._spread()
        self._end_small()

    def missed(self, numbers: set[int], proposals: int) -> None:
        """Count a round as failed for those of the numbered regions that found nothing to propose."""
        for number in numbers:
            if not self.all[number].waiting:
                self.all[number].learn(math.nan, self.tolerance(proposals), self.config)
        self._end_small()

    def tolerance(self, proposals: int) -> int:
        """Return the failures after which a region shrinks that makes so many proposals per round."""
        return self.config.failures or math.ceil(max(4, self.designs.space.latent) / proposals)

    def begin(self, rng: np.random.Generator) -> None:
        """Put new regions at the best texts where no region is or was; if there are none, at any of the best."""
        taken = {region.centre for region in self.all}
        while len(self.all) < self.config.regions:
            best = self.designs.best(_AMONG + len(self._left) + len(self.all))
            free = [text for text in best if text not in taken and text not in self._left] or best
            # The first regions are at the very best; after one has ended, its successor is drawn.
            text = free[min(int(rng.exponential(_AMONG / 4)), len(free) - 1)] if self._left else free[0]
            taken.add(text)
            self.all.append(Region(text, self.designs.archive.score(text), self.config.length))
        self._spread()

    def state_dict(self) -> State:
        """Return the regions."""
        return {"regions": [asdict(region) for region in self.all], "left": [*self._left]}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.all = checked("regions", state["regions"], list[Region])
        self._left = checked("left", state["left"], list[str])

    def _spread(self) -> None:
        """Of several objectives, put each region where the front would lose most, and none has ended."""
        if not (self.all and self.designs.several):
            return
        texts, _, _ = self.designs.table()
        values = self.designs.values(texts)
        rows = pareto_front(values)
        lost = shares(values[rows], reference(values))
        best = [texts[int(rows[place])] for place in np.argsort(-lost, kind="stable")]
        free = [text for text in best if text not in self._left] or best
        for region, text in zip(self.all, free, strict=False):
            region.centre = text

    def _end_small(self) -> None:
        self._left += [region.centre for region in self.all if region.length < self.config.shortest]
        self.all = [region for region in self.all if region.length >= self.config.shortest]


def box(models: Sequence[SingleTaskGP], centre: Tensor, length: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return a region's centre and its lowest and highest corner; a side is longer where scores change less.

    The sides are proportional to the length scales of the kernel, of several kernels to their geometric mean, and their
    product is `length` to the power of their number; they are cut at the unit cube.
    """
    kernels: list[Any] = [model.covar_module for model in models]
    scales = [getattr(kernel, "base_kernel", kernel).lengthscale.detach().squeeze(0) for kernel in kernels]
    logs = torch.stack([scale.log() for scale in scales]).mean(0)
    sides = length * (logs - logs.mean()).exp()
    low = torch.minimum((centre - sides / 2).clamp(0.0, 1.0), centre)
    high = torch.maximum((centre + sides / 2).clamp(0.0, 1.0), centre)
    return centre, low, high


def perturbed(centre: Tensor, low: Tensor, high: Tensor, count: int, seed: int) -> Tensor:
    """Return `count` points that differ from the centre in some coordinates, by a Sobol sequence over the box."""
    dimensions = len(centre)
    engine = SobolEngine(dimensions, scramble=True, seed=seed)
    drawn = low + (high - low) * engine.draw(count, dtype=torch.float64).to(centre)
    rng = generator(seed, 1)
    changed = torch.rand(count, dimensions, generator=rng) < min(_CHANGED / dimensions, 1.0)
    one = torch.randint(dimensions, (count, 1), generator=rng)  # each changes one coordinate at least
    return torch.where(changed.scatter(1, one, True).to(centre.device), drawn, centre)
