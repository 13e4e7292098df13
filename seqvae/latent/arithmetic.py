"""Attribute vectors: a property as a direction of the latent space."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqvae.errors import UsageError


def attribute_vector(
    with_: Float[Tensor, "positives latent"], without: Float[Tensor, "negatives latent"]
) -> Float[Tensor, " latent"]:
    """Return the mean of the texts with an attribute minus the mean of those without it.

    The visual attribute vectors of Larsen et al. 2016 (arXiv:1512.09300). Groups that differ in a second attribute as
    well give a mixture of both directions; balance the groups for it first (White 2016, arXiv:1609.04468).

    Args:
        with_: latent vectors of texts with the attribute, `(positives, latent)`.
        without: latent vectors of texts without it, `(negatives, latent)`.

    Returns:
        `(latent,)`.

    Raises:
        UsageError: a group is empty, or the groups come from latent spaces of different sizes.
    """
    for name, group in (("with", with_), ("without", without)):
        if group.ndim != 2 or len(group) == 0:
            raise UsageError(f"the group {name} the attribute: expected rows of z, got shape {tuple(group.shape)}")
    if with_.shape[1] != without.shape[1]:
        raise UsageError(f"the groups have different latent sizes: {with_.shape[1]} and {without.shape[1]}")
    return with_.mean(dim=0) - without.mean(dim=0)


def apply(
    z: Float[Tensor, "*batch latent"], vector: Float[Tensor, " latent"], strength: float = 1.0
) -> Float[Tensor, "*batch latent"]:
    """Return `z + strength * vector`.

    Args:
        z: latent vectors, `(..., latent)`.
        vector: an attribute vector, `(latent,)`.
        strength: 1 adds the whole difference between the groups; a negative one removes the attribute.

    Raises:
        UsageError: the vector belongs to a latent space of another size.
    """
    if z.shape[-1:] != vector.shape:
        raise UsageError(f"the vector has shape {tuple(vector.shape)}, the latent space {z.shape[-1]} dimensions")
    return z + strength * vector
