"""A part of `benchmark_uses.py`: what imputation is worth, of DNA of one length."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import seqvae
from scripts.benchmarks.uses.imputation import how
from seqvae import infer
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.evaluate.sequences.markov_baselines import CountingModel, best_pseudo, models
from seqvae.sequences.dna import BASES
from seqvae.sequences.integer_codes import Letters, letters

_HIGHEST = 6  # order of the chains: beyond it the sets are too small to count


def transitions(model: CountingModel, train: Letters, length: int, pseudo: float) -> NDArray[np.float64]:
    """Return p(letter | the letters before it) at each position, `(length, 4 ** order, 4)`.

    The letters before are numbered with the last one last; at the first positions, those beyond the start do not count.
    """
    order = model.order
    words = ["".join(word) or BASES[0] for word in product(BASES, repeat=order)]
    # Each word again and again: at each position these have every context once.
    repeated = letters([(word * length)[:length] for word in words])
    tables = np.exp2(model.log_probs(train, repeated, pseudo).astype(np.float64)).reshape(len(words), length, 4)
    found = np.empty((length, len(words), 4))
    for position in range(length):
        contexts = np.zeros(len(words), np.int64)
        for back in range(order, 0, -1):
            there = (position - back) % order
            contexts = contexts * 4 + np.array([BASES.index(word[there]) for word in words])
        found[position, contexts] = tables[:, position]
    return found


def conditional(tables: NDArray[np.float64], texts: Sequence[str], hidden: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the exact distribution of each hidden letter given all that are not, `(texts, hidden, 4)`.

    By the forward-backward algorithm, whose states are the letters before a position.

    Args:
        tables: as `transitions` returns them.
        texts: whole, of one length.
        hidden: `(texts, hidden)`, the hidden places of each.
    """
    (length, states, _), rows = tables.shape, len(texts)
    seen = np.zeros((rows, length, 4))
    for row, text in enumerate(texts):
        seen[row, range(length), [BASES.index(letter) for letter in text]] = 1.0
    np.put_along_axis(seen, hidden[..., None], 1.0, 1)
    ahead = np.zeros((length, rows, states))  # p(letters before, state)
    now = np.zeros((rows, states))
    now[:, 0] = 1.0
    for position in range(length):
        ahead[position] = now / now.sum(1, keepdims=True)
        step = ahead[position][..., None] * tables[position] * seen[:, position, None]
        now = step.reshape(rows, 4, states).sum(1)
    following = (np.arange(states)[:, None] * 4 + np.arange(4)) % states
    found, behind = np.empty((rows, length, 4)), np.ones((rows, states))  # p(letters behind | state)
    for position in reversed(range(length)):
        step = tables[position] * seen[:, position, None] * behind[:, following]
        found[:, position] = np.einsum("rs,rsl->rl", ahead[position], step)
        behind = step.sum(2)
        behind /= behind.max(1, keepdims=True)
    found = np.take_along_axis(found, hidden[..., None], 1)
    return found / found.sum(2, keepdims=True)


def random_places(texts: Sequence[str], share: float) -> NDArray[np.int64]:
    """Return places of texts of one length that are to be hidden, a share of them, `(texts, hidden)`."""
    rng, length = np.random.default_rng(0), len(texts[0])
    count = round(share * length)
    return np.array([sorted(rng.choice(length, count, replace=False).tolist()) for _ in texts])


def lac_places(path: Path, test: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the texts of a table that are in the test split, and their places that it hides.

    Args:
        path: CSV table with the columns realA, in which each hidden letter is an M, and realB, the whole text.
        test: the test split.
    """
    records, _ = read_records(path, ReadSettings(column="realB", keep=("realA",)))
    masks = {record.text: record.fields["realA"] for record in records}
    texts = [text for text in test if text in masks]
    return texts, np.array([[n for n, letter in enumerate(masks[text]) if letter == "M"] for text in texts])


def sequence_figures(
    name: str, parts: Sequence[Sequence[str]], hidden: NDArray[np.int64], samples: int, methods: Sequence[str]
) -> dict[str, Any]:
    """Return log-loss and accuracy of hidden letters: the model's, and those of counting models.

    Args:
        name: of the model.
        parts: training, validation and test texts, of one length.
        hidden: places of the test texts, `(texts, hidden)`.
        samples: of importance sampling.
        methods: of imputation.
    """
    train, valid, test = map(list, parts)
    codec, length = seqvae.load(name, device="cpu"), len(test[0])
    masked = [
        "".join("?" if n in places else a for n, a in enumerate(t)) for t, places in zip(test, hidden, strict=True)
    ]
    truth = np.array([[BASES.index(text[n]) for n in places] for text, places in zip(test, hidden, strict=True)])
    both = letters([*train, *valid])
    found: dict[str, NDArray[np.float64]] = {}
    for title, model in models(one_length=True).items():
        if model.order <= _HIGHEST:
            pseudo = best_pseudo(model, letters(train), letters(valid))
            found[title] = conditional(transitions(model, both, length, pseudo), test, hidden)
    for method in methods:
        filled = infer.impute(codec, masked, how(method, samples))
        # A letter that was never drawn has not probability 0: half a draw more for each.
        found[f"{name}, {method}"] = np.array([(one.marginals * one.draws + 0.5) / (one.draws + 2) for one in filled])
    figures = {}
    for title, of in found.items():
        each = -np.log2(np.take_along_axis(of, truth[..., None], 2)[..., 0]).mean(1)
        error, right = float(each.std(ddof=1) / np.sqrt(len(each))), float((of.argmax(2) == truth).mean())
        figures[title] = {"bits": float(each.mean()), "error": error, "right": right}
    return {"sequences": len(test), "length": length, "hidden": hidden.shape[1], "models": figures}
