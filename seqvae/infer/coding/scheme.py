"""Which scheme codes a file in the fewest bits: measured on the first texts of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from seqvae.infer.coding.blocks import Scheme, Text, cost
from seqvae.infer.coding.exact import Numbers
from seqvae.infer.coding.grid import STEPS, WIDENINGS, Grid, multiples
from seqvae.infer.coding.network import ExactModel

SAMPLE = 128  # texts that a choice is measured on: it differs by whole bits a text
_LOOKED_AT = 1024  # texts that the grid follows from
# Width of the cells in posterior standard deviations, and factor on these. Wide cells and posteriors take fewer bits
# where a model was trained with a KL weight below 1: its posteriors are narrower than the bound wants them.
_CHAINED = ((1.0, 1.0), (2.0, 1.0), (2.0, 1.25), (3.0, 1.25), (3.5, 1.5))
_SINGLE = ((2.5, 1.0), (4.0, 1.0), (6.0, 1.0))  # where z pays its full price
# A dimension whose means vary by less than this share of the prior's variance tells the decoder nothing.
_SILENT = 0.005
_KINDS = 4096  # sum of the weights of how a text is coded, about


@final
@dataclass(frozen=True)
class Found:
    """What the first texts of a file say.

    Attributes:
        scheme: to code the file by.
        bits: what it took for each of the sample, without what a block takes once.
    """

    scheme: Scheme
    bits: float


def chosen(model: ExactModel, texts: Sequence[Text], block: int, normal: bool, chained: bool = True) -> Found:
    """Return the best scheme for a file.

    Args:
        model: that codes it.
        texts: the first texts of the file.
        block: texts in a block.
        normal: the prior is N(0, I); else its moments are taken from the texts.
        chained: bits-back coding may be used.
    """
    coded = [ids for ids in texts[:_LOOKED_AT] if ids is not None]
    outside = 1.0 - len(coded) / max(1, len(texts[:_LOOKED_AT]))
    chained = chained and model.exact_posterior and block > 1
    if not coded:
        silent = (0,) * model.latent
        grid = Grid(silent, silent, (STEPS,) * model.latent)
        return Found(Scheme(grid, _kinds(outside, block, False), False), 0.0)
    mean, std = model.posterior(coded)
    tried: dict[Scheme, float] = {}
    for width, widening in _CHAINED if chained else _SINGLE:
        grid = grid_of(mean, std, width, widening, normal)
        back = chained and bool(len(grid.coded))
        scheme = Scheme(grid, _kinds(outside, block, back), back)
        if scheme not in tried:
            sample = coded[:SAMPLE]
            tried[scheme] = cost(model, scheme, sample) / len(sample)
    best = min(tried, key=lambda scheme: tried[scheme])
    return Found(best, tried[best])


def _kinds(outside: float, block: int, chained: bool) -> tuple[int, int, int]:
    """Return weights of how a text is coded: one of a block's texts fills its stack for the others."""
    inside, direct = 1.0 - outside, 1.0 / block if chained else 1.0
    return (1 + int(_KINDS * inside * (1.0 - direct)), 1 + int(_KINDS * inside * direct), 1 + int(_KINDS * outside))


def grid_of(mean: Numbers, std: Numbers, width: float, widening: float, normal: bool) -> Grid:
    """Return a grid whose cells are so many posterior standard deviations wide."""
    centres, spreads = [0.0] * mean.shape[1], [1.0] * mean.shape[1]
    steps = []
    for dimension, (means, stds) in enumerate(zip(mean.T, std.T, strict=True)):
        middle = _mean(means)
        between, within = _mean((means - middle) ** 2), _mean(stds * stds)
        if not normal:
            centres[dimension], spreads[dimension] = middle, math.sqrt(between + within)
        signal = between if not normal else between + middle * middle
        silent = signal < _SILENT * (between + within)
        steps.append(0.0 if silent else max(width * _mean(stds), 1.0 / STEPS))
    sizes = tuple(max(1, size) for size in multiples(spreads, STEPS))
    return Grid(multiples(steps, STEPS), multiples(centres, STEPS), sizes, multiples([widening], WIDENINGS)[0])


def _mean(values: np.ndarray[Any, Any]) -> float:
    """Return the mean, the sum rounded once: the order of addition does not matter."""
    return math.fsum(values.tolist()) / len(values)


def to_dict(scheme: Scheme) -> dict[str, Any]:
    """Return a scheme as JSON values; a prior of N(0, I) is left out."""
    grid = scheme.grid
    found: dict[str, Any] = {"steps": list(grid.steps), "widening": grid.widening, "kinds": list(scheme.kinds)}
    if set(grid.centres) != {0} or set(grid.spreads) != {STEPS}:
        found |= {"centres": list(grid.centres), "spreads": list(grid.spreads)}
    return found | {"chained": scheme.chained}


def from_dict(values: dict[str, Any]) -> Scheme:
    """Return the scheme that `to_dict` wrote.

    Raises:
        KeyError, TypeError, ValueError: these are not its values.
    """
    steps, kinds = tuple(values["steps"]), tuple(values["kinds"])
    centres, spreads = values.get("centres", [0] * len(steps)), values.get("spreads", [STEPS] * len(steps))
    if len(kinds) != 3 or not all(type(kind) is int and 0 < kind <= 2 * _KINDS for kind in kinds):
        raise ValueError("not the weights of three kinds")
    grid = Grid(steps, tuple(centres), tuple(spreads), int(values["widening"]))
    return Scheme(grid, (kinds[0], kinds[1], kinds[2]), bool(values["chained"]))
