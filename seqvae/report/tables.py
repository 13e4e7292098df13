"""Figures as rows of tables, on a page and on a terminal: what they are called, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from seqvae.evaluate.metric_names import BY_PROPERTY, LABELS, LATENT_LABELS, PROPERTY_LABELS

if TYPE_CHECKING:
    from seqvae.evaluate.records import Generation

_HIGHER, _LOWER = " ↑", " ↓"

# Keys of MOSES (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644), of GuacaMol and of DNA; any other key is shown
# as it is, in words.
_NAMES = {
    "valid": "valid",
    "unique": "unique",
    "novelty": "novel",
    "unique@1000": "unique of 1,000",
    "unique@10000": "unique of 10,000",
    "unique@1000 without stereo": "unique of 1,000 without stereo",
    "unique@10000 without stereo": "unique of 10,000 without stereo",
    "IntDiv": "internal diversity",
    "IntDiv2": "internal diversity 2",
    "Filters": "pass MCF and PAINS",
    "Novelty": "novel",
    "logP": "logP distance",
    "SA": "SA distance",
    "QED": "QED distance",
    "weight": "weight distance (g/mol)",
    "length_mean": "length, mean (bases)",
    "length_wasserstein": "length distance (bases)",
    "gc_mean": "GC content, mean",
    "gc_wasserstein": "GC content distance",
    "longest_run_mean": "longest run of one base, mean (bases)",
    "longest_run_wasserstein": "longest run distance (bases)",
    "discriminability": "told from real ones (ROC area)",
    "nearest_edits_mean": "edits to the nearest training text, mean",
    "nearest_edits_median": "edits to the nearest training text, median",
    "near_copies": "near copies of training texts",
}
_PATTERNS = (
    (re.compile(r"^guacamol/(.*)"), r"GuacaMol \1"),
    (re.compile(r"^kmer_js_(\d+)"), r"words of \1, divergence (bits)"),
    (re.compile(r"^motif_(.*)_per_kb"), r"motif \1, hits in 1,000 windows"),
)
_STEREO = re.compile(r" with(out)? stereo$")
_BETTER = (
    (re.compile(r"^guacamol/|^valid|^unique|^SNN|^Frag|^Scaf|^IntDiv|^Filters|^[Nn]ovelty"), _HIGHER),
    (re.compile(r"^FCD|^logP$|^SA$|^QED$|^weight$|_wasserstein$|^kmer_js|^discriminability|^near_copies"), _LOWER),
)
_PROPERTIES = {
    "logP": "logP (octanol/water)",
    "SA": "synthetic accessibility (1 easy to 10)",
    "QED": "drug-likeness, QED",
    "weight": "molecular weight (g/mol)",
    "length": "length (bases)",
    "gc": "GC content",
    "longest_run": "longest run of one base (bases)",
    "nearest_edits": "edits to the nearest training text",
}


_PREDICTORS = {"ridge_r2": "ridge, R²", "ridge_rank": "ridge, rank", "gp_r2": "GP, R²", "gp_rank": "GP, rank"}
# What to look at first, of all figures of a model.
TELLING = (
    "exact_reconstruction",
    "beam_exact",
    "refined_exact",
    "refined_beam_exact",
    "teacher_forced_exact",
    "ten_by_ten",
    "miss_tanimoto_mean",
    "miss_edits_mean",
    "rate",
    "distortion",
    "distortion_shuffled",
    "nll_bound",
    "nll_bound_fitted",
    "bits_per_token",
    "bits_per_character",
    "active_units",
    "latent",
    "mutual_information",
    "mutual_information_limit",
    "marginal_kl",
)


# What a model card, the terminal and quickstart show of a training.
BRIEF = (
    "texts",
    "left_out",
    "exact_reconstruction",
    "token_accuracy",
    "beam_exact",
    "refined_exact",
    "refined_beam_exact",
    "amortisation_gap",
    "refined_texts",
    "refine_steps",
    "beam",
    "elbo",
    "rate",
    "distortion",
    "nll_bound",
    "iwae_samples",
    "bits_per_token",
    "bits_per_character",
    "active_units",
    "latent",
    "samples",
    "validity",
    "uniqueness",
    "novelty",
)


def metric_name(key: str) -> str:
    """Return what a figure is called in a table.

    >>> metric_name("FCD/Test"), metric_name("kmer_js_3"), metric_name("Novelty")
    ('FCD/Test', 'words of 3, divergence (bits)', 'novel')
    """
    if key in _NAMES:
        return _NAMES[key]
    for pattern, name in _PATTERNS:
        if pattern.search(key):
            return pattern.sub(name, key)
    return key.replace("_", " ")


def better(key: str) -> str:
    """Return an arrow that says which way a figure is better, or an empty text where neither is."""
    return next((arrow for pattern, arrow in _BETTER if pattern.search(key)), "")


def property_name(key: str) -> str:
    """Return the title of a property's histogram, with its unit."""
    return _PROPERTIES.get(key, key.replace("_", " "))


