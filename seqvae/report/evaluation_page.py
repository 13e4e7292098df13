"""The page that `seqvae evaluate` leaves: samples beside real texts and beside what others have published."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvae import __version__
from seqvae.evaluate.metric_names import TELLING
from seqvae.report.html.histogram import histogram
from seqvae.report.html.letters import drawable
from seqvae.report.html.logo import axis_top, logo_plot
from seqvae.report.html.molecules import molecule_grid
from seqvae.report.html.page import Section, more, page, paragraph, table
from seqvae.report.html.sequences import sequence_text
from seqvae.report.published import Published, generation_rows, reconstruction_rows
from seqvae.report.tables import (
    better,
    bits_rows,
    latent_rows,
    metric_rows,
    model_rows,
    property_name,
    property_rows,
    shown_keys,
)
from seqvae.sequences.domain import DOMAINS, MOLECULES

if TYPE_CHECKING:
    from seqvae.evaluate.evaluation import Evaluation
    from seqvae.evaluate.records import Generation
    from seqvae.evaluate.sequences.logo import Logo

_MOLECULES, _SEQUENCES = 48, 12  # examples shown
_LONGEST = 300  # letters of a sequence shown
_RECONSTRUCTIONS = {"ten_by_ten": "10 x 10 protocol", "exact_reconstruction": "greedy from the posterior mean"}
_OF_MOLECULES = "Internal diversity is MOSES' IntDiv and IntDiv2; distances of properties are Wasserstein distances."
_OF_SEQUENCES = (
    "Distances of means are Wasserstein distances, divergences Jensen-Shannon's. A classifier by words that cannot "
    "tell samples from real ones has a ROC area of 0.5. Near copies have at most 0.05 edits a {unit}."
)
_UNBROKEN = "\u00a0"  # a blank at which no line ends


def evaluation_page(found: Evaluation) -> str:
    """Return the page as one HTML document."""
    sections = [Section(title, blocks) for title, blocks in _sections(found) if blocks]
    what = "What it generates and what it keeps" if found.model else "Samples"
    lead = f"{what}, measured against {Path(found.splits.name).name}."
    footer = "Written by seqvae evaluate. This page needs no network."
    name = Path(found.source).name or found.source
    return page(f"Evaluation of {'standard input' if name == '-' else name}", sections, lead, footer)


def _sections(found: Evaluation) -> Iterator[tuple[str, tuple[str, ...]]]:
    if found.generation is not None:
        published = generation_rows(found.splits.name)
        yield "Samples beside real texts", _generation(found.generation, published, bool(found.model))
    yield "The model itself", _model(found.model, reconstruction_rows(found.splits.name))
    unit = DOMAINS[found.splits.kind].unit
    yield f"Bits a {unit}", _bits(found.bits, unit)
    if found.generation is not None:
        yield "Properties", _properties(found.generation)
        yield "Positions", _logos(found.logos)
        yield "Examples", _examples(found.generation)
    yield "The latent space", _latent(found.latent)
    yield "How this was made", (table(("", ""), _facts(found)),)


def _facts(found: Evaluation) -> list[tuple[str, str]]:
    splits = found.splits
    facts = [
        ("model" if found.model else "file of samples", found.source),
        ("samples", f"{len(found.samples):,}"),
        ("reference", f"{splits.name}, {len(splits.test):,} texts"),
    ]
    if splits.test_scaffolds:
        facts.append(("second test set, of other scaffolds", f"{splits.name}, {len(splits.test_scaffolds):,} texts"))
    training = f"{splits.train_name}, {len(splits.train):,} texts" if splits.train else "not given, so no novelty"
    facts.append(("training texts", training))
    facts += [(name, str(value)) for name, value in found.settings.items() if name != "number"]
    return [*facts, ("seqvae", __version__)]


def _generation(found: Generation, published: Published | None, has_model: bool) -> tuple[str, ...]:
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in found.counts.items())
    blocks = [paragraph(f"Counted: {counts}.")] if counts else []
    blocks.append(_generation_table(found, published))
    notes = "The arrow says which way is better; the interval holds 95 % of bootstrap resamplings."
    blocks.append(paragraph(f"{notes} {_explained(found.kind)}{_baselines(found.kind) if found.baselines else ''}"))
    if published is not None:
        sizes = "Distances such as FCD grow where samples or reference are fewer, so compare at equal numbers."
        blocks.append(paragraph(f"{published.note} {sizes} Source: {published.source}."))
    if has_model:
        blocks.append(paragraph("A model that ignores its latent space generates well too: see the next table."))
    return tuple(blocks)


def _explained(kind: str) -> str:
    return _OF_MOLECULES if kind == MOLECULES else _OF_SEQUENCES.format(unit=DOMAINS[kind].unit)


def _baselines(kind: str) -> str:
    if kind == MOLECULES:
        return " Under 'real' stands what as many training molecules reach: no model can be expected to do better."
    return " Under 'real' stands what real sequences reach: no model can be expected to do better."


def _generation_table(found: Generation, published: Published | None) -> str:
    models = published.rows if published is not None else {}
    header: list[object] = ["", "here", "95 % interval", "real", *models]
    rows: list[list[object]] = []
    for key, (name, value, interval, floor) in zip(shown_keys(found.metrics), metric_rows(found), strict=True):
        title = _UNBROKEN.join(name.rsplit(" ", 1)) if better(key) else name
        shown = "" if interval is None else f"{interval[0]:.4g} to {interval[1]:.4g}".replace(" ", _UNBROKEN)
        rows.append([title, value, shown, floor, *[row.get(key) for row in models.values()]])
    left_out = {2} if not found.intervals else set[int]()
    left_out |= {3} if not found.baselines else set()
    titles, *body = [[cell for i, cell in enumerate(row) if i not in left_out] for row in [header, *rows]]
    return table([str(title) for title in titles], body, strong=1)


def _model(metrics: Mapping[str, Any], reconstruction: Published | None) -> tuple[str, ...]:
    if not metrics:
        return ()
    titles = ("figure", "value", "what it says")
    blocks = [table(titles, model_rows(metrics, TELLING)), more("All figures", table(titles, model_rows(metrics)))]
    if collapse := str(metrics.get("collapse") or ""):
        blocks.insert(0, paragraph(collapse))
    if reconstruction is not None:
        rows = [(model, row["reconstruction"]) for model, row in reconstruction.rows.items()]
        rows += [(f"here, {name}", metrics[key]) for key, name in _RECONSTRUCTIONS.items() if metrics.get(key)]
        blocks += [table(("model", "reconstruction (share)"), rows), paragraph(reconstruction.note)]
    return tuple(blocks)


def _bits(metrics: Mapping[str, Any], unit: str) -> tuple[str, ...]:
    if not metrics:
        return ()
    titles, *rows = bits_rows(metrics, unit)
    difference = metrics["difference"]
    text = (
        "Models that count letters of the training sequences, plain (pseudo-count one half) and tuned. A model that "
        "needs more bits than these has learned nothing that counting does not know. This one needs "
        f"{abs(difference):.4f} bits a {unit} {'more' if difference > 0 else 'less'} than the best of them, "
        f"{metrics['best']} (standard error {metrics['standard_error']:.4f}, paired), on {metrics['sequences']:,} "
        "held-out sequences, its end mark counted."
    )
    return paragraph(text), table(titles, rows)


def _latent(metrics: Mapping[str, Any]) -> tuple[str, ...]:
    if not metrics:
        return ()
    titles, *rows = property_rows(metrics)
    text = (
        "How well properties are predicted from z, held out, by ridge regression and by a Gaussian process (GP): R² is "
        "1 where it is perfect and 0 for the mean, the rank correlation (Spearman's) goes from -1 to 1."
    )
    predicted = (paragraph(text), table([str(title) for title in titles], rows)) if rows else ()
    return *predicted, table(("figure", "value", "what it says"), latent_rows(metrics))


def _properties(found: Generation) -> tuple[str, ...]:
    differing = {name: pair for name, pair in found.histograms.items() if len({*pair[0], *pair[1]}) > 1}
    plots = [histogram(property_name(name, DOMAINS[found.kind].unit), *values) for name, values in differing.items()]
    return (f'<div class="plots">{"".join(plots)}</div>',) if plots else ()


def _logos(logos: Sequence[Logo]) -> tuple[str, ...]:
    if not logos or not drawable(logos[0].letters):
        return ()
    top = axis_top(logos)
    titles = ("Samples", "Reference")
    text = (
        f"Each stack is as high as the position tells, at most {math.log2(len(logos[0].letters)):.3g} bits; its "
        "letters divide it by their shares. Both have the same axis."
    )
    plots = [
        logo_plot(logo, f"{title}, {logo.sequences:,} of length {len(logo.heights)}", top)
        for title, logo in zip(titles, logos, strict=False)
    ]
    return (paragraph(text), *plots)


def _examples(found: Generation) -> tuple[str, ...]:
    if not found.examples:
        return ()
    if found.kind == MOLECULES:
        shown = found.examples[:_MOLECULES]
        return paragraph("The first ones that are valid and distinct."), molecule_grid(shown)
    shown = [text[:_LONGEST] for text in found.examples[:_SEQUENCES]]
    cut = (
        f", the first {_LONGEST} {DOMAINS[found.kind].unit}s of each"
        if any(len(t) > _LONGEST for t in found.examples[:_SEQUENCES])
        else ""
    )
    lengths = Counter(len(text) for text in found.examples).most_common(1)[0][0]
    return paragraph(f"The first ones that are valid and distinct{cut}; most are {lengths} long."), sequence_text(
        shown, unit=DOMAINS[found.kind].unit
    )
