"""The rate KL(q(z|x) || p(z)) of every pair of posterior and prior, in nats per sequence: here and nowhere else.

A pair in the table has a closed form; the rate of any other is estimated by its definition, the mean of log q(z|x) -
log p(z) over samples of q(z|x) (Kingma & Welling 2014, arXiv:1312.6114, the estimator A).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxtyping import Float
from torch import Tensor

from seqvae.model.posteriors import DiagonalGaussian, FullGaussian, Posterior
from seqvae.model.priors.contract import Prior
from seqvae.model.priors.gaussians import GaussianRows, StandardNormal


def _diagonal_to_normal(posterior: DiagonalGaussian, _: StandardNormal) -> Float[Tensor, "batch latent"]:
    """Return KL(N(mean, diag(std^2)) || N(0, I)) by dimension (Kingma & Welling 2014, appendix B)."""
    log_variance = posterior.log_variance
    return 0.5 * (posterior.mean.square() + log_variance.exp() - 1 - log_variance)


def _full_to_normal(posterior: FullGaussian, _: StandardNormal) -> Float[Tensor, "batch latent"]:
    """Return KL(N(mean, L L^T) || N(0, I)) by dimension.

    By the chain rule: the part of dimension i is the expected divergence of q(z_i | z_1 ... z_i-1) from N(0, 1). Given
    those before it, z_i has the variance L_ii^2, and its mean has the second moment mean_i^2 + sum_j<i L_ij^2. No part
    is negative, and their sum is the whole.
    """
    moment = posterior.mean.square() + posterior.factor().square().sum(-1)
    return 0.5 * (moment - 1) - posterior.log_diagonal


def _diagonal_to_rows(posterior: DiagonalGaussian, prior: GaussianRows) -> Float[Tensor, "batch latent"]:
    """Return KL(N(mean, diag(std^2)) || N(m, diag(s^2))) by dimension: both are scaled so that the prior is N(0, I)."""
    mean = (posterior.mean - prior.mean) * (-0.5 * prior.log_variance).exp()
    log_variance = posterior.log_variance - prior.log_variance
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def _full_to_rows(posterior: FullGaussian, prior: GaussianRows) -> Float[Tensor, "batch latent"]:
    """Return KL(N(mean, L L^T) || N(m, diag(s^2))) by dimension, as against N(0, I) after the same scaling."""
    moment = (posterior.mean - prior.mean).square() + posterior.factor().square().sum(-1)
    scaled = moment * (-prior.log_variance).exp()
    return 0.5 * (scaled - 1 + prior.log_variance) - posterior.log_diagonal


CLOSED_FORMS: dict[tuple[type[Posterior], type[Prior]], Callable[[Any, Any], Float[Tensor, "batch latent"]]] = {
    (DiagonalGaussian, StandardNormal): _diagonal_to_normal,
    (FullGaussian, StandardNormal): _full_to_normal,
    (DiagonalGaussian, GaussianRows): _diagonal_to_rows,
    (FullGaussian, GaussianRows): _full_to_rows,
}


def rate_parts(
    posterior: Posterior, prior: Prior, z: Float[Tensor, "samples batch latent"]
) -> Float[Tensor, "batch parts"]:
    """Return the rate of each row in parts that sum to it, nats.

    Args:
        posterior: q(z|x).
        prior: p(z), on the same device.
        z: samples of q(z|x), used where there is no closed form.

    Returns:
        One part per latent dimension where there is a closed form, else the whole as the only part.
    """
    prior = prior.given(None)  # a conditional prior by itself: no condition is known
    closed = CLOSED_FORMS.get((type(posterior), type(prior)))
    if closed is not None:
        return closed(posterior, prior)
    return (posterior.log_prob(z) - prior.log_prob(z)).mean(0).unsqueeze(-1)


def rate(posterior: Posterior, prior: Prior, z: Float[Tensor, "samples batch latent"]) -> Float[Tensor, " batch"]:
    """Return KL(q(z|x) || p(z)) of each row, nats per sequence; arguments as `rate_parts`."""
    return rate_parts(posterior, prior, z).sum(-1)
