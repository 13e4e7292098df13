"""Classifier-free guidance: what conditions change about the next token, taken further."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvae.model.decoders import Decoder, State
from seqvae.model.encoders import Tokens


@final
class Guided(Decoder):
    """A decoder whose logits are (1 + w) of those given z and the conditions, less w of those given z alone.

    Ho & Salimans 2022 (arXiv:2207.12598) of the scores of a diffusion model; here of normalised logits, so that each
    token's probability is p(token|c) (p(token|c) / p(token))^w, normalised anew. Both terms come from one decoder,
    which was trained with some conditions hidden. What it writes is no sample of the model's p(x|z, c).

    Args:
        inner: a decoder that reads conditions.
        latent: dimensions of z, the first numbers of a point.
        weight: w, from 0, where it is the inner decoder.
    """

    autoregressive = True

    def __init__(self, inner: Decoder, latent: int, weight: float) -> None:
        super().__init__()
        self.inner, self.latent, self.weight = inner, latent, weight
        self.reads, self.max_length, self.fixed_length = inner.reads, inner.max_length, inner.fixed_length

    def forward(
        self, z: Float[Tensor, "batch latent"], tokens: Tokens, hidden: Tensor | None = None
    ) -> Float[Tensor, "batch length vocab"]:
        """Return the guided logits of each position given the tokens before it."""
        return self._mixed(self.inner(z, tokens, hidden), self.inner(z[:, : self.latent], tokens, hidden))

    def begin(self, z: Float[Tensor, "batch latent"]) -> State:
        """Return the memory before the first position: that with the conditions, then that without."""
        told, free = self.inner.begin(z), self.inner.begin(z[:, : self.latent])
        return State((*told.tensors, *free.tensors), (*told.axes, *free.axes))

    def step(self, tokens: Int[Tensor, " batch"], state: State) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Return the guided logits of the next position and the memory after it."""
        half, logits = len(state.tensors) // 2, []
        later: list[Tensor] = []
        for part in (slice(0, half), slice(half, None)):
            found, after = self.inner.step(tokens, State(state.tensors[part], state.axes[part], state.position))
            logits.append(found)
            later.extend(after.tensors)
        return self._mixed(*logits), state.after(*later)

    def _mixed(self, told: Tensor, free: Tensor) -> Tensor:
        told, free = told.float().log_softmax(-1), free.float().log_softmax(-1)
        never = torch.isneginf(told)  # minus infinity less itself is no number
        return ((1 + self.weight) * told - self.weight * free).masked_fill(never, float("-inf"))
