"""The recurrent encoder and decoder of a trained model in exact arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from seqvae.infer.coding.exact import Linear, Numbers, exact_sum, exp, power_above, sigmoid, tanh
from seqvae.model.decoders import GRUDecoder
from seqvae.model.encoders import GRUEncoder

Ids = NDArray[np.int64]
FARTHEST = 64.0  # latent points are clipped to +-this


def numbers(parameter: Tensor) -> Numbers:
    """Return a parameter in float64, which changes no bit of it."""
    return parameter.detach().cpu().double().numpy()


def linear(layer: nn.Linear, most: float = 1.0) -> Linear:
    """Return a linear layer in exact arithmetic, its inputs clipped to +-most."""
    return Linear(numbers(layer.weight), None if layer.bias is None else numbers(layer.bias), most)


def pooled(states: Numbers, scores: Numbers, mask: NDArray[np.bool_], most: float) -> Numbers:
    """Return the means of the states at present positions, weighted by the softmax of each query's scores.

    Args:
        states: `(batch, length, channels)`, clipped to +-most.
        scores: `(batch, length, queries)`.
        mask: `(batch, length)`.
        most: a power of two.
    """
    lowered = np.where(mask[..., None], scores, -np.inf)
    shares = exp(lowered - lowered.max(1, keepdims=True)) * mask[..., None]
    shares = shares.transpose(0, 2, 1)
    shares = shares / exact_sum(shares, 30, 1.0)[..., None]
    wholes = np.rint(shares * 2.0**24), np.rint(np.clip(states, -most, most) * (2.0**20 / most))
    return (np.matmul(*wholes) * (most * 2.0**-44)).reshape(len(states), -1)


@final
class Layer:
    """One direction of one GRU layer, gates as cuDNN defines them.

    Args:
        module: the layers that it is one of.
        number: its number.
        varying: how many of the first layer's inputs come as tokens; its other inputs never change.
    """

    def __init__(self, module: nn.GRU, number: int = 0, varying: int = 0) -> None:
        weight, bias = (numbers(getattr(module, f"{kind}_ih_l{number}")) for kind in ("weight", "bias"))
        self.of_tokens, self.bias = weight[:, :varying], bias
        self.inputs = Linear(weight[:, varying:], bias, FARTHEST if varying else 1.0)
        weight, bias = (numbers(getattr(module, f"{kind}_hh_l{number}")) for kind in ("weight", "bias"))
        self.recurrent, self.width = Linear(weight, bias), module.hidden_size

    def step(self, gates: Numbers, state: Numbers) -> Numbers:
        """Return the state after one step; `gates` are the inputs' contributions `(batch, 3 * width)`."""
        both = 2 * self.width
        recurrent = self.recurrent(state)
        opened = sigmoid(gates[:, :both] + recurrent[:, :both])
        new = tanh(gates[:, both:] + opened[:, : self.width] * recurrent[:, both:])
        return new + opened[:, self.width :] * (state - new)

    def run(self, gates: Numbers) -> Numbers:
        """Return the states after each step, `(length, batch, width)`, from gates of the same layout."""
        state = np.zeros((gates.shape[1], self.width))
        states = np.empty((*gates.shape[:2], self.width))
        for place, given in enumerate(gates):
            states[place] = state = self.step(given, state)
        return states


def _of_embeddings(weight: Numbers, bias: Numbers | None, table: Tensor) -> Numbers:
    """Return the products of every embedding with a weight, `(vocab, out)`."""
    vectors = numbers(table)
    return Linear(weight, bias, power_above(max(float(np.abs(vectors).max()), 1.0)))(vectors)


@dataclass
class State:
    """What a decoder remembers between positions: arrays with one row per text.

    Attributes:
        arrays: the memory.
        position: how many positions have been decoded.
    """

    arrays: list[Numbers]
    position: int = 0

    def select(self, rows: NDArray[np.bool_]) -> State:
        """Return the memory of these rows only."""
        return State([array[rows] for array in self.arrays], self.position)


@final
class ExactGRUDecoder:
    """The autoregressive GRU.

    Args:
        decoder: the trained one.
    """

    def __init__(self, decoder: GRUDecoder) -> None:
        gru = decoder.recurrence.gru
        width = decoder.embedding.weight.shape[1]
        self.start = linear(decoder.start, FARTHEST)
        self.layers = [Layer(gru, number, 0 if number else width) for number in range(decoder.layers)]
        self.table = _of_embeddings(self.layers[0].of_tokens, None, decoder.embedding.weight)
        self.output, self.never = linear(decoder.output.linear), decoder.output.never.cpu().numpy()

    def begin(self, z: Numbers) -> State:
        """Return the memory before the first position: z's share of the gates, and each layer's state."""
        states = np.split(tanh(self.start(z)), len(self.layers), axis=1)
        return State([self.layers[0].inputs(z), *states])

    def step(self, tokens: Ids, state: State) -> tuple[Numbers, State]:
        """Return the logits of the next position and the memory after it."""
        fixed, *states = state.arrays
        gates = self.table[tokens] + fixed
        later: list[Numbers] = []
        for number, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            later.append(layer.step(layer.inputs(later[-1]) if number else gates, before))
        logits = self.output(later[-1])
        logits[:, self.never] = -np.inf
        return logits, State([fixed, *later], state.position + 1)


@final
class ExactGRUEncoder:
    """The bidirectional GRU; returns the numbers that parameterise the posterior.

    Args:
        encoder: the trained one.
    """

    def __init__(self, encoder: GRUEncoder) -> None:
        pairs = zip(encoder.left_to_right, encoder.right_to_left, strict=True)
        self.layers = [tuple(Layer(module) for module in pair if isinstance(module, nn.GRU)) for pair in pairs]
        first = zip(self.layers[0], (encoder.left_to_right[0], encoder.right_to_left[0]), strict=True)
        self.tables = [
            _of_embeddings(numbers(module.get_parameter("weight_ih_l0")), layer.bias, encoder.embedding.weight)
            for layer, module in first
        ]
        self.scores = None if encoder.scores is None else linear(encoder.scores)
        self.moments = linear(encoder.moments)

    def __call__(self, tokens: Ids, lengths: Ids) -> Numbers:
        """Return the posterior's numbers, one row per text; each text of `tokens` is its first `lengths` ids."""
        rows, positions = np.arange(len(tokens)), np.arange(tokens.shape[1])[:, None]
        last = lengths - 1
        mask = positions < lengths
        # Each row is reversed within its own length, so that its padding still comes last and is never read.
        mirror = np.where(mask, last - positions, positions)
        ahead, back = (table[tokens.T] for table in self.tables)
        back = back[mirror, rows]
        for number, (onward, backward) in enumerate(self.layers):
            ahead, back = onward.run(ahead), backward.run(back)
            states = np.concatenate([ahead, back[mirror, rows]], axis=-1)
            if number + 1 < len(self.layers):
                onward, backward = self.layers[number + 1]
                ahead, back = onward.inputs(states), backward.inputs(states[mirror, rows])
        ends = np.concatenate([ahead[last, rows], back[last, rows]], axis=-1)
        if self.scores is not None:
            by_row = states.transpose(1, 0, 2)
            ends = np.concatenate([ends, pooled(by_row, self.scores(by_row), mask.T, 1.0)], axis=-1)
        return self.moments(ends)
