"""The page and the table of `seqvae rate-distortion`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqvae import __version__
from seqvae.data.files.writers import write_text
from seqvae.report.html.line_plot import Series, line_plot
from seqvae.report.html.page import Section, page, paragraph, table

if TYPE_CHECKING:
    from seqvae.evaluate.curves.record import RateDistortion

DIAGNOSIS_METRICS_FILE, PAGE = "rate_distortion.json", "rate_distortion.html"
_HEADER = ("beta", "rate R", "distortion D", "dD/dR", "-beta", "target's beta", "H - D", "I", "R", "on the hull")
_WORDS = (
    "Nats per molecule or sequence, of those that were trained on. Where a model was trained to the end, the curve's "
    "slope dD/dR is -beta; a training towards the same distortion should end at the same beta (target's beta); and "
    "H - D <= I <= R always, within the noise of a sample: H is the entropy of what was measured, I what z tells of it."
)
_FIXED_WORDS = (
    "Of held-out molecules or sequences: the least distortion that any encoder could have for its rate with the given "
    "model's decoder and prior, by annealing; the model's own encoder has rate {rate:.2f} and distortion "
    "{distortion:.2f} on them. What lies between the two is the encoder's to win."
)


def curve_rows(found: RateDistortion) -> list[Sequence[str]]:
    """Return the table of the trained points, with a heading."""
    rows: list[Sequence[str]] = [_HEADER]
    for one in found.points:
        numbers = (one.slope, -one.beta, one.multiplier, one.least, one.information, one.rate)
        cells = ["" if value is None else f"{value:.3g}" for value in numbers]
        hull = "yes" if one.on_hull else "no"
        rows.append((f"{one.beta:g}", f"{one.rate:.2f}", f"{one.distortion:.2f}", *cells, hull))
    return rows


def fixed_rows(found: RateDistortion) -> list[Sequence[str]]:
    """Return the table of the given model's decoder, with a heading; empty where there is none."""
    if found.fixed is None:
        return []
    rows: list[Sequence[str]] = [("beta", "rate R", "distortion D", "effective chains")]
    for one in reversed(found.fixed.points):
        rows.append((f"{one.beta:.3g}", f"{one.rate:.2f}", f"{one.distortion:.2f}", f"{one.effective:.1f}"))
    return rows


def curve_page(found: RateDistortion) -> str:
    """Return the page as one HTML document."""
    sections = []
    if found.points:
        header, *rows = curve_rows(found)
        hull = [one for one in sorted(found.points, key=lambda one: one.rate) if one.on_hull]
        ordered = sorted(found.points, key=lambda one: one.rate)
        lines = [
            Series("trained models", [one.rate for one in ordered], [one.distortion for one in ordered]),
            Series("lower hull", [one.rate for one in hull], [one.distortion for one in hull]),
        ]
        if any(one.held_out_rate is not None for one in ordered):
            known = [(one.held_out_rate or 0.0, one.held_out_distortion or 0.0) for one in ordered]
            lines.append(Series("held out", [rate for rate, _ in known], [distortion for _, distortion in known]))
        plot = line_plot(lines, "Rate and distortion", "rate (nats)", "distortion (nats)")
        sections.append(Section("Trained at each beta", (paragraph(_WORDS), plot, table(header, rows))))
    if found.fixed is not None:
        header, *rows = fixed_rows(found)
        points = sorted(found.fixed.points, key=lambda one: one.rate)
        lines = [
            Series("best encoder", [one.rate for one in points], [one.distortion for one in points]),
            Series("own encoder", [found.fixed.rate], [found.fixed.distortion]),
        ]
        plot = line_plot(lines, "The decoder of the given model", "rate (nats)", "distortion (nats)")
        text = _FIXED_WORDS.format(rate=found.fixed.rate, distortion=found.fixed.distortion)
        sections.append(Section("The given model", (paragraph(text), plot, table(header, rows))))
    facts = [("source", found.source), ("data", found.data), *((name, str(v)) for name, v in found.settings.items())]
    facts.append(("seqvae", __version__))
    sections.append(Section("How this page was made", (table(("", ""), facts),)))
    lead = "How much z says, against how much it leaves open."
    name = Path(found.source).name or found.source
    return page(f"Rate and distortion of {name}", sections, lead, "Written by seqvae rate-distortion. Works offline.")


def write_curve(folder: str | Path, found: RateDistortion) -> None:
    """Write the metrics and, last, the page; raises OSError where the disk refuses."""
    folder = Path(folder).expanduser()
    text = curve_page(found)
    (folder / PAGE).unlink(missing_ok=True)  # of an earlier state, whose metrics are replaced now
    write_text(folder / DIAGNOSIS_METRICS_FILE, json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")
    write_text(folder / PAGE, text)
