"""Samples of the unknown positions of texts and of their latent points, given what is known.

Metropolis-within-Gibbs (Mattei & Frellsen 2018, arXiv:1802.04826, algorithm 1): a latent point is proposed by the
encoder of the completed text, and accepted or not; then the unknown tokens are drawn given it. A second move, a random
walk on the posterior's scale, leaves places where the encoder proposes nothing that is accepted. The fast route is
importance sampling from the encoder of what is known (MIWAE: Mattei & Frellsen 2019, arXiv:1812.02633), with a quarter
of the points from the prior, so that no weight is unbounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqvae.infer.completion import Uniforms, completed
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.streams import IMPUTED_POINTS, IMPUTED_TOKENS

_FROM_PRIOR = 4  # every fourth point of the importance sampler, and the start of every other chain


@dataclass(frozen=True)
class Walked:
    """Draws of some chains for some texts.

    Attributes:
        ids: `(sweeps, texts, chains, length)`.
        log_joint: `(sweeps, texts, chains)`, log p(x, z), nats.
        accepted: `(texts,)`, share of the encoder's proposals that were accepted.
        accepted_steps: `(texts,)`, the same of the random walk.
    """

    ids: Int[Tensor, "sweeps texts chains length"]
    log_joint: Float[Tensor, "sweeps texts chains"]
    accepted: Float[Tensor, " texts"]
    accepted_steps: Float[Tensor, " texts"]


@dataclass(frozen=True)
class Weighted:
    """Weighted draws for some texts.

    Attributes:
        ids: `(samples, texts, length)`.
        log_weights: `(samples, texts)`, whose mean weight is p(what is known); nats.
    """

    ids: Int[Tensor, "samples texts length"]
    log_weights: Float[Tensor, "samples texts"]


def walked(
    model: SequenceVAE,
    allowed: Bool[Tensor, "texts length vocab"],
    chains: int,
    sweeps: int,
    warmup: int,
    particles: int,
    seed: int,
) -> Walked:
    """Run chains for some texts; call it while the model is `evaluating`.

    Args:
        model: a trained model.
        allowed: tokens that each position may have.
        chains: for each text.
        sweeps: that are kept.
        warmup: sweeps before these.
        particles: of the filter that draws tokens, where the decoder is autoregressive.
        seed: of all draws.
    """
    texts, latent, prior = len(allowed), model.posterior(soft(allowed[:1])).numbers[0].shape[1], model.prior.given(None)
    every = allowed.repeat_interleave(chains, 0)
    size = 2.38 / math.sqrt(latent)  # of a random walk on a Gaussian (Gelman, Roberts & Gilks 1996)

    def numbers(sweep: int) -> Iterator[Tensor]:
        rng = IMPUTED_POINTS.generator(seed, sweep)
        while True:
            yield torch.randn(chains, latent, generator=rng).repeat(texts, 1).to(allowed.device)

    def chances(noise: Tensor) -> Tensor:
        """Return logarithms of uniform numbers, made of the first column of normal ones."""
        return torch.special.log_ndtr(noise[:, 0].double())

    def joint(z: Tensor, ids: Tensor) -> Tensor:
        return model.log_likelihood(z, ids).double() + prior.log_prob(z).double()

    noise = numbers(0)
    z = model.posterior(soft(every)).at(next(noise))
    away = prior.sample(chains, IMPUTED_POINTS.generator(seed, 1)).to(z).repeat(texts, 1)
    z = torch.where((torch.arange(len(z), device=z.device) % chains % 2 == 1).unsqueeze(1), away, z)
    ids, _ = completed(
        model.decoder, z, every, Uniforms(IMPUTED_TOKENS.generator(seed, 0), chains, particles), particles
    )
    kept, joints = [], []
    accepted = torch.zeros(2, len(z), device=z.device)
    for sweep in range(2, 2 + warmup + sweeps):
        noise, posterior = numbers(sweep), model.posterior(ids)
        here = joint(z, ids)
        proposed = posterior.at(next(noise))
        there = joint(proposed, ids)
        gain = there - here + posterior.log_prob(z).double() - posterior.log_prob(proposed).double()
        taken = chances(next(noise)) < gain
        z, here = torch.where(taken.unsqueeze(1), proposed, z), torch.where(taken, there, here)
        proposed = z + size * posterior.std * next(noise)
        there = joint(proposed, ids)
        stepped = chances(next(noise)) < there - here
        z = torch.where(stepped.unsqueeze(1), proposed, z)
        source = Uniforms(IMPUTED_TOKENS.generator(seed, sweep), chains, particles)
        ids, _ = completed(model.decoder, z, every, source, particles, ids)
        if sweep >= 2 + warmup:
            kept.append(ids.unflatten(0, (texts, chains)).cpu())
            joints.append(joint(z, ids).unflatten(0, (texts, chains)).cpu())
            accepted += torch.stack([taken, stepped])
    shares = (accepted / max(sweeps, 1)).unflatten(1, (texts, chains)).mean(-1).cpu()
    return Walked(torch.stack(kept), torch.stack(joints), shares[0], shares[1])


def weighted(
    model: SequenceVAE,
    allowed: Bool[Tensor, "texts length vocab"],
    samples: int,
    particles: int,
    seed: int,
    at_once: int = 64,
) -> Weighted:
    """Draw and weigh completions of some texts; call it while the model is `evaluating`.

    Args:
        model: a trained model.
        allowed: tokens that each position may have.
        samples: of each text.
        particles: of the filter, where the decoder is autoregressive.
        seed: of all draws.
        at_once: samples of all texts that are decoded together.
    """
    texts, prior = len(allowed), model.prior.given(None)
    posterior = model.posterior(soft(allowed))
    ids, weights = [], []
    for number, start in enumerate(range(0, samples, at_once)):
        count = min(at_once, samples - start)
        rng = IMPUTED_POINTS.generator(seed, number)
        noise = torch.randn(count, 1, posterior.numbers[0].shape[1], generator=rng).to(posterior.numbers[0])
        z = posterior.at(noise)
        wide = torch.arange(start, start + count) % _FROM_PRIOR == _FROM_PRIOR - 1
        if bool(wide.any()):
            z[wide] = prior.sample(int(wide.sum()), rng).to(z).unsqueeze(1)
        z = z.clone()  # a tensor that no density is remembered of
        density, log_prior = posterior.log_prob(z).double(), prior.log_prob(z).double()
        share = float((torch.arange(samples) % _FROM_PRIOR == _FROM_PRIOR - 1).double().mean())
        mixture = density + math.log(1 - share)
        if share:
            mixture = torch.logaddexp(mixture, log_prior + math.log(share))
        source = Uniforms(IMPUTED_TOKENS.generator(seed, number), count, particles)
        rows = z.transpose(0, 1).flatten(0, 1)
        found, log_known = completed(model.decoder, rows, allowed.repeat_interleave(count, 0), source, particles)
        ids.append(found.unflatten(0, (texts, count)).transpose(0, 1).cpu())
        weights.append((log_known.unflatten(0, (texts, count)).t() + log_prior - mixture).cpu())
    return Weighted(torch.cat(ids), torch.cat(weights))


def soft(allowed: Bool[Tensor, "texts length vocab"]) -> Float[Tensor, "texts length vocab"]:
    """Return sets of tokens as an encoder reads them: uniform over each; padding is `PAD`."""
    found = allowed.float()
    return found / found.sum(-1, keepdim=True)
