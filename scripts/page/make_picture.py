"""Draw the picture at the top of README: molecules sampled by a pretrained model, and a path between two drugs.

    python -m scripts.page.make_picture [--model NAME]

The path shows the molecules that the model decodes on the straight line between the drugs' latent points.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rdkit import Chem
from rdkit.Chem.Draw import rdMolDraw2D

import seqvae
from seqvae.config import DEFAULT_MODEL
from seqvae.latent.codec import Codec
from seqvae.properties import get
from seqvae.runtime.files import atomic_file
from seqvae.sequences.molecules import is_valid

OUT = Path(__file__).resolve().parents[1] / "results" / "picture.png"
COLUMNS, WIDTH, HEIGHT = 5, 260, 190  # pixels of a panel
SAMPLED = 10
TEMPERATURE = 0.5  # what the model's card recommends: nearer to real molecules than its own distribution, 1
ENDS = {"sulfamethoxazole": "Cc1cc(NS(=O)(=O)c2ccc(N)cc2)no1", "moclobemide": "O=C(NCCN1CCOCC1)c1ccc(Cl)cc1"}


def panels(codec: Codec) -> tuple[list[str], list[str]]:
    """Return the molecules of the picture, row by row, with captions; samples are the first at half temperature."""
    drawn = [text for text in codec.sample(2 * SAMPLED, temperature=TEMPERATURE) if is_valid(text)][:SAMPLED]
    captions = [f"sampled, QED {value:.2f}" for value in get("qed")(drawn)]
    path = walk(codec, *ENDS.values())
    first, last = ENDS
    between = [f"{step} of {len(path) - 1}" for step in range(1, len(path) - 1)]
    return drawn + path, [*captions, first, *between, last]


def walk(codec: Codec, first: str, last: str) -> list[str]:
    """Return a row of distinct molecules on the path from one to the other, evenly spaced."""
    along = [text for text in dict.fromkeys(codec.interpolate(first, last, steps=64)) if is_valid(text)]
    return [along[round(i * (len(along) - 1) / (COLUMNS - 1))] for i in range(COLUMNS)]


def picture(molecules: Sequence[str], captions: Sequence[str]) -> bytes:
    """Return a PNG of molecules in rows."""
    rows = -(-len(molecules) // COLUMNS)
    canvas = rdMolDraw2D.MolDraw2DCairo(COLUMNS * WIDTH, rows * HEIGHT, WIDTH, HEIGHT)
    canvas.drawOptions().legendFontSize = 18
    canvas.DrawMolecules([Chem.MolFromSmiles(text) for text in molecules], legends=list(captions))
    canvas.FinishDrawing()
    return canvas.GetDrawingText()


def main(argv: Sequence[str] | None = None) -> None:
    """Draw and write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name or folder of a model")
    parser.add_argument("--out", type=Path, default=OUT, help="the PNG file")
    given = parser.parse_args(argv)
    content = picture(*panels(seqvae.load(given.model, device="cpu")))
    with atomic_file(given.out) as file:
        file.write(content)


if __name__ == "__main__":
    main()
