"""Figures as rows of tables, on a page and on a terminal: what they are called, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqvae.evaluate.metric_names import BRIEF, BY_PROPERTY, PROPERTIES, Metric
from seqvae.sequences.domain import DOMAINS

if TYPE_CHECKING:
    from seqvae.evaluate.records import Generation

_HIGHER, _LOWER = " ↑", " ↓"

# Keys of MOSES (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644), of GuacaMol and of sequences, whose letters
# are bases or residues; any other key is shown as it is, in words.
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
    "length_mean": "length, mean ({unit}s)",
    "length_wasserstein": "length distance ({unit}s)",
    "gc_mean": "GC content, mean",
    "gc_wasserstein": "GC content distance",
    "longest_run_mean": "longest run of one {unit}, mean ({unit}s)",
    "longest_run_wasserstein": "longest run distance ({unit}s)",
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
    "length": "length ({unit}s)",
    "gc": "GC content",
    "longest_run": "longest run of one {unit} ({unit}s)",
    "nearest_edits": "edits to the nearest training text",
}


def metric_name(key: str, unit: str = "base") -> str:
    """Return what a figure is called in a table; `unit` is one letter of a sequence.

    >>> metric_name("FCD/Test"), metric_name("kmer_js_3"), metric_name("Novelty")
    ('FCD/Test', 'words of 3, divergence (bits)', 'novel')
    """
    if key in _NAMES:
        return _NAMES[key].format(unit=unit)
    for pattern, name in _PATTERNS:
        if pattern.search(key):
            return pattern.sub(name, key)
    return key.replace("_", " ")


def better(key: str) -> str:
    """Return an arrow that says which way a figure is better, or an empty text where neither is."""
    return next((arrow for pattern, arrow in _BETTER if pattern.search(key)), "")


def property_name(key: str, unit: str = "base") -> str:
    """Return the title of a property's histogram, with its unit."""
    return _PROPERTIES.get(key, key.replace("_", " ")).format(unit=unit)


def metric_rows(found: Generation) -> list[tuple[str, float, tuple[float, float] | None, float | None]]:
    """Return name, value, 95 % interval and the value of real held-out texts of each figure that `shown_keys` has."""
    unit = DOMAINS[found.kind].unit
    return [
        (
            f"{metric_name(key, unit)}{better(key)}",
            found.metrics[key],
            found.intervals.get(key),
            found.baselines.get(key),
        )
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


def model_rows(values: Mapping[str, Any], place: str = "") -> list[tuple[str, object, str]]:
    """Return title, value and explanation of each metric of a model that is known, those of one place or all."""
    return [(metric.title, values[key], metric.about) for key, metric in _known(values, place)]


def labelled_rows(values: Mapping[str, Any]) -> list[tuple[str, object, str]]:
    """Return name, value and unit of the metrics of a training that are known."""
    return [(metric.name, values[key], metric.unit) for key, metric in _known(values, BRIEF)]


def _known(values: Mapping[str, Any], place: str) -> Iterator[tuple[str, Metric]]:
    from seqvae.evaluate.model.summary import SUMMARY_METRICS  # brings torch

    for key, metric in SUMMARY_METRICS.items():
        if values.get(key) is not None and (not place or place in metric.places):
            yield key, metric


def latent_rows(values: Mapping[str, Any]) -> list[tuple[str, object, str]]:
    """Return title, value and explanation of each metric of the latent space that is one number."""
    from seqvae.evaluate.model.latent_quality import LATENT_METRICS

    known = [(metric, values.get(key)) for key, metric in LATENT_METRICS.items() if BY_PROPERTY not in metric.places]
    return [(metric.title, value, metric.about) for metric, value in known if value is not None]


def property_rows(values: Mapping[str, Any]) -> list[list[object]]:
    """Return, with a heading, how well each property is predicted from z: one row per property."""
    from seqvae.evaluate.model.latent_quality import LATENT_METRICS

    columns = {key: metric for key, metric in LATENT_METRICS.items() if BY_PROPERTY in metric.places}
    first = next(iter(columns))
    rows: list[list[object]] = [["", *[metric.title for metric in columns.values()]]]
    for name in (name for name, value in values[first].items() if value is not None):
        title = PROPERTIES[name].title if name in PROPERTIES else name
        rows.append([title, *[values[key].get(name) for key in columns]])
    return rows


def bits_rows(metrics: Mapping[str, Any], unit: str = "base") -> list[tuple[str, str, str]]:
    """Return the bits a base (or other unit) of the model and of the models that count, with a heading."""
    rows = [(f"held-out bits a {unit}", "plain", "tuned")]
    rows += [(name, f"{row['bits']:.4f}", f"{row['tuned_bits']:.4f}") for name, row in metrics["counted"].items()]
    return [*rows, (f"this model, {metrics['iwae_samples']} importance samples", f"{metrics['model']:.4f}", "")]
