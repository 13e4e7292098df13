"""A mixture of Gaussians, trained with the model or fitted afterwards."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.model.layers.triangle import lower_triangle
from seqvae.model.priors.contract import FittedPrior, constant

_APART = 0.3  # initial standard deviation of the means: far enough apart for gradients to separate them


@final
class GaussianMixture(FittedPrior):
    """A mixture of Gaussians with full covariances; with one component, a Gaussian.

    Args:
        latent: dimensions of z.
        components: number of Gaussians.
    """

    kind = "mixture"

    def __init__(self, latent: int, components: int = 1) -> None:
        super().__init__(latent)
        if components < 1:
            raise ValueError(f"components: expected a number from 1, got {components}")
        self.components = components
        rows, columns = torch.tril_indices(latent, latent)
        identity = (rows == columns).float()
        self.log_weights = constant(torch.full((components,), -math.log(components)))
        self.means = constant(torch.zeros(components, latent))
        # Lower triangles of the covariances' Cholesky factors, row by row.
        self.factors = constant(identity.repeat(components, 1))

    @classmethod
    def to_learn(cls, latent: int, components: int) -> GaussianMixture:
        """Return a mixture to train with a model, near N(0, I) at first; torch's own generator draws the means."""
        mixture = cls(latent, components)
        with torch.no_grad():
            mixture.means.normal_(0, _APART)
        return mixture.requires_grad_(True)

    @classmethod
    def from_moments(
        cls,
        weights: Float[Tensor, " components"],
        means: Float[Tensor, "components latent"],
        covariances: Float[Tensor, "components latent latent"],
    ) -> GaussianMixture:
        """Return the mixture of these weights, means and covariances, in double precision.

        Raises:
            ValueError: a covariance is not positive definite, or a weight not positive.
        """
        if not bool((weights > 0).all()):
            raise ValueError("expected positive weights")
        factors, failed = torch.linalg.cholesky_ex(covariances.double())
        if bool(failed.any()) or not bool(torch.isfinite(factors).all()):
            raise ValueError("expected positive definite covariances")
        latent = means.shape[1]
        mixture = cls(latent, len(means)).double()
        rows, columns = torch.tril_indices(latent, latent)
        log_weights = weights.double().log().log_softmax(0)
        tensors = {"log_weights": log_weights, "means": means, "factors": factors[:, rows, columns]}
        mixture.load_tensors(tensors)
        return mixture

    def settings(self) -> dict[str, int]:
        """Return the arguments that build a prior of this shape."""
        return {"latent": self.latent, "components": self.components}

    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log p(z) in nats."""
        points = z.reshape(-1, self.latent)
        parts = []
        for k in range(self.components):  # all at once would take components * latent numbers per point
            factor = self._factor(k)
            scaled = torch.linalg.solve_triangular(factor, (points - self.means[k]).T, upper=False)
            # L L^T is a covariance whatever the signs on L's diagonal: training leaves them free.
            log_det = factor.diagonal().abs().log().sum()
            parts.append(-0.5 * (scaled.square().sum(0) + self.latent * math.log(2 * math.pi)) - log_det)
        weights = self.log_weights.log_softmax(0).unsqueeze(1)  # stored numbers may be rounded
        return (torch.stack(parts) + weights).logsumexp(0).reshape(z.shape[:-1])

    def _factor(self, k: int) -> Tensor:
        return lower_triangle(self.factors[k], self.latent)

    @torch.no_grad()
    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw points: for each a component, then a point from it."""
        weights = self.log_weights.double().softmax(0).to(rng.device)
        chosen = torch.multinomial(weights, count, replacement=True, generator=rng)
        noise = torch.randn(count, self.latent, generator=rng, device=rng.device, dtype=self.means.dtype)
        points = torch.empty_like(noise)
        for k in range(self.components):
            rows = (chosen == k).nonzero().squeeze(1)
            points[rows] = self.means[k].to(noise) + noise[rows] @ self._factor(k).T.to(noise)
        return points
