"""log p(x) of each text by importance sampling, and what the encoder loses against the text's own best posterior.

Half of the latent points come from the encoder's q(z|x) and half from the posterior of the same family with the best
ELBO for this very text; all are weighted by the mixture of the two (the balance heuristic, Veach & Guibas 1995; Owen &
Zhou 2000, doi:10.1080/01621459.2000.10473909). The mean weight is unbiased for p(x), so its logarithm is a lower bound
on log p(x) on average, as that of Burda et al. 2016 (arXiv:1509.00519), and tight also where the encoder is at a loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.config import INFERENCE_BATCH
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.latent.codec import Codec
from seqvae.model.encoders import Tokens
from seqvae.model.inference.refine import refined
from seqvae.model.objective import importance_weighted_bound, token_log_likelihood
from seqvae.model.posteriors import Posterior
from seqvae.model.strands import mixed
from seqvae.model.vae import Conditions, SequenceVAE
from seqvae.runtime.device import evaluating
from seqvae.runtime.streams import SCORE_POINTS

Progress = Callable[[int, int], object]  # how many texts are done, and of how many


@dataclass(frozen=True)
class Proposals:
    """Latent points of some texts and what they weigh; nats.

    Attributes:
        encoder: q(z|x) by the encoder.
        best: the posterior of the same family with the best ELBO; None where no steps were taken.
        points: `(samples, batch, latent)`, in turn from the one and the other.
        log_joint: `(samples, batch)`, log p(x|z) + log p(z).
        log_weights: `(samples, batch)`, the same minus the log-density of the mixture that the points come from.
        positions: `(samples, batch, length)`, log p of each token given z and those before it, 0 at padding.
    """

    encoder: Posterior
    best: Posterior | None
    points: Float[Tensor, "samples batch latent"]
    log_joint: Float[Tensor, "samples batch"]
    log_weights: Float[Tensor, "samples batch"]
    positions: Float[Tensor, "samples batch length"]

    @property
    def regret(self) -> Float[Tensor, " batch"]:
        """ELBO of the best posterior minus that of the encoder's (Xiao et al. 2020, arXiv:2003.02977); 0 without."""
        if self.best is None:
            return torch.zeros_like(self.log_joint[0])
        own, best = (
            (self.log_joint - q.log_prob(self.points).double())[first::2].mean(0)
            for first, q in enumerate((self.encoder, self.best))
        )
        return best - own


def proposals(
    model: SequenceVAE,
    tokens: Tokens,
    samples: int,
    steps: int = 0,
    seed: int = 0,
    conditions: Conditions | None = None,
) -> Proposals:
    """Weigh latent points of some texts; call it while the model is `evaluating`.

    All texts share the noise, so that no text's result depends on the others.

    Args:
        model: a trained model.
        tokens: the texts.
        samples: latent points of each, from 1; from 2 where steps are taken.
        steps: gradient steps towards the posterior with the best ELBO; 0: all points come from the encoder's.
        seed: of the noise.
        conditions: of each text, NaN for a missing one; None: none is known.
    """
    encoder = model.posterior(tokens, conditions)
    best = refined(model, tokens, 1.0, steps, conditions) if steps else None
    sources = [encoder] if best is None else [encoder, best]
    points, positions = [], []
    for number in range(samples):
        noise = torch.randn(1, 1, encoder.numbers[0].shape[1], generator=SCORE_POINTS.generator(seed, number))
        points.append(sources[number % len(sources)].at(noise.to(encoder.numbers[0]))[0])
        logits = model.decoder(model.points(points[-1], conditions), tokens)
        positions.append(token_log_likelihood(logits, tokens).double())
    z, by_position = torch.stack(points), torch.stack(positions)
    shares = [math.log(len(range(place, samples, len(sources))) / samples) for place in range(len(sources))]
    density = torch.stack([q.log_prob(z).double() + share for q, share in zip(sources, shares, strict=True)])
    joint = by_position.sum(-1) + model.prior.given(conditions).log_prob(z).double()
    return Proposals(encoder, best, z, joint, joint - density.logsumexp(0), by_position)


