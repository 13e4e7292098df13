"""Other spellings of the same molecules for the encoder to read, packed before training begins.

A SMILES depends on the atom that it begins at. An encoder that reads any of a molecule's spellings, while the decoder
writes the canonical one, has to find the molecule behind the text (Bjerrum & Sattarov 2018, arXiv:1806.09300; Winter et
al. 2019, doi:10.1039/C8SC04175J).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqvae.config import ExecutorConfig
from seqvae.data.tokens.onehot import PAD
from seqvae.data.tokens.pack import content_key
from seqvae.data.tokens.store import TokenStore, writing_store
from seqvae.errors import UsageError
from seqvae.runtime.executor import Job, cores, run_chunks
from seqvae.runtime.files import cache_folder
from seqvae.runtime.progress import bar as shown
from seqvae.runtime.streams import SPELLING_CHOICE, SPELLINGS
from seqvae.sequences.tokenizers.registry import tokenizer_from_dict
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

_CHUNK = 2000  # molecules at a time: a second or two of work
_PER_WORKER = 4000  # molecules: fewer are not worth a process, which takes half a second to start
_LARGEST_SEED = 2**31 - 1  # that RDKit takes


@dataclass(frozen=True)
class Spellings:
    """A pool of other spellings of each sequence of a store.

    Attributes:
        store: those of the first sequence, then those of the second, and so on.
        each: spellings of each sequence.
        share: how often one of them is read in place of the sequence itself, 0 to 1.
        seed: of the draws.
    """

    store: TokenStore
    each: int
    share: float
    seed: int

    def inputs(self, own: NDArray[np.int64], indices: NDArray[np.integer], epoch: int) -> NDArray[np.int64]:
        """Return what the encoder reads of a batch, `(batch, length)`.

        Args:
            own: the sequences themselves, `(batch, length)`.
            indices: which sequences of the store they are, `(batch,)`.
            epoch: number of the pass.
        """
        # The first sequence tells the batch from the others of the pass.
        rng = np.random.default_rng(SPELLING_CHOICE.seed(self.seed, epoch, int(indices[0])))
        taken = rng.random(len(indices)) < self.share
        other = self.store.batch(self.each * np.asarray(indices, np.int64) + rng.integers(self.each, size=len(indices)))
        width = max(own.shape[1], other.shape[1])
        own, other = (np.pad(ids, ((0, 0), (0, width - ids.shape[1])), constant_values=PAD) for ids in (own, other))
        found = np.where(taken[:, None], other, own)
        return found[:, : int((found != PAD).sum(1).max())]


def pack_spellings(store: TokenStore, tokenizer: Tokenizer, each: int, seed: int, progress: bool = True) -> TokenStore:
    """Write random SMILES of each molecule of a store, or find those written earlier.

    A spelling with a token that the tokenizer does not know, such as a ring number that no canonical SMILES has, is
    replaced by the canonical one.

    Args:
        store: canonical SMILES, packed.
        tokenizer: the one that packed them, of SMILES.
        each: spellings of each molecule.
        seed: of the draws.
        progress: show a bar on standard error, where that is a terminal.

    Raises:
        UsageError: `each` is below 1.
    """
    if each < 1:
        raise UsageError(f"each: expected at least 1 spelling of each molecule, got {each}")
    key = f"{content_key([], tokenizer)}:{store.content_hash}:{each}:{seed}"
    path = cache_folder("spellings") / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.bin"
    if path.is_file():
        return TokenStore(path)
    chunks = (
        [
            (i, "".join(tokenizer.symbols_of(store.ids(i).tolist())))
            for i in range(start, min(start + _CHUNK, len(store)))
        ]
        for start in range(0, len(store), _CHUNK)
    )
    workers = max(1, min(cores(), len(store) // _PER_WORKER))
    where = ExecutorConfig("local" if workers == 1 else "processes", workers)
    job = Job(_speller, (tokenizer.to_dict(), each, seed))
    bar = shown(len(store), "other spellings", "molecule", quiet=not progress)
    with bar, writing_store(path) as writer, closing(run_chunks(job, chunks, where)) as found:
        for ids in found:
            writer.append(ids)
            bar.update(len(ids) // each)
    return TokenStore(path)


def _speller(record: dict[str, Any], each: int, seed: int) -> Callable[[Sequence[tuple[int, str]]], list[list[int]]]:
    """Return what writes the spellings of numbered molecules, as token ids."""
    from rdkit import Chem

    tokenizer = tokenizer_from_dict(record)

    def spell(molecules: Sequence[tuple[int, str]]) -> list[list[int]]:
        """Return the token ids of each molecule's spellings."""
        symbols = []
        for number, smiles in molecules:
            draw = SPELLINGS.seed(seed, number) % _LARGEST_SEED + 1
            for text in Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), each, randomSeed=draw):
                spelt = tokenizer.split(text)
                symbols.append(tokenizer.split(smiles) if tokenizer.unseen(spelt) else spelt)
        return tokenizer.ids_batch(symbols)

    return spell
