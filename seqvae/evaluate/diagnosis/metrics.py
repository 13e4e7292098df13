"""What each metric of a diagnosis is called on the terminal and on the page, in the order of the tables."""

from __future__ import annotations

from seqvae.evaluate.metric_names import BRIEF, Metric

# By section: its title, and its metrics by the names of the fields that hold them. `{noun}`: what one text is called,
# `{unit}`: one letter of it.
DIAGNOSIS_METRICS: dict[str, tuple[str, dict[str, Metric]]] = {
    "likelihood": (
        "What held-out {noun}s cost",
        {
            "texts": Metric("held-out {noun}s", "{noun}s that the model was not trained on", BRIEF),
            "left_out": Metric("held-out {noun}s left out", "the model cannot read them"),
            "tokens": Metric("tokens of these {noun}s", "ends included"),
            "characters": Metric("{unit}s of these {noun}s", "of the canonical forms"),
            "negative_elbo": Metric("-ELBO (nats)", "rate + distortion; log p(x) is at least the ELBO", BRIEF),
            "rate": Metric("rate (nats)", "KL(q(z|x) || p(z)): what z says of its {noun}", BRIEF),
            "distortion": Metric("distortion (nats)", "-log p(x|z): what z leaves unsaid", BRIEF),
            "nll": Metric("bound on -log p(x) (nats)", "importance-weighted, from k posterior samples", BRIEF),
            "nll_error": Metric("its standard error (nats)", "over the {noun}s", BRIEF),
            "samples": Metric("posterior samples, k", "more make the bound tighter"),
            "effective_samples": Metric(
                "effective samples", "equally weighted samples that the k are worth; near 1, the bound is loose", BRIEF
            ),
            "nll_fitted": Metric("bound on -log p(x), fitted prior (nats)", "the same under the fitted prior"),
            "bits_per_token": Metric("bound on -log p(x) (bits per token)", "ends included", BRIEF),
            "bits_per_character": Metric("bound on -log p(x) (bits per {unit})", "of the canonical form", BRIEF),
            "negative_elbo_bits_per_token": Metric("-ELBO (bits per token)", "ends included"),
            "negative_elbo_bits_per_character": Metric("-ELBO (bits per {unit})", "of the canonical form"),
        },
    ),
    "decoder_use": (
        "Whether the decoder uses z",
        {
            "gain_over_shuffled": Metric(
                "saved by the own z against another {noun}'s (nats)", "0 if the decoder ignores z", BRIEF
            ),
            "gain_over_shuffled_error": Metric("its standard error (nats)", "paired by {noun}"),
            "gain_over_prior": Metric("saved by the own z against a prior draw (nats)", "0 if it ignores z", BRIEF),
            "gain_over_prior_error": Metric("its standard error (nats)", "paired by {noun}"),
            "token_accuracy": Metric("token accuracy (share)", "the likeliest token given the true ones before it"),
        },
    ),
    "information": (
        "What z carries, and where the latent points lie",
        {
            "active_units": Metric("active units", "dimensions whose posterior mean varies by more than 0.01", BRIEF),
            "latent": Metric("latent dimensions", "of z", BRIEF),
            "mutual_information": Metric(
                "mutual information I(x; z) (nats)", "how well z tells these {noun}s apart", BRIEF
            ),
            "mutual_information_low": Metric("at least (nats)", "95 % interval, for more {noun}s of the kind", BRIEF),
            "mutual_information_high": Metric("at most (nats)", "bounded by the others' mixture and the rate", BRIEF),
            "mutual_information_limit": Metric("limit of the estimate (nats)", "log of the number of {noun}s"),
            "marginal_kl": Metric(
                "KL of latent points from the prior (nats)", "KL(q(z) || p(z)): rate minus information", BRIEF
            ),
            "marginal_kl_low": Metric("KL, at least (nats)", "too uncertain to tell where this is 0"),
            "marginal_kl_high": Metric("KL, at most (nats)", "where the information is not at its limit"),
            "moments_kl": Metric("KL by the moments alone (nats)", "a lower bound; 0 if q(z) has those of N(0, I)"),
            "marginal_kl_fitted": Metric("KL from the fitted prior (nats)", "as far as the information is known"),
            "mean_shift": Metric("largest mean of a dimension", "in standard deviations of the prior; 0 fits"),
            "smallest_variance": Metric("smallest variance of a dimension", "by that of the prior; 1 fits"),
            "largest_variance": Metric("largest variance of a dimension", "by that of the prior; 1 fits"),
        },
    ),
    "generalisation": (
        "Training against held-out {noun}s",
        {
            "beta": Metric("beta", "weight of the rate in the training objective"),
            "training_texts": Metric("training {noun}s", "as many as are measured"),
            "training_rate": Metric("rate of training {noun}s (nats)", "as above"),
            "training_distortion": Metric("distortion of training {noun}s (nats)", "as above"),
            "training_exact": Metric("exact reconstruction, training (share)", "greedy from the posterior mean", BRIEF),
            "held_out_exact": Metric("exact reconstruction, held-out (share)", "the same of unseen ones", BRIEF),
            "exact_gap": Metric("their gap (share)", "training minus held-out"),
            "exact_gap_error": Metric("its standard error (share)", "over the {noun}s"),
            "refined": Metric("{noun}s refined", "the first ones of each split"),
            "refine_steps": Metric("gradient steps of the refinement", "on each {noun}'s own posterior"),
            "training_refined_exact": Metric("exact, refined, training (share)", "from refined posteriors", BRIEF),
            "held_out_refined_exact": Metric("exact, refined, held-out (share)", "from refined posteriors", BRIEF),
            "encoder_gap": Metric("the encoder's gap (share)", "what it alone loses of unseen {noun}s", BRIEF),
            "encoder_gap_error": Metric("its standard error (share)", "over the {noun}s"),
            "decoder_gap": Metric("the decoder's gap (share)", "what is lost from refined posteriors too", BRIEF),
            "objective_gap": Metric("gap of the objective (nats)", "distortion + beta * rate, held-out minus training"),
            "encoder_objective_gap": Metric("the encoder's part (nats)", "gone under refined posteriors"),
            "encoder_objective_gap_error": Metric("its standard error (nats)", "over the {noun}s"),
            "decoder_objective_gap": Metric("the decoder's part (nats)", "there under refined posteriors too"),
        },
    ),
    "inference_gap": (
        "From the ELBO to log p(x)",
        {
            "gap_texts": Metric("{noun}s measured", "each costs gradient steps"),
            "inference_gap": Metric("inference gap (nats)", "log p(x) - ELBO, the sum of the next two", BRIEF),
            "inference_gap_error": Metric("its standard error (nats)", "over the {noun}s"),
            "approximation_gap": Metric("approximation gap (nats)", "what the posterior family cannot reach", BRIEF),
            "amortisation_gap": Metric("amortisation gap (nats)", "what the encoder loses within the family", BRIEF),
            "full_covariance_gain": Metric("gained by a full covariance (nats)", "of the approximation gap"),
        },
    ),
    "space": (
        "The latent space",
        {
            "draws": Metric("prior draws", "from the model's default prior"),
            "dark": Metric("dark areas (share of prior draws)", "the next two together", BRIEF),
            "dark_invalid": Metric("decode to nothing valid (share)", "greedy, first attempt, no rules"),
            "dark_elsewhere": Metric(
                "encode elsewhere (share)",
                "outside what 99 % of the decoded {noun}'s posterior covers",
            ),
            "spelling_distance": Metric(
                "spelling distance", "of two SMILES of one molecule, by that of two molecules; 0 is best", BRIEF
            ),
            "paths": Metric("paths", "between the posterior means of two random {noun}s"),
            "path_distinct": Metric("distinct {noun}s along a path (mean)", "among its points", BRIEF),
            "path_largest_jump": Metric(
                "largest jump of a path (0 to 1)", "1 - similarity of neighbouring points, Tanimoto or by edits", BRIEF
            ),
            "path_validity": Metric("validity along paths (share of points)", "decoded greedily"),
        },
    ),
    "geometry": (
        "The decoder's geometry",
        {
            "geometry_texts": Metric("{noun}s measured", "each costs a pass a dimension of z"),
            "largest_singular": Metric(
                "largest singular value (mean)",
                "of the logits' Jacobian in z: of the quickest direction",
            ),
            "median_singular": Metric("median singular value (mean)", "of an ordinary direction"),
            "smallest_singular": Metric("smallest singular value (mean)", "of the slowest direction"),
            "flat_directions": Metric(
                "flat directions (mean)", "of z, in which logits move a hundredth as fast as in the quickest", BRIEF
            ),
            "log_magnification": Metric(
                "log magnification (mean)", "log of the root of det(J^T J): how much a volume of z grows", BRIEF
            ),
            "log_magnification_spread": Metric("its standard deviation", "over the {noun}s; 0: stretched evenly"),
        },
    ),
    "baselines": (
        "Beside models that only count",
        {
            "counted": Metric("{noun}s counted", "of the training split"),
            "scored": Metric("{noun}s scored", "held-out ones"),
            "baseline": Metric("best counting model", "of those below", BRIEF),
            "baseline_nll": Metric("its -log p(x) (nats)", "per {noun}", BRIEF),
            "model_nll": Metric("this model's bound (nats)", "on the same {noun}s, its end included", BRIEF),
            "excess": Metric("more than the best (nats)", "negative: this model is better", BRIEF),
            "excess_error": Metric("its standard error (nats)", "paired by {noun}"),
            "objective_excess": Metric(
                "more than the best by its own objective (nats)", "distortion + beta * rate; counting has rate 0", BRIEF
            ),
            "objective_excess_error": Metric("its standard error (nats)", "paired by {noun}"),
            "independent": Metric("best model without dependence", "no position depends on another"),
            "independent_nll": Metric("its -log p(x) (nats)", "per {noun}"),
            "independent_excess": Metric("more than that by its own objective (nats)", "negative: better"),
            "independent_excess_error": Metric("its standard error (nats)", "paired by {noun}"),
            "dependence": Metric(
                "dependence between positions (nats)", "what the best model gains on that: z can carry it"
            ),
        },
    ),
}
