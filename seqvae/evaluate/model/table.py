"""The table of a model: its held-out metrics, what each of them is called, and how it is measured."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch

from seqvae.config import REFINE_STEPS, DecodeConfig
from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts, first_texts
from seqvae.errors import CollapseWarning
from seqvae.evaluate.metric_names import BRIEF, TELLING, Metric
from seqvae.evaluate.model.diagnostics import active_units, collapse_sentence, mutual_information, other_rows
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.model.reconstruction import Reconstruction, canonical_equal, sampled_reconstruction, teacher_forced
from seqvae.evaluate.model.reconstruction_errors import Spread, measure_reconstruction_errors
from seqvae.evaluate.model.settings import ModelSettings
from seqvae.latent.codec import Codec
from seqvae.model.posteriors import Posterior
from seqvae.model.rate import rate
from seqvae.runtime.streams import INFORMATION_POINTS, REFINED_POINTS, TEACHER_FORCED_POINTS

_ENOUGH_TO_JUDGE = 10  # texts: with fewer, the variance of the posterior means says nothing about the model


@dataclass(frozen=True)
class ModelTable:
    """Metrics of a model on held-out texts, whatever it generates. Nats are per sequence, means over the texts.

    `TABLE_METRICS` has the meaning and unit of each field. The prior p(z) is the model's own, except in fields called
    fitted. None: not asked for (the 10 x 10 protocol, beam search, refinement), no fitted prior, nothing to measure
    (of misses, if all texts are reconstructed), or too few texts (`ten_by_ten_error`, `distortion_shuffled`).
    `collapse` is one sentence if the latent space has collapsed, else empty.
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


