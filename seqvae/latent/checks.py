"""Checks of latent points, conditions and counts, and how rows are divided into chunks and batches."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import SupportsFloat

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from seqvae.config import CHUNK, suggestion
from seqvae.errors import InputError, SeqVAEWarning, UsageError
from seqvae.model.priors.contract import Prior
from seqvae.model.priors.gaussians import ConditionalGaussian
from seqvae.runtime.streams import LATER_CHUNKS

# A prior by its name, or conditions, for the model's own prior given these.
PriorChoice = str | Mapping[str, SupportsFloat]


def points_of(z: ArrayLike | Tensor, latent: int) -> Float[Tensor, "batch latent"]:
    """Return latent points as float32 on the CPU.

    Raises:
        UsageError: another shape than `(batch, latent)`, or no points at all.
        InputError: a number is NaN or infinite.
    """
    points = torch.as_tensor(z if isinstance(z, Tensor) else np.asarray(z), dtype=torch.float32).cpu()
    if points.dim() != 2 or points.shape[1] != latent or len(points) == 0:
        raise UsageError(f"expected latent points of shape (batch, {latent}), got {tuple(points.shape)}")
    if not bool(torch.isfinite(points).all()):
        raise InputError("the latent points hold NaN or infinite numbers")
    return points


def condition_row(
    values: Mapping[str, SupportsFloat], prior: Prior, names: Sequence[str]
) -> Float[Tensor, "1 conditions"]:
    """Return the conditions of a sample in the model's order, NaN for those not named, on the CPU.

    Warns where a value lies outside those of the training texts.

    Raises:
        UsageError: a model without conditions, an unknown one, or a value that is no finite number.
    """
    if not isinstance(prior, ConditionalGaussian):
        raise UsageError("this model takes no conditions: train one with --conditions COLUMN")
    row = torch.full((1, len(names)), torch.nan)
    for name, value in ((name, float(value)) for name, value in values.items()):
        if name not in names:
            known = ", ".join(names)
            raise UsageError(f"unknown condition {name!r}{suggestion(name, names)}; the model has {known}")
        if not math.isfinite(value):
            raise UsageError(f"condition {name}: expected a finite number, got {value}")
        place = list(names).index(name)
        low, high = float(prior.low[place]), float(prior.high[place])
        if not low <= value <= high:
            warnings.warn(
                f"condition {name} = {value:g} is outside the training texts' {low:g} to {high:g}: samples follow it "
                "as far as the model extrapolates",
                SeqVAEWarning,
                stacklevel=2,
            )
        row[0, place] = value
    return row


def chunk_seed(seed: int, number: int) -> int:
    """Return the seed of a chunk of rows; that of the first is the seed itself."""
    return LATER_CHUNKS.seed(seed, number) if number else seed


def chunk_sizes(count: int) -> list[int]:
    """Return the number of samples in each chunk; raises UsageError where there are none."""
    if count < 1:
        raise UsageError(f"expected a number of samples from 1, got {count}")
    return [min(CHUNK, count - start) for start in range(0, count, CHUNK)]


def split(rows: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Return the rows in batches; raises UsageError for a batch size below 1."""
    at_least_one("batch_size", batch_size)
    return rows.split(batch_size)


def at_least_one(name: str, value: int) -> None:
    """Raise a `UsageError` for a number below 1."""
    if value < 1:
        raise UsageError(f"{name}: expected a number from 1, got {value}")
