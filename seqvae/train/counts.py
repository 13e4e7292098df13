"""The counts that a decoder begins with or stands on: tables and their weights, of the training split."""

from __future__ import annotations

import math
import zlib
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from seqvae.data.tokens.store import TokenStore
from seqvae.model.counting import WithCounts, outcomes, windows
from seqvae.model.decoders import DenseDecoder
from seqvae.model.encoders import EOS, PAD

_PSEUDO_COUNTS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_DRAWN = 10.0  # nats that a weight costs which is one off
_FOLDS = 10
_FEWEST_CHOOSING = 100  # letters
_MOST_CHOOSING = 200_000  # letters; of more, every second text chooses, or every third, and so on
_STEPS = 200  # of the fit of the weights, whose objective is convex


class _Places(NamedTuple):
    """All places of some texts where a letter is counted."""

    before: Int[Tensor, "places most"]
    position: Int[Tensor, " places"]
    letter: Int[Tensor, " places"]
    text: Int[Tensor, " places"]
    fold: Int[Tensor, " places"]


def count(decoder: WithCounts, train: TokenStore) -> None:
    """Count the training texts, and weight the tables so that texts which they have not counted are likeliest.

    Ten times a tenth of the texts is left out, and foretold from the others: a validation split of few texts would
    choose by chance. Copies of a text are in one tenth. Each table's pseudo-count is the one under which it alone does
    best. Places with an ambiguity code, or after one, are left out.

    Args:
        decoder: never trained.
        train: training texts; where these have hardly any letters, there is one pseudo-count, and weights are equal.
    """
    counted, vocab = outcomes(decoder.vocab_size, decoder.fixed_length), decoder.vocab_size
    places = _places(train, decoder, counted)
    choosing = places.text % math.ceil(max(1, len(places.letter)) / _MOST_CHOOSING) == 0
    letter, found, parts = places.letter[choosing], {}, []
    for name, shape in decoder.shapes.items():
        code = _code(name, places, vocab)
        table = _table(code, places.letter, shape)
        rest = torch.empty(len(letter), vocab, dtype=table.dtype)
        for fold in range(_FOLDS):
            mine = places.fold == fold
            rest[mine[choosing]] = (table - _table(code[mine], places.letter[mine], shape))[code[mine & choosing]]
        tried = [_log(rest, counted, pseudo) for pseudo in _PSEUDO_COUNTS]
        best = int(torch.stack([logs[torch.arange(len(letter)), letter].sum() for logs in tried]).argmax())
        few = len(letter) < _FEWEST_CHOOSING
        found[name] = _log(table, counted, 1.0 if few else _PSEUDO_COUNTS[best]).view(shape)
        parts.append(tried[best][:, counted])
    weights = torch.full((len(found),), 1 / len(found)) if few else _weights(torch.stack(parts), counted, letter)
    decoder.set_tables(found, weights)


def begin_at_shares(decoder: DenseDecoder, train: TokenStore, weights: NDArray[np.float32] | None) -> None:
    """Let every position of a new decoder begin at the shares of the letters that stand there in the training texts.

    Ambiguity codes are left out; one more letter is shared by all, so that none is impossible.

    Args:
        decoder: never trained.
        train: training texts.
        weights: of each; None: all are equal.
    """
    vocab, places = decoder.bias.shape
    counted = outcomes(vocab, decoder.certain_ends)
    table = torch.zeros(places, vocab, dtype=torch.float64)
    for row in range(len(train)):
        ids = torch.tensor([*train.ids(row), EOS], dtype=torch.long)
        position = torch.arange(len(ids))[ids < vocab]
        weight = 1.0 if weights is None else float(weights[row])
        table[position, ids[ids < vocab]] += weight
    decoder.begin_at(_log(table.masked_fill(~counted, 0.0), counted, 1.0))


def _places(store: TokenStore, decoder: WithCounts, counted: Tensor) -> _Places:
    """Return the places of all texts whose letter is counted, and before which all letters are certain."""
    rows = [torch.tensor(store.ids(row), dtype=torch.long) for row in range(len(store))]
    ids = torch.nn.utils.rnn.pad_sequence([torch.cat([row, row.new_tensor([EOS])]) for row in rows], True, PAD)
    before, position = windows(ids)
    letter = ids.flatten()
    fit = (letter < decoder.vocab_size) & (before < decoder.vocab_size).all(1)
    fit &= counted[letter.clamp(max=decoder.vocab_size - 1)]
    text = torch.arange(len(ids)).repeat_interleave(ids.shape[1])
    fold = torch.tensor([zlib.crc32(row.numpy().tobytes()) % _FOLDS for row in rows])[text]
    return _Places(before[fit], position[fit], letter[fit], text[fit], fold[fit])


def _table(code: Int[Tensor, " places"], letter: Int[Tensor, " places"], shape: tuple[int, ...]) -> Tensor:
    """Return how often each letter stands in each context, `(contexts, letters)`."""
    found = torch.bincount(code * shape[-1] + letter, minlength=math.prod(shape))
    return found.double().view(-1, shape[-1])


def _code(name: str, places: _Places, vocab: int) -> Int[Tensor, " places"]:
    """Return the row of a table, its contexts flattened, for each place."""
    order = int(name.rpartition("_")[2])
    code = torch.zeros_like(places.position)
    for k in range(1, order + 1):
        code = code + places.before[:, -k] * vocab ** (k - 1)
    return places.position * vocab**order + code if name.startswith("at") else code


def _log(table: Tensor, counted: Tensor, pseudo: float) -> Tensor:
    """Return the log-probabilities of a table of counts, zero for what is not counted."""
    smooth = table + pseudo / int(counted.sum())
    logs = (smooth / (table.sum(-1, keepdim=True) + pseudo)).log()
    return logs.masked_fill(~counted, 0.0)


def _weights(
    parts: Float[Tensor, "tables places letters"], counted: Tensor, letter: Int[Tensor, " places"]
) -> Float[Tensor, " tables"]:
    """Return the weights under which the letters that stand there are likeliest."""
    target = (counted.cumsum(0) - 1)[letter]
    weights = torch.full((len(parts),), 1 / len(parts), dtype=parts.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def cost() -> float:
        """Return the nats of the letters, the weights drawn to equal ones: a few letters do not tell tables apart."""
        optimizer.zero_grad()
        logits = torch.einsum("t,tpl->pl", weights, parts)
        drawn = (weights - 1 / len(parts)).square().sum()
        nats = torch.nn.functional.cross_entropy(logits, target) + _DRAWN / len(target) * drawn
        nats.backward()
        return nats.item()

    optimizer.step(cost)
    return weights.detach()
