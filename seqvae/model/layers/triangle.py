"""Lower triangles, stored row by row at half the size of whole matrices."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def lower_triangle(packed: Float[Tensor, "*batch entries"], latent: int) -> Float[Tensor, "*batch {latent} {latent}"]:
    """Return the lower triangular matrix of each row of `latent * (latent + 1) / 2` numbers."""
    rows, columns = torch.tril_indices(latent, latent, device=packed.device)
    matrix = packed.new_zeros(*packed.shape[:-1], latent, latent)
    matrix[..., rows, columns] = packed
    return matrix
