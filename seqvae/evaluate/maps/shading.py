"""What lies between the rows of a map: the prior's density, dark areas, magnification, and what points decode to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from seqvae.config import DecodeConfig, MapConfig
from seqvae.errors import InputError
from seqvae.evaluate.diagnosis.geometry import jacobian
from seqvae.evaluate.diagnosis.space import dark_points, judged
from seqvae.latent.codec import Codec
from seqvae.latent.projection.kinds import SLICE
from seqvae.latent.projection.neighbourhoods import Neighbourhoods
from seqvae.latent.projection.planes import Plane, Projection
from seqvae.runtime.device import evaluating

CELLS = 64  # of a shading, along each side
_SMOOTH = 0.03  # of the map's side: width of the kernel of a density
_WIDE = 0.06  # the same of shares and means, which need several points each
_LEAST = 0.5  # points' weight at a cell below which nothing is known there
_MARGIN = 0.04  # of the side, around the outermost rows
_LOWEST = 60.0  # nats below the highest density of a slice that are told apart


@final
@dataclass(frozen=True)
class Extent:
    """The part of the plane that is shown: a square.

    Attributes:
        left: smallest x.
        bottom: smallest y.
        side: width and height.
    """

    left: float
    bottom: float
    side: float

    @staticmethod
    def around(places: NDArray[np.float64]) -> Extent:
        """Return the square around all places, with a margin."""
        low, high = places.min(0), places.max(0)
        side = float((high - low).max()) * (1 + 2 * _MARGIN) or 1.0
        middle = (low + high) / 2
        return Extent(float(middle[0]) - side / 2, float(middle[1]) - side / 2, side)

    def cells(self, count: int) -> NDArray[np.float64]:
        """Return the centres of a grid of cells, row by row from the bottom, `(count * count, 2)`."""
        steps = (np.arange(count) + 0.5) / count * self.side
        x, y = np.meshgrid(self.left + steps, self.bottom + steps)
        return np.stack([x.ravel(), y.ravel()], 1)


@final
@dataclass(frozen=True, eq=False)
class Shade:
    """A quantity over the map.

    Attributes:
        values: `(cells, cells)`, row by row from the bottom; NaN where nothing is known.
        low: the value at the light end of the scale.
        high: the value at its dark end.
        about: what it is, with its unit.
    """

    values: NDArray[np.float64]
    low: float
    high: float
    about: str


@final
@dataclass(frozen=True)
class Decoded:
    """What a point of the plane decodes to.

    Attributes:
        x: its place.
        y: the same.
        text: greedy decoding under no rules.
        valid: whether that is a molecule, or a sequence.
        returns: whether it is encoded near the point again.
        log_likelihood: log p(x|z), nats.
    """

    x: float
    y: float
    text: str
    valid: bool
    returns: bool
    log_likelihood: float


@final
@dataclass(frozen=True)
class Between:
    """All that a map shows besides its rows.

    Attributes:
        shades: by name: `density`, `dark`, `magnification`, those that there are.
        grid: decoded points, row by row from the bottom.
    """

    shades: dict[str, Shade]
    grid: list[Decoded]


def between(codec: Codec, projection: Projection, extent: Extent, config: MapConfig) -> Between:
    """Return what lies between the rows of a map."""
    shades, places = {}, extent.cells(config.grid) if config.grid else np.empty((0, 2))
    grid, flags, stretch = _grid(codec, projection, places, config.seed)
    if projection.kind == SLICE and config.grid:
        shades["density"] = _slice_density(codec, projection, extent)
        shades["dark"] = _share(places, flags, extent, "of decodings on the plane, ")
    elif config.draws:
        z = codec.draw(config.draws, config.seed)
        near = isinstance(projection, Neighbourhoods)
        drawn = projection.beside(z) if isinstance(projection, Neighbourhoods) else projection.place(z)
        shades["density"] = _density(drawn, extent, ", each at the row nearest to it" if near else "")
        invalid, elsewhere = dark_points(codec, z, codec.decode(z, judged(codec, config.seed)), config.seed)
        dark = (invalid | elsewhere).numpy().astype(float)
        shades["dark"] = _share(drawn, dark, extent, f"of {config.draws:,} draws from the prior, ")
    if np.isfinite(stretch).any():
        values = _kernel_mean(places, stretch, extent)
        about = "magnification: log of how much the decoder stretches the plane, by the Jacobian of its logits"
        shades["magnification"] = Shade(values, float(np.nanmin(values)), float(np.nanmax(values)), about)
    return Between(shades, grid)


def _grid(
    codec: Codec, projection: Projection, places: NDArray[np.float64], seed: int
) -> tuple[list[Decoded], NDArray[np.float64], NDArray[np.float64]]:
    """Return what places decode to, which of them are dark, and how much each is stretched, NaN where unknown."""
    if not len(places):
        return [], np.empty(0), np.empty(0)
    z = torch.from_numpy(projection.back(places))
    made = codec.generate(z, DecodeConfig(rules="none"))
    invalid, elsewhere = dark_points(codec, z, made.texts, seed)
    found = [
        Decoded(float(x), float(y), text, not bad, not bad and not lost, float(likely))
        for (x, y), text, bad, lost, likely in zip(
            places, made.texts, invalid.tolist(), elsewhere.tolist(), made.log_likelihood.tolist(), strict=True
        )
    ]
    stretch = np.full(len(places), np.nan)
    if isinstance(projection, Plane):
        stretch = _stretch(codec, z, made.texts, projection)
    return found, (invalid | elsewhere).numpy().astype(float), stretch


def _stretch(codec: Codec, z: torch.Tensor, texts: list[str], plane: Plane) -> NDArray[np.float64]:
    """Return the log of the root of det(J^T J) at each point, J along the plane's axes (Bishop et al. 1997).

    NaN where a point decodes to nothing that the model can read.
    """
    read, found = codec.tokenize(texts, "skip"), np.full(len(z), np.nan)
    if not len(read):
        return found
    kept, axes = torch.tensor(read.rows), torch.from_numpy(plane.basis).float().to(codec.device)
    with evaluating(codec.model):
        for rows, tokens in codec.batches(read, 64):
            moved = jacobian(codec.model.decoder, z[kept[rows]].to(codec.device), tokens, axes).double()
            volume = torch.linalg.det(moved @ moved.transpose(1, 2)).clamp(min=1e-12).sqrt()
            found[kept[rows].numpy()] = volume.log().cpu().numpy()
    return found


def _weights(places: NDArray[np.float64], extent: Extent, width: float) -> NDArray[np.float64]:
    """Return the kernel of each place at each cell, `(cells * cells, places)`; the two axes part by part."""
    steps = (np.arange(CELLS) + 0.5) / CELLS
    at = (places - (extent.left, extent.bottom)) / extent.side
    across, along = (np.exp(-(((steps[:, None] - at[None, :, axis]) / width) ** 2) / 2) for axis in (0, 1))
    return np.asarray((along[:, None, :] * across[None, :, :]).reshape(CELLS * CELLS, len(places)))


def _density(places: NDArray[np.float64], extent: Extent, how: str) -> Shade:
    found = np.zeros(CELLS * CELLS)
    for start in range(0, len(places), 1000):  # 32 MB of weights at a time
        found += _weights(places[start : start + 1000], extent, _SMOOTH).sum(1)
    values = (found / max(float(found.max()), 1e-300)).reshape(CELLS, CELLS)
    about = f"density of {len(places):,} draws from the model's prior, relative to the densest place{how}"
    return Shade(values, 0.0, 1.0, about)


def _slice_density(codec: Codec, plane: Projection, extent: Extent) -> Shade:
    """Return log p(z) at the points of a plane themselves; NaN where it is not finite."""
    z = torch.from_numpy(plane.back(extent.cells(CELLS)))
    try:
        found = codec.log_prior(z).double().numpy()
    except InputError:  # far out, one by one
        found = np.full(len(z), np.nan)
        for row, point in enumerate(z):
            with suppress(InputError):
                found[row] = float(codec.log_prior(point.unsqueeze(0)))
    values = found.reshape(CELLS, CELLS)
    high = float(np.nanmax(values))
    low = max(float(np.nanmin(values)), high - _LOWEST)
    return Shade(values, low, high, "log density of the model's prior on the plane, nats")


def _share(places: NDArray[np.float64], flags: NDArray[np.float64], extent: Extent, of: str) -> Shade:
    values = _kernel_mean(places, flags, extent)
    return Shade(values, 0.0, 1.0, f"dark areas: share, {of}that are invalid or are encoded elsewhere")


def _kernel_mean(places: NDArray[np.float64], values: NDArray[np.float64], extent: Extent) -> NDArray[np.float64]:
    """Return the mean of values around each cell (Nadaraya 1964); NaN where too few are near."""
    known = np.isfinite(values)
    total, weight = np.zeros(CELLS * CELLS), np.zeros(CELLS * CELLS)
    for start in range(0, len(places), 1000):
        rows = np.flatnonzero(known[start : start + 1000]) + start
        kernel = _weights(places[rows], extent, _WIDE)
        total += kernel @ values[rows]
        weight += kernel.sum(1)
    found = np.where(weight >= _LEAST, total / np.maximum(weight, 1e-300), np.nan)
    return found.reshape(CELLS, CELLS)
