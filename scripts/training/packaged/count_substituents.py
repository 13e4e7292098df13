"""Count which substituents stand on which atoms, for the exchange of substituents around a lead.

    python -m scripts.training.packaged.count_substituents chembl seqvae/search/domain/substituents.json.gz

Of training molecules, drawn at random; per kind of atom the table holds the total count and that of each substituent
which was counted at least `LEAST` times, `MOST` of them at the most. `chembl` leaves out the molecules that it holds
out, and the series of lead optimisation on which the analogs of a lead are measured. The table in the package is of
60,000 molecules of ChEMBL (CC BY-SA 3.0).
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rdkit import Chem, rdBase

from seqvae.data.datasets.registry import load_dataset
from seqvae.runtime.files import atomic_file
from seqvae.search.domain.substituents import kind_of, places_of

LEAST, MOST = 4, 1_000


def counted(texts: Sequence[str]) -> dict[str, Counter[str]]:
    """Return how often each substituent stands on an atom of each kind; each hydrogen counts."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    with rdBase.BlockLogs():
        for text in texts:
            molecule = Chem.MolFromSmiles(text)
            for place in [] if molecule is None else places_of(molecule):
                atom = molecule.GetAtomWithIdx(place.anchor)
                found[kind_of(atom)][place.substituent] += 1 if place.removed else atom.GetTotalNumHs()
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
    found = counted([texts[row] for row in rows])
    table = {}
    for kind, counts in sorted(found.items()):
        if kept := {group: count for group, count in counts.most_common(MOST) if count >= LEAST}:
            table[kind] = (counts.total(), kept)
    with atomic_file(chosen.target) as file:
        file.write(gzip.compress(json.dumps(table, separators=(",", ":")).encode(), mtime=0))
    print(
        f"{len(rows):,} molecules, {sum(len(groups) for _, groups in table.values()):,} substituents: {chosen.target}"
    )


if __name__ == "__main__":
    main()
