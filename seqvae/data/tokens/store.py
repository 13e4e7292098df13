"""Token ids of many sequences in one file, read through a memory map.

The file, little-endian throughout:

| bytes | what |
| --- | --- |
| 0 to 4095 | `SEQVAETK`, then the metadata as JSON, padded with spaces |
| 4096 on | `tokens` ids, uint16, sequence after sequence, without special tokens |
| then, at the next multiple of 8 | `count` + 1 offsets, int64: sequence i is `ids[offsets[i]:offsets[i + 1]]` |

Only the offsets (8 bytes per sequence) are kept in memory; the operating system pages the ids in as they are used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError
from seqvae.runtime.files import atomic_file
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD

FORMAT = 1
_MAGIC = b"SEQVAETK"
_HEADER = 4096  # one page, so that the ids start on a page of their own
_MAX_ID = np.iinfo(np.uint16).max
_BLOCK = 1 << 22  # bytes read at a time to check the content


@dataclass(frozen=True)
class StoreMeta:
    """The metadata of a store.

    Args:
        format: version of the file layout, an integer.
        count: number of sequences.
        tokens: total number of ids.
        max_length: longest sequence, in tokens without special tokens; 0 for an empty store.
        max_id: largest id; -1 for an empty store. It shows whether ambiguity codes (ids above the vocabulary) occur.
        content: sha256 of the ids and the offsets, in hexadecimal.
    """

    format: int
    count: int
    tokens: int
    max_length: int
    max_id: int
    content: str


class StoreWriter:
    """Writes sequences in chunks; made by `writing_store`, which finishes the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._lengths: list[NDArray[np.int64]] = [np.zeros(1, np.int64)]
        self._max_id = -1
        file.write(b" " * _HEADER)

    def append(self, sequences: Sequence[Sequence[int]]) -> None:
        """Add sequences of content ids.

        Args:
            sequences: ids without special tokens, one list per sequence.

        Raises:
            InputError: if an id does not fit 16 bits.
        """
        lengths = np.fromiter((len(s) for s in sequences), np.int64, len(sequences))
        flat = np.fromiter((i for s in sequences for i in s), np.int64, int(lengths.sum()))
        if flat.size and (flat.min() < 0 or flat.max() > _MAX_ID):
            bad = int(flat.min() if flat.min() < 0 else flat.max())
            raise InputError(f"token ids must lie in 0..{_MAX_ID} to be stored, got {bad}: use a smaller vocabulary")
        self._max_id = max(self._max_id, int(flat.max(initial=-1)))
        self._lengths.append(lengths)
        self._write(flat.astype("<u2").tobytes())

    def _write(self, data: bytes) -> None:
        self._hash.update(data)
        self._file.write(data)

    def finish(self) -> None:
        """Write the offsets and the header."""
        offsets = np.cumsum(np.concatenate(self._lengths))
        self._file.write(b"\0" * (-self._file.tell() % 8))
        self._write(offsets.astype("<i8").tobytes())
        longest = int(np.diff(offsets).max(initial=0))
        count, tokens = len(offsets) - 1, int(offsets[-1])
        meta = StoreMeta(FORMAT, count, tokens, longest, self._max_id, self._hash.hexdigest())
        self._file.seek(0)
        self._file.write((_MAGIC + json.dumps(asdict(meta)).encode()).ljust(_HEADER))


@contextmanager
def writing_store(path: Path) -> Iterator[StoreWriter]:
    """Write a store chunk by chunk; the file appears whole at the end of the block, or not at all.

    Args:
        path: the file to create or replace.

    Yields:
        A writer; call its `append`.
    """
    with atomic_file(path) as file:
        writer = StoreWriter(file)
        yield writer
        writer.finish()


def write_store(path: Path, sequences: Iterable[Sequence[int]]) -> TokenStore:
    """Write all sequences at once, and open the result.

    Args:
        path: the file to create or replace.
        sequences: content ids of each sequence, without special tokens.

    Returns:
        The store, open for reading.

    Raises:
        InputError: if an id does not fit 16 bits.
    """
    with writing_store(path) as writer:
        writer.append(list(sequences))
    return TokenStore(path)


