"""Attribute vectors: a property as a direction of the latent space."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.config.checks import door
from seqvae.errors import UsageError
from seqvae.latent.checks import Points, tensors_of

_NOTHING = 1e-5  # of the length of a vector: rounding in float32


@door
def attribute_vector(with_: Points, without: Points) -> Float[Tensor, " latent"]:
    """Return the mean of the texts with an attribute minus the mean of those without it.

    The visual attribute vectors of Larsen et al. 2016 (arXiv:1512.09300). Groups that differ in a second attribute as
    well give a mixture of both directions; balance the groups for it first (White 2016, arXiv:1609.04468).

    Args:
        with_: latent vectors of texts with the attribute, `(positives, latent)`: a tensor, an array or lists.
        without: the same of texts without it, `(negatives, latent)`.

    Returns:
        `(latent,)`.

    Raises:
        UsageError: a group is empty, or the groups come from latent spaces of different sizes.
    """
    there, lacking = tensors_of(with_, without)
    for name, group in (("with", there), ("without", lacking)):
        if group.ndim != 2 or len(group) == 0:
            raise UsageError(f"the group {name} the attribute: expected rows of z, got shape {tuple(group.shape)}")
    if there.shape[1] != lacking.shape[1]:
        raise UsageError(f"the groups have different latent sizes: {there.shape[1]} and {lacking.shape[1]}")
    return there.mean(dim=0) - lacking.mean(dim=0)


@door
def apply(z: Points, vector: Points, strength: float = 1.0) -> Float[Tensor, "*batch latent"]:
    """Return `z + strength * vector`.

    Args:
        z: latent vectors, `(..., latent)`: a tensor, an array or lists.
        vector: an attribute vector, `(latent,)`.
        strength: 1 adds the whole difference between the groups; a negative one removes the attribute.

    Raises:
        UsageError: the vector belongs to a latent space of another size.
    """
    points, direction = tensors_of(z, vector)
    if points.shape[-1:] != direction.shape:
        shapes = f"{tuple(points.shape)} and {tuple(direction.shape)}"
        raise UsageError(f"expected points (..., latent) and a vector (latent,) of one latent size, got {shapes}")
    return points + strength * direction


def orthogonal(vector: Points, *others: Points) -> Float[Tensor, " latent"]:
    """Return what is left of an attribute vector without its parts along others, which it then leaves alone.

    Args:
        vector: an attribute vector, `(latent,)`: a tensor, an array or lists.
        others: attribute vectors to leave alone, each `(latent,)`.

    Raises:
        UsageError: the vectors belong to latent spaces of different sizes, or nothing is left.
    """
    direction, *fixed = tensors_of(vector, *others)
    if any(one.shape != direction.shape or one.ndim != 1 for one in fixed):
        sizes = [tuple(one.shape) for one in (direction, *fixed)]
        raise UsageError(f"expected attribute vectors of one latent size, got the shapes {sizes}")
    if not fixed:
        return direction
    basis = torch.linalg.qr(torch.stack(fixed, 1).double()).Q
    left = direction.double() - basis @ (basis.T @ direction.double())
    if float(left.norm()) <= _NOTHING * float(direction.norm()):
        raise UsageError("the attribute vector is one of those that are to be left alone: nothing is left of it")
    return left.to(direction.dtype)
