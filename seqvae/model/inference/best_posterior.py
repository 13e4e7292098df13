"""The best posterior of a family for each text, by gradient ascent on its own ELBO.

What is left between the best of a family and log p(x) is the approximation gap; what an encoder loses against it is the
amortisation gap (Cremer et al. 2018, arXiv:1801.03558).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.model.posteriors import DiagonalGaussian, FullGaussian, Posterior

LogJoint = Callable[[Float[Tensor, "samples batch latent"]], Float[Tensor, "samples batch"]]
STEP_SIZE = 0.05  # of Adam at first, as in `refined`


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
    free, posterior_of = start.free_parameters()
    optimizer = torch.optim.Adam(free, lr=step_size)
    # cuDNN has no backward pass of a recurrence in evaluation mode; PyTorch's own has.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = step_size * 0.5 * (1 + math.cos(math.pi * step / steps))
            z = posterior_of(free).rsample(samples, rng_of(step))
            fixed = posterior_of([part.detach() for part in free])
            loss = (fixed.log_prob(z) - log_joint(z)).mean(0).sum()
            # By `grad`, so that the model's own weights get no gradients.
            for parameter, gradient in zip(free, torch.autograd.grad(loss, free), strict=True):
                parameter.grad = gradient
            optimizer.step()
    return posterior_of([part.detach() for part in free])


def with_full_covariance(posterior: DiagonalGaussian) -> FullGaussian:
    """Return the same densities in the family of all covariances."""
    latent = posterior.mean.shape[1]
    rows, columns = torch.tril_indices(latent, latent, device=posterior.mean.device)
    return FullGaussian(posterior.mean, torch.diag_embed(0.5 * posterior.log_variance)[:, rows, columns])
