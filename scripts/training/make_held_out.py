"""Make the hashes of the molecules that the dataset `chembl` holds out, from files of these molecules.

    python -m scripts.training.make_held_out FILE.npz NAME=MOLECULES [NAME=MOLECULES ...]

For `chembl`: datasets/held_out/chembl.npz valid=valid.smi.gz test=test.smi.gz lead_series=lead_series.csv.gz.

Each array of FILE.npz has the name of a split; a split that the card has no file for, such as the series of lead
optimisation that are kept for benchmarks, is left out of training alone. Its numbers are 64-bit hashes, in the order of
the molecules: the first 8 bytes, least significant first, of BLAKE2b (`digest_size=8`) of the connectivity, which is
RDKit's canonical SMILES without stereo (`MolToSmiles(molecule, isomericSmiles=False)`). A connectivity that comes a
second time, in the same file or a later one, is left out. The file in the repository was made with RDKit 2026.09.1; its
molecules for validation and testing were drawn from ChEMBL 30 and 35.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.data.datasets.forms import forms_of
from seqvae.data.files.readers import read_records
from seqvae.runtime.files import atomic_file


def hashes_of(source: str) -> NDArray[np.uint64]:
    """Return the hash of each different connectivity in a file of molecules, in their order."""
    forms = forms_of([record.text for record in read_records(source)[0]], label=source)
    if unread := forms.smiles.count(""):
        raise SystemExit(f"{source}: RDKit cannot read {unread} molecules; remove them")
    return np.array(list(dict.fromkeys(forms.connectivity.tolist())), np.uint64)


def main(arguments: list[str]) -> None:
    """Write the hashes."""
    target, *pairs = arguments
    found: dict[str, NDArray[np.uint64]] = {}
    for name, _, source in (pair.partition("=") for pair in pairs):
        hashes = hashes_of(source)
        found[name] = hashes[~np.isin(hashes, np.concatenate([np.empty(0, np.uint64), *found.values()]))]
    with atomic_file(Path(target)) as file:
        np.savez(file, **found)  # type: ignore[arg-type]  # a name is never "allow_pickle"
    for name, hashes in found.items():
        print(f"{name}: {len(hashes):,} connectivities")


if __name__ == "__main__":
    main(sys.argv[1:])
