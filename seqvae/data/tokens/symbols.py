"""Splitting chunks of texts into symbols, compactly enough to be sent between processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import selfies
from numpy.typing import NDArray

from seqvae.runtime.executor import Job
from seqvae.sequences.tokenizers.registry import tokenizer_from_dict
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class SymbolChunk:
    """Symbols of a chunk of texts, compactly.

    Args:
        symbols: the distinct symbols.
        lengths: int32, `(texts,)`: symbols in each text, -1 if the text was rejected.
        codes: int32: the texts' symbols concatenated, as positions in `symbols`.
        forms: canonical form of each text, None if it has none.
        rejected: (position in the chunk, reason) of each text that the tokenizer refused.
    """

    symbols: tuple[str, ...]
    lengths: NDArray[np.int32]
    codes: NDArray[np.int32]
    forms: tuple[str | None, ...]
    rejected: tuple[tuple[int, str], ...]


def split_texts(tokenizer: Tokenizer, texts: Sequence[str]) -> SymbolChunk:
    """Split texts into symbols in this process.

    Args:
        tokenizer: need not be fitted.
        texts: the texts.

    Returns:
        The symbols; texts that the tokenizer refuses are among `rejected`.
    """
    table: dict[str, int] = {}
    lengths = np.full(len(texts), -1, np.int32)
    codes: list[int] = []
    forms: list[str | None] = []
    rejected: list[tuple[int, str]] = []
    for position, text in enumerate(texts):
        read = tokenizer.read(text)
        forms.append(read.form)
        if read.error is not None:
            rejected.append((position, str(read.error)))
            continue
        lengths[position] = len(read.symbols)
        codes.extend(table.setdefault(s, len(table)) for s in read.symbols)
    return SymbolChunk(tuple(table), lengths, np.asarray(codes, np.int32), tuple(forms), tuple(rejected))


def splitting(tokenizer: Tokenizer) -> Job:
    """Return the job of `split_texts` for chunks of texts.

    Args:
        tokenizer: restored in each worker from its `to_dict()`, under this process's SELFIES constraints.
    """
    ready = splitter(tokenizer)
    return Job(_splitter_elsewhere, (tokenizer.to_dict(), selfies.get_semantic_constraints()), ready)


def splitter(tokenizer: Tokenizer) -> Callable[[Sequence[str]], SymbolChunk]:
    """Return `split_texts` with a tokenizer."""
    return lambda texts: split_texts(tokenizer, texts)


def _splitter_elsewhere(record: dict[str, Any], constraints: dict[str, int]) -> Callable[[Sequence[str]], SymbolChunk]:
    selfies.set_semantic_constraints(constraints)
    return splitter(tokenizer_from_dict(record))
