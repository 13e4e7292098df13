"""The convolutional encoder and decoders of a trained model in exact arithmetic."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from seqvae.infer.coding.exact import LayerNorm, Numbers, gelu
from seqvae.infer.coding.recurrent import FARTHEST, Ids, State, linear, numbers, pooled
from seqvae.model.decoders import CausalConvDecoder, PositionDecoder
from seqvae.model.encoders import ConvEncoder
from seqvae.model.layers.convolution import ResidualBlock

_HIDDEN = 256.0  # hidden units of a block are clipped to +-this


def _norm(layer: nn.LayerNorm) -> LayerNorm:
    return LayerNorm(numbers(layer.weight), numbers(layer.bias), layer.eps)


def _blocks(modules: nn.ModuleList) -> list[Block]:
    return [Block(module) for module in modules if isinstance(module, ResidualBlock)]


@final
class Block:
    """One residual block.

    Args:
        block: the trained one.
    """

    def __init__(self, block: ResidualBlock) -> None:
        self.dilation, self.reach, self.causal = block.dilation, block.reach, block.causal
        self.norm = _norm(block.norm)
        self.taps, self.mix = linear(block.taps, self.norm.most), linear(block.mix, _HIDDEN)
        self.condition = None if block.condition is None else linear(block.condition, FARTHEST)

    def __call__(self, x: Numbers, added: Numbers | None, mask: NDArray[np.bool_] | None = None) -> Numbers:
        """Return the block's output for whole texts; `added` is the latent point's share, one row per text."""
        normal = self.norm(x) if mask is None else self.norm(x) * mask[..., None]
        before = self.reach if self.causal else self.reach // 2
        padded = np.pad(normal, ((0, 0), (before, self.reach - before), (0, 0)))
        shifted = [padded[:, k : k + x.shape[1]] for k in range(0, self.reach + 1, self.dilation)]
        out = x + self._finish(np.concatenate(shifted, axis=-1), None if added is None else added[:, None])
        return out if mask is None else out * mask[..., None]

    def step(self, x: Numbers, added: Numbers, cache: Numbers) -> tuple[Numbers, Numbers]:
        """Return one position's output of a causal block, and the cache of inputs for the next."""
        seen = np.concatenate([cache, self.norm(x)[:, None]], axis=1)
        return x + self._finish(seen[:, :: self.dilation].reshape(len(x), -1), added), seen[:, 1:]

    def _finish(self, taps: Numbers, added: Numbers | None) -> Numbers:
        hidden = self.taps(taps)
        return self.mix(gelu(hidden if added is None else hidden + added))


class _Output:
    """Normalised states to logits, those of `PAD` and `BOS` ruled out."""

    def __init__(self, decoder: CausalConvDecoder | PositionDecoder) -> None:
        self.norm = _norm(decoder.norm)
        self.output, self.never = linear(decoder.output.linear, self.norm.most), decoder.output.never.cpu().numpy()

    def __call__(self, states: Numbers) -> Numbers:
        logits = self.output(self.norm(states))
        logits[..., self.never] = -np.inf
        return logits


@final
class ExactCausalConvDecoder:
    """The autoregressive dilated convolution.

    Args:
        decoder: the trained one.
    """

    def __init__(self, decoder: CausalConvDecoder) -> None:
        self.embedding, self.position = numbers(decoder.embedding.weight), numbers(decoder.position)
        self.blocks, self.output = _blocks(decoder.blocks), _Output(decoder)

    def begin(self, z: Numbers) -> State:
        """Return the memory before the first position: z's share in each block, and each block's last inputs."""
        added = [block.condition(z) for block in self.blocks if block.condition is not None]
        caches = [np.zeros((len(z), block.reach, self.embedding.shape[1])) for block in self.blocks]
        return State([*added, *caches])

    def step(self, tokens: Ids, state: State) -> tuple[Numbers, State]:
        """Return the logits of the next position and the memory after it."""
        count = len(self.blocks)
        added, caches = state.arrays[:count], state.arrays[count:]
        states, later = self.embedding[tokens] + self.position[state.position], []
        for block, share, cache in zip(self.blocks, added, caches, strict=True):
            states, cache = block.step(states, share, cache)
            later.append(cache)
        return self.output(states), State([*added, *later], state.position + 1)


@final
class ExactPositionDecoder:
    """One independent categorical distribution per position.

    Args:
        decoder: the trained one.
    """

    def __init__(self, decoder: PositionDecoder) -> None:
        self.seed, self.widen = linear(decoder.seed, FARTHEST), linear(decoder.widen, _HIDDEN)
        self.position, self.seeded = numbers(decoder.position), decoder.widen.in_features
        self.blocks, self.output = _blocks(decoder.blocks), _Output(decoder)

    def begin(self, z: Numbers) -> State:
        """Return the memory before the first position: every position's logits."""
        states = self.widen(self.seed(z).reshape(len(z), -1, self.seeded)) + self.position
        for block in self.blocks:
            states = block(states, None if block.condition is None else block.condition(z))
        return State([self.output(states)])

    def step(self, tokens: Ids, state: State) -> tuple[Numbers, State]:
        """Return the logits of the next position and the memory after it; the tokens are not read."""
        return state.arrays[0][:, state.position], State(state.arrays, state.position + 1)


@final
class ExactConvEncoder:
    """Dilated residual convolutions with attention pooling; returns the numbers that parameterise the posterior.

    Args:
        encoder: the trained one.
    """

    def __init__(self, encoder: ConvEncoder) -> None:
        self.embedding, self.position = numbers(encoder.embedding.weight), numbers(encoder.position)
        self.blocks, self.norm = _blocks(encoder.blocks), _norm(encoder.norm)
        self.scores = linear(encoder.scores, self.norm.most)
        self.moments = linear(encoder.moments, self.norm.most)

    def __call__(self, tokens: Ids, lengths: Ids) -> Numbers:
        """Return the posterior's numbers, one row per text; each text of `tokens` is its first `lengths` ids."""
        mask = np.arange(tokens.shape[1]) < lengths[:, None]
        states = (self.embedding[tokens] + self.position[: tokens.shape[1]]) * mask[..., None]
        for block in self.blocks:
            states = block(states, None, mask)
        states = self.norm(states)
        return self.moments(pooled(states, self.scores(states), mask, self.norm.most))
