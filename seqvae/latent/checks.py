"""Checks of latent points."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from seqvae.errors import InputError, UsageError

# Latent points in any form: a tensor, an array of NumPy, lists of numbers.
Points = ArrayLike | Tensor


def tensors_of(*points: Points) -> list[Tensor]:
    """Return latent points in any form as tensors of one type and on one device, those of the first tensor.

    Tensors that agree are returned as they are. Arrays keep their precision, lists become float32; of several
    precisions the highest is taken.

    Raises:
        InputError: something is no array of numbers.
    """
    try:
        found = [_tensor(one) for one in points]
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"expected latent points, an array of numbers (rows, latent): {error}") from error
    device = next((one.device for one in points if isinstance(one, Tensor)), torch.device("cpu"))
    dtype = found[0].dtype
    for one in found[1:]:
        dtype = torch.promote_types(dtype, one.dtype)
    dtype = dtype if dtype.is_floating_point else torch.float32
    return [one.to(device, dtype) for one in found]


def _tensor(points: Points) -> Tensor:
    if isinstance(points, Tensor):
        if points.layout != torch.strided or points.is_complex():
            raise TypeError(f"they are a tensor of {points.dtype}, {points.layout}")
        return points
    rows = np.asarray(points)
    if rows.dtype.kind not in "biufO":  # complex numbers, dates and texts have no place in a latent space
        raise TypeError(f"they are of type {rows.dtype}")
    floating = isinstance(points, np.ndarray) and np.issubdtype(rows.dtype, np.floating)
    return torch.as_tensor(rows if floating else rows.astype(np.float32))


def points_of(z: Points, latent: int) -> Float[Tensor, "batch latent"]:
    """Return latent points as float32 on the CPU.

    Raises:
        UsageError: another shape than `(batch, latent)`, or no points at all.
        InputError: a number is NaN or infinite, or it is no array of numbers.
    """
    points = tensors_of(z)[0].to("cpu", torch.float32)
    if points.dim() != 2 or points.shape[1] != latent or len(points) == 0:
        raise UsageError(f"expected latent points of shape (batch, {latent}), got {tuple(points.shape)}")
    if not bool(torch.isfinite(points).all()):
        raise InputError("the latent points hold NaN or infinite numbers")
    return points
