"""Canonical SMILES and connectivity of many molecules; kept in the cache, since RDKit takes minutes for a million."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqvae.data.datasets.cards import Limits
from seqvae.runtime.executor import Job, run_chunks
from seqvae.runtime.files import atomic_file, cache_folder

_CHUNK = 2000  # molecules: about half a second of one core
_HASH_BYTES = 8


@dataclass(frozen=True)
class Forms:
    """Molecules in canonical form.

    Args:
        smiles: canonical isomeric SMILES of each; "" where RDKit cannot read it, or it is beyond the limits.
        connectivity: uint64 `(molecules,)`: hash of each one's connectivity; 0 where there is no SMILES.
    """

    smiles: list[str]
    connectivity: NDArray[np.uint64]


def rdkit_version() -> str:
    """Return RDKit's version: canonical SMILES may differ between versions, so results are kept for each."""
    from rdkit import rdBase

    return str(rdBase.rdkitVersion)


def hash_of(connectivity: str) -> int:
    """Return the first 64 bits of BLAKE2b of a connectivity.

    Of 4 million molecules any two share a hash with a probability below one in a million.
    """
    return int.from_bytes(hashlib.blake2b(connectivity.encode(), digest_size=_HASH_BYTES).digest(), "little")


def forms_of(texts: Sequence[str], limits: Limits | None = None, label: str = "", progress: bool = True) -> Forms:
    """Return the canonical forms of molecules, from the cache if they are there.

    Several processes work on many molecules.

    Args:
        texts: SMILES in any form.
        limits: molecules beyond these get no form; None: none are dropped.
        label: of the progress bar.
        progress: show a bar on standard error, if that is a terminal.
    """
    digest = hashlib.sha256(f"{rdkit_version()} {limits}\n".encode())
    for text in texts:
        digest.update(f"{text}\n".encode())
    path = cache_folder("datasets", "forms", f"{digest.hexdigest()}.gz")
    if not path.is_file():
        from tqdm import tqdm

        chunks = (texts[at : at + _CHUNK] for at in range(0, len(texts), _CHUNK))
        # disable=None shows the bar on a terminal only.
        hidden = None if label and progress else True
        bar = tqdm(total=len(texts), unit=" molecules", unit_scale=True, desc=label, disable=hidden)
        with bar, atomic_file(path) as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as packed:
            for made in run_chunks(Job(_chunk_worker, (limits,)), chunks):
                packed.write("".join(f"{smiles}\t{one:x}\n" if smiles else "\n" for smiles, one in made).encode())
                bar.update(len(made))
    with gzip.open(path, "rt", encoding="ascii") as file:
        pairs = [line.rstrip("\n").partition("\t") for line in file]
    hashes = np.fromiter((int(hexadecimal or "0", 16) for _, _, hexadecimal in pairs), np.uint64, len(pairs))
    return Forms([smiles for smiles, _, _ in pairs], hashes)


def _chunk_worker(limits: Limits | None) -> Callable[[Sequence[str]], list[tuple[str, int]]]:
    return lambda texts: [_form(text, limits) for text in texts]


def _form(text: str, limits: Limits | None) -> tuple[str, int]:
    """Return the canonical SMILES of a molecule and the hash of its connectivity; ("", 0) without a form."""
    from seqvae.sequences.molecules import connectivity_of, read_molecule, write_molecule

    molecule = read_molecule(text)
    if molecule is None:
        return "", 0
    if limits is not None:
        if not limits.smallest <= molecule.GetNumHeavyAtoms() <= limits.largest:
            return "", 0
        atoms = (atom for atom in molecule.GetAtoms() if atom.GetAtomicNum() != 1 or atom.GetIsotope())
        for atom in atoms:
            if atom.GetSymbol() not in limits.elements or atom.GetIsotope() or atom.GetNumRadicalElectrons():
                return "", 0
    smiles = write_molecule(molecule)
    if limits is not None and ("." in smiles or len(smiles) > limits.longest):
        return "", 0
    return smiles, hash_of(connectivity_of(molecule))
