"""Calibrate the scores of the package's pretrained models on what was held out of their own data.

    python -m scripts.training.packaged.calibrate splice-dna moses-smiles drug-smiles
    python -m scripts.training.packaged.calibrate zinc-smiles --texts test.smi.gz

Takes 15 minutes to an hour a model of molecules, on one core. With `--texts`, the held-out texts are those of a file:
the test split of the model's dataset, where that cannot be downloaded.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from seqvae.artifact.folder import save_calibration
from seqvae.artifact.pretrained import pretrained_folder, pretrained_names, read_card
from seqvae.data.files.readers import read_records
from seqvae.infer.calibrating import calibrate
from seqvae.runtime.progress import write_line


def main(argv: Sequence[str] | None = None) -> None:
    """Calibrate the models named, by default all, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=pretrained_names())
    parser.add_argument("--texts", default="", help="file of the held-out texts, of the one model named")
    given = parser.parse_args(argv)
    texts = [record.text for record in read_records(given.texts)[0]] if given.texts else None
    for name in given.names:
        folder = pretrained_folder(name)
        found = calibrate(
            name,
            texts,
            source=read_card(folder).data,
            progress=lambda done, count, name=name: write_line(f"{name}: {done:,} of {count:,}"),
        )
        save_calibration(folder, found)


if __name__ == "__main__":
    main()
