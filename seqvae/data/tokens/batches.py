"""Batches of sequences of similar length: a pure plan of indices, and a stream of batches that follows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqvae.data.columns import Columns
from seqvae.data.tokens.batch import Batch
from seqvae.data.tokens.onehot import soft_one_hot
from seqvae.data.tokens.spellings import Spellings
from seqvae.data.tokens.store import TokenStore
from seqvae.errors import UsageError

# Sequences are sorted by length within chunks of this many batches: enough for batches of nearly one length (little
# padding), few enough for batches that differ between epochs and chunks that sample the whole set.
CHUNK_BATCHES = 64
_DRAWN = 1  # the stream of the draws by weight, beside that of the order


@dataclass(frozen=True)
class BatchPlan:
    """How a store is divided into batches.

    Args:
        batch_size: sequences per batch; the last one may be smaller.
        seed: seed and epoch alone determine the order.
        shuffle: a new order each epoch; False gives one fixed order, shortest first, for validation.
        rank: which share of the batches this process takes, `0..world_size - 1`.
        world_size: number of processes. Each takes the same number of batches; if they do not divide evenly, the first
            ones of the epoch are repeated, so that none is left out.

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
        """Number of batches per process and epoch, for a number of sequences."""
        return -(-_batches(sequences, self.batch_size) // self.world_size)


def plan_batches(lengths: NDArray[np.integer], plan: BatchPlan, epoch: int = 0) -> list[NDArray[np.int32]]:
    """Divide sequences into batches of similar length; a pure function of its arguments.

    Shuffled: permute, sort by length within chunks of `CHUNK_BATCHES` batches, cut, permute the batches.

    Args:
        lengths: tokens in each sequence, `(count,)`.
        plan: batch size, seed, and this process's share.
        epoch: number of the pass over the data; each epoch has its own order.

    Returns:
        One array of indices into `lengths` per batch.
    """
    starts = np.arange(_batches(len(lengths), plan.batch_size)) * plan.batch_size
    if plan.shuffle:
        rng = np.random.default_rng([plan.seed, epoch])
        shuffled = rng.permutation(len(lengths))
        # Sorting once by (chunk, length) sorts each chunk; the sort is stable, so ties keep their random order.
        chunk = np.arange(len(lengths)) // (plan.batch_size * CHUNK_BATCHES)
        order = shuffled[np.lexsort((lengths[shuffled], chunk))].astype(np.int32)
        starts = rng.permutation(starts)
    else:
        order = np.argsort(lengths, kind="stable").astype(np.int32)
    starts = np.resize(starts, plan.world_size * plan.count(len(lengths)))
    return [order[s : s + plan.batch_size] for s in starts[plan.rank :: plan.world_size].tolist()]


def _batches(sequences: int, batch_size: int) -> int:
    return -(-sequences // batch_size)


class BatchStream:
    """Batches of a token store, in the order of a plan, from any position on.

    `for batch in stream` passes once through the epoch chosen by `seek` (0 at first), from the chosen batch on; at the
    end, the stream is at the start of the next epoch. `state_dict` gives the position of the next batch.

    Args:
        store: the packed sequences.
        plan: batch size, seed, and this process's share.
        indices: the sequences to use, `(count,)`; None: all.
        id_table: the tokenizer's `id_table()`, `(n_ids, vocab)`. If the store has an ambiguity code (an id at or above
            `vocab`), the stream yields soft one-hot floats, `(batch, length, vocab)`; otherwise ids.
        columns: the numbers of each sequence of the store, which become part of its batch.
        spellings: what the encoder reads now and then in place of the store's sequences.
        drawn: in a shuffled epoch each sequence is drawn with replacement, in proportion to its weight, as many as
            there are; the batches then have no weights. Where weights are very unequal a batch of few would hardly have
            any that counts.
        pin_memory: put batches in page-locked memory, for faster copies to a CUDA device.

    Raises:
        UsageError: `columns` or `spellings` have another number of sequences.
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
        drawn: bool = False,
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
        weights = columns.weights if drawn and columns is not None and plan.shuffle else None
        self._drawn_by = None if weights is None else weights.astype(np.float64)
        self.indices = None if indices is None else np.asarray(indices, np.int32)
        soft = id_table is not None and store.meta.max_id >= id_table.shape[1]
        self.id_table = torch.as_tensor(id_table) if soft else None
        self._lengths = store.lengths if self.indices is None else store.lengths[self.indices]
        self._epoch, self._batch = 0, 0

    def __len__(self) -> int:
        """Number of batches in a whole epoch, whatever the current position."""
        return self.plan.count(self.sequences)

    @property
    def sequences(self) -> int:
        """Number of sequences in an epoch, over all processes."""
        return len(self._lengths)

    def plan_epoch(self, epoch: int) -> list[NDArray[np.int32]]:
        """Indices into the store of each batch of an epoch."""
        if self._drawn_by is not None and self.indices is None:
            shares = self._drawn_by / self._drawn_by.sum()
            drawn = np.random.default_rng([self.plan.seed, epoch, _DRAWN]).choice(len(shares), len(shares), p=shares)
            return [drawn[b].astype(np.int32) for b in plan_batches(self._lengths[drawn], self.plan, epoch)]
        batches = plan_batches(self._lengths, self.plan, epoch)
        return batches if self.indices is None else [self.indices[b] for b in batches]

    def batches(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield an epoch's batches from number `start` on, without changing the stream's position.

        Yields:
            Batches whose tokens are int64 `(batch, length)`: content, EOS, PAD; or soft one-hot float32
            `(batch, length, vocab)`.
        """
        for indices in self.plan_epoch(epoch)[start:]:
            ids = self.store.batch(indices)
            targets = torch.from_numpy(ids)
            targets = targets if self.id_table is None else soft_one_hot(targets, self.id_table)
            inputs = targets if self.spellings is None else torch.from_numpy(self.spellings.inputs(ids, indices, epoch))
            parts: list[Tensor | None] = []
            if self.columns:
                found = self.columns.rows(indices)
                weights = found.weights if self._drawn_by is None else None
                numbers = (found.labels if found.names else None, weights, found.conditions)
                parts = [None if part is None else torch.from_numpy(part) for part in numbers]
            batch = Batch(targets, inputs, *parts)
            yield batch.pin_memory() if self.pin_memory else batch

    def __iter__(self) -> Iterator[Batch]:
        epoch = self._epoch
        for number, batch in enumerate(self.batches(epoch, self._batch), self._batch):
            # Before the batch is yielded, so that a reader that stops after the last one is at the next epoch.
            self.seek(epoch, number + 1)
            yield batch
        self._epoch, self._batch = epoch + 1, 0

    def seek(self, epoch: int, batch: int = 0) -> None:
        """Choose where the next pass starts.

        Args:
            epoch: number of the pass, from 0.
            batch: its first batch, from 0; `len(stream)` is the start of the next epoch.

        Raises:
            UsageError: if the position is outside an epoch.
        """
        if epoch < 0 or not 0 <= batch <= len(self):
            raise UsageError(f"a position is epoch >= 0 and batch in 0..{len(self)}, got epoch {epoch}, batch {batch}")
        self._epoch, self._batch = (epoch + 1, 0) if batch == len(self) else (epoch, batch)

    def state_dict(self) -> dict[str, int]:
        """Position of the next batch: `epoch` and `batch`."""
        return {"epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go to a position returned by `state_dict`."""
        self.seek(state["epoch"], state["batch"])
