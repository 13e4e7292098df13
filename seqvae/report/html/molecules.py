"""Drawings of molecules as inline SVG with the colours of the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from itertools import groupby
from operator import itemgetter
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor, rdFMCS
from rdkit.Chem.Draw import rdMolDraw2D

from seqvae.properties.molecules.cache import Sheet

_WIDTH, _HEIGHT = 270, 200  # of a drawing, in the units of the next two; the page scales it
_BOND = 26.0  # length of a bond, the same for all; what is too large for its place is drawn smaller
_ANGSTROMS = 1.5  # of a bond in RDKit's layouts, whose option of that name is a length per angstrom
_STROKE = 2.0  # width of a bond
_MCS_SECONDS = 1  # for the largest common substructure with a lead
_LEAST_SHARED = 6  # atoms that a molecule must have in common with its lead to be laid out like it
_MARKED = (1.0, 0.8, 0.6)  # what a lead does not have
# The colours of RDKit's default palette, and the page's variables that replace them.
COLOURS = {
    "#000000": "currentColor",
    "#191919": "currentColor",
    "#0000FF": "var(--blue)",
    "#FF0000": "var(--red)",
    "#CCCC00": "var(--yellow)",
    "#33CCCC": "var(--cyan)",
    "#00CC00": "var(--green)",
    "#7F4C19": "var(--brown)",
    "#A01EEF": "var(--violet)",
    "#FF7F00": "var(--orange)",
    "#FFCC99": "var(--marked)",
}
# What RDKit writes although it is SVG's default: a third of the size of a drawing.
_DEFAULTS = re.compile(
    r"fill-rule:evenodd;|stroke-linecap:butt;|stroke-linejoin:miter;|;stroke-opacity:1| class='[^']*'"
)
_HEADER = re.compile(r"^.*<!-- END OF HEADER -->", re.DOTALL)


def drawing(smiles: str, lead: str = "") -> str:
    """Return a molecule as inline SVG, or its SMILES in a box if RDKit cannot read it.

    Args:
        smiles: what to draw.
        lead: SMILES of a molecule that it comes from: what both have lies as there, and the rest is highlighted.
    """
    with rdBase.BlockLogs():  # the box shows that it is invalid
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        return f'<div class="text">{escape(smiles) or "(empty)"}</div>'
    changed = laid_like(molecule, lead) if lead else []
    canvas = rdMolDraw2D.MolDraw2DSVG(_WIDTH, _HEIGHT)
    options: Any = canvas.drawOptions()  # RDKit's type stubs give its fields wrong types
    options.clearBackground, options.bondLineWidth, options.padding = False, _STROKE, 0.04
    options.fixedBondLength, options.highlightBondWidthMultiplier = _BOND / _ANGSTROMS, 10
    options.setHighlightColour(_MARKED)
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule, highlightAtoms=changed)
    canvas.FinishDrawing()
    # A page does not need the header and the defaults, and chooses the colours itself.
    content = _DEFAULTS.sub("", _HEADER.sub("", canvas.GetDrawingText()))
    content = re.sub(r"fill='(#[0-9A-F]{6})'", r"style='fill:\1'", content)
    for colour, variable in COLOURS.items():
        content = content.replace(colour, variable)
    label = escape(smiles)
    opening = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}"><title>{label}</title>'
    return opening + re.sub(r"\s+", " ", content).strip()


def laid_like(molecule: Chem.Mol, lead: str) -> list[int]:
    """Lay a molecule out as its lead where the two agree, and return its other atoms; none if they share little."""
    template = Chem.MolFromSmiles(lead)
    if template is None:
        return []
    common = rdFMCS.FindMCS(
        [template, molecule], timeout=_MCS_SECONDS, ringMatchesRingOnly=True, completeRingsOnly=True
    ).queryMol
    pairs = (template.GetSubstructMatch(common), molecule.GetSubstructMatch(common)) if common else ((), ())
    if len(pairs[1]) < _LEAST_SHARED or len(pairs[0]) != len(pairs[1]):
        return []
    rdDepictor.Compute2DCoords(template)
    rdDepictor.GenerateDepictionMatching2DStructure(molecule, template, list(zip(*pairs, strict=True)))
    return sorted(set(range(molecule.GetNumAtoms())) - set(pairs[1]))


def _figure(smiles: str, caption: str, lead: str = "", details: bool = False) -> str:
    label = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    below = ""
    if details:
        with rdBase.BlockLogs():
            molecule = Chem.MolFromSmiles(smiles)
        sheet = Sheet(molecule) if molecule is not None and molecule.GetNumAtoms() else None
        known = f"MW {sheet.weight:.0f} · logP {sheet.logp:.1f}" if sheet else ""
        # One click selects all of the SMILES.
        below = f'<div class="details">{known}<code title="click, then copy">{escape(smiles)}</code></div>'
    return f"<figure>{drawing(smiles, lead)}{label}{below}</figure>"


def molecule_grid(
    smiles: Sequence[str], captions: Sequence[str] | None = None, lead: str = "", details: bool = True
) -> str:
    """Return a grid of molecules with their weights, logP and SMILES, all bonds of one length.

    Args:
        smiles: what to draw.
        captions: one for each, as plain text; None for none.
        lead: SMILES of a molecule that all come from, as for `drawing`; empty: there is none.
        details: give weight, logP and SMILES.
    """
    labels = captions if captions is not None else [""] * len(smiles)
    figures = [_figure(text, label, lead, details) for text, label in zip(smiles, labels, strict=True)]
    return f'<div class="grid">{"".join(figures)}</div>'


def molecule_path(smiles: Sequence[str], captions: Sequence[str] | None = None) -> str:
    """Return molecules in a row with arrows between them, in as many lines as it takes.

    A molecule that stands several times in a row is drawn once, with the captions of the first and the last.
    """
    labels = captions if captions is not None else [""] * len(smiles)
    figures = []
    for text, group in groupby(zip(smiles, labels, strict=True), key=itemgetter(0)):
        same = [label for _, label in group]
        figures.append(_figure(text, same[0] if len(same) == 1 else f"{same[0]} to {same[-1]}"))
    return f'<div class="row">{_ARROW.join(figures)}</div>'


def molecule_pairs(
    inputs: Sequence[str], outputs: Sequence[str], same: Sequence[bool], names: Sequence[str] | None = None
) -> str:
    """Return pairs of molecules, input and output, with a badge that tells whether they are the same.

    Args:
        inputs: SMILES of the inputs.
        outputs: SMILES of the outputs.
        same: whether input and output are the same molecule.
        names: of the pairs, as plain text; None for none.
    """
    figures = []
    for before, after, equal, name in zip(inputs, outputs, same, names or [""] * len(inputs), strict=True):
        badge = '<span class="badge same">exact</span>' if equal else '<span class="badge other">different</span>'
        pair = f'<div class="pair">{drawing(before)}{_ARROW}{drawing(after)}</div>'
        figures.append(f"<figure>{pair}<figcaption>{escape(name)} {badge}</figcaption></figure>")
    return f'<div class="pairs">{"".join(figures)}</div>'


_ARROW = '<span class="arrow" aria-hidden="true">&rarr;</span>'
