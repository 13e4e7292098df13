"""How rows are divided into chunks and batches, and the seeds of these."""

from __future__ import annotations

from torch import Tensor

from seqvae.config import CHUNK
from seqvae.errors import UsageError
from seqvae.runtime.streams import LATER_CHUNKS


def chunk_seed(seed: int, number: int) -> int:
    """Return the seed of a chunk of rows; that of the first is the seed itself."""
    return LATER_CHUNKS.seed(seed, number) if number else seed


def chunk_sizes(count: int) -> list[int]:
    """Return the number of samples in each chunk; raises UsageError where there are none."""
    if count < 1:
        raise UsageError(f"expected a number of samples from 1, got {count}")
    return [min(CHUNK, count - start) for start in range(0, count, CHUNK)]


def split(rows: Tensor, batch_size: int) -> tuple[Tensor, ...]:
    """Return the rows in batches; raises UsageError for a batch size below 1."""
    at_least_one("batch_size", batch_size)
    return rows.split(batch_size)


def at_least_one(name: str, value: int) -> None:
    """Raise a `UsageError` for a number below 1."""
    if value < 1:
        raise UsageError(f"{name}: expected a number from 1, got {value}")
