"""Decoders: a latent point to a categorical distribution at each position.

Training feeds whole sequences (`forward`); generation asks for one position after another (`begin`, `step`), and every
decoder gives the same distribution in both. `PAD` and `BOS` have probability zero everywhere: a text is its tokens and
one `EOS`.

A new decoder is a final class here, its row in `DECODERS`, and its word in `ModelConfig`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvae.config import ModelConfig
from seqvae.model.encoders import BOS, EOS, PAD, Tokens, embed
from seqvae.model.layers.convolution import ResidualBlock, dilations
from seqvae.model.layers.gru import StepwiseGRU

_NEVER = -1e4  # a logit: e to that power is zero, and no difference of two of them is undefined


@dataclass(frozen=True)
class State:
    """What a decoder remembers between positions: tensors with the batch in the axis named beside each.

    Attributes:
        tensors: the memory.
        axes: the batch axis of each tensor.
        position: how many positions have been decoded.
    """

    tensors: tuple[Tensor, ...]
    axes: tuple[int, ...]
    position: int = 0

    def select(self, rows: Int[Tensor, " kept"]) -> State:
        """Return the memory of these rows only, in this order; a row may come twice."""
        kept = tuple(t.index_select(axis, rows) for t, axis in zip(self.tensors, self.axes, strict=True))
        return State(kept, self.axes, self.position)

    def after(self, *tensors: Tensor) -> State:
        """Return the memory one position later."""
        return State(tensors, self.axes, self.position + 1)


class Decoder(nn.Module, ABC):
    """A latent point to logits over the vocabulary at each position.

    A decoder that reads conditions takes them behind z, as `ConditionalGaussian.told` writes them: its points have
    `latent + told` numbers, and those of `latent` numbers alone have conditions of which none is known.

    Attributes:
        reads: the numbers of a point, `latent + told`.
        autoregressive: position t also depends on the tokens before it.
        positional: it has a table of positions, and so writes no text longer than `max_length`.
        max_length: longest text in tokens, without its end.
        fixed_length: it writes no shorter text either.
        certain_ends: the end has probability one after `max_length` tokens and zero before. Without it a decoder of
            fixed length gives ends a probability wherever it has learned to, as those of older models do.
    """

    autoregressive: ClassVar[bool]
    positional: ClassVar[bool] = False
    reads: int
    max_length: int
    fixed_length: bool = False
    certain_ends: bool = False

    def _lengths_of(self, config: ModelConfig) -> None:
        """Set what the settings say of lengths."""
        self.max_length, self.fixed_length = config.max_length, config.lengths == "fixed"
        self.certain_ends = self.fixed_length and config.ends == "certain"

    def ended(self, logits: Float[Tensor, "batch length vocab"], first: int = 0) -> Float[Tensor, "batch length vocab"]:
        """Return logits of the positions from `first` on, the end ruled out before `max_length` and certain then.

        It is ruled out by a finite number, so that log-likelihoods of texts of other lengths can be compared.
        """
        if not self.certain_ends:
            return logits
        over = torch.arange(first, first + logits.shape[1], device=logits.device) >= self.max_length
        ends = torch.arange(logits.shape[2], device=logits.device) == EOS
        # What is minus infinity already, `PAD` and `BOS`, stays it.
        never = (over.unsqueeze(1) != ends) & (logits > _NEVER)
        return logits.masked_fill(never, _NEVER)

    def whole(self, z: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch reads"]:
        """Return points as the networks read them: what is not told of conditions is zero."""
        return z if z.shape[-1] == self.reads else F.pad(z, (0, self.reads - z.shape[-1]))

    @abstractmethod
    def forward(
        self, z: Float[Tensor, "batch latent"], tokens: Tokens, hidden: Tensor | None = None
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the logits of each position given the tokens before it.

        Args:
            z: latent points.
            tokens: what is decoded, ids or soft one-hots, each text ended by `EOS` and then padded.
            hidden: `(batch, length)`, true where an autoregressive decoder must not see the token (word dropout).
        """

    @abstractmethod
    def begin(self, z: Float[Tensor, "batch latent"]) -> State:
        """Return the memory before the first position."""

    @abstractmethod
    def step(self, tokens: Int[Tensor, " batch"], state: State) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Return the next position's logits, given the token before it (`BOS` at first), and the memory after it."""


