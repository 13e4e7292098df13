"""Dilated residual convolution over `(batch, length, channels)`, whole or one position at a time.

A convolution of three taps is written as one matrix product over shifted copies: that runs at the matrix rate in this
layout, and makes the step-by-step form the same product over the last inputs.
"""

from __future__ import annotations

from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

_TAPS = 3
_CYCLE = 5  # dilations 1, 2, 4, 8, 16 and again: a span of 63 positions a cycle


def dilations(blocks: int) -> list[int]:
    """Return the dilation of each of so many residual blocks: powers of two, starting again after 16."""
    return [2 ** (index % _CYCLE) for index in range(blocks)]


@final
class ResidualBlock(nn.Module):
    """x + W2 gelu(conv(norm(x)) + condition), after Kalchbrenner et al. 2016 (arXiv:1610.10099).

    The normalisation is by position (LayerNorm), so that no position or row sees another through its statistics.

    Args:
        channels: width of x.
        dilation: distance between the taps.
        causal: taps reach back only, so that position t depends on positions <= t.
        condition: width of a vector given to every position (the latent), or 0.
        dropout: share of hidden units dropped while training.
    """

    def __init__(self, channels: int, dilation: int, causal: bool, condition: int, dropout: float) -> None:
        super().__init__()
        self.dilation, self.causal, self.channels = dilation, causal, channels
        self.norm = nn.LayerNorm(channels)
        self.taps = nn.Linear(_TAPS * channels, channels)
        self.condition = nn.Linear(condition, channels, bias=False) if condition else None
        self.mix = nn.Linear(channels, channels)
        self.dropout = nn.Dropout(dropout)

    @property
    def reach(self) -> int:
        """How many earlier positions a causal step must remember."""
        return (_TAPS - 1) * self.dilation

    def forward(
        self,
        x: Float[Tensor, "batch length channels"],
        condition: Float[Tensor, "batch features"] | None = None,
        mask: Bool[Tensor, "batch length"] | None = None,
    ) -> Float[Tensor, "batch length channels"]:
        """Return the block's output; masked positions count as zeros and stay zero."""
        normal = self.norm(x) if mask is None else self.norm(x) * mask.unsqueeze(-1)
        before = self.reach if self.causal else self.reach // 2
        padded = F.pad(normal, (0, 0, before, self.reach - before))
        shifted = [padded[:, k * self.dilation : k * self.dilation + x.shape[1]] for k in range(_TAPS)]
        out = x + self._finish(torch.cat(shifted, dim=-1), condition, (slice(None), None))
        return out if mask is None else out * mask.unsqueeze(-1)

    def step(
        self,
        x: Float[Tensor, "batch channels"],
        condition: Float[Tensor, "batch features"] | None,
        cache: Float[Tensor, "batch reach channels"],
    ) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch reach channels"]]:
        """Return one position's output of a causal block, and the cache of inputs for the next."""
        seen = torch.cat([cache, self.norm(x).unsqueeze(1)], dim=1)
        taps = seen[:, :: self.dilation].flatten(1)
        return x + self._finish(taps, condition, ()), seen[:, 1:]

    def empty_cache(self, batch: int) -> Float[Tensor, "batch reach channels"]:
        """Return the cache before the first position."""
        return self.norm.weight.new_zeros(batch, self.reach, self.channels)

    def _finish(self, taps: Tensor, condition: Tensor | None, spread: tuple[slice | None, ...]) -> Tensor:
        hidden = self.taps(taps)
        if self.condition is not None and condition is not None:
            added = self.condition(condition)
            hidden = hidden + (added[spread] if spread else added)
        return self.mix(self.dropout(F.gelu(hidden)))
