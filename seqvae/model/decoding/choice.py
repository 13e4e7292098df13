"""The choice of one token from a categorical distribution: the likeliest, or one drawn by a uniform number."""

from __future__ import annotations

import torch
from torch import Tensor

from seqvae.config import DecodeConfig
from seqvae.model.decoders import Decoder
from seqvae.model.encoders import EOS


def choose(logits: Tensor, config: DecodeConfig, uniform: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the likeliest token of each row, or one drawn by a uniform number, and the rest of that number.

    The token is found by inverting the cumulative distribution. Where the number lies within the token's share is again
    uniform, whatever the token, and serves the next draw of the row.
    """
    if uniform is None:
        return logits.argmax(-1), None
    probabilities = (logits / config.temperature).softmax(-1)
    if config.top_p < 1:
        probabilities = nucleus(probabilities, config.top_p)
    cumulative = probabilities.cumsum(-1)
    if cumulative.is_cuda:  # a GPU adds in blocks, and rounding may make sums fall; a CPU adds one by one
        cumulative = rising(cumulative, probabilities)
    total = cumulative[:, -1:]
    # Rounding must not raise the number to the total itself, which lies beyond the last possible token.
    target = torch.minimum(uniform.unsqueeze(1) * total, torch.nextafter(total, torch.zeros_like(total)))
    tokens = torch.searchsorted(cumulative, target, right=True)
    share = probabilities.gather(1, tokens)
    left = ((target - cumulative.gather(1, tokens) + share) / share).clamp(0.0, 1.0)
    return tokens.squeeze(1), left.squeeze(1)


def rising(sums: Tensor, probabilities: Tensor) -> Tensor:
    """Return cumulative sums made non-decreasing despite rounding, and flat at impossible tokens."""
    return sums.masked_fill(probabilities == 0, 0.0).cummax(-1).values


def nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Zero all but the smallest set of tokens that holds at least `top_p` (Holtzman et al. 2020, arXiv:1904.09751)."""
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    return torch.zeros_like(probabilities).scatter(1, order, ordered.masked_fill(before >= top_p, 0.0))


def not_ended(logits: Tensor, decoder: Decoder) -> Tensor:
    """Return the logits of a position before the longest length, where a text of fixed length cannot end."""
    if not decoder.fixed_length:
        return logits
    return logits.index_fill(-1, torch.tensor([EOS], device=logits.device), float("-inf"))
