"""Drawings of very many molecules: RDKit's, with all bonds of one colour in one path, a seventh of the size."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rdkit import Chem, rdBase
from rdkit.Chem.Draw import rdMolDraw2D

from seqvae.report.html.molecules import COLOURS

WIDTH, HEIGHT = 220, 165
_LINE = re.compile(r"<path [^>]*?d='([^']*)' style='fill:none;[^']*?stroke:(#[0-9A-F]{6})[^']*'")
_FILLED = re.compile(r"<path [^>]*?d='([^']*)' style='fill:(#[0-9A-F]{6});[^']*'")
_LETTER = re.compile(
    r"<text x='([^']*)' y='([^']*)'[^>]*?style='font-size:(\d+)px;[^']*?(?:text-anchor:(\w+);)?[^']*?"
    r"fill:(#[0-9A-F]{6})'[^>]*>([^<]*)<"
)
_SPAN = re.compile(r"<tspan[^>]*>|</tspan>")
_NUMBER = re.compile(r"-?\d+\.\d+")


def compact_drawing(smiles: str) -> str:
    """Return a molecule as SVG of one line, without its SMILES in it; an empty text if RDKit cannot read it."""
    with rdBase.BlockLogs():  # the page shows the SMILES in place of the drawing
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        return ""
    canvas = rdMolDraw2D.MolDraw2DSVG(WIDTH, HEIGHT, -1, -1, True)  # letters as text, not as outlines
    options: Any = canvas.drawOptions()  # RDKit's type stubs give its fields wrong types
    options.clearBackground, options.bondLineWidth, options.padding = False, 1.4, 0.06
    # Bonds of one length in all drawings, so that they compare; only large molecules shrink.
    options.fixedBondLength, options.minFontSize = 22, 9
    rdMolDraw2D.PrepareAndDrawMolecule(canvas, molecule)
    canvas.FinishDrawing()
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{_compacted(canvas.GetDrawingText())}</svg>'


def _compacted(drawn: str) -> str:
    lines: dict[str, list[str]] = {}
    for path, colour in _LINE.findall(drawn):
        lines.setdefault(colour, []).append(_rounded(path))
    parts = [f'<path class="bond" stroke="{_ink(ink)}" d="{"".join(paths)}"/>' for ink, paths in lines.items()]
    parts += [
        f'<path fill="{_ink(ink)}" d="{_rounded(path)}"/>' for path, ink in _FILLED.findall(drawn) if ink != "none"
    ]
    for x, y, size, anchor, colour, text in _LETTER.findall(_SPAN.sub("", drawn)):
        at = f' text-anchor="{anchor}"' if anchor else ""
        parts.append(
            f'<text x="{_rounded(x)}" y="{_rounded(y)}" font-size="{size}"{at} fill="{_ink(colour)}">{text}</text>'
        )
    return "".join(parts)


def _rounded(path: str) -> str:
    short = _NUMBER.sub(lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), path)
    return short.replace(" L ", "L").replace("M ", "M").replace(" Z", "Z").strip()


def _ink(colour: str) -> str:
    return COLOURS.get(colour, "currentColor")


def compact_drawings(smiles: Sequence[str]) -> list[str]:
    """Return drawings of many molecules, in their order."""
    return [compact_drawing(text) for text in smiles]
