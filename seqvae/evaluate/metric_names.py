"""What each figure of a model is called, with its unit, and what it says in one line."""

from __future__ import annotations

Label = tuple[str, str]  # title with the unit, explanation

# The order is that of the tables.
LABELS: dict[str, Label] = {
    "texts": ("held-out texts", "texts the model has not been trained on"),
    "left_out": ("held-out texts left out", "the model cannot encode them: invalid, an unseen token, or too long"),
    "tokens": ("tokens of these texts", "ends included"),
    "characters": ("characters of these texts", "of their canonical forms; bases, for DNA"),
    "exact_reconstruction": (
        "exact reconstruction, free-running (share of texts)",
        "greedy from the posterior mean, each token from those decoded before it; the same canonical text comes back",
    ),
    "canonical_equal": (
        "canonical form reconstructed (share of texts)",
        "the same, once what came back is made canonical itself",
    ),
    "teacher_forced_exact": (
        "exact reconstruction, teacher-forced (share of texts)",
        "every token is the likeliest given the true tokens before it, z at the posterior mean",
    ),
    "teacher_forced_exact_sampled": (
        "exact reconstruction, teacher-forced, z sampled (share of texts)",
        "the same at one posterior sample of z: how DD-VAE reports reconstruction",
    ),
    "token_accuracy": (
        "token accuracy, teacher-forced (share of tokens)",
        "tokens, ends included, that are the likeliest given the true ones before them",
    ),
    "ten_by_ten": (
        "reconstruction, 10 x 10 protocol (share of decodings)",
        "JT-VAE's: 10 posterior samples a text, each decoded 10 times by sampling, that are the text itself",
    ),
    "ten_by_ten_error": ("its standard error (share of decodings)", "over the texts"),
    "ten_by_ten_texts": ("texts of the 10 x 10 protocol", "the first ones; each costs 100 decodings"),
    "beam_exact": (
        "exact reconstruction, beam search (share of texts)",
        "the likeliest text that a beam search finds from the posterior mean, in place of the likeliest tokens",
    ),
    "refined_exact": (
        "exact reconstruction, refined posterior (share of texts)",
        "greedy from the mean, after some gradient steps on each text's own posterior, decoder and prior as they are",
    ),
    "refined_beam_exact": (
        "exact reconstruction, refined posterior and beam search (share of texts)",
        "both: beam search from the mean of the refined posterior",
    ),
    "amortisation_gap": (
        "amortisation gap (nats per sequence)",
        "distortion + beta * rate, with the beta of the training, of the encoder's posteriors less the refined ones",
    ),
    "refined_texts": ("texts with refined posteriors", "the first ones; of the beam search too"),
    "refine_steps": ("gradient steps of the refinement", "on mean and variance of each text"),
    "beam": ("hypotheses of the beam search", "partial texts that it keeps at each token"),
    "misses": ("texts not reconstructed exactly", "free-running, greedy from the posterior mean"),
    "miss_invalid": ("invalid (share of misses)", "what came back is no molecule, or an empty sequence"),
    "miss_stereo_only": ("wrong in stereo alone (share of misses)", "the molecule is right once stereo is left out"),
    "miss_tanimoto_mean": (
        "Tanimoto similarity of misses, mean (0 to 1)",
        "to the text, Morgan fingerprints of radius 2 with 2,048 bits; 0 for an invalid one",
    ),
    "miss_tanimoto_lower_quartile": ("Tanimoto similarity of misses, lower quartile (0 to 1)", "see its mean"),
    "miss_tanimoto_median": ("Tanimoto similarity of misses, median (0 to 1)", "see its mean"),
    "miss_tanimoto_upper_quartile": ("Tanimoto similarity of misses, upper quartile (0 to 1)", "see its mean"),
    "miss_edits_mean": (
        "edit distance of misses, mean (characters)",
        "fewest insertions, deletions and exchanges of one character that give the text",
    ),
    "miss_edits_lower_quartile": ("edit distance of misses, lower quartile (characters)", "see its mean"),
    "miss_edits_median": ("edit distance of misses, median (characters)", "see its mean"),
    "miss_edits_upper_quartile": ("edit distance of misses, upper quartile (characters)", "see its mean"),
    "elbo": ("ELBO (nats per sequence)", "-(distortion + rate), a lower bound on log p(x)"),
    "rate": ("rate, KL(q(z|x) || p(z)) (nats per sequence)", "what z says of a text, against N(0, I)"),
    "distortion": ("distortion, -log p(x|z) (nats per sequence)", "what is left to say, z from the text's posterior"),
    "distortion_shuffled": (
        "distortion with another text's z (nats per sequence)",
        "no higher than the distortion if the decoder ignores z",
    ),
    "nll_bound": (
        "bound on -log p(x) (nats per sequence)",
        "importance-weighted (IWAE), under N(0, I); with more samples it only gets tighter",
    ),
    "iwae_samples": ("samples of that bound", "posterior samples a text"),
    "nll_bound_fitted": ("bound on -log p(x), fitted prior (nats per sequence)", "the same under the fitted prior"),
    "rate_fitted": ("rate, fitted prior (nats per sequence)", "against the fitted prior, at one posterior sample"),
    "bits_per_token": ("bound on -log p(x) (bits per token)", "the importance-weighted one, ends included"),
    "bits_per_character": ("bound on -log p(x) (bits per character)", "the same; per base, for DNA"),
    "bits_per_token_fitted": ("bound on -log p(x), fitted prior (bits per token)", "under the fitted prior"),
    "bits_per_character_fitted": ("bound on -log p(x), fitted prior (bits per character)", "under the fitted prior"),
    "elbo_bits_per_token": ("-ELBO (bits per token)", "ends included"),
    "elbo_bits_per_character": ("-ELBO (bits per character)", "per base, for DNA"),
    "rate_bits_per_token": ("rate (bits per token)", "against N(0, I)"),
    "distortion_bits_per_token": ("distortion (bits per token)", "ends included"),
    "active_units": ("active units", "latent dimensions whose posterior mean varies over the texts by more than 0.01"),
    "latent": ("latent dimensions", "of z"),
    "mutual_information": (
        "mutual information I(x; z) (nats)",
        "how well z tells these texts apart; it cannot exceed the limit below, and near it says only: at least this",
    ),
    "mutual_information_limit": ("its limit, log of the number of texts (nats)", "more texts raise it"),
    "marginal_kl": (
        "marginal KL(q(z) || p(z)) (nats)",
        "how far the posterior of all these texts is from N(0, I), rate less mutual information; too large where that "
        "is at its limit",
    ),
    "marginal_kl_fitted": ("marginal KL, fitted prior (nats)", "the same, from the fitted prior"),
    "samples": ("texts sampled", "from the prior that the model prefers"),
    "validity": ("validity (share of samples)", "a molecule that RDKit reads, or a sequence that is not empty"),
    "uniqueness": ("uniqueness (share of valid samples)", "distinct ones"),
    "novelty": ("novelty (share of distinct samples)", "not in the training texts"),
}

