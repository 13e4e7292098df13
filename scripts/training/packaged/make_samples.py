"""Make the small samples of `datasets/samples/` again, byte for byte, from their source datasets.

    python -m scripts.training.packaged.make_samples [FOLDER]

FOLDER is where the samples go, by default `datasets/samples`. Sources that are not at hand are downloaded.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from seqvae.data.datasets.registry import Dataset, load_dataset
from seqvae.runtime.files import atomic_file

MOLECULES = 20_000
SEED = 0
HOME = Path(__file__).resolve().parents[3] / "datasets" / "samples"


def moses_lines(dataset: Dataset) -> list[str]:
    """A uniform sample of training molecules, in the order of the source."""
    train = dataset.split.train
    picked = np.random.default_rng(SEED).choice(train, size=min(MOLECULES, len(train)), replace=False)
    return [dataset.texts[i] for i in np.sort(picked)]


def mpsa_lines(dataset: Dataset) -> list[str]:
    """All splice sites as DNA, with exon inclusion and published split."""
    psi = dataset.values["log10_psi"]
    rows = zip(dataset.texts, psi.tolist(), dataset.labels, strict=True)
    return ["sequence,log10_psi,split", *(f"{text},{value:.4f},{side}" for text, value, side in rows)]


def write_gzipped(path: Path, lines: Iterable[str]) -> None:
    """Write lines so that the same lines give the same bytes: the file holds neither time nor file name."""
    content = "".join(f"{line}\n" for line in lines).encode("ascii")
    with atomic_file(path) as file:
        file.write(gzip.compress(content, compresslevel=9, mtime=0))


def main(arguments: list[str]) -> None:
    """Write both samples."""
    folder = Path(arguments[0]) if arguments else HOME
    write_gzipped(folder / "moses_20k.smi.gz", moses_lines(load_dataset("moses")))
    write_gzipped(folder / "mpsa.csv.gz", mpsa_lines(load_dataset("mpsa")))
    for path in sorted(folder.glob("*.gz")):
        print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
