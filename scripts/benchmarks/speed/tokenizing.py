"""Tokenizing molecules, by our tokenizer and by the loop that the `selfies` library offers: for the throughput script.

Theirs is `selfies.selfies_to_encoding`, molecule by molecule, with labels padded to the longest. Ours is measured with
the same vocabulary (one token per symbol), and with merged tokens, whose shorter rows train faster. Once from SELFIES,
and once from SMILES: there both call `selfies.encoder`, and ours first makes the SMILES canonical.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from statistics import median

import selfies

from seqvae.sequences.molecules import smiles_to_selfies, split_selfies
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

Rounds = dict[str, list[float]]


def rounds(texts: Sequence[str], merged: Tokenizer, count: int) -> Rounds:
    """Return molecules per second of each way, round by round.

    Args:
        texts: SMILES.
        merged: a fitted tokenizer of SELFIES with merges.
        count: number of rounds.
    """
    strings = [smiles_to_selfies(text) for text in texts]
    plain = build_tokenizer("selfies").fit(texts)
    ways: dict[str, Callable[[], object]] = {
        "selfies library, from SELFIES": lambda: library_loop(strings),
        "ours, a symbol a token, from SELFIES": lambda: plain.ids_batch(list(map(split_selfies, strings))),
        "ours, merged tokens, from SELFIES": lambda: merged.ids_batch(list(map(split_selfies, strings))),
        "selfies library, from SMILES": lambda: library_loop([selfies.encoder(text) for text in texts]),
        "ours, merged tokens, from SMILES": lambda: merged.encode_batch(texts),
    }
    found: Rounds = defaultdict(list)
    for _ in range(count):
        for name, way in ways.items():
            started = time.perf_counter()
            way()
            found[name].append(len(texts) / (time.perf_counter() - started))
    return dict(found)


def library_loop(strings: Sequence[str]) -> list[list[int]]:
    """Turn SELFIES into labels as the documentation of the library does: its alphabet, its lengths, its encoding."""
    alphabet = sorted({"[nop]", *selfies.get_alphabet_from_selfies(strings)})
    longest = max(selfies.len_selfies(text) for text in strings)
    labels = {symbol: number for number, symbol in enumerate(alphabet)}
    return [selfies.selfies_to_encoding(text, labels, longest, "label") for text in strings]


def ratios(found: Rounds) -> dict[str, float]:
    """Return the speed of ours relative to theirs."""
    speed = {name: median(one) for name, one in found.items()}
    return {
        f"tokenizing, {name}": speed[name] / speed[f"selfies library, {name.rpartition(', ')[2]}"]
        for name in speed
        if name.startswith("ours")
    }
