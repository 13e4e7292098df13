"""Drawings of molecules as inline SVG with the colours of the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem.Draw import rdMolDraw2D

_WIDTH, _HEIGHT = 220, 165  # of a drawing; the page scales it
# The colours of RDKit's default palette, and the page's variables that replace them.
_COLOURS = {
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
}
# What RDKit writes although it is SVG's default: a third of the size of a drawing.
_DEFAULTS = re.compile(
    r"fill-rule:evenodd;|stroke-linecap:butt;|stroke-linejoin:miter;|;stroke-opacity:1| class='[^']*'"
)
_HEADER = re.compile(r"^.*<!-- END OF HEADER -->", re.DOTALL)


def drawing(smiles: str) -> str:
    """Return a molecule as inline SVG, or its SMILES in a box if RDKit cannot read it."""
    with rdBase.BlockLogs():  # the box shows that it is invalid
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        return f'<div class="text">{escape(smiles) or "(empty)"}</div>'
    canvas = rdMolDraw2D.MolDraw2DSVG(_WIDTH, _HEIGHT)
    options: Any = canvas.drawOptions()  # RDKit's type stubs give its fields wrong types
    options.clearBackground, options.bondLineWidth, options.padding = False, 1.4, 0.06
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    # A page does not need the header and the defaults, and chooses the colours itself.
    content = _DEFAULTS.sub("", _HEADER.sub("", canvas.GetDrawingText()))
    content = re.sub(r"fill='(#[0-9A-F]{6})'", r"style='fill:\1'", content)
    for colour, variable in _COLOURS.items():
        content = content.replace(colour, variable)
    label = escape(smiles)
    opening = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}"><title>{label}</title>'
    return opening + re.sub(r"\s+", " ", content).strip()


def _figure(inside: str, caption: str) -> str:
    label = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{inside}{label}</figure>"


def molecule_grid(smiles: Sequence[str], captions: Sequence[str] | None = None) -> str:
    """Return a grid of molecules.

    Args:
        smiles: what to draw.
        captions: one for each, as plain text; None for none.
    """
    labels = captions if captions is not None else [""] * len(smiles)
    metrics = [_figure(drawing(text), label) for text, label in zip(smiles, labels, strict=True)]
    return f'<div class="grid">{"".join(metrics)}</div>'


def molecule_path(smiles: Sequence[str], captions: Sequence[str] | None = None) -> str:
    """Return molecules in one row with arrows between them, which scrolls sideways if it does not fit."""
    labels = captions if captions is not None else [""] * len(smiles)
    metrics = [_figure(drawing(text), label) for text, label in zip(smiles, labels, strict=True)]
    return f'<div class="row">{_ARROW.join(metrics)}</div>'


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
    metrics = []
    for before, after, equal, name in zip(inputs, outputs, same, names or [""] * len(inputs), strict=True):
        badge = '<span class="badge same">exact</span>' if equal else '<span class="badge other">different</span>'
        pair = f'<div class="pair">{drawing(before)}{_ARROW}{drawing(after)}</div>'
        metrics.append(f"<figure>{pair}<figcaption>{escape(name)} {badge}</figcaption></figure>")
    return f'<div class="pairs">{"".join(metrics)}</div>'


_ARROW = '<span class="arrow" aria-hidden="true">&rarr;</span>'
