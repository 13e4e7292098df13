"""A posterior of each text's own: gradient steps from where the encoder put it (semi-amortised inference).

An encoder is one function for all texts, and on texts it has not seen it does worse than each could do for itself: the
amortisation gap (Cremer et al. 2018, arXiv:1801.03558). A few steps on the numbers of the text's own posterior close it
(Kim et al. 2018, arXiv:1802.02550); encoder, decoder and prior stay as they are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqvae.model.encoders import Tokens
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.streams import REFINEMENT_NOISE

_STEP_SIZE = 0.05  # of Adam at first; the latent space has unit scale


def refined(model: SequenceVAE, tokens: Tokens, beta: float, steps: int) -> Posterior:
    """Return the posterior of each text after steps on distortion + beta * rate, one sample of z a step.

    All texts share the noise of a step, so that what becomes of one does not depend on its company.

    Args:
        model: a trained model, in evaluation mode.
        tokens: the texts.
        beta: weight of the rate; the one of its training keeps rate and distortion in balance.
        steps: of Adam, its step size falling to zero; 0: what the encoder says.
    """
    with torch.no_grad():
        amortised = model.posterior(tokens)
    free, posterior_of = amortised.free_parameters()
    optimizer = torch.optim.Adam(free, lr=_STEP_SIZE)
    # cuDNN has no backward pass of a recurrence in evaluation mode; PyTorch's own has.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = _STEP_SIZE * 0.5 * (1 + math.cos(math.pi * step / steps))
            posterior = posterior_of(free)
            noise = torch.randn(1, 1, amortised.mean.shape[1], generator=REFINEMENT_NOISE.generator(0, step))
            z = posterior.mean + posterior.deviation(noise.to(amortised.mean))
            distortion = -model.log_likelihood(z[0], tokens)
            loss = (distortion + beta * rate(posterior, model.prior, z)).sum()
            _set_gradients(free, torch.autograd.grad(loss, free))  # the model's own weights get none
            optimizer.step()
    return posterior_of([part.detach() for part in free])


def _set_gradients(parameters: list[Tensor], gradients: tuple[Tensor, ...]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
