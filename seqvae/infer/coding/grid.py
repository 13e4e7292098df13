"""The grid of latent points that are coded, with the prior and the posterior on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.infer.coding.exact import Numbers, normal_cdf, weights_of

STEPS = 8  # steps, centres and spreads are whole multiples of 1 / STEPS
WIDENINGS = 4  # and the widening of 1 / WIDENINGS
_REACH = 6.0  # cells cover the prior to so many of its standard deviations
_PRIOR_BITS = 30
_MOST_CELLS = 256  # of a damaged record


@final
@dataclass(frozen=True)
class Grid:
    """Cells of equal width in each dimension of z; a point stands at the centre of its cell.

    Every number is whole, so that it travels in a container as it is.

    Attributes:
        steps: width of the cells of each dimension, in 1 / STEPS; 0: the dimension is not coded, z is its centre.
        centres: mean of the prior in each dimension, in 1 / STEPS.
        spreads: standard deviation of the prior, in 1 / STEPS.
        widening: factor on the posterior's standard deviations, in 1 / WIDENINGS.
    """

    steps: tuple[int, ...]
    centres: tuple[int, ...]
    spreads: tuple[int, ...]
    widening: int = WIDENINGS
    coded: NDArray[np.int64] = field(init=False, repr=False, compare=False)
    points: Numbers = field(init=False, repr=False, compare=False)
    prior: Numbers = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute the centres of the cells and the prior's weights, both `(coded, cells)`.

        Raises:
            ValueError: the numbers describe no grid.
        """
        sizes = {len(self.steps), len(self.centres), len(self.spreads)}
        whole = all(type(n) is int for part in (self.steps, self.centres, self.spreads) for n in part)
        if len(sizes) != 1 or not whole or self.widening < 1 or min((0, *self.steps)) < 0 or min(self.spreads) < 1:
            raise ValueError("not a grid of latent points")
        coded = np.flatnonzero(self.steps)
        step, centre, spread = (
            np.array(part, np.float64)[coded, None] / STEPS for part in (self.steps, self.centres, self.spreads)
        )
        half = int(np.ceil(_REACH * spread / step).max(initial=0))
        if half > _MOST_CELLS:
            raise ValueError("not a grid of latent points")
        offsets = np.arange(-half, half + 1) * step
        edges = normal_cdf((offsets + 0.5 * step) / spread) - normal_cdf((offsets - 0.5 * step) / spread)
        object.__setattr__(self, "coded", coded)
        object.__setattr__(self, "points", centre + offsets)
        object.__setattr__(self, "prior", np.floor(np.maximum(edges, 0.0) * 2.0**_PRIOR_BITS) + 1.0)

    def posterior(self, mean: Numbers, std: Numbers) -> Numbers:
        """Return the weights of the cells under widened Gaussians `(batch, latent)`: `(batch, coded, cells)`."""
        return weights_of(-0.5 * self._distance(mean, std * (self.widening / WIDENINGS)))

    def best(self, mean: Numbers, std: Numbers) -> NDArray[np.int64]:
        """Return the cells of the likeliest points under posterior times prior, `(batch, coded)`."""
        every = np.ones_like(mean)
        centre, spread = np.array(self.centres) / STEPS * every, np.array(self.spreads) / STEPS * every
        return (self._distance(mean, std) + self._distance(centre, spread)).argmin(-1)

    def at(self, cells: NDArray[np.int64]) -> Numbers:
        """Return the latent points of cells `(batch, coded)`: `(batch, latent)`."""
        z = np.tile(np.array(self.centres, np.float64) / STEPS, (len(cells), 1))
        z[:, self.coded] = self.points[np.arange(len(self.coded)), cells]
        return z

    def _distance(self, mean: Numbers, std: Numbers) -> Numbers:
        """Return the squared distance of every cell from a mean, in standard deviations."""
        scaled = (self.points - mean[:, self.coded, None]) / std[:, self.coded, None]
        return scaled * scaled


def multiples(values: Sequence[float], unit: int) -> tuple[int, ...]:
    """Return numbers as the nearest whole multiples of 1 / unit."""
    return tuple(round(value * unit) for value in values)
