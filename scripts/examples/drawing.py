"""What the examples share: their flags, and pictures of molecules and plots as files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

from seqvae.report.html.molecules import laid_like
from seqvae.report.html.style import standing_alone
from seqvae.runtime.files import atomic_file

PICTURES = Path(__file__).parent / "pictures"
COLUMNS, WIDTH, HEIGHT = 4, 300, 220  # pixels of a panel


def arguments(about: str, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return what every example is told: where its picture goes, and whether it only shows that it runs."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder of the picture")
    parser.add_argument("--small", action="store_true", help="only show that it runs")
    return parser.parse_args(argv)


def save_molecules(path: Path, smiles: Sequence[str], captions: Sequence[str], lead: str = "") -> None:
    """Write a PNG of molecules, four a row; those of a lead lie as it does, what it does not have is marked."""
    rows = -(-len(smiles) // COLUMNS)
    canvas = rdMolDraw2D.MolDraw2DCairo(COLUMNS * WIDTH, rows * HEIGHT, WIDTH, HEIGHT)
    options = canvas.drawOptions()
    options.legendFontSize, options.fixedBondLength = 18, 22.0
    options.setHighlightColour((1.0, 0.85, 0.65))
    molecules = [Chem.MolFromSmiles(text) for text in smiles]
    changed = [laid_like(molecule, lead) if lead else [] for molecule in molecules]
    canvas.DrawMolecules(molecules, legends=list(captions), highlightAtoms=changed)
    canvas.FinishDrawing()
    save(path, canvas.GetDrawingText())


def save_plot(path: Path, svg: str) -> None:
    """Write a plot of a report as an SVG file of its own."""
    save(path, standing_alone(svg).encode())


def save(path: Path, content: bytes) -> None:
    """Write a file, and say where."""
    with atomic_file(path) as file:
        file.write(content)
    print(path)
