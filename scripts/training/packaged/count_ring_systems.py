"""Count the ring systems of molecules that chemists made, for searches whose designs should be plausible.

    python -m scripts.training.packaged.count_ring_systems chembl seqvae/properties/molecules/ring_systems.json.gz

Of training molecules, drawn at random: in how many each ring system occurs, those in at least `LEAST`. The table in the
package is of 60,000 molecules of ChEMBL (CC BY-SA 3.0).
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rdkit import rdBase

from seqvae.data.datasets.registry import load_dataset
from seqvae.properties.molecules.ring_systems import ring_systems
from seqvae.runtime.files import atomic_file
from seqvae.sequences.molecules import read_molecule

LEAST = 3


def counted(texts: Sequence[str]) -> Counter[str]:
    """Return in how many molecules each ring system occurs."""
    found = Counter[str]()
    with rdBase.BlockLogs():
        for text in texts:
            molecule = read_molecule(text)
            found.update([] if molecule is None else ring_systems(molecule))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("target", type=Path)
    parser.add_argument("--molecules", type=int, default=60_000)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    data = load_dataset(chosen.dataset)
    texts = data.texts if data.split is None else [data.texts[row] for row in data.split.train]
    rows = np.random.default_rng(chosen.seed).permutation(len(texts))[: chosen.molecules]
    kept = {system: count for system, count in counted([texts[row] for row in rows]).most_common() if count >= LEAST}
    with atomic_file(chosen.target) as file:
        file.write(gzip.compress(json.dumps(kept, separators=(",", ":")).encode(), mtime=0))
    print(f"{len(rows):,} molecules, {len(kept):,} ring systems: {chosen.target}")


if __name__ == "__main__":
    main()