# A metric of a model is a field above, a title here and a value below, in the order of the tables.
# `{noun}` is what one text is called: molecule, sequence.
TABLE_METRICS = {
    "texts": Metric("held-out {noun}s", "{noun}s the model has not been trained on", BRIEF),
    "left_out": Metric(
        "held-out {noun}s left out", "the model cannot encode them: invalid, an unseen token, or too long", BRIEF
    ),
    "tokens": Metric("tokens of these {noun}s", "ends included"),
    "characters": Metric("characters of these {noun}s", "of the canonical forms; bases, for DNA"),
    "exact_reconstruction": Metric(
        "exact reconstruction, free-running (share of {noun}s)",
        "greedy from the posterior mean, each token from those decoded before it; canonical forms are compared",
        TELLING,
        BRIEF,
    ),
    "canonical_equal": Metric(
        "canonical form reconstructed (share of {noun}s)", "the same, once the reconstruction is made canonical"
    ),
    "teacher_forced_exact": Metric(
        "exact reconstruction, teacher-forced (share of {noun}s)",
        "every token is the likeliest given the true tokens before it, z at the posterior mean",
        TELLING,
    ),
    "teacher_forced_exact_sampled": Metric(
        "exact reconstruction, teacher-forced, z sampled (share of {noun}s)",
        "the same with one posterior sample of z: how DD-VAE reports reconstruction",
    ),
    "token_accuracy": Metric(
        "token accuracy, teacher-forced (share of tokens)",
        "tokens, ends included, that are the likeliest given the true tokens before them",
        BRIEF,
    ),
    "ten_by_ten": Metric(
        "reconstruction, 10 x 10 protocol (share of decodings)",
        "JT-VAE's: 10 posterior samples per {noun}, each decoded 10 times by sampling, that give the same {noun}",
        TELLING,
    ),
    "ten_by_ten_error": Metric("standard error of the 10 x 10 protocol (share of decodings)", "over the {noun}s"),
    "ten_by_ten_texts": Metric("{noun}s of the 10 x 10 protocol", "the first ones; each costs 100 decodings"),
    "beam_exact": Metric(
        "exact reconstruction, beam search (share of {noun}s)",
        "the likeliest {noun} that a beam search finds from the posterior mean, in place of the likeliest tokens",
        TELLING,
        BRIEF,
    ),
    "refined_exact": Metric(
        "exact reconstruction, refined posterior (share of {noun}s)",
        "greedy from the mean, after some gradient steps on each {noun}'s posterior, with decoder and prior fixed",
        TELLING,
        BRIEF,
    ),
    "refined_beam_exact": Metric(
        "exact reconstruction, refined posterior and beam search (share of {noun}s)",
        "both: beam search from the mean of the refined posterior",
        TELLING,
        BRIEF,
    ),
    "amortisation_gap": Metric(
        "amortisation gap (nats per sequence)",
        "distortion + beta * rate, with the beta of training: the encoder's posteriors minus the refined ones",
        BRIEF,
    ),
    "refined_texts": Metric("{noun}s with refined posteriors", "the first ones; also those of the beam search", BRIEF),
    "refine_steps": Metric(
        "gradient steps of the refinement", "on the posterior mean and variance of each {noun}", BRIEF
    ),
    "beam": Metric("hypotheses of the beam search", "partial {noun}s kept at each token", BRIEF),
    "misses": Metric("{noun}s not reconstructed exactly", "free-running, greedy from the posterior mean"),
    "miss_invalid": Metric(
        "invalid (share of misses)", "the reconstruction is not a molecule, or is an empty sequence"
    ),
    "miss_stereo_only": Metric(
        "wrong in stereo alone (share of misses)", "the molecule is right once stereo is ignored"
    ),
    "miss_tanimoto_mean": Metric(
        "Tanimoto similarity of misses, mean (0 to 1)",
        "to the {noun}, Morgan fingerprints of radius 2 with 2,048 bits; 0 for an invalid one",
        TELLING,
    ),
    "miss_tanimoto_lower_quartile": Metric("Tanimoto similarity of misses, lower quartile (0 to 1)", "as for the mean"),
    "miss_tanimoto_median": Metric("Tanimoto similarity of misses, median (0 to 1)", "as for the mean"),
    "miss_tanimoto_upper_quartile": Metric("Tanimoto similarity of misses, upper quartile (0 to 1)", "as for the mean"),
    "miss_edits_mean": Metric(
        "edit distance of misses, mean (characters)",
        "fewest insertions, deletions and substitutions of one character that give the {noun}",
        TELLING,
    ),
    "miss_edits_lower_quartile": Metric("edit distance of misses, lower quartile (characters)", "as for the mean"),
    "miss_edits_median": Metric("edit distance of misses, median (characters)", "as for the mean"),
    "miss_edits_upper_quartile": Metric("edit distance of misses, upper quartile (characters)", "as for the mean"),
    "elbo": Metric("ELBO (nats per sequence)", "-(distortion + rate), a lower bound on log p(x)", BRIEF),
    "rate": Metric(
        "rate, KL(q(z|x) || p(z)) (nats per sequence)",
        "how much z says about a {noun}, against N(0, I)",
        TELLING,
        BRIEF,
    ),
    "distortion": Metric(
        "distortion, -log p(x|z) (nats per sequence)",
        "what z leaves unsaid, z from the {noun}'s posterior",
        TELLING,
        BRIEF,
    ),
    "distortion_shuffled": Metric(
        "distortion with another {noun}'s z (nats per sequence)",
        "no higher than the distortion if the decoder ignores z",
        TELLING,
    ),
    "nll_bound": Metric(
        "bound on -log p(x) (nats per sequence)",
        "importance-weighted (IWAE), under N(0, I); more samples only make it tighter",
        TELLING,
        BRIEF,
    ),
    "iwae_samples": Metric("samples of that bound", "posterior samples per {noun}", BRIEF),
    "nll_bound_fitted": Metric(
        "bound on -log p(x), fitted prior (nats per sequence)", "the same under the fitted prior", TELLING
    ),
    "rate_fitted": Metric(
        "rate, fitted prior (nats per sequence)", "against the fitted prior, at one posterior sample"
    ),
    "bits_per_token": Metric(
        "bound on -log p(x) (bits per token)", "the importance-weighted one, ends included", TELLING, BRIEF
    ),
    "bits_per_character": Metric(
        "bound on -log p(x) (bits per character)", "the same; per base, for DNA", TELLING, BRIEF
    ),
    "bits_per_token_fitted": Metric("bound on -log p(x), fitted prior (bits per token)", "under the fitted prior"),
    "bits_per_character_fitted": Metric(
        "bound on -log p(x), fitted prior (bits per character)", "under the fitted prior"
    ),
    "elbo_bits_per_token": Metric("-ELBO (bits per token)", "ends included"),
    "elbo_bits_per_character": Metric("-ELBO (bits per character)", "per base, for DNA"),
    "rate_bits_per_token": Metric("rate (bits per token)", "against N(0, I)"),
    "distortion_bits_per_token": Metric("distortion (bits per token)", "ends included"),
    "active_units": Metric(
        "active units",
        "latent dimensions whose posterior mean has a variance over the {noun}s above 0.01",
        TELLING,
        BRIEF,
    ),
    "latent": Metric("latent dimensions", "of z", TELLING, BRIEF),
    "mutual_information": Metric(
        "mutual information I(x; z) (nats)",
        "how well z tells these {noun}s apart; cannot exceed the limit below, and close to it means: at least this",
        TELLING,
    ),
    "mutual_information_limit": Metric(
        "limit of the mutual information (nats)", "log of the number of {noun}s, so more of them raise it", TELLING
    ),
    "marginal_kl": Metric(
        "marginal KL(q(z) || p(z)) (nats)",
        "how far the posterior of all these {noun}s is from N(0, I): rate minus mutual information; too large where "
        "that is at its limit",
        TELLING,
    ),
    "marginal_kl_fitted": Metric("marginal KL, fitted prior (nats)", "the same, from the fitted prior"),
}


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
