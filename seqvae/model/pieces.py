"""Merged tokens cut into the base symbols that they stand for, on their way into the encoder.

One changed atom changes how all the symbols around it are merged, and an encoder of merged tokens sees another text.
Read as base symbols, always or now and then while training, it stays the same but for that atom. Cutting at random is
a simple form of BPE dropout (Provilkov et al. 2020, arXiv:1910.13267), with two cuts of each token: whole, or all the
way down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqvae.model.encoders import PAD, Tokens, present

_Longer = Int[Tensor, "batch longer"] | Float[Tensor, "batch longer vocab"]


@final
class Pieces(nn.Module):
    """The base symbols of each token.

    Args:
        pieces: for each id of the vocabulary, the ids of its base symbols in their order; a base symbol's own id.
    """

    def __init__(self, pieces: Sequence[Sequence[int]]) -> None:
        super().__init__()
        table = torch.full((len(pieces), max(map(len, pieces))), PAD)
        for row, ids in zip(table, pieces, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        self.register_buffer("table", table, persistent=False)  # it follows from the tokenizer
        self.table: Tensor

    def forward(self, tokens: Tokens, which: Bool[Tensor, "batch length"] | None = None) -> _Longer:
        """Cut tokens into their base symbols.

        Args:
            tokens: ids, or soft one-hots, of which sets of symbols stay as they are.
            which: tokens to cut; None: all.

        Returns:
            Sequences of the same kind, `(batch, longer)`; padding comes last, as in any other.
        """
        if self.table.shape[1] == 1:
            return tokens
        ids = tokens if tokens.dim() == 2 else tokens.argmax(-1)
        cut = self.table[ids]
        if which is not None:
            cut = torch.where(which.unsqueeze(-1), cut, F.pad(ids.unsqueeze(-1), (0, cut.shape[-1] - 1), value=PAD))
        if tokens.dim() == 3:
            soft = F.one_hot(cut, tokens.shape[-1]).to(tokens.dtype)
            soft[:, :, 0] = torch.where((tokens.amax(-1) < 1).unsqueeze(-1), tokens, soft[:, :, 0])
            cut = soft
        flat = cut.flatten(1, 2)
        there = present(flat)
        order = (~there).to(torch.int8).argsort(dim=1, stable=True)[:, : max(int(there.sum(1).max()), 1)]
        return flat.gather(1, order if flat.dim() == 2 else order.unsqueeze(-1).expand(-1, -1, flat.shape[-1]))
