"""A posterior of each text's own: gradient steps from where the encoder put it (semi-amortised inference).

An encoder is one function for all texts, and on texts it has not seen it does worse than each could do for itself: the
amortisation gap (Cremer et al. 2018, arXiv:1801.03558). A few steps on the text's own mean and variance close it (Kim
et al. 2018, arXiv:1802.02550); encoder, decoder and prior stay as they are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from seqvae.model.encoders import Tokens
from seqvae.model.posterior import DiagonalGaussian
from seqvae.model.vae import SequenceVAE

STEPS = 50  # by then the objective of molecules moves less than its noise
_STEP_SIZE = 0.05  # of Adam at first; the latent space has unit scale


def refined(
    model: SequenceVAE, tokens: Tokens, beta: float, steps: int, rng: torch.Generator
) -> DiagonalGaussian:
    """Return the posterior of each text after steps on distortion + beta * rate, one sample of z a step.

    Args:
        model: a trained model, in evaluation mode.
        tokens: the texts.
        beta: weight of the rate; the one of its training keeps rate and distortion in balance.
        steps: of Adam, its step size falling to zero; 0: what the encoder says.
        rng: source of the samples, on the model's device.
    """
    with torch.no_grad():
        amortised = model.posterior(tokens)
    if not isinstance(amortised, DiagonalGaussian):
        raise TypeError(f"expected a diagonal Gaussian posterior, got {type(amortised).__name__}")
    free = [part.clone().requires_grad_() for part in (amortised.mean, amortised.log_variance)]
    optimizer = torch.optim.Adam(free, lr=_STEP_SIZE)
    with torch.enable_grad():
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = _STEP_SIZE * 0.5 * (1 + math.cos(math.pi * step / steps))
            posterior = DiagonalGaussian(free[0], free[1])
            distortion = -model.log_likelihood(posterior.rsample(1, rng)[0], tokens)
            loss = (distortion + beta * posterior.kl(model.prior)).sum()
            _set_gradients(free, torch.autograd.grad(loss, free))  # the model's own weights get none
            optimizer.step()
    return DiagonalGaussian(free[0].detach(), free[1].detach())


def _set_gradients(parameters: list[Tensor], gradients: tuple[Tensor, ...]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
