"""The table of a model: its held-out metrics, and what each of them is called."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.evaluate.metric_names import BRIEF, TELLING, Metric


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


# A metric of a model is a field above, a title here and a value in `held_out.py`, in the order of the tables.
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
