"""The page that `seqvae quickstart` leaves: what was done, with drawings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqvae.report.figures import figure_rows
from seqvae.report.html import Section, code, page, paragraph, table
from seqvae.report.molecules import molecule_grid, molecule_pairs, molecule_path
from seqvae.report.plots import Series, line_plot

if TYPE_CHECKING:
    from seqvae.evaluate.reconstruction import Reconstruction
    from seqvae.evaluate.summary import Summary
    from seqvae.search.climb import Climb

_PAIRS, _SAMPLES, _STEPS = 12, 24, 8  # molecules drawn in each section


@dataclass(frozen=True)
class Path:
    """Molecules decoded on the way from one to another.

    Attributes:
        ends: names of the first and the last.
        smiles: the two molecules themselves.
        decoded: what the model decodes on the way, ends included.
    """

    ends: tuple[str, str]
    smiles: tuple[str, str]
    decoded: Sequence[str]


@dataclass(frozen=True)
class Quickstart:
    """Everything that the page shows.

    Attributes:
        facts: name and value of what was trained on what, in order.
        curves: lines of the training curve, nats per sequence over steps.
        summary: held-out figures.
        reconstruction: held-out molecules and what came back.
        samples: molecules drawn from the prior.
        qed: drug-likeness of each; NaN for one that is not valid.
        path: an interpolation.
        climb: a climb of the drug-likeness.
        start: name of the molecule that the climb starts at.
        files: name and content of each file left, in order.
    """

    facts: Sequence[tuple[str, str]]
    curves: Sequence[Series]
    summary: Summary
    reconstruction: Reconstruction
    samples: Sequence[str]
    qed: Sequence[float]
    path: Path
    climb: Climb
    start: str
    files: Sequence[tuple[str, str]]


def quickstart_page(found: Quickstart) -> str:
    """Return the page as one HTML document."""
    sections = [
        Section("What was trained", _training(found)),
        Section("Figures on molecules the model has not seen", _figures(found.summary)),
        Section("In and out again", _reconstruction(found.reconstruction)),
        Section("New molecules", _samples(found)),
        Section(f"From {found.path.ends[0]} to {found.path.ends[1]}", _path(found.path)),
        Section("Climbing drug-likeness", _climb(found.climb, found.start)),
        Section("What lies in this folder", _files(found.files)),
    ]
    lead = "A variational autoencoder of molecules, trained on this machine, and what its latent space can do."
    return page("seqvae quickstart", sections, lead, "Written by seqvae quickstart. This page needs no network.")


def _training(found: Quickstart) -> tuple[str, ...]:
    plot = line_plot(found.curves, "Training, on validation molecules", "step", "nats per sequence")
    return table(("", ""), found.facts), plot


def _figures(summary: Summary) -> tuple[str, ...]:
    rows = table(("figure", "value", "unit"), figure_rows(vars(summary)))
    note = paragraph(
        "Minutes of training make a small model: hours on a larger dataset make a good one (seqvae train)."
    )
    return (paragraph(summary.collapse), rows, note) if summary.collapse else (rows, note)


def _reconstruction(found: Reconstruction) -> tuple[str, ...]:
    text = (
        "Held-out molecules (left) are encoded to the mean of their posterior and decoded again (right), greedily, "
        "each token from those before it. Exact means the same canonical SMILES."
    )
    inputs, outputs = found.texts[:_PAIRS], found.decoded[:_PAIRS]
    return paragraph(text), molecule_pairs(inputs, outputs, [a == b for a, b in zip(inputs, outputs, strict=True)])


def _samples(found: Quickstart) -> tuple[str, ...]:
    text = (
        f"The first {_SAMPLES} of {len(found.samples):,} draws from the prior, with their drug-likeness (QED, 0 to 1)."
    )
    captions = ["" if math.isnan(value) else f"QED {value:.2f}" for value in found.qed[:_SAMPLES]]
    return paragraph(text), molecule_grid(found.samples[:_SAMPLES], captions)


def _path(path: Path) -> tuple[str, ...]:
    text = (
        f"The spherical path between the latent points of {path.ends[0]} and {path.ends[1]}, decoded at equal steps. "
        "The outermost drawings are the drugs themselves, the ones inside are what the model decodes."
    )
    captions = [path.ends[0], *[f"step {i}" for i in range(len(path.decoded))], path.ends[1]]
    return paragraph(text), molecule_path([path.smiles[0], *path.decoded, path.smiles[1]], captions)


def _climb(climb: Climb, start: str) -> tuple[str, ...]:
    last = climb.generations[-1]
    text = (
        f"CMA-ES over z from {start}, with the drug-likeness (QED) of the decoded molecule as its score. Every "
        f"distinct molecule scored is one call: {last.calls:,} calls for {last.decoded:,} decoded points. QED does not "
        "ask whether a molecule can be made."
    )
    calls = [generation.calls for generation in climb.generations]
    curves = [
        Series("best so far", calls, [generation.best_so_far.score for generation in climb.generations]),
        Series("mean of the generation", calls, [generation.mean for generation in climb.generations]),
    ]
    plot = line_plot(curves, "Drug-likeness over calls", "calls", "QED")
    rising = _improvements(climb)
    path = molecule_path([text for text, _ in rising], [caption for _, caption in rising])
    return paragraph(text), plot, paragraph("Each improvement on the way:"), path


def _improvements(climb: Climb) -> list[tuple[str, str]]:
    """Return text and caption of each new best, the first and the last ones where they are many."""
    rising: list[tuple[str, str]] = []
    for generation in climb.generations:
        best = generation.best_so_far
        if not rising or rising[-1][0] != best.text:
            rising.append((best.text, f"QED {best.score:.3f}, generation {generation.number}"))
    return rising if len(rising) <= _STEPS else [rising[0], *rising[1 - _STEPS :]]


def _files(files: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    commands = (
        'seqvae sample model -n 20\nseqvae interpolate model "CC(=O)Nc1ccc(O)cc1" "CC(C)Cc1ccc(cc1)C(C)C(=O)O"\n'
        "seqvae encode model samples.smi --out z.npz"
    )
    return table(("file", "content"), files), paragraph("Go on from here, in this folder:"), code(commands)
