"""A map of one's own list of molecules, as a picture for a paper.

    python -m scripts.examples.map_of_my_list

`seqvae map` makes the same as a page to look at, search and select from. The picture is coloured by drug-likeness over
the dark areas of the latent space: where what is decoded is no molecule, or is encoded elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from scripts.examples.drawing import arguments
from seqvae.config import MapConfig, ViewConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.maps.chart import chart
from seqvae.report.map.picture import write_picture


def main(argv: Sequence[str] | None = None) -> None:
    """Draw molecules of MOSES in the latent space of the model that was trained on such."""
    given = arguments(__doc__ or "", argv)
    rows, draws = (40, 60) if given.small else (2000, 4000)
    config = MapConfig(samples=0, clusters=0, grid=0, draws=draws, property=("qed",))
    found = chart("moses-smiles", load_dataset("moses-sample").texts[-rows:], config, device="cpu")
    path = given.out / "map_of_my_list.png"
    write_picture(path, found, ViewConfig(color="qed", shade="dark"))
    print(path)


if __name__ == "__main__":
    main()
