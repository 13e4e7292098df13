"""Samples of the unknown positions of texts and of their latent points, given what is known.

Metropolis-within-Gibbs (Mattei & Frellsen 2018, arXiv:1802.04826, algorithm 1): a latent point is proposed by the
encoder of the completed text, and accepted or not; then the unknown tokens are drawn given it. A second move, a random
walk on the posterior's scale, leaves places where the encoder proposes nothing that is accepted. The fast route is
importance sampling from the encoder of what is known (MIWAE: Mattei & Frellsen 2019, arXiv:1812.02633) and that of
completions found on the way, with a fifth of the points from the prior, so that no weight is unbounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvae.infer.imputation.completion import Uniforms, completed
from seqvae.model.posteriors import Posterior
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.streams import IMPUTED_POINTS, IMPUTED_TOKENS

_FROM_PRIOR = 0.2  # share of the importance sampler's points: no weight is then above five times the best
AT_ONCE = 16  # samples of each text that are decoded together; their numbers depend on it, and so it is fixed
_COMPLETED = 32  # completions whose posteriors the importance sampler draws from
_LATER = 1 << 20  # number of the first draws after the completions were found


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
    evidence: Float[Tensor, "texts length vocab"],
    chains: int,
    sweeps: int,
    warmup: int,
    particles: int,
    seed: int,
) -> Walked:
    """Run chains for some texts; call it while the model is `evaluating`.

    Args:
        model: a trained model.
        evidence: log p(what was observed at each position | its token), as `log_evidence` returns it.
        chains: for each text.
        sweeps: that are kept.
        warmup: sweeps before these.
        particles: of the filter that draws tokens, where the decoder is autoregressive.
        seed: of all draws.
    """
    texts, prior = len(evidence), model.prior.given(None)
    latent = model.posterior(soft(evidence)).numbers[0].shape[1]
    every = evidence.repeat_interleave(chains, 0)
    size = 2.38 / math.sqrt(latent)  # of a random walk on a Gaussian (Gelman, Roberts & Gilks 1996)

    def numbers(sweep: int) -> Iterator[Tensor]:
        """Yield the normal numbers of a sweep, one row for each chain."""
        rng = IMPUTED_POINTS.generator(seed, sweep)
        while True:
            yield torch.randn(chains, latent, generator=rng).repeat(texts, 1).to(evidence.device)

    def joint(z: Tensor, ids: Tensor) -> Tensor:
        """Return log p(x, z), nats."""
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
        z, taken = _moved(posterior, z, partial(joint, ids=ids), noise, size)
        source = Uniforms(IMPUTED_TOKENS.generator(seed, sweep), chains, particles)
        ids, _ = completed(model.decoder, z, every, source, particles, ids)
        if sweep >= 2 + warmup:
            kept.append(ids.unflatten(0, (texts, chains)).cpu())
            joints.append(joint(z, ids).unflatten(0, (texts, chains)).cpu())
            accepted += taken
    shares = (accepted / max(sweeps, 1)).unflatten(1, (texts, chains)).mean(-1).cpu()
    return Walked(torch.stack(kept), torch.stack(joints), shares[0], shares[1])


def _moved(
    posterior: Posterior,
    z: Float[Tensor, "rows latent"],
    joint: Callable[[Tensor], Tensor],
    noise: Iterator[Tensor],
    size: float,
) -> tuple[Float[Tensor, "rows latent"], Float[Tensor, "2 rows"]]:
    """Return latent points after a proposal by the encoder and a step of a random walk, and which were accepted.

    Args:
        posterior: q(z|x) of the completed texts, by which both moves propose.
        z: where the chains are.
        joint: log p(x, z) of points, nats.
        noise: normal numbers, one row for each chain.
        size: of a step, in standard deviations of the posterior.
    """
    here, proposed = joint(z), posterior.at(next(noise))
    there = joint(proposed)
    gain = there - here + posterior.log_prob(z).double() - posterior.log_prob(proposed).double()
    taken = _log_uniform(next(noise)) < gain
    z, here = torch.where(taken.unsqueeze(1), proposed, z), torch.where(taken, there, here)
    proposed = z + size * posterior.std * next(noise)
    stepped = _log_uniform(next(noise)) < joint(proposed) - here
    return torch.where(stepped.unsqueeze(1), proposed, z), torch.stack([taken, stepped]).float()


def _log_uniform(noise: Float[Tensor, "rows latent"]) -> Float[Tensor, " rows"]:
    """Return logarithms of uniform numbers, made of the first column of normal ones."""
    return torch.special.log_ndtr(noise[:, 0].double())


def weighted(
    model: SequenceVAE,
    evidence: Float[Tensor, "texts length vocab"],
    samples: int,
    particles: int,
    seed: int,
) -> Weighted:
    """Draw and weigh completions of some texts; call it while the model is `evaluating`.

    A first part of the work, which is then forgotten, finds completions; the encoder's posteriors of these are most of
    what the rest draws from (population Monte Carlo, Cappe et al. 2004, doi:10.1198/106186004X12803).

    Args:
        model: a trained model.
        evidence: log p(what was observed at each position | its token), as `log_evidence` returns it.
        samples: of each text.
        particles: of the filter, where the decoder is autoregressive.
        seed: of all draws.
    """
    texts, known = len(evidence), model.posterior(soft(evidence))
    first = _weighed(model, evidence, (known,), (samples + 3) // 4, particles, seed)
    chances = torch.rand(1, _COMPLETED, generator=IMPUTED_TOKENS.generator(seed, _LATER - 1), dtype=torch.float64)
    steps = first.log_weights.t().softmax(1).cumsum(1)
    places = torch.searchsorted(steps, chances.repeat(texts, 1)).clamp(max=len(first.ids) - 1)
    completions = torch.stack([first.ids[places[text], text] for text in range(texts)], 1)  # components first
    found = model.posterior(completions.flatten(0, 1).to(evidence.device))
    return _weighed(model, evidence, (known, found), samples, particles, seed, _LATER)


def _weighed(
    model: SequenceVAE,
    evidence: Float[Tensor, "texts length vocab"],
    sources: tuple[Posterior, ...],
    samples: int,
    particles: int,
    seed: int,
    place: int = 0,
) -> Weighted:
    """Draw from the prior and some posteriors, and weigh.

    Args:
        model: a trained model.
        evidence: log p(what was observed at each position | its token), as `log_evidence` returns it.
        sources: posteriors, each of as many rows for every text, those of one component together.
        samples: of each text.
        particles: of the filter.
        seed: of all draws.
        place: where the numbers of these draws begin.
    """
    texts, prior = len(evidence), model.prior.given(None)
    shares = [_FROM_PRIOR, *[(1 - _FROM_PRIOR) * part for part in ((1.0,), (0.25, 0.75))[len(sources) - 1]]]
    ids, weights = [], []
    for number, start in enumerate(range(0, samples, AT_ONCE), place):
        count, rng = min(AT_ONCE, samples - start), IMPUTED_POINTS.generator(seed, number)
        # Every source is drawn from by every sample, and one of them is kept: cheap beside decoding.
        chance = torch.rand(count, 2, generator=rng, dtype=torch.float64)
        kept = (chance[:, :1] >= torch.tensor(shares, dtype=torch.float64).cumsum(0)[:-1]).sum(1)
        noise = torch.randn(count, 1, sources[0].numbers[0].shape[1], generator=rng)
        z = prior.sample(count, rng).to(evidence.device).unsqueeze(1).repeat(1, texts, 1)
        for which, source in enumerate(sources, 1):
            drawn = source.at(noise.to(z)).unflatten(1, (-1, texts))
            component = (chance[:, 1] * drawn.shape[1]).long().to(z.device)
            drawn = drawn[torch.arange(count, device=z.device), component]
            z = torch.where((kept == which).to(z.device).view(-1, 1, 1), drawn, z)
        density = torch.stack([prior.log_prob(z).double(), *(_mean_density(source, z) for source in sources)])
        log_shares = torch.tensor(shares, dtype=torch.float64, device=z.device).log().view(-1, 1, 1)
        mixture = (density + log_shares).logsumexp(0)
        uniform = Uniforms(IMPUTED_TOKENS.generator(seed, number), count, particles)
        rows = z.transpose(0, 1).flatten(0, 1)
        found, log_known = completed(model.decoder, rows, evidence.repeat_interleave(count, 0), uniform, particles)
        ids.append(found.unflatten(0, (texts, count)).transpose(0, 1).cpu())
        weights.append((log_known.unflatten(0, (texts, count)).t() + density[0] - mixture).cpu())
    return Weighted(torch.cat(ids), torch.cat(weights))


def _mean_density(source: Posterior, z: Float[Tensor, "samples texts latent"]) -> Float[Tensor, "samples texts"]:
    """Return the log-density of each point under its text's components in equal parts."""
    texts = z.shape[1]
    columns = [
        source.rows(slice(text, None, texts)).pairwise_log_prob(z[:, text].contiguous()) for text in range(texts)
    ]
    return torch.stack([column.double().logsumexp(1) - math.log(column.shape[1]) for column in columns], 1)


def soft(evidence: Float[Tensor, "texts length vocab"]) -> Float[Tensor, "texts length vocab"]:
    """Return texts as an encoder reads them: tokens in the shares of their evidence; padding is `PAD`."""
    found = evidence.exp()
    return found / found.sum(-1, keepdim=True)