# Keys of `LatentQuality`. Those of `BY_PROPERTY` hold a value for each property: a table of their own.
LATENT_LABELS: dict[str, Label] = {
    "texts": ("distinct texts", "texts the model has not been trained on"),
    "left_out": ("texts left out", "not encodable, or the same as one before"),
    "latent": ("latent dimensions", "of z"),
    "folds": ("folds", "each text is predicted by a model fitted to the other folds"),
    "gp_texts": ("texts of the Gaussian process", "taken evenly from these; its time grows with the cube"),
    "ridge_r2": ("ridge from z, R² (1 is perfect, 0 the mean)", "linear in the posterior mean, held out"),
    "ridge_rank": ("ridge from z, rank correlation (-1 to 1)", "Spearman's, held out"),
    "gp_r2": ("Gaussian process from z, R² (1 is perfect, 0 the mean)", "smooth in the posterior mean, held out"),
    "gp_rank": ("Gaussian process from z, rank correlation (-1 to 1)", "Spearman's, held out"),
    "path_pairs": ("paths", "between the posterior means of two random texts"),
    "path_steps": ("points along a path", "both ends included, decoded greedily"),
    "path_validity": ("validity along paths (share of points)", "a molecule, or a sequence that is not empty"),
    "path_distinct": ("distinct texts along a path (mean)", "of the points along it"),
    "path_similarity": (
        "similarity of neighbouring points (0 to 1)",
        "Tanimoto for molecules, 1 - edit distance / length for sequences; 0 with an invalid one",
    ),
    "path_similarity_moved": ("the same where the text changes (0 to 1)", "steps that stay at one text left out"),
    "path_worst_step": ("similarity across the largest jump of a path (0 to 1)", "mean over the paths"),
    "path_ends_similarity": ("similarity of a path's ends (0 to 1)", "what a single jump would have"),
    "path_monotone": ("monotone paths (share of paths)", "no step comes nearer to the start or further from the end"),
    "path_forward_steps": ("forward steps (share of steps)", "they do neither"),
}
BY_PROPERTY: tuple[str, ...] = ("ridge_r2", "ridge_rank", "gp_r2", "gp_rank")
PROPERTY_LABELS: dict[str, Label] = {
    "logp": ("logP", "octanol-water partition coefficient (Crippen), log10"),
    "qed": ("QED", "drug-likeness, 0 to 1"),
    "sa": ("SA score", "synthetic accessibility, 1 (easy) to 10"),
    "gc": ("GC", "share of G and C"),
}