def effective_samples(log_weights: Float[Tensor, "samples batch"]) -> Float[Tensor, " batch"]:
    """Return how many equally weighted samples these are worth: (sum w)^2 / sum w^2, from 1 on (Kong 1992)."""
    return (2 * log_weights.logsumexp(0) - (2 * log_weights).logsumexp(0)).exp()


def log_mean_error(log_weights: Float[Tensor, "samples batch"]) -> Float[Tensor, " batch"]:
    """Return the standard error of the logarithm of the mean weight, to first order: that of the mean over the mean.

    With shares w of the sum that is sqrt(k / (k - 1) * sum (w - 1/k)^2), and so a function of the effective samples
    alone; where these are few it is too small.
    """
    count = len(log_weights)
    return ((1 / effective_samples(log_weights) - 1 / count).clamp(min=0) * count / (count - 1)).sqrt()


@dataclass(frozen=True)
class Weighed:
    """What each text costs a model; nats, on the CPU.

    Attributes:
        log_p: `(texts,)`, estimate of log p(x), a lower bound on average.
        error: `(texts,)`, its standard error.
        effective: `(texts,)`, effective samples of the estimate.
        loss: `(texts,)`, -log p(x|z) at the encoder's point.
        loss_refined: `(texts,)`, the same at the point of the best posterior; NaN without gradient steps.
        regret: `(texts,)`, see `Proposals.regret`; NaN without gradient steps.
        posterior: q(z|x) by the encoder.
    """

    log_p: Float[Tensor, " texts"]
    error: Float[Tensor, " texts"]
    effective: Float[Tensor, " texts"]
    loss: Float[Tensor, " texts"]
    loss_refined: Float[Tensor, " texts"]
    regret: Float[Tensor, " texts"]
    posterior: Posterior


def weigh(
    codec: Codec,
    texts: TokenizedTexts,
    samples: int,
    steps: int = 0,
    seed: int = 0,
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> Weighed:
    """Weigh texts, at least one; a text's result depends neither on the others nor on the batch size.

    Of texts that were read with conditions c it is log p(x|c).

    Args:
        codec: the model.
        texts: read by it.
        samples: latent points of each, from 2.
        steps: gradient steps on each posterior.
        seed: of the draws.
        batch_size: texts at a time.
        progress: is told how many texts are done.
    """
    model, order, done = codec.model, [], 0
    parts: list[tuple[Tensor, ...]] = []
    posteriors = []
    with evaluating(model):
        for rows, tokens, known in codec.told_batches(texts, batch_size):
            made = proposals(model, tokens, samples, steps, seed, known)
            loss = -model.log_likelihood(made.encoder.mean, tokens, known)
            absent = torch.full_like(loss, torch.nan)
            refined_loss = absent if made.best is None else -model.log_likelihood(made.best.mean, tokens, known)
            weights, regret = made.log_weights, absent if made.best is None else made.regret
            if model.strands is not None:
                turned = model.strands(tokens)
                other = proposals(model, turned, samples, steps, seed, known)
                weights = mixed(weights, other.log_weights)
                loss = torch.minimum(loss, -model.log_likelihood(other.encoder.mean, turned, known))
                if other.best is not None:
                    lost = -model.log_likelihood(other.best.mean, turned, known)
                    refined_loss, regret = torch.minimum(refined_loss, lost), torch.minimum(regret, other.regret)
            bound = importance_weighted_bound(weights)
            part = (bound, log_mean_error(weights), effective_samples(weights), loss, refined_loss, regret)
            parts.append(tuple(value.double().cpu() for value in part))
            posteriors.append(made.encoder.to("cpu"))
            order.append(rows)
            done += len(rows)
            if progress is not None:
                progress(done, len(texts))
    back = torch.cat(order).argsort()
    log_p, error, effective, losses, refined_losses, regrets = (
        torch.cat(column)[back] for column in zip(*parts, strict=True)
    )
    together = Posterior.cat(posteriors).rows(back)
    return Weighed(log_p, error, effective, losses, refined_losses, regrets, together)
