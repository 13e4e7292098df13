"""Approximate posteriors q(z|x)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.model.priors import Prior, StandardNormal


class Posterior(ABC):
    """A batch of densities q(z|x), one a text."""

    @property
    @abstractmethod
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The posterior means."""

    @abstractmethod
    def rsample(self, n: int, rng: torch.Generator) -> Float[Tensor, "n batch latent"]:
        """Draw n reparameterised samples of each row, through which gradients flow."""

    @abstractmethod
    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """Return log q(z|x) in nats."""

    @abstractmethod
    def kl_per_dimension(self, prior: Prior) -> Float[Tensor, "batch latent"]:
        """Return the parts of KL(q(z|x) || p(z)) by latent dimension, in nats."""

    def kl(self, prior: Prior) -> Float[Tensor, " batch"]:
        """Return KL(q(z|x) || p(z)) in nats per sequence: the rate."""
        return self.kl_per_dimension(prior).sum(-1)


@final
class DiagonalGaussian(Posterior):
    """q(z|x) = N(mean, diag(exp(log_variance))).

    Args:
        mean: `(batch, latent)`.
        log_variance: `(batch, latent)`, natural logarithm of the variance.
    """

    def __init__(self, mean: Float[Tensor, "batch latent"], log_variance: Float[Tensor, "batch latent"]) -> None:
        self._mean = mean
        self.log_variance = log_variance

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The posterior means."""
        return self._mean

    @property
    def std(self) -> Float[Tensor, "batch latent"]:
        """The posterior standard deviations."""
        return (0.5 * self.log_variance).exp()

    def rsample(self, n: int, rng: torch.Generator) -> Float[Tensor, "n batch latent"]:
        """Draw n samples of each row: mean + std * noise."""
        noise = torch.randn((n, *self._mean.shape), generator=rng, device=rng.device)
        return self._mean + self.std * noise.to(self._mean)

    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """Return log N(z; mean, diag(std^2)) in nats."""
        scaled = (z - self._mean) / self.std
        return -0.5 * (scaled.square() + self.log_variance + math.log(2 * math.pi)).sum(-1)

    def kl_per_dimension(self, prior: Prior) -> Float[Tensor, "batch latent"]:
        """Return KL(N(mean, std^2) || N(0, 1)) by dimension in closed form (Kingma & Welling 2014, arXiv:1312.6114, B).

        Raises:
            TypeError: the prior is not a `StandardNormal`: there is no closed form by dimension.
        """
        if not isinstance(prior, StandardNormal):
            raise TypeError(f"closed-form KL needs a StandardNormal prior, got {type(prior).__name__}")
        return 0.5 * (self._mean.square() + self.log_variance.exp() - 1 - self.log_variance)
