"""A decoder that stands on counts: what letters stand where and after which others it need not learn.

Few sequences teach a network less than a table of counts knows. Here the logits of a network are added to the weighted
log-probabilities of counting models, a product of experts (Hinton 2002, doi:10.1162/089976602760128018) of which the
network is one: it begins at nothing, and learns what counts do not say.
"""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from seqvae.config import ModelConfig
from seqvae.model.decoders import Decoder, State
from seqvae.model.encoders import BOS, EOS, PAD, Tokens

_LARGEST = 20_000  # entries of a table of contexts
_LARGEST_POSITIONAL = 200_000  # the same of all positions together
_UNLIKELY = -30.0  # nats: no sequence is drawn with another length, and one that is given has a finite likelihood
_MOST_BEFORE = 4  # letters before that any table looks at


@final
class WithCounts(Decoder):
    """A decoder whose logits are added to those of counting models.

    Each model is a table: of what follows the last letters, some number of them, at every position alike; and, where
    all sequences have one length, of what stands at each position after the last letters. Tables and weights are set by
    `set_tables`; the weights are learned on. A soft one-hot stands before another letter as its first allowed symbol.
    Where all sequences have one length, `EOS` is all but certain at its end and all but impossible before.

    Args:
        inner: a decoder that was never trained; its logits become zero.
        config: sizes.
        vocab_size: symbols of the alphabet.
    """

    autoregressive = True
    positional = True
    most_before = _MOST_BEFORE

    weights: Float[nn.Parameter, " tables"]
    ends: Float[Tensor, "positions vocab"]

    def __init__(self, inner: Decoder, config: ModelConfig, vocab_size: int) -> None:
        super().__init__()
        self.inner, self.vocab_size = inner, vocab_size
        self.max_length, self.fixed_length, self.reads = inner.max_length, inner.fixed_length, inner.reads
        self.plain = [k for k in range(_MOST_BEFORE + 1) if vocab_size ** (k + 1) <= _LARGEST]
        size = (config.max_length + 1) * vocab_size
        orders = range(_MOST_BEFORE + 1)
        self.by_position = [k for k in orders if self.fixed_length and size * vocab_size**k <= _LARGEST_POSITIONAL]
        for name, shape in self.shapes.items():
            self.register_buffer(name, torch.zeros(shape))
        self.weights = nn.Parameter(torch.zeros(len(self.shapes)))
        ends = torch.zeros(config.max_length + 1, vocab_size)
        if self.fixed_length:
            ends[:-1, EOS] = _UNLIKELY
            ends[-1] = _UNLIKELY * (torch.arange(vocab_size) != EOS)
        self.register_buffer("ends", ends, persistent=False)
        with torch.no_grad():
            for name, parameter in inner.named_parameters():
                if name.startswith("output."):
                    parameter.zero_()

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each table by name: contexts and letters, or positions, contexts and letters."""
        vocab = self.vocab_size
        plain = {f"after_{k}": (vocab**k, vocab) for k in self.plain}
        return plain | {f"at_position_{k}": (self.max_length + 1, vocab**k, vocab) for k in self.by_position}

    def set_tables(self, tables: dict[str, Tensor], weights: Float[Tensor, " tables"]) -> None:
        """Set the log-probabilities of each table, by name, and their weights, in the order of `shapes`."""
        with torch.no_grad():
            for name in self.shapes:
                getattr(self, name).copy_(tables[name])
            self.weights.copy_(weights)

    def experts(
        self, before: Int[Tensor, "batch most"], position: int | Int[Tensor, " batch"]
    ) -> Float[Tensor, "tables batch vocab"]:
        """Return the log-probabilities of every table.

        Args:
            before: the last letters before each position, the very last one last; `BOS` before the first.
            position: the position of each row.
        """
        codes, found = {0: torch.zeros_like(before[:, 0])}, []
        for k in range(1, _MOST_BEFORE + 1):
            codes[k] = codes[k - 1] + before[:, -k] * self.vocab_size ** (k - 1)
        for k in self.plain:
            found.append(getattr(self, f"after_{k}")[codes[k]])
        for k in self.by_position:
            found.append(getattr(self, f"at_position_{k}")[position, codes[k]])
        return torch.stack(found)

    def forward(
        self, z: Float[Tensor, "batch latent"], tokens: Tokens, hidden: Tensor | None = None
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the logits of each position given the tokens before it; the counts see hidden ones too."""
        logits = self.inner(z, tokens, hidden)
        ids = tokens.argmax(-1) if tokens.is_floating_point() else tokens
        added = torch.einsum("t,tbv->bv", self.weights, self.experts(*windows(ids)))
        added = added.view(*ids.shape, -1).to(logits.dtype)
        return logits + added + self.ends[: ids.shape[1]].to(logits.dtype)

    def begin(self, z: Float[Tensor, "batch latent"]) -> State:
        """Return the memory before the first position: that of the network, and the letters before."""
        inner = self.inner.begin(z)
        before = torch.full((len(z), _MOST_BEFORE), BOS, device=z.device)
        return State((*inner.tensors, before), (*inner.axes, 0))

    def step(self, tokens: Int[Tensor, " batch"], state: State) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Return the logits of the next position and the memory after it."""
        *own, before = state.tensors
        logits, inner = self.inner.step(tokens, State(tuple(own), state.axes[:-1], state.position))
        before = torch.cat([before[:, 1:], tokens.unsqueeze(1)], 1)
        position = min(state.position, self.max_length)
        logits = logits + torch.einsum("t,tbv->bv", self.weights, self.experts(before, position))
        return logits + self.ends[position], state.after(*inner.tensors, before)


def windows(ids: Int[Tensor, "batch length"]) -> tuple[Int[Tensor, "rows most"], Int[Tensor, " rows"]]:
    """Return the letters before each position of each text, and the position, text by text."""
    batch, length = ids.shape
    padded = torch.cat([ids.new_full((batch, _MOST_BEFORE), BOS), ids[:, :-1]], 1)
    before = padded.unfold(1, _MOST_BEFORE, 1).reshape(batch * length, _MOST_BEFORE)
    return before, torch.arange(length, device=ids.device).repeat(batch)


def outcomes(vocab_size: int, fixed_length: bool) -> Tensor:
    """Return which symbols counting models give a probability: no special tokens, but the end where it is free."""
    counted = torch.ones(vocab_size, dtype=torch.bool)
    counted[[PAD, BOS, *([EOS] if fixed_length else [])]] = False
    return counted
