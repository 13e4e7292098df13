"""Encoders: token ids or soft one-hots to an approximate posterior q(z|x).

Every encoder reads `(batch, length)` ids, or float `(batch, length, vocab)` whose rows sum to one (a set of allowed
symbols is uniform over them); `PAD` positions count as absent, so that padding changes nothing.

A new encoder is a final class here, its row in `ENCODERS`, and its word in `ModelConfig`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from seqvae.config import ModelConfig
from seqvae.model.families import Family
from seqvae.model.layers.convolution import ResidualBlock, dilations
from seqvae.model.posteriors import Posterior

PAD, BOS, EOS = 0, 1, 2  # the tokenizers' special ids, fixed by their contract

Tokens = Int[Tensor, "batch length"] | Float[Tensor, "batch length vocab"]
Told = Float[Tensor, "#batch told"]  # `ConditionalGaussian.told`; one row stands for any number of them


def present(tokens: Tokens) -> Bool[Tensor, "batch length"]:
    """Return which positions hold a token and not padding."""
    return tokens != PAD if tokens.dim() == 2 else tokens[..., PAD] < 0.5


def embed(tokens: Tokens, table: Float[Tensor, "vocab embedding"]) -> Float[Tensor, "batch length embedding"]:
    """Return each token's vector; a soft one-hot gets the expected vector."""
    return nn.functional.embedding(tokens, table) if tokens.dim() == 2 else tokens.to(table.dtype) @ table


class Encoder(nn.Module, ABC):
    """Tokens to an approximate posterior.

    Attributes:
        family: the kind of posterior that its numbers parameterise.
        conditions: from what it is told of a text's conditions to a vector that is added to each of its tokens; None:
            it is told of none.
        moments: the last layer, whose numbers parameterise the posterior.
        positional: it has a table of positions, and so reads no text longer than the model's `max_length`.
    """

    family: Family
    conditions: nn.Linear | None
    moments: nn.Linear
    positional: ClassVar[bool] = False

    @abstractmethod
    def forward(self, tokens: Tokens, told: Told | None = None) -> Posterior:
        """Return q(z|x), or q(z|x, c) where it is told of conditions, one row per text."""

    def with_conditions(
        self, vectors: Float[Tensor, "batch length embedding"], told: Told | None
    ) -> Float[Tensor, "batch length embedding"]:
        """Return the vectors of tokens with what is told of each text's conditions; nothing known changes nothing."""
        if told is None or self.conditions is None:
            return vectors
        return vectors + self.conditions(told.to(self.conditions.weight.dtype)).unsqueeze(1)


_QUERIES = 8  # pooled vectors: a few distinct sites of a sequence, and still a small linear layer


def pool(
    states: Float[Tensor, "batch length channels"],
    scores: Float[Tensor, "batch length queries"],
    mask: Bool[Tensor, "batch length"],
) -> Float[Tensor, "batch pooled"]:
    """Return the means of the states at present positions, weighted by the softmax of each query's scores."""
    weights = scores.masked_fill(~mask.unsqueeze(-1), float("-inf")).softmax(dim=1)
    return torch.einsum("blq,blc->bqc", weights, states).flatten(1)


@final
class GRUEncoder(Encoder):
    """A bidirectional GRU; the posterior's parameters are linear in the two directions' last states.

    With `encoder_pooling` "attention" they are linear in weighted means of all states as well.

    Args:
        config: sizes.
        vocab_size: symbols of the alphabet.
        family: the kind of posterior.
    """

    def __init__(self, config: ModelConfig, vocab_size: int, family: Family) -> None:
        super().__init__()
        self.family = family
        self.embedding = nn.Embedding(vocab_size, config.embedding)
        self.conditions = nn.Linear(config.told, config.embedding, bias=False) if config.told else None
        widths = [config.embedding] + [2 * config.encoder_width] * (config.encoder_layers - 1)
        self.left_to_right = nn.ModuleList(nn.GRU(width, config.encoder_width) for width in widths)
        self.right_to_left = nn.ModuleList(nn.GRU(width, config.encoder_width) for width in widths)
        self.dropout = nn.Dropout(config.dropout)
        channels, queries = 2 * config.encoder_width, _QUERIES if config.encoder_pooling == "attention" else 0
        self.scores = nn.Linear(channels, queries) if queries else None
        self.moments = nn.Linear(channels * (1 + queries), family.size)

    def forward(self, tokens: Tokens, told: Told | None = None) -> Posterior:
        """Return q(z|x), one row per text."""
        mask = present(tokens).t()
        last = (mask.sum(0) - 1).clamp(min=0)
        # Each row is reversed within its own length, so that its padding still comes last and is never read.
        positions = torch.arange(mask.shape[0], device=mask.device).unsqueeze(1)
        mirror = torch.where(mask, last - positions, positions)
        states = self.with_conditions(embed(tokens, self.embedding.weight), told).transpose(0, 1)
        for onward, backward in zip(self.left_to_right, self.right_to_left, strict=True):
            ahead = onward(states)[0]
            back = backward(_rows(states, mirror))[0]
            states = self.dropout(torch.cat([ahead, _rows(back, mirror)], dim=-1))
        ends = torch.cat([_rows(ahead, last.unsqueeze(0)), _rows(back, last.unsqueeze(0))], dim=-1)[0]
        if self.scores is not None:
            batch_first = states.transpose(0, 1)
            ends = torch.cat([ends, pool(batch_first, self.scores(batch_first), mask.t())], dim=-1)
        return self.family(self.moments(ends).float())  # in bf16 the rate would be mostly rounding, and negative


