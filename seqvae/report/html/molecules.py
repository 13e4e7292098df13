"""Drawings of molecules as inline SVG that takes its colours from the page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem.Draw import rdMolDraw2D

_WIDTH, _HEIGHT = 220, 165  # units of the drawing; the page scales it
# RDKit's default palette, each colour replaced by the page's variable of that name.
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
# What RDKit writes out though it is SVG's default anyway: a third of the size of a drawing.
_DEFAULTS = re.compile(
    r"fill-rule:evenodd;|stroke-linecap:butt;|stroke-linejoin:miter;|;stroke-opacity:1| class='[^']*'"
)
_HEADER = re.compile(r"^.*<!-- END OF HEADER -->", re.DOTALL)


def drawing(smiles: str) -> str:
    """Return a molecule as inline SVG, or, where RDKit cannot read or draw it, its text in a box."""
    with rdBase.BlockLogs():  # the text in the box says it
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        return f'<div class="text">{escape(smiles) or "(empty)"}</div>'
    canvas = rdMolDraw2D.MolDraw2DSVG(_WIDTH, _HEIGHT)
    options: Any = canvas.drawOptions()  # RDKit's type stubs give its fields wrong types
    options.clearBackground, options.bondLineWidth, options.padding = False, 1.4, 0.06
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    return _inlined(canvas.GetDrawingText(), smiles)


def _inlined(svg: str, smiles: str) -> str:
    """Drop what a page does not need, and let the page choose the colours."""
    content = _DEFAULTS.sub("", _HEADER.sub("", svg))
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
    """Return molecules in one row with arrows between them; it scrolls sideways where it does not fit."""
    labels = captions if captions is not None else [""] * len(smiles)
    metrics = [_figure(drawing(text), label) for text, label in zip(smiles, labels, strict=True)]
    return f'<div class="row">{_ARROW.join(metrics)}</div>'


def molecule_pairs(
    inputs: Sequence[str], outputs: Sequence[str], same: Sequence[bool], names: Sequence[str] | None = None
) -> str:
    """Return pairs of molecules, what went in beside what came out, with a mark that says whether they are the same.

    Args:
        inputs: what went in.
        outputs: what came out.
        same: whether the one is the other.
        names: of the pairs, as plain text; None for none.
    """
    metrics = []
    for before, after, equal, name in zip(inputs, outputs, same, names or [""] * len(inputs), strict=True):
        badge = '<span class="badge same">exact</span>' if equal else '<span class="badge other">different</span>'
        pair = f'<div class="pair">{drawing(before)}{_ARROW}{drawing(after)}</div>'
        metrics.append(f"<figure>{pair}<figcaption>{escape(name)} {badge}</figcaption></figure>")
    return f'<div class="pairs">{"".join(metrics)}</div>'


_ARROW = '<span class="arrow" aria-hidden="true">&rarr;</span>'
