"""The page of `seqvae diagnose`, and its folder: the verdict, every metric with its meaning, and what they mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvae import __version__
from seqvae.data.files.writers import write_text
from seqvae.report.html.line_plot import Series, line_plot
from seqvae.report.html.page import Section, glossary, more, page, paragraph, table
from seqvae.runtime.lock import one_writer
from seqvae.sequences.domain import DOMAINS

if TYPE_CHECKING:
    from seqvae.evaluate.diagnosis.record import Diagnosis

DIAGNOSIS_METRICS_FILE, PAGE = "diagnosis.json", "diagnosis.html"
_GLOSSARY = (
    ("rate", "KL(q(z|x) || p(z)), nats: how much the latent point z says of its {noun}, as the prior counts it."),
    ("distortion", "-log p(x|z), nats: what is left to say of a {noun} once z is known. Rate + distortion = -ELBO."),
    ("ELBO", "a lower bound on log p(x); the importance-weighted bound of k samples (IWAE) lies between the two."),
    (
        "mutual information",
        "how well z tells {noun}s apart: the rate minus the divergence of latent points from the prior.",
    ),
    ("active unit", "a dimension of z whose posterior mean varies between {noun}s."),
    ("refined posterior", "that of one {noun}, after gradient steps of its own: what the encoder could have given."),
    ("amortisation gap", "what is lost because one encoder serves all {noun}s."),
    ("approximation gap", "what is lost because posteriors are Gaussians of one family."),
    (
        "beta",
        "the weight of the rate in training: 1 maximises the ELBO, less favours reconstruction.",
    ),
)


def diagnosis_rows(found: Diagnosis, place: str = "") -> Iterator[tuple[str, list[tuple[str, object, str]]]]:
    """Yield each section's title and its rows: title, value and meaning of each metric that was measured.

    Args:
        found: the diagnosis.
        place: `BRIEF` for those that the terminal shows; empty for all.
    """
    from seqvae.evaluate.diagnosis.metrics import DIAGNOSIS_METRICS

    domain = DOMAINS[found.kind]
    words = {"noun": domain.noun, "unit": domain.unit}
    for section, (title, metrics) in DIAGNOSIS_METRICS.items():
        values = found.metrics.get(section, {})
        rows = [
            (metric.title.format(**words), values[key], metric.about.format(**words))
            for key, metric in metrics.items()
            if values.get(key) is not None and (not place or place in metric.places)
        ]
        if rows:
            yield title.format(**words), rows


def diagnosis_page(found: Diagnosis) -> str:
    """Return the page as one HTML document."""
    noun = DOMAINS[found.kind].noun
    verdict, *_ = found.verdict.paragraph.partition(". ")
    measured = f"Measured on {Path(found.held_out).name}."
    if found.overlap:
        measured += f" {found.overlap[0].upper()}{found.overlap[1:]}."
    sections = [Section("The verdict in full", (paragraph(found.verdict.paragraph), paragraph(measured)))]
    for number, (title, rows) in enumerate(diagnosis_rows(found)):
        blocks = [table(("metric", "value", "meaning"), rows)]
        if not number:
            blocks += _positions(found.metrics["likelihood"])
        sections.append(Section(title, tuple(blocks)))
    if counted := found.metrics.get("baselines", {}).get("baselines"):
        own = [("this model, bound", found.metrics["baselines"]["model_nll"])]
        costs = own + sorted(counted.items(), key=lambda item: item[1])
        sections.append(Section("Counting models", (table(("model", "-log p(x) (nats)"), costs),)))
    terms = [(term, meaning.format(noun=noun)) for term, meaning in _GLOSSARY]
    sections.append(glossary(terms))
    facts = [
        ("model", found.model),
        ("held-out data", found.held_out),
        ("training data", found.training or "not known"),
        *[(name, str(value)) for name, value in found.settings.items()],
        ("seqvae", __version__),
    ]
    sections.append(Section("How this page was made", (more("model, data and settings", table(("", ""), facts)),)))
    name = Path(found.model).name or found.model
    footer = "Written by seqvae diagnose. This page works offline."
    return page(f"Diagnosis of {name}", sections, f"{verdict.removesuffix('.')}.", footer)


def _positions(values: Mapping[str, Any]) -> list[str]:
    """Return the plot of the distortion by position, for each text that has a token there."""
    nats, reached = values["distortion_by_position"], values["reached_by_position"]
    if len(nats) < 2:
        return []
    a_token = [value / share if share else float("nan") for value, share in zip(nats, reached, strict=True)]
    series = [Series("nats per token", range(1, len(nats) + 1), a_token)]
    text = "By position: what a token there costs once z and the tokens before it are known."
    return [paragraph(text), line_plot(series, "Distortion by position", "position (tokens)", "nats per token")]


def write_diagnosis(folder: str | Path, found: Diagnosis) -> None:
    """Write the metrics and, last, the page: once it exists, the metrics are complete and of this diagnosis.

    Args:
        folder: created if missing.
        found: what `seqvae.evaluate.diagnose` returned.

    Raises:
        UsageError: another process writes there.
        OSError: the disk refuses.
    """
    folder = Path(folder).expanduser()
    page = diagnosis_page(found)
    with one_writer(folder, "a diagnosis"):
        (folder / PAGE).unlink(missing_ok=True)  # of an earlier diagnosis, whose metrics are replaced now
        write_text(folder / DIAGNOSIS_METRICS_FILE, json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")
        write_text(folder / PAGE, page)
