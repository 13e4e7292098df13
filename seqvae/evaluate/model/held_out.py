"""Measure the held-out metrics of a model: the values of its table."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Any

import torch

from seqvae.config import REFINE_STEPS, DecodeConfig
from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts, first_texts
from seqvae.errors import CollapseWarning, InputError
from seqvae.evaluate.model.diagnostics import active_units, collapse_sentence, mutual_information, other_rows
from seqvae.evaluate.model.reconstruction import Reconstruction, canonical_equal, sampled_reconstruction, teacher_forced
from seqvae.evaluate.model.reconstruction_errors import Spread, measure_reconstruction_errors
from seqvae.evaluate.model.settings import ModelSettings
from seqvae.evaluate.model.table import ModelTable
from seqvae.latent.codec import Codec
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.runtime.streams import INFORMATION_POINTS, REFINED_POINTS, TEACHER_FORCED_POINTS

_ENOUGH_TO_JUDGE = 10  # texts: with fewer, the variance of the posterior means says nothing about the model


def model_table(
    codec: Codec,
    held_out: AnyTexts,
    settings: ModelSettings | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> ModelTable:
    """Compute the model table, to show beside generation metrics, since a collapsed model generates well too.

    Warns with a `CollapseWarning` if the latent space has collapsed.

    Args:
        codec: the model.
        held_out: texts it has not been trained on; those that `Codec.tokenize` returned are not tokenized again, and
            are measured given the conditions that they were read with.
        settings: how much work to do.
        say: is told, a line at a time, what takes long.

    Raises:
        InputError: none of the held-out texts can be encoded.
    """
    settings = settings or ModelSettings()
    texts = encodable(codec, first_texts(held_out, settings.texts))
    posterior = codec.posterior(texts, refine=0)
    coded = _coded(codec, texts, settings)
    information = mutual_information(posterior, INFORMATION_POINTS.generator(settings.seed))
    units, fitted = active_units(posterior.mean), coded["rate_fitted"]
    collapse = collapse_sentence(coded["rate"], units, codec.latent) if len(texts) >= _ENOUGH_TO_JUDGE else ""
    if collapse:
        warnings.warn(collapse, CollapseWarning, stacklevel=2)
    say("decoding them, greedily and by the 10 x 10 protocol" if settings.protocol_texts else "decoding them")
    reconstructed = _reconstructed(codec, texts, posterior, settings)
    few = texts.take(range(len(texts))[: settings.refined_texts])
    if len(few):
        say(f"decoding {len(few):,} of them by beam search and from refined posteriors")
    return ModelTable(
        texts=len(texts),
        left_out=len(texts.rejected),
        latent=codec.latent,
        collapse=collapse,
        **coded,
        active_units=units,
        mutual_information=information.mutual,
        mutual_information_limit=information.limit,
        marginal_kl=coded["rate"] - information.mutual,
        marginal_kl_fitted=None if fitted is None else fitted - information.mutual,
        **reconstructed,
        **_refined(codec, few, posterior, settings),
    )


def _coded(codec: Codec, texts: TokenizedTexts, settings: ModelSettings) -> dict[str, Any]:
    """Return what the texts cost to code: bounds on log p(x) and their parts, in nats and in bits per symbol."""
    tokens = sum(len(ids) + 1 for ids in texts.ids)
    characters = sum(len(form) for form in texts.forms)
    a_token, a_character = (len(texts) / math.log(2) / count for count in (tokens, characters))
    bounds = codec.bounds(texts, settings.seed)
    elbo, rate, distortion = (part.mean().item() for part in (bounds.elbo, bounds.rate, bounds.distortion))
    nll = -codec.iwae(texts, settings.iwae_samples, settings.seed).mean().item()
    rate_fitted = nll_fitted = None
    if codec.fitted is not None:
        texts = replace(texts, conditions=None)  # it is fitted to latent points of texts of which nothing is known
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


def _reconstructed(
    codec: Codec, texts: TokenizedTexts, posterior: Posterior, settings: ModelSettings
) -> dict[str, Any]:
    """Return how the texts are reconstructed: teacher-forced, free-running, and by the 10 x 10 protocol."""
    rng = TEACHER_FORCED_POINTS.generator(settings.seed)
    sample = posterior.rsample(1, rng)[0]
    swapped = posterior.rsample(1, rng)[0][other_rows(len(texts), rng)]
    at_mean, at_sample, at_other = teacher_forced(codec, texts, posterior.mean, sample, swapped)
    found = Reconstruction(texts.forms, codec.generate(posterior.mean, conditions=texts.conditions).texts)
    missed = measure_reconstruction_errors(found.misses, codec.tokenizer.molecular)
    first = texts.take(range(len(texts))[: settings.protocol_texts])
    shares = sampled_reconstruction(codec, first, seed=settings.seed) if len(first) else None
    return {
        "teacher_forced_exact": at_mean.exact,
        "teacher_forced_exact_sampled": at_sample.exact,
        "token_accuracy": at_mean.accuracy,
        "distortion_shuffled": -at_other.log_likelihood.mean().item() if len(texts) > 1 else None,
        "exact_reconstruction": found.exact,
        "canonical_equal": canonical_equal(codec, found),
        "misses": missed.count,
        "miss_invalid": missed.invalid,
        "miss_stereo_only": missed.stereo_only,
        **_spread("miss_tanimoto", missed.tanimoto),
        **_spread("miss_edits", missed.edits),
        "ten_by_ten": None if shares is None else shares.mean().item(),
        "ten_by_ten_error": None if len(first) < 2 or shares is None else shares.std().item() / math.sqrt(len(first)),
        "ten_by_ten_texts": len(first),
    }


def _spread(name: str, found: Spread | None) -> dict[str, float | None]:
    values = asdict(found) if found else {field.name: None for field in fields(Spread)}
    return {f"{name}_{key}": value for key, value in values.items()}


def _refined(codec: Codec, texts: TokenizedTexts, amortised: Posterior, settings: ModelSettings) -> dict[str, Any]:
    """Return what beam search and refined posteriors reconstruct, and how much more the encoder's posteriors cost."""
    if not len(texts):
        shares = ("refined_exact", "beam_exact", "refined_beam_exact", "amortisation_gap")
        return {**dict.fromkeys(shares), "refined_texts": 0, "refine_steps": 0, "beam": 0}
    known = texts.conditions
    first, prior = amortised.rows(slice(0, len(texts))), codec.prior()
    prior = prior.given(None if known is None else torch.from_numpy(known))
    better = codec.posterior(texts, refine=REFINE_STEPS)
    samples = [posterior.rsample(1, REFINED_POINTS.generator(settings.seed)) for posterior in (first, better)]
    before, after = teacher_forced(codec, texts, *(z[0] for z in samples))
    rates = [rate(posterior, prior, z) for posterior, z in zip((first, better), samples, strict=True)]
    gains = after.log_likelihood - before.log_likelihood + codec.run.objective.weight * (rates[0] - rates[1])
    search = DecodeConfig("beam")
    return {
        "refined_exact": Reconstruction(texts.forms, codec.generate(better.mean, conditions=known).texts).exact,
        "beam_exact": Reconstruction(texts.forms, codec.generate(first.mean, search, conditions=known).texts).exact,
        "refined_beam_exact": Reconstruction(
            texts.forms, codec.generate(better.mean, search, conditions=known).texts
        ).exact,
        "amortisation_gap": gains.mean().item(),
        "refined_texts": len(texts),
        "refine_steps": REFINE_STEPS,
        "beam": search.beam,
    }


def encodable(codec: Codec, texts: AnyTexts) -> TokenizedTexts:
    """Return the texts as the model encodes them, with a list of those that it cannot encode.

    Raises:
        InputError: it can encode none of them; the message says why for the first.
    """
    read = codec.tokenize(texts, on_error="skip")
    if not len(read):
        noun = codec.tokenizer.domain.noun
        reason = read.rejected[0].reason if read.rejected else f"there are no {noun}s"
        raise InputError(f"none of the {read.given} {noun}s can be encoded by this model: {reason}")
    return read