class TokenStore:
    """Read-only token ids of many sequences.

    Args:
        path: a file made by `write_store` or `writing_store`.
        verify: read the whole file once and compare its checksum (about 0.2 s per 100 MB). Sizes are always checked.

    Raises:
        InputError: if the file is missing, foreign, truncated, changed, or of a newer format.
    """

    def __init__(self, path: Path | str, *, verify: bool = True) -> None:
        self.path = Path(path)
        self.meta = _read_meta(self.path)
        self._ids: NDArray[np.uint16] = np.zeros(0, np.uint16)
        if tokens := self.meta.tokens:  # an empty range cannot be mapped
            # A plain array over the same map: indexing the memmap class itself costs a Python call each time.
            self._ids = np.asarray(np.memmap(self.path, dtype="<u2", mode="r", offset=_HEADER, shape=(tokens,)))
        self.offsets: NDArray[np.int64] = _read_offsets(self.path, self.meta)
        self.lengths: NDArray[np.int32] = np.diff(self.offsets).astype(np.int32)
        if verify and _checksum(self.path, self.meta) != self.meta.content:
            raise _damaged(self.path, "its content does not match its checksum")

    def __len__(self) -> int:
        return self.meta.count

    def __repr__(self) -> str:
        return f"TokenStore({str(self.path)!r}: {self.meta.count:,} sequences, {self.meta.tokens:,} tokens)"

    def __reduce__(self) -> tuple[Any, ...]:
        # Training processes open the file themselves: the map is shared, and only the path is sent.
        return (partial(TokenStore, verify=False), (str(self.path),))

    @property
    def max_length(self) -> int:
        """Longest sequence, in tokens without special tokens."""
        return self.meta.max_length

    @property
    def content_hash(self) -> str:
        """sha256 of ids and offsets, in hexadecimal: the same for all stores of the same sequences."""
        return self.meta.content

    def ids(self, index: int) -> NDArray[np.uint16]:
        """Content ids of one sequence, shape `(length,)`, read-only.

        Raises:
            IndexError: if the index is outside the store.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"sequence {index} of a store that holds {len(self)}")
        index %= len(self)
        return self._ids[self.offsets[index] : self.offsets[index + 1]]

    def batch(self, indices: NDArray[np.integer]) -> NDArray[np.int64]:
        """Gather sequences by array indexing alone.

        Args:
            indices: which sequences, shape `(batch,)`.

        Returns:
            Shape `(batch, longest + 1)`: content, then EOS, then PAD, where `longest` is the longest of these.
        """
        lengths = self.lengths[indices].astype(np.int64)
        width = int(lengths.max(initial=0)) + 1
        out = np.full((len(lengths), width), PAD, np.int64)
        before = np.cumsum(lengths) - lengths
        source = np.repeat(self.offsets[:-1][indices] - before, lengths) + np.arange(lengths.sum())
        out[np.arange(width) < lengths[:, None]] = self._ids[source]
        out[np.arange(len(lengths)), lengths] = EOS
        return out


def _offsets_start(meta: StoreMeta) -> int:
    end = _HEADER + 2 * meta.tokens
    return end + -end % 8


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path}: not an intact token store: {why}; delete it and pack the data again")


def _read_meta(path: Path) -> StoreMeta:
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot open the token store: {error.strerror}") from error
    if not header.startswith(_MAGIC):
        raise _damaged(path, "it does not start as one")
    try:
        values = json.loads(header[len(_MAGIC) :])
    except ValueError as error:
        raise _damaged(path, "its header cannot be read") from error
    if isinstance(values, dict) and isinstance(values.get("format"), int) and values["format"] > FORMAT:
        raise InputError(
            f"{path}: token store of format {values['format']}, this seqvae reads up to {FORMAT}: update it"
        )
    if not isinstance(values, dict) or set(values) != {f.name for f in fields(StoreMeta)}:
        raise _damaged(path, "its header has missing or unknown fields")
    meta = StoreMeta(**values)
    expected = _offsets_start(meta) + 8 * (meta.count + 1)
    if size != expected:
        raise _damaged(path, f"{expected:,} bytes expected, {size:,} found")
    return meta


def _read_offsets(path: Path, meta: StoreMeta) -> NDArray[np.int64]:
    with path.open("rb") as file:
        file.seek(_offsets_start(meta))
        offsets = np.frombuffer(file.read(), "<i8").astype(np.int64)
    steps = np.diff(offsets)
    if (
        offsets[0] != 0
        or offsets[-1] != meta.tokens
        or steps.min(initial=0) < 0
        or steps.max(initial=0) != meta.max_length
    ):
        raise _damaged(path, "its offsets are inconsistent")
    return offsets


def _checksum(path: Path, meta: StoreMeta) -> str:
    """Hash by reading rather than through the map, whose pages would count as this process's memory."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for start, size in ((_HEADER, 2 * meta.tokens), (_offsets_start(meta), 8 * (meta.count + 1))):
            file.seek(start)
            while size > 0:
                block = file.read(min(size, _BLOCK))
                if not block:
                    return ""
                digest.update(block)
                size -= len(block)
    return digest.hexdigest()
