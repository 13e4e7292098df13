"""The best posterior of a family for each text, by gradient ascent on its own ELBO.

What is left between the best of a family and log p(x) is the approximation gap; what an encoder loses against it is the
amortisation gap (Cremer et al. 2018, arXiv:1801.03558).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.model.inference.refine import STEP_SIZE, descended
from seqvae.model.posteriors import DiagonalGaussian, FullGaussian, Posterior

LogJoint = Callable[[Float[Tensor, "samples batch latent"]], Float[Tensor, "samples batch"]]


def best_posterior(
    log_joint: LogJoint,
    start: Posterior,
    rng_of: Callable[[int], torch.Generator],
    steps: int = 100,
    samples: int = 4,
    step_size: float = STEP_SIZE,
) -> Posterior:
    """Return the posterior of each text after steps on E[log q(z|x) - log p(x, z)], fresh noise each step.

    The gradient leaves out the score function, whose mean is zero: it then vanishes, noise and all, where the family
    holds the true posterior (Roeder et al. 2017, arXiv:1703.09194).

    Args:
        log_joint: log p(x|z) + log p(z) of samples of each text's z, nats.
        start: where to begin; its family is kept.
        rng_of: the noise of a step.
        steps: steps of Adam, the step size falling to zero.
        samples: of z, each step.
        step_size: of Adam at first.
    """

    def objective(posterior: Posterior, step: int) -> Float[Tensor, " batch"]:
        """Return the negative ELBO of each text, of which only the path through z has a gradient."""
        z = posterior.rsample(samples, rng_of(step))
        fixed = posterior.with_numbers([part.detach() for part in posterior.numbers])
        return (fixed.log_prob(z) - log_joint(z)).mean(0)

    return descended(start, objective, steps, step_size)


def with_full_covariance(posterior: DiagonalGaussian) -> FullGaussian:
    """Return the same densities in the family of all covariances."""
    latent = posterior.mean.shape[1]
    rows, columns = torch.tril_indices(latent, latent, device=posterior.mean.device)
    return FullGaussian(posterior.mean, torch.diag_embed(0.5 * posterior.log_variance)[:, rows, columns])
