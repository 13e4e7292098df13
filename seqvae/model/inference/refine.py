"""A posterior of its own for each text: gradient steps from where the encoder put it (semi-amortised inference).

An encoder is one function for all texts, and on texts that it has not seen its posteriors are worse than those fitted
to each text alone: the amortisation gap (Cremer et al. 2018, arXiv:1801.03558). A few steps on the parameters of the
text's own posterior close it (Kim et al. 2018, arXiv:1802.02550); encoder, decoder and prior stay as they are.
"""

from __future__ import annotations

import math

import torch

from seqvae.model.encoders import Tokens
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.streams import REFINEMENT_NOISE

_STEP_SIZE = 0.05  # of Adam at first; the latent space has unit scale


def refined(model: SequenceVAE, tokens: Tokens, beta: float, steps: int) -> Posterior:
    """Return the posterior of each text after steps on distortion + beta * rate, one sample of z per step.

    All texts share the noise of a step, so that the result for one does not depend on the others in its batch.

    Args:
        model: a trained model, in evaluation mode.
        tokens: the texts.
        beta: KL weight; that of the training keeps rate and distortion in balance.
        steps: steps of Adam, the step size falling to zero; 0: the encoder's own posterior.
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
            # By `grad`, so that the model's own weights get no gradients.
            for parameter, gradient in zip(free, torch.autograd.grad(loss, free), strict=True):
                parameter.grad = gradient
            optimizer.step()
    return posterior_of([part.detach() for part in free])
