"""The objective and the bounds on log p(x), in nats per sequence, never averaged over positions or dimensions.

Kingma & Welling 2014 (arXiv:1312.6114) for the ELBO; Burda et al. 2016 (arXiv:1509.00519) for the importance-weighted
bound.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from seqvae.config import ObjectiveConfig
from seqvae.model.encoders import PAD, Tokens, present


def token_log_likelihood(logits: Float[Tensor, "batch length vocab"], tokens: Tokens) -> Float[Tensor, "batch length"]:
    """Return log p of the token at each position in nats, 0 at padding.

    A soft one-hot is a set of allowed symbols, those above zero, and has log of the sum of their probabilities.
    """
    if tokens.dim() == 2:
        flat = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=PAD, reduction="none")
        return -flat.view(tokens.shape)
    allowed = logits.float().log_softmax(-1).masked_fill(tokens <= 0, float("-inf"))
    # Padding rows allow `PAD` alone, whose log-probability is minus infinity: replaced first, or gradients become NaN.
    absent = ~present(tokens)
    return allowed.masked_fill(absent.unsqueeze(-1), 0.0).logsumexp(-1).masked_fill(absent, 0.0)


def log_likelihood(logits: Float[Tensor, "batch length vocab"], tokens: Tokens) -> Float[Tensor, " batch"]:
    """Return log p(x|z) in nats per sequence."""
    return token_log_likelihood(logits, tokens).sum(-1)


def rate_penalty(mean: Float[Tensor, " parts"], free_bits: float) -> Float[Tensor, ""]:
    """Return the rate that the objective charges for its mean over a batch: at least `free_bits` nats for each part.

    Kingma et al. 2016 (arXiv:1606.04934, section 2.2 of its appendix): the minimum applies to each part's mean, where
    a part is a dimension of z or a group of them.
    """
    return (mean.clamp(min=free_bits) if free_bits > 0 else mean).sum()


def beta_at(progress: float, config: ObjectiveConfig) -> float:
    """Return beta when a share `progress` (0 to 1) of the training is done."""
    if config.pretraining:  # the schedule is that of what comes after it
        if progress < config.pretraining:
            return 0.0
        progress = (progress - config.pretraining) / (1 - config.pretraining)
    if config.schedule == "constant" or config.warmup == 0:
        return config.weight
    cycles = config.cycles if config.schedule == "cyclical" else 1
    within = 1.0 if progress >= 1 else math.fmod(progress * cycles, 1.0)
    return config.weight * min(1.0, within / config.warmup)


LOWEST_BETA, HIGHEST_BETA = 1e-4, 100.0  # where a target is given up
_SPEED = {"rate": 0.6, "distortion": 0.6, "reconstruction": 1.0}  # of log beta, per adjustment; see `adjusted`
_NEARER = 0.03  # relative to the target


@dataclass(frozen=True)
class Target:
    """What beta is moved for.

    Attributes:
        quantity: `rate` or `distortion`, nats per sequence, or `reconstruction`, the share of exact ones.
        value: to be reached.
    """

    quantity: str
    value: float

    def misses(self, found: float) -> float:
        """Return how far a value is beyond the target, with the sign by which log beta has to move; relative.

        A share is not taken relative to its target, but three times, since a few hundredths of it matter.
        """
        if self.quantity == "reconstruction":
            return 3.0 * (found - self.value)
        return (found / self.value - 1.0) * (1.0 if self.quantity == "rate" else -1.0)

    def adjusted(self, beta: float, found: float, before: float, pace: float = 1.0) -> float:
        """Return beta after one step of dual ascent on its logarithm, which keeps it positive (Rezende & Viola 2018).

        A rate that is too high, or a distortion or reconstruction better than asked for, raises it. While the value
        comes nearer by itself beta waits: early in training every distortion is high, whatever beta is.

        Args:
            beta: before.
            found: of what the target is about.
            before: what was found so far, a running mean.
            pace: factor of the step; that of the learning rate, or beta would run away from weights that rest.
        """
        missed = self.misses(found)
        if abs(missed) < abs(self.misses(before)) - _NEARER:
            return beta
        step = pace * _SPEED[self.quantity] * max(-0.5, min(0.5, missed))
        return max(LOWEST_BETA, min(HIGHEST_BETA, beta * math.exp(step)))


def target_of(config: ObjectiveConfig) -> Target | None:
    """Return the target of an objective; None where beta is given."""
    for quantity in _SPEED:
        if value := getattr(config, f"target_{quantity}"):
            return Target(quantity, value)
    return None


def exactly(logits: Float[Tensor, "batch length vocab"], tokens: Tokens) -> Bool[Tensor, " batch"]:
    """Return which texts have the likeliest token at every position, given those before.

    Greedy decoding then writes each of them exactly, without decoding one: it meets the same prefixes.
    """
    best = logits.argmax(-1)
    right = best == tokens if tokens.dim() == 2 else tokens.gather(-1, best.unsqueeze(-1)).squeeze(-1) > 0
    return (right | ~present(tokens)).all(-1)


@dataclass(frozen=True)
class Bounds:
    """Distortion and rate of each text from one pass, in nats per sequence.

    Attributes:
        distortion: `(batch,)`, -log p(x|z) at the sampled z.
        rate: `(batch,)`, KL(q(z|x) || p(z)).
    """

    distortion: Float[Tensor, " batch"]
    rate: Float[Tensor, " batch"]

    @property
    def elbo(self) -> Float[Tensor, " batch"]:
        """A lower bound on log p(x): -(distortion + rate)."""
        return -(self.distortion + self.rate)


def importance_weighted_bound(log_weights: Float[Tensor, "samples batch"]) -> Float[Tensor, " batch"]:
    """Return log of the mean of the weights p(x|z) p(z) / q(z|x) over the samples: IWAE_k, nats per sequence."""
    return log_weights.logsumexp(0) - math.log(log_weights.shape[0])
