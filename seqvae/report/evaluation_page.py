"""The page of `seqvae evaluate`: samples compared with real ones and with published values."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from seqvae import __version__
from seqvae.evaluate.glossary import BESIDE, BITS, INTERVAL, PREDICTED, REAL, Terms, sample_terms
from seqvae.evaluate.metric_names import TELLING
from seqvae.report.html.histogram import histogram
from seqvae.report.html.letters import drawable
from seqvae.report.html.logo import axis_top, logo_plot
from seqvae.report.html.molecules import molecule_grid
from seqvae.report.html.page import Section, glossary, more, page, paragraph, table
from seqvae.report.html.sequences import sequence_text
from seqvae.report.map.plot import map_plot
from seqvae.report.published import generation_rows, reconstruction_rows
from seqvae.report.tables import (
    better,
    bits_rows,
    latent_rows,
    metric_name,
    metric_rows,
    model_rows,
    property_name,
    property_rows,
    shown_keys,
)
from seqvae.sequences.domain import DOMAINS, MOLECULES

if TYPE_CHECKING:
    from seqvae.evaluate.evaluation import Evaluation

_MOLECULES, _SEQUENCES = 16, 12  # examples shown
_TELLING = ("FCD/Test", "discriminability")  # the one metric of samples that stands in the first sentence
_LONGEST = 300  # letters of a sequence shown
_RECONSTRUCTIONS = {"ten_by_ten": "10 x 10 protocol", "exact_reconstruction": "greedy from the posterior mean"}
_OF_MOLECULES = "Internal diversity is MOSES' IntDiv and IntDiv2; distances of properties are Wasserstein distances."
_OF_SEQUENCES = (
    "Distances are Wasserstein distances, divergences are Jensen-Shannon's. A classifier on k-mers that cannot tell "
    "samples from real sequences has a ROC AUC of 0.5. Near copies have at most 0.05 edits per {unit}."
)
_MODEL_TITLES = ("metric", "value", "meaning")
_UNBROKEN = "\u00a0"  # a space at which no line breaks


def evaluation_page(found: Evaluation) -> str:
    """Return the page as one HTML document."""
    splits = found.splits
    noun = DOMAINS[splits.kind].noun
    facts = [
        ("model" if found.model else "file of samples", found.source),
        ("samples", f"{len(found.samples):,}"),
        ("reference", f"{splits.name}, {len(splits.test):,} {noun}s"),
    ]
    if splits.test_scaffolds:
        facts.append(("second test set, of other scaffolds", f"{splits.name}, {len(splits.test_scaffolds):,} {noun}s"))
    training = f"{splits.train_name}, {len(splits.train):,} {noun}s" if splits.train else "not given, so no novelty"
    facts.append(("training set", training))
    facts += [(name, str(value)) for name, value in found.settings.items() if name != "number"]
    facts.append(("seqvae", __version__))
    sections = [*_compared(found), *_model(found), *_pictures(found), *_latent(found)]
    terms = shown_terms(found)
    sections += [glossary(terms)] if terms else []
    sections.append(Section("How this page was made", (table(("", ""), facts),)))
    what = "What it generates and what it keeps" if found.model else "Samples"
    lead = f"{_verdict(found)} {what}, measured against {Path(splits.name).name}.".strip()
    if found.overlap is not None:
        said = found.overlap.describe(noun)
        lead += f" {said[0].upper()}{said[1:]}."
        facts.insert(3, ("of the reference, in the training data", said))
    footer = "Written by seqvae evaluate. This page works offline."
    name = Path(found.source).name or found.source
    return page(f"Evaluation of {'standard input' if name == '-' else name}", sections, lead, footer)


def _verdict(found: Evaluation) -> str:
    """Return the page in one sentence: how many samples are valid, how far they are from real ones, what comes back."""
    said, generation = [], found.generation
    if generation is not None and (valid := generation.metrics.get("valid")) is not None:
        said.append(f"{valid:.1%} of {len(found.samples):,} samples are valid")
        for key in _TELLING:
            if (value := generation.metrics.get(key)) is not None:
                real = generation.baselines.get(key)
                beside = "" if real is None else f" (real ones: {real:.3g})"
                said.append(f"their {metric_name(key, DOMAINS[generation.kind].unit)} is {value:.3g}{beside}")
                break
    if (back := found.model.get("exact_reconstruction")) is not None:
        said.append(f"{back:.1%} of the {DOMAINS[found.splits.kind].noun}s come back exactly")
    return f"{', '.join(said[:-1])}{' and ' if said[:-1] else ''}{said[-1]}." if said else ""


def shown_terms(found: Evaluation) -> Terms:
    """Return the terms of the tables that do not explain themselves, each with its meaning."""
    generation, unit = found.generation, DOMAINS[found.splits.kind].unit
    terms: Terms = []
    if generation is not None:
        shown = {INTERVAL: bool(generation.intervals), REAL: bool(generation.baselines)}
        terms += sample_terms(shown_keys(generation.metrics, generation.counts.get("valid")), unit)
        terms += [(name, about) for name, about in BESIDE if shown.get(name, True)]
    return terms + (BITS if found.bits else []) + (PREDICTED if found.latent else [])


def _compared(found: Evaluation) -> list[Section]:
    """The metrics of the samples, with those of real and of published ones."""
    if (generation := found.generation) is None:
        return []
    kind, published = generation.kind, generation_rows(found.splits.name)
    models = published.rows if published is not None else {}
    rows: list[list[object]] = [["", "here", "95 % interval", "real", *models]]
    keys = shown_keys(generation.metrics, generation.counts.get("valid"))
    for key, (name, value, interval, real) in zip(keys, metric_rows(generation), strict=True):
        title = _UNBROKEN.join(name.rsplit(" ", 1)) if better(key) else name
        bounds = "" if interval is None else f"{interval[0]:.3g} to {interval[1]:.3g}".replace(" ", _UNBROKEN)
        rows.append([title, value, bounds, real, *[row.get(key) for row in models.values()]])
    left_out = ({2} if not generation.intervals else set()) | ({3} if not generation.baselines else set())
    titles, *body = [[cell for i, cell in enumerate(row) if i not in left_out] for row in rows]
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in generation.counts.items() if count)
    blocks = [paragraph(f"Counts: {counts}.")] if counts else []
    blocks.append(table([str(title) for title in titles], body, strong=1))
    notes = "The arrow shows which way is better; the interval covers 95 % of bootstrap resamplings. "
    notes += _OF_MOLECULES if kind == MOLECULES else _OF_SEQUENCES.format(unit=DOMAINS[kind].unit)
    if few := generation.few:
        blocks.append(paragraph(f"{few[0].upper()}{few[1:]}."))
    if generation.baselines:
        real_ones = "as many training molecules" if kind == MOLECULES else "real sequences"
        notes += f" The column 'real' is for {real_ones}: no model can be expected to do better."
    blocks.append(paragraph(notes))
    if published is not None:
        sizes = "Distances such as FCD are larger for fewer samples or references, so compare at equal numbers."
        blocks.append(paragraph(f"{published.note} {sizes} Source: {published.source}."))
    if found.model:
        blocks.append(paragraph("A model that ignores its latent space can generate well too: see the next table."))
    return [Section("Samples compared with real ones", tuple(blocks))]


def _model(found: Evaluation) -> list[Section]:
    """The metrics of the model, and its bits per letter compared with counting models."""
    sections, domain, metrics = [], DOMAINS[found.splits.kind], found.model
    if metrics:
        tables = [table(_MODEL_TITLES, found.named(model_rows(metrics, place, domain.noun))) for place in (TELLING, "")]
        blocks = [paragraph(str(metrics["collapse"]))] if metrics.get("collapse") else []
        blocks += [tables[0], more("All metrics", tables[1])]
        if (published := reconstruction_rows(found.splits.name)) is not None:
            rows = [(model, row["reconstruction"]) for model, row in published.rows.items()]
            rows += [(f"here, {name}", metrics[key]) for key, name in _RECONSTRUCTIONS.items() if metrics.get(key)]
            blocks += [table(("model", "reconstruction (share)"), rows), paragraph(published.note)]
        sections.append(Section("The model itself", tuple(blocks)))
    if bits := found.bits:
        titles, *counted = bits_rows(bits, domain.unit)
        difference = bits["difference"]
        text = (
            "Counting models only count letters of the training sequences, plain (pseudo-count one half) or tuned. A "
            "model that needs more bits than these has learned nothing that counting does not know. This one needs "
            f"{abs(difference):.4f} bits per {domain.unit} {'more' if difference > 0 else 'less'} than the best of "
            f"them, {bits['best']} (standard error {bits['standard_error']:.4f}, paired), on {bits['sequences']:,} "
            "held-out sequences, including its end token."
        )
        sections.append(
            Section(f"Bits per {domain.unit}", (paragraph(found.named([[text]])[0][0]), table(titles, counted)))
        )
    return sections


def _pictures(found: Evaluation) -> list[Section]:
    """The samples' properties, sequence logos, and examples."""
    if (generation := found.generation) is None:
        return []
    sections, unit, examples = [], DOMAINS[generation.kind].unit, generation.examples
    differing = {name: pair for name, pair in generation.histograms.items() if len({*pair[0], *pair[1]}) > 1}
    if plots := [histogram(property_name(name, unit), *values) for name, values in differing.items()]:
        sections.append(Section("Properties", (f'<div class="plots">{"".join(plots)}</div>',)))
    if found.logos and drawable(letters := found.logos[0].letters):
        text = (
            "Each stack is as high as the information at its position, at most "
            f"{math.log2(len(letters)):.3g} bits; its letters divide it by their shares. Both logos have the same axis."
        )
        names = [
            f"{title}, {logo.sequences:,} of length {len(logo.heights)}"
            for title, logo in zip(("Samples", "Reference"), found.logos, strict=False)
        ]
        top = axis_top(found.logos)
        drawn = [
            f'<div class="wide">{logo_plot(logo, name, top)}</div>'
            for logo, name in zip(found.logos, names, strict=False)
        ]
        sections.append(Section("Positions", (paragraph(text), *drawn)))
    if examples and generation.kind == MOLECULES:
        blocks = paragraph("The first valid and distinct ones."), molecule_grid(examples[:_MOLECULES])
        sections.append(Section("Examples", blocks))
    elif examples:
        shown = examples[:_SEQUENCES]
        cut = f", the first {_LONGEST} {unit}s of each" if any(len(text) > _LONGEST for text in shown) else ""
        length = Counter(map(len, examples)).most_common(1)[0][0]
        text = f"The first valid and distinct ones{cut}; most are {length} long."
        sequences = sequence_text([text[:_LONGEST] for text in shown], unit=unit)
        sections.append(Section("Examples", (paragraph(text), sequences)))
    return sections


def _latent(found: Evaluation) -> list[Section]:
    """How well the latent space predicts properties, and its other metrics."""
    again = f"seqvae map {shlex.quote(found.source)} FILE -o map.html draws it to zoom, search and select in."
    drawn = () if found.map is None else (map_plot(found.map) + paragraph(again),)
    if not found.latent:
        return [Section("The latent space", drawn)] if drawn else []
    noun = DOMAINS[found.splits.kind].noun
    titles, *rows = property_rows(found.latent)
    text = (
        f"How well z predicts properties of held-out {noun}s, by ridge regression and by a Gaussian process (GP): R² "
        "is 1 for perfect predictions and 0 for predicting the mean; Spearman's rank correlation ranges from -1 to 1."
    )
    predicted = (paragraph(text), table([str(title) for title in titles], rows)) if rows else ()
    return [Section("The latent space", (*drawn, *predicted, table(_MODEL_TITLES, latent_rows(found.latent, noun))))]
