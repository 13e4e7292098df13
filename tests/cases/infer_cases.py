"""Quadrature over latent points, by which the probabilities of small models are exact."""

from __future__ import annotations

import torch

from seqvae.model.priors.gaussians import StandardNormal


def grid(points: int = 41, reach: float = 6.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Points of the 2-d standard normal and the logarithms of their weights; exact to many digits."""
    axis = torch.linspace(-reach, reach, points)
    z = torch.cartesian_prod(axis, axis)
    log_weights = StandardNormal(2).log_prob(z)
    return z, log_weights - log_weights.logsumexp(0)
