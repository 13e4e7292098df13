"""How far the ELBO lies below log p(x), and why: the family of posteriors, or the encoder (Cremer et al. 2018).

log p(x) - ELBO = approximation gap (log p(x) - ELBO of the family's best posterior) + amortisation gap (what the
encoder's posterior loses against that one). log p(x) is itself a bound, importance-weighted from the best posterior at
hand, so the approximation gap is at least what is reported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.diagnosis.likelihood import Progress, standard_error
from seqvae.latent.codec import Codec
from seqvae.model.inference.best_posterior import LogJoint, best_posterior, with_full_covariance
from seqvae.model.inference.refine import STEP_SIZE
from seqvae.model.objective import importance_weighted_bound
from seqvae.model.posteriors import DiagonalGaussian, Posterior
from seqvae.runtime.device import evaluating
from seqvae.runtime.streams import DIAGNOSIS_GAP, DIAGNOSIS_STEPS

TEXTS = 24  # of which the gap is measured: each costs the gradient steps of two families
_STEPS = 80  # of each family
_SAMPLES = 2  # of z, each step
_DRAWS = 100  # of z for each ELBO, and for log p(x)
_AT_ONCE = 12  # of these draws, and of texts: a few hundred rows at a time


@dataclass(frozen=True)
class Gap:
    """Bounds on log p(x) of each text, nats: under the encoder's posterior, and under the best ones.

    Attributes:
        elbo: `(texts,)`, under the encoder's posterior.
        best: `(texts,)`, the ELBO under the best posterior of its family.
        full: `(texts,)`, the ELBO under the best Gaussian of any covariance; `best` if the family is no diagonal one.
        log_p: `(texts,)`, importance-weighted from the best posterior at hand.
    """

    elbo: Float[Tensor, " texts"]
    best: Float[Tensor, " texts"]
    full: Float[Tensor, " texts"]
    log_p: Float[Tensor, " texts"]


def gap_of(log_joint: LogJoint, posterior: Posterior, seed: int = 0, steps: int = _STEPS, draws: int = _DRAWS) -> Gap:
    """Return the bounds of some texts; a text's own do not depend on the others, except for their noise.

    Args:
        log_joint: log p(x|z) + log p(z) of samples of each text's z, nats.
        posterior: q(z|x) by the encoder.
        seed: of the draws.
        steps: of gradient ascent, for each family.
        draws: of z for each ELBO, and for log p(x).
    """
    best = best_posterior(log_joint, posterior, _noise(seed, 0), steps, _SAMPLES)
    own = _log_weights(log_joint, posterior, seed, 2 * draws)
    weights = _better(own, _log_weights(log_joint, best, seed, 2 * draws))
    full = weights
    if isinstance(best, DiagonalGaussian):
        # A factor has `latent` entries a row, whose noise adds up: the steps on each are smaller by the root of it.
        size = STEP_SIZE / math.sqrt(best.mean.shape[1])
        start, noise = with_full_covariance(best), _noise(seed, 1)
        free = best_posterior(log_joint, start, noise, steps, _SAMPLES, size)
        full = _better(weights, _log_weights(log_joint, free, seed, 2 * draws))
    elbo, elbo_best, elbo_full = (part[draws:].mean(0) for part in (own, weights, full))
    return Gap(elbo, elbo_best, elbo_full, importance_weighted_bound(full[draws:]))


def _better(one: Float[Tensor, "draws texts"], other: Float[Tensor, "draws texts"]) -> Float[Tensor, "draws texts"]:
    """Return, for each text, the weights of the posterior with the higher ELBO on the first half of the draws.

    Steps with noise can end lower than they began. The second half is what is measured: the choice has not seen it.
    """
    half = len(one) // 2
    return torch.where(one[:half].mean(0) >= other[:half].mean(0), one, other)


def _noise(seed: int, family: int) -> Callable[[int], torch.Generator]:
    return lambda step: DIAGNOSIS_STEPS.generator(seed, family, step)


@torch.no_grad()
def _log_weights(log_joint: LogJoint, posterior: Posterior, seed: int, draws: int) -> Float[Tensor, "draws texts"]:
    rng, found = DIAGNOSIS_GAP.generator(seed), []
    for start in range(0, draws, _AT_ONCE):
        z = posterior.rsample(min(_AT_ONCE, draws - start), rng)
        found.append((log_joint(z) - posterior.log_prob(z)).double().cpu())
    return torch.cat(found)


@dataclass(frozen=True)
class InferenceGap:
    """Metrics of the gap, nats per text, means over the texts. `DIAGNOSIS_METRICS` has their titles.

    `full_covariance_gain`: what the best Gaussian of any covariance gains on the best diagonal one; None: the
    encoder's family is not diagonal.
    """

    gap_texts: int
    inference_gap: float
    inference_gap_error: float
    approximation_gap: float
    amortisation_gap: float
    full_covariance_gain: float | None


def inference_gap(codec: Codec, texts: TokenizedTexts, seed: int = 0, progress: Progress | None = None) -> InferenceGap:
    """Return the metrics of the first texts of a model, in the nats of the ELBO (beta 1)."""
    first = texts.take(range(len(texts))[:TEXTS])
    batches, parts, done = list(codec.batches(first, _AT_ONCE)), [], 0
    diagonal = False
    with evaluating(codec.model):
        for _, tokens in batches:
            posterior = codec.model.posterior(tokens)
            diagonal = isinstance(posterior, DiagonalGaussian)

            def log_joint(z: Tensor, tokens: Tensor = tokens) -> Tensor:
                """Return log p(x, z) of points, `(samples, batch, latent)`."""
                return codec.model.log_likelihoods(z, tokens) + codec.model.prior.log_prob(z)

            parts.append(gap_of(log_joint, posterior, seed))
            done += len(tokens)
            if progress is not None:
                progress(done, len(first))
    elbo, best, full, log_p = (torch.cat([getattr(part, name) for part in parts]) for name in Gap.__annotations__)
    return InferenceGap(
        gap_texts=len(first),
        inference_gap=(log_p - elbo).mean().item(),
        inference_gap_error=standard_error(log_p - elbo),
        approximation_gap=(log_p - best).mean().item(),
        amortisation_gap=(best - elbo).mean().item(),
        full_covariance_gain=(full - best).mean().item() if diagonal else None,
    )
