"""What is taken for latent points, and how many rows at a time the model sees."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from seqvae.errors import InputError, UsageError


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


def split(rows: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Return the rows so many at a time; raises UsageError where that is less than one."""
    at_least_one("batch_size", batch_size)
    return rows.split(batch_size)


def at_least_one(name: str, value: int) -> None:
    """Raise a `UsageError` where there are none of what is to be at least one."""
    if value < 1:
        raise UsageError(f"{name}: expected a number from 1, got {value}")
