"""Training texts against held-out ones: how much of what is lost the encoder loses, and how much the decoder.

An encoder is one function for all texts. Posteriors refined text by text owe it next to nothing, so what still differs
between training and held-out texts under them is the decoder's; the rest of the gap is the encoder's (Cremer et al.
2018, arXiv:1801.03558, section 5.5, on held-out data).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.config import REFINE_STEPS
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.diagnosis.likelihood import Progress, Weighed, standard_error
from seqvae.evaluate.diagnosis.verdict import THRESHOLDS
from seqvae.evaluate.model.reconstruction import teacher_forced
from seqvae.latent.codec import Codec
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.runtime.streams import DIAGNOSIS_REFINED

_TOGETHER = 50  # texts whose posteriors are refined between two reports of progress


@dataclass(frozen=True)
class Side:
    """One split under the encoder's posteriors, and its first texts under refined ones.

    Attributes:
        rate: `(texts,)`, nats.
        distortion: `(texts,)`, nats.
        exact: `(texts,)`, 1 where the posterior mean decodes to the text itself, greedily, else 0.
        refined_exact: `(refined,)`, the same of the refined posteriors of the first texts.
        objective: `(refined,)`, distortion + beta * rate under the encoder's posteriors, one sample each.
        refined_objective: `(refined,)`, the same under the refined ones, from the same noise.
    """

    rate: Float[Tensor, " texts"]
    distortion: Float[Tensor, " texts"]
    exact: Float[Tensor, " texts"]
    refined_exact: Float[Tensor, " refined"]
    objective: Float[Tensor, " refined"]
    refined_objective: Float[Tensor, " refined"]

    @property
    def lost(self) -> Float[Tensor, " refined"]:
        """What the encoder's posteriors lose of exact reconstruction: of the refined posteriors minus its own."""
        return self.refined_exact - self.exact[: len(self.refined_exact)]

    @property
    def excess(self) -> Float[Tensor, " refined"]:
        """What the encoder's posteriors cost more than the refined ones, nats of the training objective."""
        return self.objective - self.refined_objective


def side(
    codec: Codec, texts: TokenizedTexts, weighed: Weighed, refined: int, seed: int = 0, progress: Progress | None = None
) -> Side:
    """Measure one split.

    Args:
        codec: the model.
        texts: of the split, read by it.
        weighed: the same texts, weighed.
        refined: texts, at most, whose posteriors are refined; the first ones.
        seed: of the draws.
        progress: is told how many posteriors are refined.
    """
    first = texts.take(range(len(texts))[:refined])
    exact = torch.tensor([a == b for a, b in zip(texts.forms, codec.decode(weighed.posterior.mean), strict=True)])
    none = torch.zeros(0, dtype=torch.float64)
    if not len(first):
        return Side(weighed.rate, weighed.distortion, exact.double(), none, none, none)
    parts = []
    for start in range(0, len(first), _TOGETHER):
        parts.append(codec.posterior(first.take(range(start, min(start + _TOGETHER, len(first)))), refine=REFINE_STEPS))
        if progress is not None:
            progress(min(start + _TOGETHER, len(first)), len(first))
    better = Posterior.cat(parts)
    back = torch.tensor([a == b for a, b in zip(first.forms, codec.decode(better.mean), strict=True)])
    own = weighed.posterior.rows(slice(0, len(first)))
    costs = objectives(codec, first, (own, better), seed)
    return Side(weighed.rate, weighed.distortion, exact.double(), back.double(), *costs)


def objectives(
    codec: Codec, texts: TokenizedTexts, posteriors: tuple[Posterior, ...], seed: int
) -> list[Float[Tensor, " texts"]]:
    """Return distortion + beta * rate of each text under each posterior, with the beta of training and one noise."""
    samples = [posterior.rsample(1, DIAGNOSIS_REFINED.generator(seed)) for posterior in posteriors]
    forced = teacher_forced(codec, texts, *(z[0] for z in samples))
    prior, beta = codec.prior(), codec.run.objective.weight
    rates = [rate(posterior, prior, z).detach() for posterior, z in zip(posteriors, samples, strict=True)]
    return [(beta * part - one.log_likelihood).double() for part, one in zip(rates, forced, strict=True)]


@dataclass(frozen=True)
class Generalisation:
    """Metrics of both splits and of the gap between them. `DIAGNOSIS_METRICS` has their titles.

    A gap is positive where held-out texts fare worse. `_error` is a standard error over texts. None: nothing refined,
    or no training texts are known.
    """

    beta: float
    held_out_exact: float
    held_out_refined_exact: float | None
    refined: int
    refine_steps: int
    training_texts: int = 0
    training_rate: float | None = None
    training_distortion: float | None = None
    training_exact: float | None = None
    training_refined_exact: float | None = None
    exact_gap: float | None = None
    exact_gap_error: float | None = None
    encoder_gap: float | None = None
    encoder_gap_error: float | None = None
    decoder_gap: float | None = None
    objective_gap: float | None = None
    encoder_objective_gap: float | None = None
    encoder_objective_gap_error: float | None = None
    decoder_objective_gap: float | None = None


def generalisation(held_out: Side, training: Side | None, beta: float) -> Generalisation:
    """Return the metrics of both splits; the encoder's and the decoder's gaps sum to that of the refined texts."""
    refined = len(held_out.refined_exact)
    found = Generalisation(beta, _mean(held_out.exact), _mean(held_out.refined_exact) if refined else None, refined, 0)
    values = {**vars(found), "refine_steps": REFINE_STEPS if refined else 0}
    if training is None:
        return Generalisation(**values)
    values |= {
        "training_texts": len(training.rate),
        "training_rate": _mean(training.rate),
        "training_distortion": _mean(training.distortion),
        "training_exact": _mean(training.exact),
        "exact_gap": _mean(training.exact) - _mean(held_out.exact),
        "exact_gap_error": error_of_difference(training.exact, held_out.exact),
    }
    if not refined or not len(training.refined_exact):
        return Generalisation(**values)
    excess = _mean(held_out.excess) - _mean(training.excess)
    refined_gap = _mean(held_out.refined_objective) - _mean(training.refined_objective)
    values |= {
        "training_refined_exact": _mean(training.refined_exact),
        "encoder_gap": _mean(held_out.lost) - _mean(training.lost),
        "encoder_gap_error": error_of_difference(held_out.lost, training.lost),
        "decoder_gap": _mean(training.refined_exact) - _mean(held_out.refined_exact),
        "objective_gap": excess + refined_gap,
        "encoder_objective_gap": excess,
        "encoder_objective_gap_error": error_of_difference(held_out.excess, training.excess),
        "decoder_objective_gap": refined_gap,
    }
    return Generalisation(**values)


def fares_worse(found: Generalisation, held_out: Weighed, training: Weighed) -> bool:
    """Return whether held-out texts fare notably worse than training ones, by what comes back or by the objective.

    It may be chance: refined posteriors, which differ less from text to text, say more.

    Args:
        found: metrics of both splits.
        held_out: the texts of one, weighed.
        training: the texts of the other, weighed.
    """
    here, there = (_mean(one.distortion + found.beta * one.rate) for one in (held_out, training))
    lost = found.exact_gap or 0.0
    return lost > THRESHOLDS.encoder_exact or here - there > THRESHOLDS.encoder_objective * here


def error_of_difference(one: Float[Tensor, " texts"], other: Float[Tensor, " others"]) -> float:
    """Return the standard error of the difference of two means."""
    return math.hypot(standard_error(one), standard_error(other))


def _mean(values: Tensor) -> float:
    return values.double().mean().item()
