"""The held-out figures of a model in one table."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from seqvae.data.store import TokenStore
from seqvae.errors import CollapseWarning, InputError
from seqvae.evaluate.diagnostics import active_units, collapse_sentence
from seqvae.evaluate.reconstruction import reconstruct, token_accuracy
from seqvae.evaluate.samples import sample_figures
from seqvae.latent.codec import Codec

_ENOUGH_TO_JUDGE = 10  # texts: of fewer, the variance of the posterior means says nothing about the model


@dataclass(frozen=True)
class Summary:
    """Figures on held-out texts. Nats are per sequence, means over the texts.

    Attributes:
        texts: number of held-out texts.
        left_out: held-out texts that the model cannot encode (invalid, an unseen token, too long); not in the figures.
        elbo: lower bound on log p(x), nats.
        rate: KL(q(z|x) || p(z)), nats.
        distortion: -log p(x|z) at a posterior sample, nats.
        nll_bound: importance-weighted upper bound on -log p(x), nats.
        iwae_samples: samples of that bound for each text.
        bits_per_token: the bound `nll_bound` in bits over all tokens, ends included.
        bits_per_character: the same over the characters of the canonical texts (bases, for DNA).
        exact_reconstruction: share that comes back exactly, greedy from the posterior mean, free-running.
        token_accuracy: share of right tokens, teacher-forced.
        active_units: latent dimensions whose posterior mean varies.
        latent: latent dimensions.
        samples: texts sampled from the prior.
        validity: share of valid samples.
        uniqueness: share of distinct ones among these.
        novelty: share of these that training has not seen; None where that is not known.
        collapse: one sentence if the latent space has collapsed, else empty.
    """

    texts: int
    left_out: int
    elbo: float
    rate: float
    distortion: float
    nll_bound: float
    iwae_samples: int
    bits_per_token: float
    bits_per_character: float
    exact_reconstruction: float
    token_accuracy: float
    active_units: int
    latent: int
    samples: int
    validity: float
    uniqueness: float
    novelty: float | None
    collapse: str


@dataclass(frozen=True)
class SummarySettings:
    """How much work a summary does.

    Attributes:
        texts: held-out texts looked at, at most; the first ones.
        samples: texts sampled from the prior.
        iwae_samples: samples of the importance-weighted bound.
        seed: seed of all draws.
    """

    texts: int = 5000
    samples: int = 1000
    iwae_samples: int = 10
    seed: int = 0


def summarise(
    codec: Codec, held_out: Sequence[str], training: TokenStore | None, settings: SummarySettings | None = None
) -> Summary:
    """Compute the held-out figures of a model; warns with a `CollapseWarning` where the latent space has collapsed.

    Args:
        codec: the model.
        held_out: texts it has not been trained on.
        training: texts it has been trained on, packed, for novelty; None where they are not at hand.
        settings: how much work to do.

    Raises:
        InputError: none of the held-out texts can be encoded.
    """
    settings = settings or SummarySettings()
    texts, left_out = encodable(codec, held_out[: settings.texts])
    bounds = codec.bounds(texts, settings.seed)
    nll = -codec.iwae(texts, settings.iwae_samples, settings.seed).mean().item()
    bits = nll * len(texts) / math.log(2)
    units = active_units(codec.encode(texts))
    rate = bounds.rate.mean().item()
    collapse = collapse_sentence(rate, units, codec.latent) if len(texts) >= _ENOUGH_TO_JUDGE else ""
    if collapse:
        warnings.warn(collapse, CollapseWarning, stacklevel=2)
    sampled = sample_figures(codec.sample(settings.samples, seed=settings.seed), codec.tokenizer, training)
    return Summary(
        texts=len(texts),
        left_out=left_out,
        elbo=bounds.elbo.mean().item(),
        rate=rate,
        distortion=bounds.distortion.mean().item(),
        nll_bound=nll,
        iwae_samples=settings.iwae_samples,
        bits_per_token=bits / sum(len(ids) + 1 for ids in codec.tokenizer.encode_batch(texts)),
        bits_per_character=bits / sum(len(text) for text in texts),
        exact_reconstruction=reconstruct(codec, texts).exact,
        token_accuracy=token_accuracy(codec, texts),
        active_units=units,
        latent=codec.latent,
        samples=settings.samples,
        validity=sampled.validity,
        uniqueness=sampled.uniqueness,
        novelty=sampled.novelty,
        collapse=collapse,
    )


def encodable(codec: Codec, texts: Sequence[str]) -> tuple[list[str], int]:
    """Return the texts that the model can encode, in canonical form, and how many it cannot.

    Raises:
        InputError: it can encode none of them; the message says why for the first.
    """
    good: list[str] = []
    reason = "there are no texts"
    for text in texts:
        try:
            form = codec.normalize(text)
            codec.check(form)
            good.append(form)
        except InputError as error:
            reason = str(error)
    if not good:
        raise InputError(f"none of the {len(texts)} texts can be encoded by this model: {reason}")
    return good, len(texts) - len(good)
