"""Make the hashes of the molecules that the dataset `chembl` holds out, from files of these molecules.

    python -m scripts.training.packaged.make_held_out FILE.npz NAME=MOLECULES [NAME=MOLECULES ...]

For `chembl`: datasets/held_out/chembl.npz valid=valid.smi.gz test=test.smi.gz lead_series=lead_series.csv.gz
reserved=reserved.smi.

Each array of FILE.npz has the name of a split; a split that the card has no file for, such as the series of lead
optimisation that are kept for benchmarks, is left out of training alone. Its numbers are 64-bit hashes, in the order of
the molecules: the first 8 bytes, least significant first, of BLAKE2b (`digest_size=8`) of the connectivity, which is
RDKit's canonical SMILES without stereo (`MolToSmiles(molecule, isomericSmiles=False)`). The array NAME.form has the
lowest 32 bits of the same hash of the canonical SMILES with stereo: which of several stereo-isomers was drawn. A
connectivity that comes a second time, in the same file or a later one, is left out. The file in the repository was made
with RDKit 2026.09.1; its molecules for validation and testing were drawn from ChEMBL 30 and 35, and those of
reserved.smi stand in the sources of the recipe and were in none of the three published sides when these were drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.data.datasets.forms import forms_of
from seqvae.data.datasets.recipe import FORM, form_hash
from seqvae.data.files.readers import read_records
from seqvae.runtime.files import atomic_file


def main(arguments: list[str]) -> None:
    """Write the hashes."""
    target, *pairs = arguments
    found: dict[str, NDArray[np.unsignedinteger]] = {}
    known: set[int] = set()
    for name, _, source in (pair.partition("=") for pair in pairs):
        forms = forms_of([record.text for record in read_records(source)[0]], label=source)
        if unread := forms.smiles.count(""):
            raise SystemExit(f"{source}: RDKit cannot read {unread} molecules; remove them")
        kept: dict[int, int] = {}
        for smiles, connectivity in zip(forms.smiles, forms.connectivity.tolist(), strict=True):
            if connectivity not in known:
                kept.setdefault(connectivity, form_hash(smiles))
        known |= kept.keys()
        found[name] = np.array([*kept], np.uint64)
        found[name + FORM] = np.array([*kept.values()], np.uint32)
        print(f"{name}: {len(kept):,} connectivities")
    with atomic_file(Path(target)) as file:
        np.savez(file, **found)  # type: ignore[arg-type]  # a name is never "allow_pickle"


if __name__ == "__main__":
    main(sys.argv[1:])
