"""The rate, the distortion and the information of one model, and the curve of its decoder alone."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import torch

from seqvae.config import RateDistortionConfig
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.curves.record import FixedCurve, FixedPoint
from seqvae.evaluate.diagnosis.information import information_bounds
from seqvae.evaluate.diagnosis.likelihood import Progress, standard_error, weigh
from seqvae.evaluate.model.diagnostics import active_units
from seqvae.latent.codec import Codec
from seqvae.model.inference.annealing import annealed_curve
from seqvae.runtime.device import evaluating
from seqvae.runtime.streams import CURVE_ANNEALING, CURVE_INFORMATION

_AT_ONCE = 16  # texts that are annealed together, each by some chains


def measured(
    codec: Codec, training: TokenizedTexts, held_out: TokenizedTexts | None, config: RateDistortionConfig
) -> dict[str, Any]:
    """Return the metrics of a `Point`, except for those of the training."""
    texts = training.take(range(len(training))[: config.texts])
    weighed = weigh(codec, texts, config.samples, config.seed)
    shares = torch.tensor([count / len(texts) for count in Counter(map(tuple, texts.ids)).values()])
    low, _ = information_bounds(weighed.posterior, CURVE_INFORMATION.generator(config.seed))
    metrics = {
        "rate": weighed.rate.mean().item(),
        "rate_error": standard_error(weighed.rate),
        "distortion": weighed.distortion.mean().item(),
        "distortion_error": standard_error(weighed.distortion),
        "entropy": -(shares * shares.log()).sum().item(),
        "information": low.mean().item(),
        "information_error": standard_error(low),
        "active_units": active_units(weighed.posterior.mean),
    }
    if held_out is not None and len(held_out):
        other = weigh(codec, held_out.take(range(len(held_out))[: config.texts]), config.samples, config.seed)
        metrics |= {"held_out_rate": other.rate.mean().item(), "held_out_distortion": other.distortion.mean().item()}
    return metrics


def fixed_curve(
    codec: Codec, held_out: TokenizedTexts, config: RateDistortionConfig, progress: Progress | None = None
) -> FixedCurve:
    """Return the curve of a model's decoder and prior, at the betas of the settings, at 1, and beyond.

    Args:
        codec: the model.
        held_out: texts that it was not trained on; the first `config.annealed` are measured.
        config: how much work it is.
        progress: is told how many texts are done.
    """
    texts = held_out.take(range(len(held_out))[: config.annealed])
    own = weigh(codec, texts, config.samples, config.seed)
    asked = sorted({*(config.values or (0.1, 0.3, 3.0, 10.0)), 1.0})
    inverse = [1 / beta for beta in (*asked, 10 * asked[-1])]
    prior, parts, done = codec.model.prior.given(None), [], 0
    with evaluating(codec.model):
        for number, (_, tokens) in enumerate(codec.batches(texts, _AT_ONCE)):
            rng = CURVE_ANNEALING.generator(config.seed, number, device=tokens.device)
            fit = partial(codec.model.log_likelihoods, tokens=tokens)
            chains, steps = config.annealing_chains, config.annealing_steps
            parts.append(annealed_curve(fit, prior, len(tokens), inverse, rng, chains, steps))
            done += len(tokens)
            if progress is not None:
                progress(done, len(texts))
    rate, distortion, effective = (
        torch.cat([getattr(part, name) for part in parts], 1).mean(1).tolist()
        for name in ("rate", "distortion", "effective")
    )
    places = zip(parts[0].inverse_betas, rate, distortion, effective, strict=True)
    points = tuple(FixedPoint(1 / inverse, *values) for inverse, *values in places)
    return FixedCurve(len(texts), own.rate.mean().item(), own.distortion.mean().item(), points)
