"""Metrics as rows of tables, on a page and in a terminal: their titles, and which way is better."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seqvae.evaluate.glossary import sample_metric
from seqvae.evaluate.metric_names import BRIEF, BY_PROPERTY, PROPERTIES, Metric
from seqvae.sequences.domain import DOMAINS

if TYPE_CHECKING:
    from seqvae.evaluate.records import Generation

_HIGHER, _LOWER = " ↑", " ↓"

_FIRST, _FEWEST = re.compile(r"unique@(\d+)"), 1000  # the smallest k that MOSES has
_STEREO = re.compile(r" with(out)? stereo$")
_BETTER = (
    (re.compile(r"^guacamol/|^valid|^unique|^SNN|^Frag|^Scaf|^IntDiv|^Filters|^[Nn]ovelty"), _HIGHER),
    (re.compile(r"^FCD|^logP$|^SA$|^QED$|^weight$|_wasserstein$|^kmer_js|^discriminability|^near_copies"), _LOWER),
    (re.compile(r"^radicals|^rings above|^anti-Bredt|^unseen ring"), _LOWER),
)
_PROPERTIES = {
    "logP": "logP (octanol/water)",
    "SA": "synthetic accessibility (1 easy to 10)",
    "QED": "drug-likeness, QED",
    "weight": "molecular weight (g/mol)",
    "length": "length ({unit}s)",
    "gc": "GC content",
    "longest_run": "longest homopolymer ({unit}s)",
    "nearest_edits": "edit distance to the nearest training sequence",
}


def metric_name(key: str, unit: str = "base") -> str:
    """Return the title of a metric in a table; `unit` is what one letter of a sequence is called.

    >>> metric_name("FCD/Test"), metric_name("kmer_js_3"), metric_name("Novelty")
    ('FCD/Test', '3-mers, Jensen-Shannon divergence (bits)', 'novel')
    """
    return sample_metric(key, unit).title


def better(key: str) -> str:
    """Return an arrow that shows which way a metric is better, or an empty string if neither way is."""
    return next((arrow for pattern, arrow in _BETTER if pattern.search(key)), "")


def property_name(key: str, unit: str = "base") -> str:
    """Return the title of a property's histogram, with its unit."""
    return _PROPERTIES.get(key, key.replace("_", " ")).format(unit=unit)


def metric_rows(found: Generation) -> list[tuple[str, float, tuple[float, float] | None, float | None]]:
    """Return title, value, 95 % interval and the value for real texts of each metric in `shown_keys`."""
    unit = DOMAINS[found.kind].unit
    return [
        (
            f"{metric_name(key, unit)}{better(key)}",
            found.metrics[key],
            found.intervals.get(key),
            found.baselines.get(key),
        )
        for key in shown_keys(found.metrics, found.counts.get("valid"))
    ]


def generation_rows(found: Generation) -> list[list[str]]:
    """Return the metrics of samples as text, with a heading; empty columns are left out."""
    rows = [["samples", "here", "95 % interval", "real"]]
    for name, value, interval, floor in metric_rows(found):
        bounds = f"{interval[0]:.4g} to {interval[1]:.4g}" if interval else ""
        rows.append([name, f"{value:.4g}", bounds, "" if floor is None else f"{floor:.4g}"])
    keep = [i for i in range(4) if any(row[i] for row in rows[1:])]
    return [[row[i] for i in keep] for row in rows]


def shown_keys(metrics: Mapping[str, float], valid: int | None = None) -> list[str]:
    """Return the keys to show, in order: what says something that the others do not.

    Args:
        metrics: by key.
        valid: number of valid samples: shares of the first 10,000 say nothing where there are 1,000; None: not known.
    """
    alike = {key for key in metrics if _STEREO.search(key) and metrics.get(_STEREO.sub("", key)) == metrics[key]}
    if valid is not None:
        alike |= {key for key in metrics if (first := _FIRST.match(key)) and int(first[1]) > max(valid, _FEWEST)}
    return [key for key in metrics if key not in alike]


def model_rows(values: Mapping[str, Any], place: str = "", noun: str = "text") -> list[tuple[str, object, str]]:
    """Return title, value and meaning of each known metric of a model, those of one place or all.

    Args:
        values: by key.
        place: `TELLING`, `BRIEF`, or empty for all.
        noun: what one text is called, as in `Domain.noun`.
    """
    known = _known(values, place)
    return [(metric.title.format(noun=noun), values[key], metric.about.format(noun=noun)) for key, metric in known]


def labelled_rows(values: Mapping[str, Any], noun: str = "text") -> list[tuple[str, object, str]]:
    """Return title, value and unit of the known metrics that are shown after training; arguments as `model_rows`."""
    known = _known(values, BRIEF)
    return [(metric.name.format(noun=noun), values[key], metric.unit.format(noun=noun)) for key, metric in known]


def _known(values: Mapping[str, Any], place: str) -> Iterator[tuple[str, Metric]]:
    from seqvae.evaluate.model.summary import SUMMARY_METRICS  # brings torch

    for key, metric in SUMMARY_METRICS.items():
        if values.get(key) is not None and (not place or place in metric.places):
            yield key, metric


def latent_rows(values: Mapping[str, Any], noun: str = "text") -> list[tuple[str, object, str]]:
    """Return title, value and meaning of each metric of the latent space that is one number; as `model_rows`."""
    from seqvae.evaluate.model.latent_quality import LATENT_METRICS

    known = [(metric, values.get(key)) for key, metric in LATENT_METRICS.items() if BY_PROPERTY not in metric.places]
    shown = [(metric, value) for metric, value in known if value is not None]
    return [(metric.title.format(noun=noun), value, metric.about.format(noun=noun)) for metric, value in shown]


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
    """Return the bits per base (or other unit) of the model and of the counting models, with a heading."""
    rows = [(f"held-out bits per {unit}", "plain", "tuned")]
    rows += [(name, f"{row['bits']:.4f}", f"{row['tuned_bits']:.4f}") for name, row in metrics["counted"].items()]
    return [*rows, (f"this model, {metrics['iwae_samples']} importance samples", f"{metrics['model']:.4f}", "")]
