"""What held-out texts cost a model: the ELBO by its parts and by position, and the importance-weighted bound."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from seqvae.config import INFERENCE_BATCH
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.latent.codec import Codec
from seqvae.model.encoders import present
from seqvae.model.objective import importance_weighted_bound, token_log_likelihood
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.runtime.device import evaluating
from seqvae.runtime.streams import DIAGNOSIS_POINTS

_AT_ONCE = 10  # posterior samples of all texts that are held together: 1,000 texts of 64 dimensions take 3 MB
Progress = Callable[[int, int], object]  # how many are done, and of how many


@dataclass(frozen=True)
class Weighed:
    """Texts under k posterior samples each; nats.

    Attributes:
        posterior: q(z|x) of each text, by the encoder alone, on the CPU.
        rate: `(texts,)`, KL(q(z|x) || p(z)): in closed form, or the mean over the samples.
        distortion: `(texts,)`, -log p(x|z), mean over the samples.
        positions: `(length,)`, the part of each position in the mean distortion: the parts sum to it.
        reached: `(length,)`, share of the texts that have a token there, the end counted as one.
        log_weights: `(samples, texts)`, log p(x|z) p(z) / q(z|x).
        fitted_gain: `(samples, texts)`, how much larger the fitted prior's log-density is at the samples; None without
            a fitted prior.
    """

    posterior: Posterior
    rate: Float[Tensor, " texts"]
    distortion: Float[Tensor, " texts"]
    positions: Float[Tensor, " length"]
    reached: Float[Tensor, " length"]
    log_weights: Float[Tensor, "samples texts"]
    fitted_gain: Float[Tensor, "samples texts"] | None = None

    @property
    def nll(self) -> Float[Tensor, " texts"]:
        """The importance-weighted upper bound on -log p(x) of each text, under the model's own prior."""
        return -importance_weighted_bound(self.log_weights)

    @property
    def nll_fitted(self) -> Float[Tensor, " texts"] | None:
        """The same under the fitted prior."""
        return None if self.fitted_gain is None else -importance_weighted_bound(self.log_weights + self.fitted_gain)

    @property
    def effective_samples(self) -> Float[Tensor, " texts"]:
        """How many equally weighted samples the k are worth: (sum w)^2 / sum w^2, from 1 to k (Kong 1992)."""
        return (2 * self.log_weights.logsumexp(0) - (2 * self.log_weights).logsumexp(0)).exp()


def weigh(
    codec: Codec,
    texts: TokenizedTexts,
    samples: int,
    seed: int = 0,
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> Weighed:
    """Weigh texts by posterior samples, each of which takes one pass; a seed gives the same for any batch size.

    Args:
        codec: the model.
        texts: read by it, at least one.
        samples: of each text's posterior, from 1.
        seed: of the draws.
        batch_size: texts at a time.
        progress: is told how many of the samples are done.
    """
    texts = replace(texts, conditions=None)  # it is p(x), no condition known, that is judged
    posterior, prior = codec.posterior(texts, batch_size, refine=0), codec.prior()
    batches = list(codec.batches(texts, batch_size))
    longest = max(tokens.shape[1] for _, tokens in batches)
    positions, reached = torch.zeros(longest, dtype=torch.float64), torch.zeros(longest, dtype=torch.float64)
    for _, tokens in batches:
        reached[: tokens.shape[1]] += present(tokens).sum(0).cpu()
    nats = torch.zeros(samples, len(texts), dtype=torch.float64)
    rates = torch.zeros(len(texts), dtype=torch.float64)
    densities, gains = torch.zeros_like(nats), torch.zeros_like(nats)
    for start in range(0, samples, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, samples))
        z = torch.cat([posterior.rsample(1, DIAGNOSIS_POINTS.generator(seed, number)) for number in numbers])
        with evaluating(codec.model):
            for rows, tokens in batches:
                for number, points in zip(numbers, z[:, rows], strict=True):
                    logits = codec.model.decoder(points.to(tokens.device), tokens)
                    found = -token_log_likelihood(logits, tokens).double().cpu()
                    positions[: found.shape[1]] += found.sum(0)
                    nats[number, rows] = found.sum(1)
            own = prior.log_prob(z)
            densities[numbers.start : numbers.stop] = (own - posterior.log_prob(z)).double()
            if codec.fitted is not None:
                gains[numbers.start : numbers.stop] = (codec.fitted.log_prob(z) - own).double()
            rates += rate(posterior, prior, z).double() * len(numbers)
        if progress is not None:
            progress(numbers.stop, samples)
    return Weighed(
        posterior,
        rates / samples,
        nats.mean(0),
        positions / (samples * len(texts)),
        reached / len(texts),
        densities - nats,
        None if codec.fitted is None else gains,
    )


@dataclass(frozen=True)
class Likelihood:
    """Metrics of what texts cost; nats are per text, means over the texts. `DIAGNOSIS_METRICS` has their titles.

    `distortion_by_position` sums to `distortion`; None: no fitted prior.
    """

    texts: int
    left_out: int
    tokens: int
    characters: int
    negative_elbo: float
    rate: float
    distortion: float
    samples: int
    nll: float
    nll_error: float
    effective_samples: float
    nll_fitted: float | None
    bits_per_token: float
    bits_per_character: float
    negative_elbo_bits_per_token: float
    negative_elbo_bits_per_character: float
    distortion_by_position: list[float]
    reached_by_position: list[float]


def likelihood(weighed: Weighed, texts: TokenizedTexts) -> Likelihood:
    """Return the metrics of weighed texts."""
    tokens, characters = sum(len(ids) + 1 for ids in texts.ids), sum(len(form) for form in texts.forms)
    a_token, a_character = (len(texts) / math.log(2) / max(count, 1) for count in (tokens, characters))
    rates, distortion, nll = (part.mean().item() for part in (weighed.rate, weighed.distortion, weighed.nll))
    fitted = weighed.nll_fitted
    return Likelihood(
        texts=len(texts),
        left_out=len(texts.rejected),
        tokens=tokens,
        characters=characters,
        negative_elbo=rates + distortion,
        rate=rates,
        distortion=distortion,
        samples=len(weighed.log_weights),
        nll=nll,
        nll_error=standard_error(weighed.nll),
        effective_samples=weighed.effective_samples.mean().item(),
        nll_fitted=None if fitted is None else fitted.mean().item(),
        bits_per_token=nll * a_token,
        bits_per_character=nll * a_character,
        negative_elbo_bits_per_token=(rates + distortion) * a_token,
        negative_elbo_bits_per_character=(rates + distortion) * a_character,
        distortion_by_position=weighed.positions.tolist(),
        reached_by_position=weighed.reached.tolist(),
    )


def standard_error(values: Float[Tensor, " texts"]) -> float:
    """Return the standard error of a mean over texts; 0 for one text, of which nothing is known."""
    return values.double().std().item() / math.sqrt(len(values)) if len(values) > 1 else 0.0
