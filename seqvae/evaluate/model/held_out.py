"""The held-out figures of a model in one table."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from seqvae.config import REFINE_STEPS, DecodeConfig
from seqvae.data.tokens.store import TokenStore
from seqvae.errors import CollapseWarning, InputError
from seqvae.evaluate.model.diagnostics import active_units, collapse_sentence, mutual_information, other_rows
from seqvae.evaluate.model.reconstruction import Reconstruction, canonical_equal, sampled_reconstruction, teacher_forced
from seqvae.evaluate.model.reconstruction_errors import Spread, measure_reconstruction_errors
from seqvae.evaluate.model.sample_metrics import sample_metrics
from seqvae.latent.codec import Codec
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.runtime.device import generator

_ENOUGH_TO_JUDGE = 10  # texts: of fewer, the variance of the posterior means says nothing about the model
_FORCED, _INFORMATION, _REFINED = 23, 24, 25  # streams of random numbers


@dataclass(frozen=True)
class ModelTable:
    """Figures of a model on held-out texts, whatever it generates. Nats are per sequence, means over the texts.

    The prior p(z) is the model's own, except where a field is called fitted. `labels.LABELS` has a title with
    the unit and an explanation for each.

    Attributes:
        texts: number of held-out texts.
        left_out: held-out texts that the model cannot encode (invalid, an unseen token, too long); not in the figures.
        tokens: tokens of these texts, ends included.
        characters: characters of their canonical forms.
        elbo: lower bound on log p(x), nats.
        rate: KL(q(z|x) || p(z)), nats.
        distortion: -log p(x|z) at a posterior sample, nats.
        nll_bound: importance-weighted upper bound on -log p(x), nats.
        iwae_samples: samples of that bound for each text.
        bits_per_token: the bound `nll_bound` in bits over all tokens, ends included.
        bits_per_character: the same over the characters of the canonical texts (bases, for DNA).
        elbo_bits_per_token: -elbo in bits over all tokens.
        elbo_bits_per_character: the same over the characters.
        rate_bits_per_token: the rate in bits over all tokens.
        distortion_bits_per_token: the distortion in bits over all tokens.
        rate_fitted: the rate against the fitted prior, nats; None where the model has none. So the next three.
        nll_bound_fitted: the bound `nll_bound` under the fitted prior, nats.
        bits_per_token_fitted: that in bits over all tokens.
        bits_per_character_fitted: that in bits over the characters.
        exact_reconstruction: share that comes back exactly, greedy from the posterior mean, free-running.
        canonical_equal: share of which the canonical form comes back, once what came back is made canonical.
        teacher_forced_exact: share of which every token is the likeliest given the true ones before it, z at the mean.
        teacher_forced_exact_sampled: the same at one posterior sample of z (as DD-VAE measures it).
        token_accuracy: share of right tokens, teacher-forced, z at the mean.
        misses: texts that do not come back exactly; None in the next fields where there are none.
        miss_invalid: share of misses that are no molecule or an empty sequence.
        miss_stereo_only: molecules: share of misses that are right but for stereo.
        miss_tanimoto_mean: molecules: Tanimoto similarity of a miss to its text, mean.
        miss_tanimoto_lower_quartile: its lower quartile.
        miss_tanimoto_median: its median.
        miss_tanimoto_upper_quartile: its upper quartile.
        miss_edits_mean: sequences: edit distance of a miss to its text, characters, mean.
        miss_edits_lower_quartile: its lower quartile.
        miss_edits_median: its median.
        miss_edits_upper_quartile: its upper quartile.
        ten_by_ten: share of 10 stochastic decodings of each of 10 posterior samples that are the text; None if not
            asked for.
        ten_by_ten_error: its standard error over the texts; None for fewer than two.
        ten_by_ten_texts: texts that it was measured on, the first ones.
        refined_exact: share that comes back exactly, greedy from the mean of a posterior that was refined text by text;
            None if not asked for. So the next three.
        beam_exact: the same by beam search, from the encoder's mean.
        refined_beam_exact: the same by beam search, from the mean of the refined posterior.
        amortisation_gap: what the refinement gains in distortion + beta * rate, with the beta of the training, nats.
        refined_texts: texts that these four were measured on, the first ones.
        refine_steps: gradient steps of the refinement.
        beam: hypotheses of the beam search.
        distortion_shuffled: -log p(x|z) with z of another text, nats; None for a single text.
        active_units: latent dimensions whose posterior mean varies.
        latent: latent dimensions.
        mutual_information: I(x; z) over these texts, nats.
        mutual_information_limit: log of the number of texts, which it cannot exceed, nats.
        marginal_kl: KL(q(z) || p(z)) of the aggregate posterior of these texts, nats: rate less mutual information.
        marginal_kl_fitted: the same against the fitted prior; None where the model has none.
        collapse: one sentence if the latent space has collapsed, else empty.
    """

    texts: int
    left_out: int
    tokens: int
    characters: int
    elbo: float
    rate: float
    distortion: float
    nll_bound: float
    iwae_samples: int
    bits_per_token: float
    bits_per_character: float
    elbo_bits_per_token: float
    elbo_bits_per_character: float
    rate_bits_per_token: float
    distortion_bits_per_token: float
    rate_fitted: float | None
    nll_bound_fitted: float | None
    bits_per_token_fitted: float | None
    bits_per_character_fitted: float | None
    exact_reconstruction: float
    canonical_equal: float
    teacher_forced_exact: float
    teacher_forced_exact_sampled: float
    token_accuracy: float
    misses: int
    miss_invalid: float | None
    miss_stereo_only: float | None
    miss_tanimoto_mean: float | None
    miss_tanimoto_lower_quartile: float | None
    miss_tanimoto_median: float | None
    miss_tanimoto_upper_quartile: float | None
    miss_edits_mean: float | None
    miss_edits_lower_quartile: float | None
    miss_edits_median: float | None
    miss_edits_upper_quartile: float | None
    ten_by_ten: float | None
    ten_by_ten_error: float | None
    ten_by_ten_texts: int
    refined_exact: float | None
    beam_exact: float | None
    refined_beam_exact: float | None
    amortisation_gap: float | None
    refined_texts: int
    refine_steps: int
    beam: int
    distortion_shuffled: float | None
    active_units: int
    latent: int
    mutual_information: float
    mutual_information_limit: float
    marginal_kl: float
    marginal_kl_fitted: float | None
    collapse: str


@dataclass(frozen=True)
class ModelSettings:
    """How much work a model table is.

    Attributes:
        texts: held-out texts looked at, at most; the first ones.
        iwae_samples: samples of the importance-weighted bound; each costs one pass over the texts.
        protocol_texts: texts of the 10 x 10 protocol, at most; each costs 100 decodings. 0: leave it out.
        refined_texts: texts that are decoded by beam search, and whose posteriors are refined, at most; each costs
            some `REFINE_STEPS` training steps. 0: leave it out.
        seed: seed of all draws.
    """

    texts: int = 5000
    iwae_samples: int = 10
    protocol_texts: int = 100
    refined_texts: int = 500
    seed: int = 0


@dataclass(frozen=True)
class Summary(ModelTable):
    """The model table and figures of texts sampled from the prior that the model prefers.

    Attributes:
        samples: texts sampled.
        validity: share of valid samples, each drawn once.
        uniqueness: share of distinct ones among these.
        novelty: share of these that training has not seen; None where that is not known.
    """

    samples: int
    validity: float
    uniqueness: float
    novelty: float | None


@dataclass(frozen=True)
class SummarySettings(ModelSettings):
    """How much work a summary is.

    Attributes:
        samples: texts sampled from the prior.
    """

    samples: int = 1000


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
    found = model_table(codec, held_out, settings)
    sampled = sample_metrics(codec.sample(settings.samples, seed=settings.seed, tries=1), codec.tokenizer, training)
    return Summary(**vars(found), samples=settings.samples, **vars(sampled))


def model_table(codec: Codec, held_out: Sequence[str], settings: ModelSettings | None = None) -> ModelTable:
    """Compute the model table alone: what to show beside generation metrics, because a collapsed model generates well.

    Warns and raises as `summarise`.
    """
    settings = settings or ModelSettings()
    texts, left_out = encodable(codec, held_out[: settings.texts])
    posterior = codec.posterior(texts)
    coded = _coded(codec, texts, settings)
    carried = _carried(posterior, coded, settings)
    collapse = ""
    if len(texts) >= _ENOUGH_TO_JUDGE:
        collapse = collapse_sentence(coded["rate"], carried["active_units"], codec.latent)
    if collapse:
        warnings.warn(collapse, CollapseWarning, stacklevel=2)
    return ModelTable(
        texts=len(texts),
        left_out=left_out,
        latent=codec.latent,
        collapse=collapse,
        **coded,
        **carried,
        **_forced(codec, texts, posterior, settings),
        **_reconstructed(codec, texts, posterior),
        **_protocol(codec, texts[: settings.protocol_texts], settings),
        **_refined(codec, texts[: settings.refined_texts], posterior, settings),
    )


def _coded(codec: Codec, texts: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
    """Return what the texts cost to code: bounds on log p(x) and their parts, in nats and in bits a symbol."""
    tokens = sum(len(ids) + 1 for ids in codec.tokenizer.encode_batch(texts))
    characters = sum(len(text) for text in texts)
    a_token, a_character = (len(texts) / math.log(2) / count for count in (tokens, characters))
    bounds = codec.bounds(texts, settings.seed)
    elbo, rate, distortion = (part.mean().item() for part in (bounds.elbo, bounds.rate, bounds.distortion))
    nll = -codec.iwae(texts, settings.iwae_samples, settings.seed).mean().item()
    rate_fitted = nll_fitted = None
    if codec.fitted is not None:
        rate_fitted = codec.bounds(texts, settings.seed, prior="fitted").rate.mean().item()
        nll_fitted = -codec.iwae(texts, settings.iwae_samples, settings.seed, prior="fitted").mean().item()
    return {
        "tokens": tokens,
        "characters": characters,
        "elbo": elbo,
        "rate": rate,
        "distortion": distortion,
        "nll_bound": nll,
        "iwae_samples": settings.iwae_samples,
        "bits_per_token": nll * a_token,
        "bits_per_character": nll * a_character,
        "elbo_bits_per_token": -elbo * a_token,
        "elbo_bits_per_character": -elbo * a_character,
        "rate_bits_per_token": rate * a_token,
        "distortion_bits_per_token": distortion * a_token,
        "rate_fitted": rate_fitted,
        "nll_bound_fitted": nll_fitted,
        "bits_per_token_fitted": None if nll_fitted is None else nll_fitted * a_token,
        "bits_per_character_fitted": None if nll_fitted is None else nll_fitted * a_character,
    }


def _carried(posterior: Posterior, coded: Mapping[str, Any], settings: ModelSettings) -> dict[str, Any]:
    """Return how much of the texts z carries; `coded` has their rates, nats."""
    information = mutual_information(posterior, generator(settings.seed, _INFORMATION))
    fitted = coded["rate_fitted"]
    return {
        "active_units": active_units(posterior.mean),
        "mutual_information": information.mutual,
        "mutual_information_limit": information.limit,
        "marginal_kl": coded["rate"] - information.mutual,
        "marginal_kl_fitted": None if fitted is None else fitted - information.mutual,
    }


def _forced(codec: Codec, texts: Sequence[str], posterior: Posterior, settings: ModelSettings) -> dict[str, Any]:
    """Return what teacher forcing tells, with z at the mean, at a sample, and at a sample of another text."""
    rng = generator(settings.seed, _FORCED)
    sample = posterior.rsample(1, rng)[0]
    swapped = posterior.rsample(1, rng)[0][other_rows(len(texts), rng)]
    at_mean, at_sample, at_other = teacher_forced(codec, texts, posterior.mean, sample, swapped)
    return {
        "teacher_forced_exact": at_mean.exact,
        "teacher_forced_exact_sampled": at_sample.exact,
        "token_accuracy": at_mean.accuracy,
        "distortion_shuffled": -at_other.log_likelihood.mean().item() if len(texts) > 1 else None,
    }


def _reconstructed(codec: Codec, texts: list[str], posterior: Posterior) -> dict[str, Any]:
    """Return how the texts come back, free-running from the mean, and how far off those are that do not."""
    found = Reconstruction(texts, codec.decode(posterior.mean))
    missed = measure_reconstruction_errors(found.misses, codec.tokenizer.molecular)
    return {
        "exact_reconstruction": found.exact,
        "canonical_equal": canonical_equal(codec, found),
        "misses": missed.count,
        "miss_invalid": missed.invalid,
        "miss_stereo_only": missed.stereo_only,
        **_spread("miss_tanimoto", missed.tanimoto),
        **_spread("miss_edits", missed.edits),
    }


def _spread(name: str, found: Spread | None) -> dict[str, float | None]:
    values = asdict(found) if found else {field.name: None for field in fields(Spread)}
    return {f"{name}_{key}": value for key, value in values.items()}


def _protocol(codec: Codec, texts: Sequence[str], settings: ModelSettings) -> dict[str, Any]:
    """Return the share that comes back by the 10 x 10 protocol, and its standard error over the texts."""
    if not texts:
        return {"ten_by_ten": None, "ten_by_ten_error": None, "ten_by_ten_texts": 0}
    shares = sampled_reconstruction(codec, texts, seed=settings.seed)
    error = shares.std().item() / math.sqrt(len(texts)) if len(texts) > 1 else None
    return {"ten_by_ten": shares.mean().item(), "ten_by_ten_error": error, "ten_by_ten_texts": len(texts)}


def _refined(codec: Codec, texts: list[str], amortised: Posterior, settings: ModelSettings) -> dict[str, Any]:
    """Return what beam search and posteriors of the texts' own bring back, and what the encoder's cost more."""
    if not texts:
        shares = ("refined_exact", "beam_exact", "refined_beam_exact", "amortisation_gap")
        return {**dict.fromkeys(shares), "refined_texts": 0, "refine_steps": 0, "beam": 0}
    first, prior = amortised.rows(slice(0, len(texts))), codec.prior()
    better = codec.posterior(texts, refine=REFINE_STEPS)
    samples = [posterior.rsample(1, generator(settings.seed, _REFINED)) for posterior in (first, better)]
    before, after = teacher_forced(codec, texts, *(z[0] for z in samples))
    rates = [rate(posterior, prior, z) for posterior, z in zip((first, better), samples, strict=True)]
    gains = after.log_likelihood - before.log_likelihood + codec.run.objective.beta * (rates[0] - rates[1])
    search = DecodeConfig("beam")
    return {
        "refined_exact": Reconstruction(texts, codec.decode(better.mean)).exact,
        "beam_exact": Reconstruction(texts, codec.decode(first.mean, search)).exact,
        "refined_beam_exact": Reconstruction(texts, codec.decode(better.mean, search)).exact,
        "amortisation_gap": gains.mean().item(),
        "refined_texts": len(texts),
        "refine_steps": REFINE_STEPS,
        "beam": search.beam,
    }


def encodable(codec: Codec, texts: Sequence[str]) -> tuple[list[str], int]:
    """Return the texts that the model can encode, in canonical form, and how many it cannot.

    Raises:
        InputError: it can encode none of them; the message says why for the first.
    """
    rows, good = encodable_rows(codec, texts)
    return good, len(texts) - len(rows)


def encodable_rows(codec: Codec, texts: Sequence[str]) -> tuple[list[int], list[str]]:
    """Return which texts the model can encode, by their row, and these in canonical form; raises as `encodable`."""
    rows: list[int] = []
    good: list[str] = []
    reasons: list[str] = []
    for row, text in enumerate(texts):
        try:
            form = codec.normalize(text)
            codec.token_ids(form)
        except InputError as error:
            reasons.append(str(error))
            continue
        rows.append(row)
        good.append(form)
    if not good:
        reason = reasons[0] if reasons else "there are no texts"
        raise InputError(f"none of the {len(texts)} texts can be encoded by this model: {reason}")
    return rows, good
