"""The fully connected encoder and decoder of a trained model in exact arithmetic, and ends that are certain."""

from __future__ import annotations

from typing import final

import numpy as np
from torch import nn

from seqvae.infer.coding.counting import ExactDecoder
from seqvae.infer.coding.exact import Linear, Numbers, exact_sum, power_above
from seqvae.infer.coding.recurrent import FARTHEST, Ids, State, linear, numbers
from seqvae.model.decoders import DenseDecoder
from seqvae.model.encoders import EOS, DenseEncoder

_HIDDEN = 256.0  # hidden units are clipped to this
_SUMMED = 20  # binary places of what is summed over positions
_RULED_OUT = 60.0  # nats below the others: the least weight that the coder knows, so that any text can be coded


def _layers(module: nn.Module, first: float) -> list[Linear]:
    found = [part for part in module.modules() if isinstance(part, nn.Linear)]
    return [linear(part, _HIDDEN if number else first) for number, part in enumerate(found)]


def _rectified(x: Numbers) -> Numbers:
    return np.maximum(x, 0.0)


@final
class ExactDenseDecoder:
    """Independent distributions by fully connected layers.

    Args:
        decoder: the trained one.
    """

    def __init__(self, decoder: DenseDecoder) -> None:
        self.layers, self.places = _layers(decoder.layers, FARTHEST), linear(decoder.places, _HIDDEN)
        self.output, self.bias = linear(decoder.output.linear, _HIDDEN), numbers(decoder.bias).T
        self.channels, self.never = decoder.output.linear.in_features, decoder.output.never.cpu().numpy()

    def begin(self, z: Numbers) -> State:
        """Return the memory before the first position: every position's logits."""
        for layer in self.layers:
            z = _rectified(layer(z))
        logits = self.output(self.places(z).reshape(len(z), -1, self.channels)) + self.bias
        logits[..., self.never] = -np.inf
        return State([logits])

    def step(self, tokens: Ids, state: State) -> tuple[Numbers, State]:
        """Return the logits of the next position and the memory after it; the tokens are not read."""
        return state.arrays[0][:, state.position], State(state.arrays, state.position + 1)


@final
class ExactDenseEncoder:
    """Fully connected layers; returns the numbers that parameterise the posterior.

    Args:
        encoder: the trained one.
    """

    def __init__(self, encoder: DenseEncoder) -> None:
        self.embedding = numbers(encoder.vectors)
        self.most = power_above(max(float(np.abs(self.embedding).max()), 1.0))
        self.layers, self.moments = _layers(encoder.layers, _HIDDEN), linear(encoder.moments, _HIDDEN)

    def __call__(self, tokens: Ids, lengths: Ids) -> Numbers:
        """Return the posterior's numbers, one row per text; each text of `tokens` is its first `lengths` ids."""
        places = np.arange(tokens.shape[1])
        vectors = self.embedding[tokens, places] * (places < lengths[:, None])[..., None]
        states = _rectified(exact_sum(np.moveaxis(vectors, 1, 2), _SUMMED, self.most))
        for layer in self.layers:
            states = _rectified(layer(states))
        return self.moments(states)


@final
class ExactEnds:
    """A decoder whose texts all have one length: ends before it are all but ruled out, and that at it is not coded.

    Args:
        inner: the decoder without that.
    """

    def __init__(self, inner: ExactDecoder) -> None:
        self.inner = inner

    def begin(self, z: Numbers) -> State:
        """Return the memory before the first position."""
        return self.inner.begin(z)

    def step(self, tokens: Ids, state: State) -> tuple[Numbers, State]:
        """Return the logits of the next position and the memory after it."""
        logits, later = self.inner.step(tokens, state)
        logits = logits.copy()
        logits[..., EOS] = -np.inf
        logits[..., EOS] = logits.max(-1) - _RULED_OUT
        return logits, later
