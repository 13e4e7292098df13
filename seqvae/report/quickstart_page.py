"""The page that `seqvae quickstart` leaves: what the model is, and what its latent space can do, with drawings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqvae.data.files.chunks import Results
from seqvae.data.files.writers import write, write_text
from seqvae.report.html.molecules import molecule_grid, molecule_pairs, molecule_path
from seqvae.report.html.page import Section, code, page, paragraph, table
from seqvae.report.search_page import curves
from seqvae.report.tables import labelled_rows

if TYPE_CHECKING:
    from seqvae.evaluate.demonstration import Drug, Quickstart, Walk
    from seqvae.search.storage.ledger import Entry

_SAMPLES, _STEPS = 24, 8  # molecules drawn in each section


PAGE = "report.html"
FILES = (
    ("samples.smi", "the molecules drawn from the prior, one SMILES a line"),
    (
        "samples.csv",
        "every draw with log p(x|z) in nats, QED, logP and molecular weight (g/mol); empty for no molecule",
    ),
    ("reconstructions.csv", "known drugs and what came back"),
    ("interpolation.csv", "the molecules on the path between two drugs"),
    ("climb.csv", "every molecule scored on the climb, in order, with its QED"),
    (PAGE, "this page"),
)


def write_quickstart(folder: str | Path, found: Quickstart) -> None:
    """Write the molecules as tables, and the page; raises OSError where the disk refuses.

    Args:
        folder: it is made.
        found: what `seqvae.quickstart` returned.
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
            [entry.text for entry in found.climb],
            {"qed": [entry.scores[0] for entry in found.climb], "round": [entry.round for entry in found.climb]},
        ),
    }
    for name, table_of in tables.items():
        write(str(folder / name), table_of)
    write_text(folder / PAGE, quickstart_page(found))


def quickstart_page(found: Quickstart) -> str:
    """Return the page as one HTML document."""
    model = [table(("", ""), found.facts)]
    if found.metrics:
        model += [
            paragraph("On molecules that it has not seen:"),
            table(("figure", "value", "unit"), list(labelled_rows(found.metrics))),
        ]
    sections = [
        Section("New molecules", _samples(found)),
        Section("Known drugs, in and out again", _drugs(found.drugs)),
        Section(f"From {found.walk.ends[0]} to {found.walk.ends[1]}", _walk(found.walk)),
        Section("Climbing drug-likeness", _climb(found.climb, found.start)),
        Section("The model", tuple(model)),
        Section("What lies in this folder", _files(found)),
    ]
    lead = f"What the latent space of the model {found.model} can do, computed on this machine."
    return page("seqvae quickstart", sections, lead, "Written by seqvae quickstart. This page needs no network.")


def _samples(found: Quickstart) -> tuple[str, ...]:
    drawn = dict(found.molecules)
    text = (
        f"{len(found.samples.texts):,} points were drawn from the model's prior and decoded; what had to be corrected "
        f"to be a molecule was drawn again, three times at most. {len(found.molecules):,} are molecules, "
        f"{len(drawn):,} of these distinct. The first {min(_SAMPLES, len(drawn))}, with their drug-likeness (QED, 0 to "
        "1):"
    )
    shown = list(drawn.items())[:_SAMPLES]
    return paragraph(text), molecule_grid([text for text, _ in shown], [f"QED {value:.2f}" for _, value in shown])


def _drugs(drugs: Sequence[Drug]) -> tuple[str, ...]:
    exact, bad = sum(drug.exact for drug in drugs), sum(not drug.valid for drug in drugs)
    text = (
        f"{len(drugs)} drugs (left) are encoded to the mean of their posterior, refined by a few gradient steps, and "
        f"decoded again (right), greedily, each token from those before it. {exact} come back exactly, as the same "
        "canonical SMILES."
    )
    text += (
        f" {bad} came back as no molecule: {', '.join(drug.name for drug in drugs if not drug.valid)}." if bad else ""
    )
    shown = [drug for drug in drugs if drug.valid]
    inputs, outputs = [drug.smiles for drug in shown], [drug.decoded for drug in shown]
    return paragraph(text), molecule_pairs(inputs, outputs, [d.exact for d in shown], [d.name for d in shown])


def _walk(walk: Walk) -> tuple[str, ...]:
    text = (
        f"The spherical path between the latent points of {walk.ends[0]} and {walk.ends[1]}, decoded at "
        f"{len(walk.decoded)} equal steps. The outermost drawings are the drugs themselves, the ones inside are what "
        "the model decodes."
    )
    bad = sum(not valid for valid in walk.valid)
    text += f" {bad} of the steps decode to no molecule and are not drawn." if bad else ""
    steps = [
        (smiles, f"step {i}") for i, (smiles, valid) in enumerate(zip(walk.decoded, walk.valid, strict=True)) if valid
    ]
    shown = [(walk.smiles[0], walk.ends[0]), *steps, (walk.smiles[1], walk.ends[1])]
    return paragraph(text), molecule_path([smiles for smiles, _ in shown], [caption for _, caption in shown])


def _climb(climb: Sequence[Entry], start: str) -> tuple[str, ...]:
    text = (
        f"CMA-ES over z from {start}, with the drug-likeness (QED) of the decoded molecule as its score. Every "
        f"distinct molecule scored is one call, {start} the first of the {len(climb):,}; a point that decodes to a "
        "known one, or to none, costs nothing. QED does not ask whether a molecule can be made."
    )
    rising = _improvements(climb)
    path = molecule_path([text for text, _ in rising], [caption for _, caption in rising])
    return paragraph(text), curves(climb, ["QED"]), paragraph("Each improvement on the way:"), path


def _improvements(climb: Sequence[Entry]) -> list[tuple[str, str]]:
    """Return text and caption of each new best, the first and the last ones where they are many."""
    rising: list[tuple[str, str]] = []
    best = -math.inf
    for number, entry in enumerate(climb, 1):
        if entry.scores[0] > best:
            best = entry.scores[0]
            rising.append((entry.text, f"QED {best:.3f}, call {number}"))
    return rising if len(rising) <= _STEPS else [rising[0], *rising[1 - _STEPS :]]


def _files(found: Quickstart) -> tuple[str, ...]:
    commands = (
        f"seqvae sample {found.model} -n 20\n"
        f'seqvae interpolate {found.model} "{found.walk.smiles[0]}" "{found.walk.smiles[1]}"\n'
        f"seqvae encode {found.model} samples.smi --on-error skip --out z.npz\n"
        f"seqvae finetune {found.model} mine.smi --out mine"
    )
    return table(("file", "content"), FILES), paragraph("Go on from here, in this folder:"), code(commands)
