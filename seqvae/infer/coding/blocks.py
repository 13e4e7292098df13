"""Blocks of texts as bits: bits-back coding with asymmetric numeral systems.

Townsend, Bird & Barber 2019 (arXiv:1901.04866). To push a text x, a point z is popped by q(z|x), then x is pushed by
p(x|z) and z by p(z): the bits that chose z are not lost, since the reader, who knows x by then, pushes them back. It
costs log q(z|x) - log p(x|z) - log p(z), which is -ELBO on average. As long as the stack holds too little to choose z,
the likeliest z is taken, and pays its full price.

Every block is a stack of its own. Blocks are coded side by side, a text of each at a time, in one pass of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.infer.coding.exact import Numbers
from seqvae.infer.coding.grid import Grid
from seqvae.infer.coding.network import ExactModel
from seqvae.infer.coding.stack import Stack
from seqvae.model.encoders import BOS, EOS

Text = list[int] | None  # token ids without their end; None: the model does not code this one
BITS_BACK, DIRECT, OUTSIDE = range(3)  # how a text is coded
_LEFT = 96  # bits that must stay on a stack after z was popped: what is popped from an empty one cannot be pushed back
_NEAR = 1 << 14  # with fewer bits, the stack is copied before z is popped; with more it cannot run dry


class NoSuchBits(Exception):
    """Bits that no text has: they are damaged, or come from another model."""


@final
@dataclass(frozen=True)
class Scheme:
    """How the texts of a file are coded.

    Attributes:
        grid: of latent points.
        kinds: weights of `BITS_BACK`, `DIRECT` and `OUTSIDE`.
        chained: whether bits-back coding is used at all.
    """

    grid: Grid
    kinds: tuple[int, int, int]
    chained: bool = True

    @property
    def kind_weights(self) -> Numbers:
        """The weights as one row."""
        return np.array([self.kinds], np.float64)


def encode(
    model: ExactModel, scheme: Scheme, blocks: Sequence[Sequence[Text]], advance: Callable[[int], object] | None = None
) -> list[bytes]:
    """Return the bits of each block; `advance` is told how many texts were coded.

    The last text is pushed first, so that the first is popped first.
    """
    stacks = [Stack() for _ in blocks]
    for place in range(max(map(len, blocks), default=0) - 1, -1, -1):
        lanes = [(stack, block[place]) for stack, block in zip(stacks, blocks, strict=True) if place < len(block)]
        _push(model, scheme, lanes)
        if advance is not None:
            advance(len(lanes))
    return [stack.to_bytes() for stack in stacks]


def _push(model: ExactModel, scheme: Scheme, lanes: Sequence[tuple[Stack, Text]]) -> None:
    """Push one text on each stack."""
    coded = [(stack, ids) for stack, ids in lanes if ids is not None]
    if coded:
        texts = [ids for _, ids in coded]
        cells, kinds = _choose(model, scheme, [stack for stack, _ in coded], texts)
        weights = model.weights(scheme.grid.at(cells), texts)
        for (stack, ids), cell, weight, kind in zip(coded, cells, weights, kinds, strict=True):
            stack.push(np.array([*ids, EOS])[: len(weight)], weight)
            stack.push(cell, scheme.grid.prior)
            stack.push(np.array([kind]), scheme.kind_weights)
    for stack, text in lanes:
        if text is None:
            stack.push(np.array([OUTSIDE]), scheme.kind_weights)


def _choose(
    model: ExactModel, scheme: Scheme, stacks: Sequence[Stack], texts: Sequence[Sequence[int]]
) -> tuple[NDArray[np.int64], list[int]]:
    """Return the cells of z for each text, popped from its stack where that holds enough, and how each was coded."""
    if not len(scheme.grid.coded):
        return np.zeros((len(texts), 0), np.int64), [DIRECT] * len(texts)
    mean, std = model.posterior(texts)
    cells, kinds = scheme.grid.best(mean, std), [DIRECT] * len(texts)
    if scheme.chained:
        for row, (stack, weights) in enumerate(zip(stacks, scheme.grid.posterior(mean, std), strict=True)):
            before = stack.copy() if stack.bits < _NEAR else None
            popped = stack.pop(weights)
            if before is not None and stack.bits < _LEFT:
                stack.become(before)
            else:
                cells[row], kinds[row] = popped, BITS_BACK
    return cells, kinds


def decode(
    model: ExactModel,
    scheme: Scheme,
    blocks: Sequence[tuple[bytes, int]],
    advance: Callable[[int], object] | None = None,
) -> list[list[Text]]:
    """Return the texts of each block from its bits and their number.

    Raises:
        NoSuchBits: the bits are those of no text.
    """
    try:
        stacks = [Stack(data) for data, _ in blocks]
    except ValueError as error:
        raise NoSuchBits(str(error)) from error
    found: list[list[Text]] = [[] for _ in blocks]
    for place in range(max((count for _, count in blocks), default=0)):
        rows = [row for row, (_, count) in enumerate(blocks) if place < count]
        for row, text in zip(rows, _pop(model, scheme, [stacks[row] for row in rows]), strict=True):
            found[row].append(text)
        if advance is not None:
            advance(len(rows))
    return found


def _pop(model: ExactModel, scheme: Scheme, stacks: Sequence[Stack]) -> list[Text]:
    """Pop one text from each stack."""
    kinds = [int(stack.pop(scheme.kind_weights)[0]) for stack in stacks]
    rows = [row for row, kind in enumerate(kinds) if kind != OUTSIDE]
    found: list[Text] = [None] * len(stacks)
    if not rows:
        return found
    cells = np.array([stacks[row].pop(scheme.grid.prior) for row in rows])
    texts = _pop_tokens(model, scheme.grid.at(cells), [stacks[row] for row in rows])
    chained = [place for place, row in enumerate(rows) if kinds[row] == BITS_BACK]
    if chained:
        mean, std = model.posterior([texts[place] for place in chained])
        for place, weights in zip(chained, scheme.grid.posterior(mean, std), strict=True):
            stacks[rows[place]].push(cells[place], weights)
    for row, text in zip(rows, texts, strict=True):
        found[row] = text
    return found


def _pop_tokens(model: ExactModel, z: Numbers, stacks: Sequence[Stack]) -> list[list[int]]:
    """Pop the tokens of a text from each stack, given its latent point."""
    found: list[list[int]] = [[] for _ in stacks]
    rows, state, before = np.arange(len(stacks)), model.begin(z), np.full(len(stacks), BOS)
    for _ in range(model.longest):
        weights, state = model.step(before, state)
        before = np.array([stacks[row].pop(one[None])[0] for row, one in zip(rows.tolist(), weights, strict=True)])
        if (before <= BOS).any():
            raise NoSuchBits("they hold a padding token")
        if not (kept := before != EOS).all():
            rows, state, before = rows[kept], state.select(kept), before[kept]
        for row, token in zip(rows.tolist(), before.tolist(), strict=True):
            found[row].append(token)
        if not len(rows):
            break
    return found


def cost(model: ExactModel, scheme: Scheme, texts: Sequence[Sequence[int]]) -> int:
    """Return how many bits texts take, each from a stack that is full enough to choose its z."""
    stack = Stack.filled(64 * max(1, len(scheme.grid.coded)) * len(texts))
    before = stack.bits
    cells, _ = _choose(model, scheme, [stack] * len(texts), texts)
    for ids, cell, weight in zip(texts, cells, model.weights(scheme.grid.at(cells), texts), strict=True):
        stack.push(np.array([*ids, EOS])[: len(weight)], weight)
        stack.push(cell, scheme.grid.prior)
    return stack.bits - before
