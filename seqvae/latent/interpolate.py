"""Paths between two points of a latent space."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.config.checks import door
from seqvae.errors import UsageError
from seqvae.latent.checks import Points, tensors_of

# Below this sine of the angle, the weights of the great circle divide one rounding error by another (in float32, 1e-7
# grows past 1e-4); towards angle 0, the straight line differs from the arc by less than the square of the sine.
_PARALLEL = 1e-3


@door
def linear(a: Points, b: Points, steps: int) -> Float[Tensor, "steps *batch latent"]:
    """Return points at equal distances on the straight line from `a` to `b`, both ends included and exact.

    Args:
        a: first end, `(..., latent)`: a tensor, an array or lists.
        b: last end, of the same shape.
        steps: number of points, ends included; at least 2.

    Returns:
        `(steps, ..., latent)`.

    Raises:
        UsageError: fewer than two steps, or ends of different shapes.
    """
    start, end = tensors_of(a, b)
    t = _positions(start, end, steps)
    return _with_exact_ends(torch.lerp(start, end, t), start, end)


@door
def slerp(a: Points, b: Points, steps: int) -> Float[Tensor, "steps *batch latent"]:
    """Return points on the arc from `a` to `b`: the direction turns at a constant rate, the norm changes linearly.

    Points between two draws of a high-dimensional normal prior then have a norm that is typical of it, which points on
    a straight line have not (White 2016, arXiv:1609.04468; the arc: Shoemake 1985, doi:10.1145/325165.325242). Where
    the directions are parallel or opposite, or an end is zero, the arc is undefined: the path is the straight line.

    Args:
        a: first end, `(..., latent)`: a tensor, an array or lists.
        b: last end, of the same shape.
        steps: number of points, ends included; at least 2.

    Returns:
        `(steps, ..., latent)`, both ends exact.

    Raises:
        UsageError: fewer than two steps, or ends of different shapes.
    """
    start, end = tensors_of(a, b)
    return _with_exact_ends(on_arc(start, end, _positions(start, end, steps)), start, end)


def on_arc(
    a: Float[Tensor, "*batch latent"], b: Float[Tensor, "*batch latent"], share: Tensor
) -> Float[Tensor, "*steps latent"]:
    """Return the points that lie a share of the way from `a` to `b`, on the path that `slerp` describes.

    Args:
        a: first ends, `(..., latent)`.
        b: last ends, of the same shape.
        share: 0 to 1, of a shape that broadcasts against the ends, with 1 in place of `latent`.
    """
    norm_a, norm_b = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    defined = (norm_a > 0) & (norm_b > 0)
    unit_a, unit_b = a / norm_a.where(defined, 1), b / norm_b.where(defined, 1)
    # This form of the angle is accurate near 0 and pi, where the arc cosine of the dot product is not (Kahan 2006, "How
    # futile are mindless assessments of roundoff in floating-point computation?").
    angle = 2 * torch.atan2((unit_a - unit_b).norm(dim=-1, keepdim=True), (unit_a + unit_b).norm(dim=-1, keepdim=True))
    sine = angle.sin()
    arc = defined & (sine > _PARALLEL)
    direction = (((1 - share) * angle).sin() * unit_a + (share * angle).sin() * unit_b) / sine.where(arc, 1)
    return torch.where(arc, torch.lerp(norm_a, norm_b, share) * direction, torch.lerp(a, b, share))


PATHS = {"slerp": slerp, "linear": linear}


def _positions(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return 0 to 1 in equal steps, shaped to broadcast against `(steps, ..., latent)`."""
    if steps < 2:
        raise UsageError(f"steps: expected at least 2 (the two ends), got {steps}")
    if a.shape != b.shape:
        raise UsageError(f"the ends of a path need one shape, got {tuple(a.shape)} and {tuple(b.shape)}")
    return torch.linspace(0, 1, steps, dtype=a.dtype, device=a.device).reshape(steps, *(1,) * a.ndim)


def _with_exact_ends(path: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.cat([a.unsqueeze(0), path[1:-1], b.unsqueeze(0)])