def _rows(states: Tensor, positions: Tensor) -> Tensor:
    """Pick, for each row of a time-major batch, the states at its own positions `(count, batch)`."""
    return states.gather(0, positions.unsqueeze(-1).expand(-1, -1, states.shape[-1]))


@final
class ConvEncoder(Encoder):
    """Dilated residual convolutions, then attention pooling by learned queries.

    Positions are embedded, so that the pooled vectors keep where a motif stands.

    Args:
        config: sizes.
        vocab_size: symbols of the alphabet.
        family: the kind of posterior.
    """

    positional = True

    def __init__(self, config: ModelConfig, vocab_size: int, family: Family) -> None:
        super().__init__()
        self.family = family
        channels = config.encoder_width
        self.embedding = nn.Embedding(vocab_size, channels)
        self.conditions = nn.Linear(config.told, channels, bias=False) if config.told else None
        self.position = nn.Parameter(torch.randn(config.max_length + 1, channels) * 0.02)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, d, causal=False, condition=0, dropout=config.dropout)
            for d in dilations(config.encoder_layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.scores = nn.Linear(channels, _QUERIES)
        self.moments = nn.Linear(_QUERIES * channels, family.size)

    def forward(self, tokens: Tokens, told: Told | None = None) -> Posterior:
        """Return q(z|x), one row per text."""
        mask = present(tokens)
        states = self.with_conditions(embed(tokens, self.embedding.weight), told) + self.position[: tokens.shape[1]]
        states = states * mask.unsqueeze(-1)
        for block in self.blocks:
            states = block(states, mask=mask)
        states = self.norm(states)
        return self.family(self.moments(pool(states, self.scores(states), mask)).float())  # as in the GRU encoder


@final
class DenseEncoder(Encoder):
    """Fully connected layers over all positions at once, for aligned sequences: every position has weights of its own.

    As in DeepSequence and EVE (Riesselman et al. 2018, doi:10.1038/s41592-018-0138-4; Frazer et al. 2021,
    doi:10.1038/s41586-021-04043-8), but small.

    Args:
        config: sizes.
        vocab_size: symbols of the alphabet.
        family: the kind of posterior.
    """

    positional = True

    def __init__(self, config: ModelConfig, vocab_size: int, family: Family) -> None:
        super().__init__()
        self.family = family
        width, places = config.encoder_width, config.max_length + 1
        # Of each symbol at each position; their sum over positions begins with variance 1.
        self.vectors = nn.Parameter(torch.randn(vocab_size, places, width) * places**-0.5)
        self.conditions = nn.Linear(config.told, width, bias=False) if config.told else None
        layers = (nn.Sequential(nn.Linear(width, width), nn.ReLU()) for _ in range(config.encoder_layers))
        self.layers = nn.Sequential(nn.ReLU(), *layers, nn.Dropout(config.dropout))
        self.moments = nn.Linear(width, family.size)

    def forward(self, tokens: Tokens, told: Told | None = None) -> Posterior:
        """Return q(z|x), or q(z|x, c) where it is told of conditions, one row per text."""
        mask, length = present(tokens), tokens.shape[1]
        if tokens.dim() == 2:
            rows = tokens * self.vectors.shape[1] + torch.arange(length, device=tokens.device)
            states = (nn.functional.embedding(rows, self.vectors.flatten(0, 1)) * mask.unsqueeze(-1)).sum(1)
        else:
            seen = (tokens * mask.unsqueeze(-1)).to(self.vectors.dtype)
            states = torch.einsum("blv,vlw->bw", seen, self.vectors[:, :length])
        states = self.with_conditions(states.unsqueeze(1), told).squeeze(1)
        return self.family(self.moments(self.layers(states)).float())  # as in the GRU encoder


ENCODERS: dict[str, Callable[[ModelConfig, int, Family], Encoder]] = {
    "gru": GRUEncoder,
    "conv": ConvEncoder,
    "dense": DenseEncoder,
}
