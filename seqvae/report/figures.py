"""How figures are called, with their units, for tables on a page and on a terminal."""

from __future__ import annotations

from collections.abc import Mapping

# Key of a figure -> its name and its unit. The order is that of the tables.
FIGURES: dict[str, tuple[str, str]] = {
    "texts": ("held-out texts", ""),
    "left_out": ("held-out texts the model cannot encode", ""),
    "elbo": ("ELBO", "nats per sequence"),
    "rate": ("rate, KL(q(z|x) || p(z))", "nats per sequence"),
    "distortion": ("distortion, -log p(x|z)", "nats per sequence"),
    "nll_bound": ("bound on -log p(x)", "nats per sequence"),
    "iwae_samples": ("samples of that bound", ""),
    "bits_per_token": ("the same bound", "bits per token"),
    "bits_per_character": ("the same bound", "bits per character"),
    "exact_reconstruction": ("exact reconstruction, free-running", "share of texts"),
    "token_accuracy": ("token accuracy, teacher-forced", "share of tokens"),
    "active_units": ("active units", ""),
    "latent": ("latent dimensions", ""),
    "samples": ("texts sampled from the prior", ""),
    "validity": ("validity", "share of samples"),
    "uniqueness": ("uniqueness", "share of valid samples"),
    "novelty": ("novelty", "share of unique samples"),
}


def figure_rows(figures: Mapping[str, object]) -> list[tuple[str, object, str]]:
    """Return name, value and unit of each known figure, in order; figures that are None are left out."""
    known = [(key, *names) for key, names in FIGURES.items() if figures.get(key) is not None]
    return [(name, figures[key], unit) for key, name, unit in known]
