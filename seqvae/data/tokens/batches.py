"""Batches of sequences of like length: a pure plan of indices, and a stream of batches that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from seqvae.data.columns import Columns
from seqvae.data.tokens.batch import Batch
from seqvae.data.tokens.onehot import soft_one_hot
from seqvae.data.tokens.spellings import Spellings
from seqvae.data.tokens.store import TokenStore
from seqvae.errors import UsageError

# Sequences are sorted by length within chunks of this many batches. Large enough that a batch holds nearly one length
# (little padding), small enough that batches differ between epochs and that a chunk samples the whole set.
CHUNK_BATCHES = 64


@dataclass(frozen=True)
class BatchPlan:
    """How a store is cut into batches.

    Args:
        batch_size: sequences a batch; the last one may be smaller.
        seed: the order follows from seed and epoch alone.
        shuffle: a new order each epoch; False gives one fixed order, shortest first, for validation.
        rank: which share of the batches this process takes, `0..world_size - 1`.
        world_size: number of processes. Each takes the same number of batches; where they do not divide evenly, the
            first ones of the epoch are taken once more, so that nothing is left out.

    Raises:
        UsageError: if a number is out of range.
    """

    batch_size: int
    seed: int = 0
    shuffle: bool = True
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, got {self.batch_size}")
        if not 0 <= self.rank < self.world_size:
            raise UsageError(f"rank must lie in 0..world_size - 1 = {self.world_size - 1}, got {self.rank}")
        if self.seed < 0:
            raise UsageError(f"seed must not be negative, got {self.seed}")

    def count(self, sequences: int) -> int:
        """Number of batches that each process takes from so many sequences in an epoch."""
        return -(-_batches(sequences, self.batch_size) // self.world_size)


def plan_batches(lengths: NDArray[np.integer], plan: BatchPlan, epoch: int = 0) -> list[NDArray[np.int32]]:
    """Cut sequences into batches of like length; a pure function of its arguments.

    Shuffled: permute, sort by length inside chunks of `CHUNK_BATCHES` batches, cut, permute the batches.

    Args:
        lengths: tokens of each sequence, `(count,)`.
        plan: batch size, seed, and this process's share.
        epoch: number of the pass over the data; another epoch gives another order.

    Returns:
        One array of indices into `lengths` a batch.
    """
    rng = np.random.default_rng([plan.seed, epoch])
    by_length = _bucketed(lengths, plan.batch_size, rng) if plan.shuffle else np.argsort(lengths, kind="stable")
    order = by_length.astype(np.int32)
    starts = np.arange(_batches(len(lengths), plan.batch_size)) * plan.batch_size
    if plan.shuffle:
        starts = rng.permutation(starts)
    starts = np.resize(starts, plan.world_size * plan.count(len(lengths)))
    return [order[s : s + plan.batch_size] for s in starts[plan.rank :: plan.world_size].tolist()]


def _bucketed(lengths: NDArray[np.integer], batch_size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    order = rng.permutation(len(lengths))
    # Sorting once by (chunk, length) is sorting each chunk; the sort is stable, so ties keep their random order.
    chunk = np.arange(len(lengths)) // (batch_size * CHUNK_BATCHES)
    return order[np.lexsort((lengths[order], chunk))]


def _batches(sequences: int, batch_size: int) -> int:
    return -(-sequences // batch_size)


class BatchStream:
    """Batches of a token store, in the order of a plan, from any position on.

    `for batch in stream` goes once through the epoch that `seek` has chosen (0 at first), from the batch it has chosen;
    when it has come to the end, the stream stands at the beginning of the next epoch. `state_dict` gives the position
    of the batch to come.

    Args:
        store: the packed sequences.
        plan: batch size, seed, and this process's share.
        indices: the sequences to use, `(count,)`; all where it is None.
        id_table: the tokenizer's `id_table()`, `(n_ids, vocab)`. Where the store holds an ambiguity code (an id at or
            past `vocab`) the stream yields soft one-hot floats, `(batch, length, vocab)`; otherwise ids.
        columns: numbers of each sequence of the store, which come with its batch.
        spellings: what the encoder reads now and then in place of the store's sequences.
        pin_memory: put batches in page-locked memory, for faster copies to a CUDA device.

    Raises:
        UsageError: `columns` or `spellings` are of another number of sequences.
    """

    def __init__(
        self,
        store: TokenStore,
        plan: BatchPlan,
        *,
        indices: NDArray[np.integer] | None = None,
        id_table: NDArray[np.float32] | None = None,
        columns: Columns | None = None,
        spellings: Spellings | None = None,
        pin_memory: bool = False,
    ) -> None:
        beside = {"columns": len(store) if columns is None else len(columns.labels)}
        if spellings is not None:
            beside["spellings"] = len(spellings.store) // spellings.each
        for name, count in beside.items():
            if count != len(store):
                raise UsageError(f"{name}: expected one for each of {len(store):,} sequences, got {count:,}")
        self.store, self.plan, self.pin_memory = store, plan, pin_memory
        self.columns, self.spellings = columns, spellings
        self.indices = None if indices is None else np.asarray(indices, np.int32)
        soft = id_table is not None and store.meta.max_id >= id_table.shape[1]
        self.id_table = torch.as_tensor(id_table) if soft else None
        self._lengths = store.lengths if self.indices is None else store.lengths[self.indices]
        self._epoch, self._batch = 0, 0

    def __len__(self) -> int:
        """Number of batches in a whole epoch, wherever the stream stands."""
        return self.plan.count(self.sequences)

    @property
    def sequences(self) -> int:
        """Number of sequences in an epoch, over all processes."""
        return len(self._lengths)

    def plan_epoch(self, epoch: int) -> list[NDArray[np.int32]]:
        """Indices into the store of each batch of an epoch."""
        batches = plan_batches(self._lengths, self.plan, epoch)
        return batches if self.indices is None else [self.indices[b] for b in batches]

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield an epoch's batches from number `start` on, without moving the stream.

        Yields:
            Batches whose tokens are int64 `(batch, length)`: content, EOS, PAD; or soft one-hot float32
            `(batch, length, vocab)`.
        """
        for indices in self.plan_epoch(epoch)[start:]:
            yield self._batch_of(indices, epoch)

    def __iter__(self) -> Iterator[Batch]:
        epoch = self._epoch
        for number, batch in enumerate(self.batches(epoch, self._batch), self._batch):
            self.seek(epoch, number + 1)  # before the batch is out: who takes no more than all stands at the next epoch
            yield batch
        self._epoch, self._batch = epoch + 1, 0

    def seek(self, epoch: int, batch: int = 0) -> None:
        """Choose where the next pass begins.

        Args:
            epoch: number of the pass, from 0.
            batch: the first batch of it, from 0; `len(stream)` is the same as the beginning of the next epoch.

        Raises:
            UsageError: if the position lies outside an epoch.
        """
        if epoch < 0 or not 0 <= batch <= len(self):
            raise UsageError(f"a position is epoch >= 0 and batch in 0..{len(self)}, got epoch {epoch}, batch {batch}")
        self._epoch, self._batch = (epoch + 1, 0) if batch == len(self) else (epoch, batch)

    def state_dict(self) -> dict[str, int]:
        """Position of the batch to come: `epoch` and `batch`."""
        return {"epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a position that `state_dict` gave."""
        self.seek(state["epoch"], state["batch"])

    def _batch_of(self, indices: NDArray[np.int32], epoch: int) -> Batch:
        ids = self.store.batch(indices)
        targets = torch.from_numpy(ids)
        targets = targets if self.id_table is None else soft_one_hot(targets, self.id_table)
        inputs = targets if self.spellings is None else torch.from_numpy(self.spellings.inputs(ids, indices, epoch))
        labels = weights = None
        if self.columns:
            numbers = self.columns.rows(indices)
            labels = torch.from_numpy(numbers.labels) if numbers.names else None
            weights = None if numbers.weights is None else torch.from_numpy(numbers.weights)
        batch = Batch(targets, inputs, labels, weights)
        return batch.pin_memory() if self.pin_memory else batch