def metric_rows(found: Generation) -> list[tuple[str, float, tuple[float, float] | None, float | None]]:
    """Return name, value, 95 % interval and the value of real held-out texts of each figure that `shown_keys` has."""
    return [
        (f"{metric_name(key)}{better(key)}", found.metrics[key], found.intervals.get(key), found.baselines.get(key))
        for key in shown_keys(found.metrics)
    ]


def generation_rows(found: Generation) -> list[list[str]]:
    """Return the metrics of samples as text, with a heading; a column that would be empty is left out."""
    rows = [["samples", "here", "95 % interval", "real texts"]]
    for name, value, interval, floor in metric_rows(found):
        bounds = f"{interval[0]:.4g} to {interval[1]:.4g}" if interval else ""
        rows.append([name, f"{value:.4g}", bounds, "" if floor is None else f"{floor:.4g}"])
    keep = [i for i in range(4) if any(row[i] for row in rows[1:])]
    return [[row[i] for i in keep] for row in rows]


def shown_keys(metrics: Mapping[str, float]) -> list[str]:
    """Return the keys to show, in order: the variant of a figure with or without stereo only where it differs."""
    return [
        key
        for key in metrics
        if metrics.get(_STEREO.sub("", key), metrics[key]) != metrics[key] or not _STEREO.search(key)
    ]


def model_rows(metrics: Mapping[str, Any], keys: Collection[str] = LABELS) -> list[tuple[str, object, str]]:
    """Return title, value and explanation of each figure of a model that is known, in the order of `LABELS`."""
    known = [key for key in LABELS if key in keys and metrics.get(key) is not None]
    return [(LABELS[key][0], metrics[key], LABELS[key][1]) for key in known]


def labelled_rows(metrics: Mapping[str, object]) -> list[tuple[str, object, str]]:
    """Return name, value and unit of the figures of a model in `BRIEF` that are known, in the order of `LABELS`."""
    known = [(LABELS[key][0], metrics[key]) for key in LABELS if key in BRIEF and metrics.get(key) is not None]
    parts = [(title.rpartition(" (") if title.endswith(")") else (title, "", ""), value) for title, value in known]
    return [(name, value, unit.removesuffix(")")) for (name, _, unit), value in parts]


def latent_rows(metrics: Mapping[str, Any]) -> list[tuple[str, object, str]]:
    """Return title, value and explanation of each figure of the latent space that is one number."""
    return [
        (title, metrics[key], about)
        for key, (title, about) in LATENT_LABELS.items()
        if key not in BY_PROPERTY and metrics.get(key) is not None
    ]


def property_rows(metrics: Mapping[str, Any]) -> list[list[object]]:
    """Return, with a heading, how well each property is predicted from z: a row a property, a column a figure."""
    names = [name for name, value in metrics[BY_PROPERTY[0]].items() if value is not None]
    rows: list[list[object]] = [["", *[_PREDICTORS[key] for key in BY_PROPERTY]]]
    rows += [[PROPERTY_LABELS.get(n, (n, ""))[0], *[metrics[key].get(n) for key in BY_PROPERTY]] for n in names]
    return rows


def bits_rows(metrics: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return the bits a base of the model and of the models that count, with a heading."""
    rows = [("held-out bits a base", "plain", "tuned")]
    rows += [(name, f"{row['bits']:.4f}", f"{row['tuned_bits']:.4f}") for name, row in metrics["counted"].items()]
    return [*rows, (f"this model, {metrics['iwae_samples']} importance samples", f"{metrics['model']:.4f}", "")]
