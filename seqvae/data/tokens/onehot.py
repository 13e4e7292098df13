"""One-hot sequences. The layout of every one-hot array in seqvae is `(batch, length, vocab)`.

A *soft* one-hot row is a probability over the vocabulary: an ambiguity code (IUPAC) or a masked position is uniform
over the symbols it allows. A token id at or above the vocabulary size stands for such a set; its row is in the
tokenizer's `id_table()`, `(n_ids, vocab)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from seqvae.errors import UsageError
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD, Tokenizer


def one_hot(ids: Tensor, vocab_size: int) -> Tensor:
    """Turn token ids into one-hot rows.

    Args:
        ids: int64, `(batch, length)`, each in `0..vocab_size - 1`.
        vocab_size: size of the last axis.

    Returns:
        float32, `(batch, length, vocab)`; every row sums to 1.

    Raises:
        UsageError: if an id lies outside the vocabulary.

    Examples:
        >>> one_hot(torch.tensor([[2, 0]]), 3).tolist()
        [[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
    """
    _check_range(ids, vocab_size, "the vocabulary")
    return torch.nn.functional.one_hot(ids, vocab_size).to(torch.float32)


def soft_one_hot(ids: Tensor, id_table: Tensor) -> Tensor:
    """Turn token ids, ambiguity codes included, into soft one-hot rows.

    Args:
        ids: int64, `(batch, length)`, each in `0..n_ids - 1`.
        id_table: float, `(n_ids, vocab)`, the tokenizer's `id_table()`.

    Returns:
        Of the table's type, `(batch, length, vocab)`; every row sums to 1.

    Raises:
        UsageError: if an id lies outside the table.
    """
    _check_range(ids, id_table.shape[0], "the id table")
    return id_table[ids]


def padded(rows: Sequence[Sequence[int]], tokenizer: Tokenizer) -> Tensor:
    """Return rows of token ids, each ended, and padded to the longest.

    Args:
        rows: token ids, without special tokens; ambiguity codes may be among them.
        tokenizer: fitted.

    Returns:
        int64, `(batch, length)`; with an ambiguity code soft one-hots, `(batch, length, vocab)`.
    """
    width = max(len(row) for row in rows) + 1
    tokens = torch.tensor([[*row, EOS] + [PAD] * (width - len(row) - 1) for row in rows])
    if int(tokens.max()) >= tokenizer.vocab_size:
        return soft_one_hot(tokens, torch.from_numpy(tokenizer.id_table()))
    return tokens


def allowed(ids: Tensor, id_table: Tensor) -> Tensor:
    """Return which symbols each position allows: one for a token, several for an ambiguity code.

    Args:
        ids: int64, `(batch, length)`.
        id_table: float, `(n_ids, vocab)`.

    Returns:
        bool, `(batch, length, vocab)`; at least one is true in each row.

    Raises:
        UsageError: if an id lies outside the table.
    """
    return soft_one_hot(ids, id_table) > 0


def padding_mask(sequences: Tensor) -> Tensor:
    """Return which positions are content or EOS rather than padding.

    Args:
        sequences: ids `(batch, length)`, or hard or soft one-hots `(batch, length, vocab)`.

    Returns:
        bool, `(batch, length)`: true up to and including EOS, false on PAD.

    Examples:
        >>> padding_mask(torch.tensor([[5, 2, 0]])).tolist()
        [[True, True, False]]
    """
    if sequences.dim() == 2:
        return sequences != PAD
    return sequences[..., PAD] < 0.5


def _check_range(ids: Tensor, size: int, what: str) -> None:
    if ids.numel() and (int(ids.min()) < 0 or int(ids.max()) >= size):
        raise UsageError(f"ids must lie in 0..{size - 1} of {what}, got {int(ids.min())}..{int(ids.max())}")