@final
class Output(nn.Module):
    """Linear logits with `PAD` and `BOS` ruled out.

    Args:
        width: width of the states.
        vocab_size: symbols of the alphabet.
    """

    never: Tensor

    def __init__(self, width: int, vocab_size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, vocab_size)
        never = torch.zeros(vocab_size, dtype=torch.bool)
        never[[PAD, BOS]] = True
        self.register_buffer("never", never, persistent=False)

    def forward(self, states: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows vocab"]:
        """Return the logits; in the bias, minus infinity costs no extra pass over them."""
        bias = self.linear.bias.masked_fill(self.never, float("-inf"))
        return nn.functional.linear(states, self.linear.weight, bias)


def _shifted(tokens: Tokens, table: Tensor, hidden: Tensor | None) -> Tensor:
    """Embed the token before each position: `BOS`, then all but the last; a hidden token is the zero vector."""
    vectors = embed(tokens, table)
    if hidden is not None:
        vectors = vectors.masked_fill(hidden.unsqueeze(-1), 0.0)
    first = table[BOS].expand(vectors.shape[0], 1, -1).to(vectors.dtype)
    return torch.cat([first, vectors[:, :-1]], dim=1)


@final
class GRUDecoder(Decoder):
    """Autoregressive GRU; z sets the first hidden state and is an input at every step.

    A soft one-hot is fed as its expected embedding: exact for a certain token, an approximation for a set of allowed
    symbols.

    Args:
        config: sizes.
        vocab_size: symbols of the alphabet.
    """

    autoregressive = True

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self._lengths_of(config)
        self.layers = config.decoder_layers
        self.reads = config.latent + config.told
        self.embedding = nn.Embedding(vocab_size, config.embedding)
        self.start = nn.Linear(self.reads, config.decoder_layers * config.decoder_width)
        self.recurrence = StepwiseGRU(
            config.embedding, self.reads, config.decoder_width, config.decoder_layers, config.dropout
        )
        self.output = Output(config.decoder_width, vocab_size)
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, z: Float[Tensor, "batch latent"], tokens: Tokens, hidden: Tensor | None = None
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the logits of each position given the tokens before it."""
        z, vectors = self.whole(z), _shifted(tokens, self.embedding.weight, hidden).transpose(0, 1)
        inputs = torch.cat([vectors, z.to(vectors.dtype).expand(vectors.shape[0], -1, -1)], dim=-1)
        states = self.recurrence(inputs, self._first_state(z).to(vectors.dtype))
        return self.ended(self.output(self.dropout(states)).transpose(0, 1))

    def begin(self, z: Float[Tensor, "batch latent"]) -> State:
        """Return the memory before the first position: each layer's state, and z's share of the gates."""
        z = self.whole(z)
        return State((self._first_state(z), self.recurrence.project_fixed(z)), (1, 0))

    def step(self, tokens: Int[Tensor, " batch"], state: State) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Return the logits of the next position and the memory after it."""
        states, projected = state.tensors
        states = self.recurrence.step(self.embedding(tokens), projected, states)
        logits = self.ended(self.output(states[-1]).unsqueeze(1), state.position).squeeze(1)
        return logits, state.after(states, projected)

    def _first_state(self, z: Tensor) -> Tensor:
        return self.start(z).tanh().unflatten(1, (self.layers, -1)).transpose(0, 1).contiguous()


@final
class CausalConvDecoder(Decoder):
    """Autoregressive dilated convolution (van den Oord et al. 2016, arXiv:1609.03499); z is added in every block.

    A soft one-hot is fed as its expected embedding: exact for a certain token, an approximation for a set of allowed
    symbols.

    Args:
        config: sizes.
        vocab_size: symbols of the alphabet.
    """

    autoregressive = True
    positional = True

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self._lengths_of(config)
        self.reads = config.latent + config.told
        channels = config.decoder_width
        self.embedding = nn.Embedding(vocab_size, channels)
        self.position = nn.Parameter(torch.randn(config.max_length + 1, channels) * 0.02)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, d, causal=True, condition=self.reads, dropout=config.dropout)
            for d in dilations(config.decoder_layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.output = Output(channels, vocab_size)

    def forward(
        self, z: Float[Tensor, "batch latent"], tokens: Tokens, hidden: Tensor | None = None
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the logits of each position given the tokens before it."""
        z = self.whole(z)
        states = _shifted(tokens, self.embedding.weight, hidden) + self.position[: tokens.shape[1]]
        for block in self.blocks:
            states = block(states, z)
        return self.ended(self.output(self.norm(states)))

    def begin(self, z: Float[Tensor, "batch latent"]) -> State:
        """Return the memory before the first position: z, and each block's last inputs."""
        z = self.whole(z)
        caches = [block.empty_cache(z.shape[0]) for block in self._blocks()]
        return State((z, *caches), (0,) * (1 + len(caches)))

    def step(self, tokens: Int[Tensor, " batch"], state: State) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Return the logits of the next position and the memory after it."""
        z, *caches = state.tensors
        states = self.embedding(tokens) + self.position[state.position]
        later = []
        for block, cache in zip(self._blocks(), caches, strict=True):
            states, cache = block.step(states, z, cache)
            later.append(cache)
        logits = self.ended(self.output(self.norm(states)).unsqueeze(1), state.position).squeeze(1)
        return logits, state.after(z, *later)

    def _blocks(self) -> list[ResidualBlock]:
        return [block for block in self.blocks if isinstance(block, ResidualBlock)]


@final
class PositionDecoder(Decoder):
    """One independent categorical distribution per position, by residual convolutions over positions seeded by z.

    Right for sequences of one length, DNA above all: log p(x|z) is a plain sum, and exact for sets of allowed symbols.

    Args:
        config: sizes.
        vocab_size: symbols of the alphabet.
    """

    autoregressive = False
    positional = True
    _seeded = 16  # channels that z sets at each position by itself, before the convolutions mix them

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self._lengths_of(config)
        self.reads = config.latent + config.told
        channels = config.decoder_width
        self.position = nn.Parameter(torch.randn(config.max_length + 1, channels) * 0.02)
        self.seed = nn.Linear(self.reads, (config.max_length + 1) * self._seeded)
        self.widen = nn.Linear(self._seeded, channels)
        self.blocks = nn.ModuleList(
            ResidualBlock(channels, d, causal=False, condition=self.reads, dropout=config.dropout)
            for d in dilations(config.decoder_layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.output = Output(channels, vocab_size)

    def forward(
        self, z: Float[Tensor, "batch latent"], tokens: Tokens, hidden: Tensor | None = None
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the logits of the first `length` positions; the tokens are not read."""
        return self._all_positions(z)[:, : tokens.shape[1]]

    def begin(self, z: Float[Tensor, "batch latent"]) -> State:
        """Return the memory before the first position: every position's logits."""
        return State((self._all_positions(z),), (0,))

    def step(self, tokens: Int[Tensor, " batch"], state: State) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Return the logits of the next position and the memory after it."""
        return state.tensors[0][:, state.position], state.after(*state.tensors)

    def _all_positions(self, z: Tensor) -> Tensor:
        z = self.whole(z)
        states = self.widen(self.seed(z).unflatten(1, (-1, self._seeded))) + self.position
        for block in self.blocks:
            states = block(states, z)
        return self.ended(self.output(self.norm(states)))


@final
class DenseDecoder(Decoder):
    """One independent categorical distribution per position by fully connected layers, for aligned sequences.

    Every position has weights of its own up to a few channels, which one table turns into letters: what may stand in
    each other's place is learned once for all positions (as by the convolution of EVE: Frazer et al. 2021,
    doi:10.1038/s41586-021-04043-8). Each position has a bias, which `begin_at` sets.

    Args:
        config: sizes.
        vocab_size: symbols of the alphabet.
    """

    autoregressive = False
    positional = True
    _channels = 4  # of each position: with more, few hundred sequences are learned by heart

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self._lengths_of(config)
        self.reads = config.latent + config.told
        width, places = config.decoder_width, config.max_length + 1
        sizes = [self.reads] + [width] * config.decoder_layers
        self.layers = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(before, after), nn.ReLU(), nn.Dropout(config.dropout))
                for before, after in pairwise(sizes)
            )
        )
        self.places = nn.Linear(width, places * self._channels)
        self.bias = nn.Parameter(torch.zeros(vocab_size, places))
        self.output = Output(self._channels, vocab_size)
        with torch.no_grad():  # all latent points begin at the biases, and z says what these do not
            self.places.weight.mul_(0.1)
            self.places.bias.zero_()
            self.output.linear.weight.mul_(0.3)
            self.output.linear.bias.zero_()

    def begin_at(self, log_shares: Float[Tensor, "positions vocab"]) -> None:
        """Let every position begin at these log-probabilities, whatever z is."""
        with torch.no_grad():
            self.bias.copy_(log_shares.t())

    def forward(
        self, z: Float[Tensor, "batch latent"], tokens: Tokens, hidden: Tensor | None = None
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the logits of the first `length` positions; the tokens are not read."""
        return self._all_positions(z)[:, : tokens.shape[1]]

    def begin(self, z: Float[Tensor, "batch latent"]) -> State:
        """Return the memory before the first position: every position's logits."""
        return State((self._all_positions(z),), (0,))

    def step(self, tokens: Int[Tensor, " batch"], state: State) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Return the logits of the next position and the memory after it."""
        return state.tensors[0][:, state.position], state.after(*state.tensors)

    def _all_positions(self, z: Tensor) -> Tensor:
        states = self.places(self.layers(self.whole(z))).unflatten(1, (-1, self._channels))
        return self.ended(self.output(states) + self.bias.t())


DECODERS: dict[str, Callable[[ModelConfig, int], Decoder]] = {
    "gru": GRUDecoder,
    "causal_conv": CausalConvDecoder,
    "position": PositionDecoder,
    "dense": DenseDecoder,
}
