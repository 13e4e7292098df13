"""The page of `seqvae quickstart`: what the model is, and what its latent space can do, with drawings."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqvae.data.files.chunks import Results
from seqvae.data.files.writers import write, write_text
from seqvae.evaluate.glossary import MOLECULE_COLUMNS
from seqvae.report.html.line_plot import Series, line_plot
from seqvae.report.html.molecules import molecule_grid, molecule_pairs, molecule_path
from seqvae.report.html.page import Section, code, glossary, more, page, paragraph, table
from seqvae.report.tables import labelled_rows
from seqvae.sequences.molecules import canonical_or_none

if TYPE_CHECKING:
    from seqvae.evaluate.demonstration import Quickstart

_SAMPLES, _STEPS = 12, 8  # molecules drawn in each section
PAGE = "report.html"
FILES = (
    ("samples.smi", "the molecules drawn from the prior, one SMILES per line"),
    (
        "samples.csv",
        "every draw with log p(x|z) in nats, QED, logP, molecular weight (g/mol) and SA score; empty if invalid",
    ),
    ("reconstructions.csv", "known drugs and their reconstructions"),
    ("interpolation.csv", "the molecules on the path between two drugs"),
    ("climb.csv", "every molecule scored on the climb, in order, with its score, QED and SA score"),
    (PAGE, "this page"),
)


def write_quickstart(folder: str | Path, found: Quickstart) -> None:
    """Write the molecules as tables, and the page.

    Args:
        folder: created if missing.
        found: what `seqvae.quickstart` returned.

    Raises:
        OSError: the disk refuses.
    """
    folder = Path(folder).expanduser()
    columns = {name: [getattr(drug, name) for drug in found.drugs] for name in ("name", "decoded", "exact")}
    tables = {
        "samples.smi": Results([text for text, _ in found.molecules]),
        "samples.csv": found.samples,
        "reconstructions.csv": Results([drug.smiles for drug in found.drugs], columns),
        "interpolation.csv": Results(
            found.walk.decoded, {"step": range(len(found.walk.decoded)), "valid": found.walk.valid}
        ),
        "climb.csv": Results(
            [one.text for one in found.climb],
            {name: [getattr(one, name) for one in found.climb] for name in ("score", "qed", "sa", "round")},
        ),
    }
    for name, table_of in tables.items():
        write(str(folder / name), table_of)
    write_text(folder / PAGE, quickstart_page(found))


def quickstart_page(found: Quickstart) -> str:
    """Return the page as one HTML document."""
    model = [table(("", ""), found.facts)]
    if found.metrics:
        rows = labelled_rows(found.metrics, "molecule")
        model += [paragraph("On held-out molecules:"), table(("metric", "value", "unit"), rows)]
    commands = (
        f"seqvae sample {found.model} -n 20\n"
        f'seqvae interpolate {found.model} "{found.walk.smiles[0]}" "{found.walk.smiles[1]}"\n'
        f"seqvae encode {found.model} samples.smi --on-error skip --out z.npz\n"
        f"seqvae finetune {found.model} mine.smi --out mine"
    )
    files = (table(("file", "content"), FILES), paragraph("Next steps, in this folder:"), code(commands))
    sections = [*_drawn(found), *_paths(found)]
    sections += [
        glossary(MOLECULE_COLUMNS),
        Section("The model", (more("how it was made, and its metrics", "\n".join(model)),)),
        Section("The files in this folder", files),
    ]
    exact, first, best = sum(drug.exact for drug in found.drugs), found.climb[0], found.best
    lead = (
        f"{found.model} brings back {exact} of {len(found.drugs)} known drugs, {len(found.molecules):,} of "
        f"{len(found.samples.texts):,} draws are molecules, and a climb from {found.start} goes from QED "
        f"{first.qed:.2f} to {best.qed:.2f}; computed on this machine."
    )
    return page("seqvae quickstart", sections, lead, "Written by seqvae quickstart. This page works offline.")


def _drawn(found: Quickstart) -> list[Section]:
    """The molecules drawn from the prior, and the reconstructed drugs."""
    drawn, drugs = dict(found.molecules), found.drugs
    text = (
        f"{len(found.samples.texts):,} points were drawn from the model's prior and decoded; points whose decoding had "
        "to be corrected to give a molecule were drawn again, at most three times, and what was even then none was "
        "decoded by other ways. "
        f"{len(found.molecules):,} are molecules, {len(drawn):,} of these distinct. The first "
        f"{min(_SAMPLES, len(drawn))}, with their drug-likeness (QED, 0 to 1):"
    )
    shown = list(drawn.items())[:_SAMPLES]
    grid = molecule_grid([text for text, _ in shown], [f"QED {value:.2f}" for _, value in shown])
    exact, bad = sum(drug.exact for drug in drugs), [drug.name for drug in drugs if not drug.valid]
    about = (
        f"{len(drugs)} drugs (left) are encoded to the mean of their posterior, refined by a few gradient steps, and "
        f"decoded again (right), greedily, each token from those before it. {exact} are reconstructed exactly, to the "
        "same canonical SMILES."
    )
    about += f" {len(bad)} decode to no molecule: {', '.join(bad)}." if bad else ""
    valid = [drug for drug in drugs if drug.valid]
    inputs, outputs = [drug.smiles for drug in valid], [drug.decoded for drug in valid]
    pairs = molecule_pairs(inputs, outputs, [drug.exact for drug in valid], [drug.name for drug in valid])
    return [
        Section("New molecules", (paragraph(text), grid)),
        Section("Known drugs, encoded and decoded", (paragraph(about), pairs)),
    ]


def _paths(found: Quickstart) -> list[Section]:
    """The interpolation, and the climb."""
    walk, climb, start = found.walk, found.climb, found.start
    text = (
        f"The spherical path between the latent points of {walk.ends[0]} and {walk.ends[1]}, decoded at "
        f"{len(walk.decoded)} equal steps. The first and the last drawing are the drugs themselves; those in between "
        "are what the model decodes."
    )
    bad = sum(not valid for valid in walk.valid)
    text += f" {bad} of the steps decode to no molecule and are not drawn." if bad else ""
    for name, smiles, back in zip(walk.ends, walk.smiles, (walk.decoded[0], walk.decoded[-1]), strict=True):
        if canonical_or_none(smiles) != back:
            text += f" {name} comes back as another molecule: the path does not reach it."
    steps = [(smiles, f"step {i}") for i, smiles in enumerate(walk.decoded) if walk.valid[i]]
    shown = [(walk.smiles[0], walk.ends[0]), *steps, (walk.smiles[1], walk.ends[1])]
    path = molecule_path([smiles for smiles, _ in shown], [caption for _, caption in shown])
    about = (
        f"CMA-ES over z from {start}. The score is the geometric mean of drug-likeness (QED) and of synthetic "
        "accessibility (SA score, near 1 below 2.5 and near 0 above 4.5); molecules with structural alerts (MCF, "
        f"PAINS, unstable groups) are not scored. Every distinct molecule scored is one call, and {start} is "
        f"the first of the {len(climb):,}; a point that decodes to a known molecule, or to none, costs nothing."
    )
    rising, best = [], -math.inf
    for number, one in enumerate(climb, 1):
        if one.score > best:
            best = one.score
            rising.append((one.text, f"QED {one.qed:.2f}, SA {one.sa:.1f}, call {number}"))
    if len(rising) > _STEPS:
        rising = [rising[0], *rising[1 - _STEPS :]]
    improved = molecule_path([text for text, _ in rising], [caption for _, caption in rising])
    calls = range(1, len(climb) + 1)
    scores = np.array([one.score for one in climb])
    lines = [Series("best", calls, np.maximum.accumulate(scores).tolist())]
    curve = line_plot(lines, "Best score so far", "calls", "score")
    last = molecule_grid([found.best.text], [f"the best: QED {found.best.qed:.2f}, SA {found.best.sa:.1f}"])
    side = f'<div class="side">{curve}{last}</div>'
    blocks = (paragraph(about), side, paragraph("The improvements on the way:"), improved)
    return [
        Section(f"From {walk.ends[0]} to {walk.ends[1]}", (paragraph(text), path)),
        Section("Climbing drug-likeness, among what can be made", blocks),
    ]
