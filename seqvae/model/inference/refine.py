"""A posterior of its own for each text: gradient steps from where the encoder put it (semi-amortised inference).

An encoder is one function for all texts, and on texts that it has not seen its posteriors are worse than those fitted
to each text alone: the amortisation gap (Cremer et al. 2018, arXiv:1801.03558). A few steps on the parameters of the
text's own posterior close it (Kim et al. 2018, arXiv:1802.02550); encoder, decoder and prior stay as they are. Whatever
the kind of posterior, its own parameters are what `free_parameters` gives: of a flow the Gaussian that it begins with,
and the context of its layers, which are weights of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adam import adam

from seqvae.model.encoders import Tokens
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.model.vae import Conditions, SequenceVAE
from seqvae.runtime.streams import REFINEMENT_NOISE

STEP_SIZE = 0.05  # of Adam at first; the latent space has unit scale
# As `torch.optim.Adam` has them.
_ADAM: dict[str, Any] = {
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "weight_decay": 0.0,
    "amsgrad": False,
    "maximize": False,
}


def refined(
    model: SequenceVAE, tokens: Tokens, beta: float, steps: int, conditions: Conditions | None = None
) -> Posterior:
    """Return the posterior of each text after steps on distortion + beta * rate, one sample of z per step.

    All texts share the noise of a step, so that the result for one does not depend on the others in its batch. Every
    step has noise of its own, so that there is nothing to learn by heart.

    Args:
        model: a trained model, in evaluation mode.
        tokens: the texts.
        beta: KL weight; that of the training keeps rate and distortion in balance.
        steps: steps of Adam; 0: the encoder's own posterior.
        conditions: of each text, NaN for a missing one; None: none is known.
    """
    with torch.no_grad():
        amortised, prior = model.posterior(tokens, conditions), model.prior.given(conditions)

    def objective(posterior: Posterior, step: int) -> Float[Tensor, " batch"]:
        """Return beta R + D of each text at one sample."""
        latent = posterior.numbers[0].shape[1]
        noise = torch.randn(1, 1, latent, generator=REFINEMENT_NOISE.generator(0, step))
        z = posterior.at(noise.to(posterior.numbers[0]))
        return beta * rate(posterior, prior, z) - model.log_likelihood(z[0], tokens, conditions)

    return descended(amortised, objective, steps)


def descended(
    start: Posterior,
    objective: Callable[[Posterior, int], Float[Tensor, " batch"]],
    steps: int,
    step_size: float = STEP_SIZE,
) -> Posterior:
    """Return the posterior of each text after steps of Adam that lower its objective, the step size falling to zero.

    Args:
        start: where to begin; its family is kept.
        objective: of each text, by the posteriors and the number of the step.
        steps: their number.
        step_size: of Adam at first.
    """
    free, posterior_of = start.free_parameters()
    means, squares = [torch.zeros_like(part) for part in free], [torch.zeros_like(part) for part in free]
    counts = [torch.tensor(0.0) for _ in free]
    # cuDNN has no backward pass of a recurrence in evaluation mode; PyTorch's own has.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for step in range(steps):
            rate_now = step_size * 0.5 * (1 + math.cos(math.pi * step / steps))
            loss = objective(posterior_of(free), step).sum()
            # By `grad`, so that the model's own weights get no gradients.
            gradients = list(torch.autograd.grad(loss, free))
            # The function, since to make a `torch.optim.Adam` takes a second: it imports PyTorch's compiler.
            with torch.no_grad():
                adam(free, gradients, means, squares, [], counts, lr=rate_now, **_ADAM)
    return posterior_of([part.detach() for part in free])
