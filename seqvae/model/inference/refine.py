"""A posterior of its own for each text: gradient steps from where the encoder put it (semi-amortised inference).

An encoder is one function for all texts, and on texts that it has not seen its posteriors are worse than those fitted
to each text alone: the amortisation gap (Cremer et al. 2018, arXiv:1801.03558). A few steps on the parameters of the
text's own posterior close it (Kim et al. 2018, arXiv:1802.02550); encoder, decoder and prior stay as they are. Whatever
the kind of posterior, its own parameters are what `free_parameters` gives: of a flow the Gaussian that it begins with,
and the context of its layers, which are weights of the model.

Every step has noise of its own. With few steps there is nothing to learn by heart, and the last are as good as the
best; where a text takes as many as it gains from, noise that no step has seen tells when that ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.model.encoders import Tokens
from seqvae.model.posteriors import Posterior
from seqvae.model.priors.contract import Prior
from seqvae.model.rate import rate
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.streams import REFINEMENT_CHECK, REFINEMENT_NOISE

_STEP_SIZE = 0.05  # of Adam at first; the latent space has unit scale
_MOST = 100  # steps of a refinement that stops by itself: the last of them have next to no size
_CHECK = 10  # steps between two looks at the objective under held-out noise
_HELD_OUT = 8  # draws of that noise, the same at every look
_PATIENCE = 3  # looks without a better objective after which a text has got what there is


def refined(model: SequenceVAE, tokens: Tokens, beta: float, steps: int | None) -> Posterior:
    """Return the posterior of each text after steps on distortion + beta * rate, one sample of z per step.

    All texts share the noise of a step, so that the result for one does not depend on the others in its batch.

    Args:
        model: a trained model, in evaluation mode.
        tokens: the texts.
        beta: KL weight; that of the training keeps rate and distortion in balance.
        steps: steps of Adam, the step size falling to zero; 0: the encoder's own posterior; None: until the objective
            under held-out noise no longer falls, each text with the parameters that had the lowest.
    """
    with torch.no_grad():
        amortised, prior = model.posterior(tokens), model.prior.given(None)
    free, posterior_of = amortised.free_parameters()
    optimizer, planned = torch.optim.Adam(free, lr=_STEP_SIZE), _MOST if steps is None else steps
    best = _Best(free, _judged(model, tokens, amortised, prior, beta)) if steps is None else None
    # cuDNN has no backward pass of a recurrence in evaluation mode; PyTorch's own has.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        for step in range(planned):
            for group in optimizer.param_groups:
                group["lr"] = _STEP_SIZE * 0.5 * (1 + math.cos(math.pi * step / planned))
            noise = torch.randn(1, 1, free[0].shape[1], generator=REFINEMENT_NOISE.generator(0, step))
            loss = _objective(model, tokens, posterior_of(free), prior, beta, noise).sum()
            # By `grad`, so that the model's own weights get no gradients.
            for parameter, gradient in zip(free, torch.autograd.grad(loss, free), strict=True):
                parameter.grad = gradient
            optimizer.step()
            if best is None or (step + 1) % _CHECK:
                continue
            if best.look(free, _judged(model, tokens, posterior_of(free), prior, beta)):
                break
    return posterior_of([part.detach() for part in free] if best is None else best.numbers)


def _objective(
    model: SequenceVAE, tokens: Tokens, posterior: Posterior, prior: Prior, beta: float, noise: Tensor
) -> Float[Tensor, " batch"]:
    """Return distortion + beta * rate of each text, means over the draws of noise `(draws, 1, latent)`."""
    z = posterior.at(noise.to(posterior.numbers[0]))
    distortion = -torch.stack([model.log_likelihood(point, tokens) for point in z]).mean(0)
    return distortion + beta * rate(posterior, prior, z)


@torch.no_grad()
def _judged(
    model: SequenceVAE, tokens: Tokens, posterior: Posterior, prior: Prior, beta: float
) -> Float[Tensor, " batch"]:
    """Return the objective under the noise that judges: each draw and its opposite, so that it is centred."""
    half = torch.randn(_HELD_OUT // 2, 1, posterior.numbers[0].shape[1], generator=REFINEMENT_CHECK.generator(0))
    return _objective(model, tokens, posterior, prior, beta, torch.cat([half, -half]))


class _Best:
    """The parameters of each text with the lowest objective under held-out noise, until that has ceased to fall."""

    def __init__(self, free: Sequence[Tensor], objective: Float[Tensor, " batch"]) -> None:
        self.numbers, self.lowest = [part.detach().clone() for part in free], objective
        self.stale = torch.zeros_like(self.lowest)

    def look(self, free: Sequence[Tensor], objective: Float[Tensor, " batch"]) -> bool:
        """Compare, keep what is better, and return whether all texts have ceased; one that has takes nothing more."""
        better = (objective < self.lowest) & (self.stale < _PATIENCE)
        self.lowest = torch.where(better, objective, self.lowest)
        self.stale = torch.where(better, 0.0, self.stale + 1)
        parts = zip(free, self.numbers, strict=True)
        self.numbers = [torch.where(better.unsqueeze(1), part.detach(), kept) for part, kept in parts]
        return bool((self.stale >= _PATIENCE).all())
