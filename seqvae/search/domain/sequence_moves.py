"""Mutation and crossover symbol by symbol: of DNA and other sequences, and of molecules as SELFIES."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import selfies

from seqvae.errors import SeqVAEError
from seqvae.sequences.molecules import canonical_or_none, smiles_to_selfies

Symbols = list[str]


@final
@dataclass(frozen=True)
class SequenceMoves:
    """Small changes of sequences: letters are exchanged, inserted or removed; two sequences cross over.

    Attributes:
        alphabet: the letters.
        fixed_length: whether all sequences keep their length: a letter inserted at one place is paid for by one removed
            at another, and a part of one sequence replaces an equally long part of the other.
        changes: letters that change in a mutation, on average; at least one does.
        shifted: share of the mutations and crossovers at fixed length that shift letters or put a part elsewhere.
    """

    alphabet: str
    fixed_length: bool = False
    changes: float = 1.5
    shifted: float = 0.3

    def mutate(self, text: str, rng: np.random.Generator) -> str | None:
        """Return a sequence that differs in some letters; None of an empty one."""
        if not text:
            return None
        if self.fixed_length and rng.random() < self.shifted:
            # A letter is taken out at one place and another put in elsewhere: what lies between shifts by one.
            out = int(rng.integers(len(text)))
            rest = text[:out] + text[out + 1 :]
            place = int(rng.integers(len(text)))
            return rest[:place] + self.alphabet[int(rng.integers(len(self.alphabet)))] + rest[place:]
        kinds = 1 if self.fixed_length else 3
        return "".join(_mutated(list(text), list(self.alphabet), rng, self.changes, kinds))

    def cross(self, first: str, second: str, rng: np.random.Generator) -> str | None:
        """Return the beginning of one and the end of the other; None where nothing would be left."""
        if self.fixed_length and len(first) == len(second):
            # A part of the second goes into the first, mostly at its own place, so that the length stays.
            start, end = sorted(int(place) for place in rng.integers(len(first) + 1, size=2))
            there = int(rng.integers(len(first) - (end - start) + 1)) if rng.random() < self.shifted else start
            return first[:there] + second[start:end] + first[there + end - start :]
        return "".join(_crossed(list(first), list(second), rng)) or None


@final
@dataclass(frozen=True)
class SelfiesMoves:
    """Small changes of molecules as SELFIES, whose results are molecules again (Nigam et al. 2021, STONED).

    doi:10.1039/D1SC00231G.

    Attributes:
        symbols: SELFIES symbols that may be written.
        longest: most symbols of a molecule.
        changes: symbols that change in a mutation, on average; at least one does.
    """

    symbols: tuple[str, ...] = tuple(sorted(selfies.get_semantic_robust_alphabet()))
    longest: int = 120
    changes: float = 1.5

    def mutate(self, text: str, rng: np.random.Generator) -> str | None:
        """Return a molecule that differs in some symbols, as canonical SMILES; None where there is none."""
        return self._changed([text], lambda parts: _mutated(parts[0], self.symbols, rng, self.changes, 3))

    def cross(self, first: str, second: str, rng: np.random.Generator) -> str | None:
        """Return a molecule made of the beginning of one and the end of the other; None where there is none."""
        return self._changed([first, second], lambda parts: _crossed(parts[0], parts[1], rng))

    def _changed(self, texts: Sequence[str], change: Callable[[list[Symbols]], Symbols]) -> str | None:
        try:
            parts = [list(selfies.split_selfies(smiles_to_selfies(text))) for text in texts]
        except SeqVAEError:
            return None
        return canonical_or_none(selfies.decoder("".join(change(parts)[: self.longest])))


def _mutated(
    symbols: Symbols, alphabet: Sequence[str], rng: np.random.Generator, changes: float, kinds: int
) -> Symbols:
    """Change some symbols: exchange (kind 0), insert (1) or remove (2) one at a time."""
    found = [*symbols]
    for _ in range(1 + int(rng.poisson(max(changes - 1.0, 0.0)))):
        kind, place = int(rng.integers(kinds)), int(rng.integers(len(found)))
        if kind == 2 and len(found) > 1:
            del found[place]
            continue
        other = [symbol for symbol in alphabet if symbol != found[place] or kind == 1]
        if not other:
            continue
        symbol = other[int(rng.integers(len(other)))]
        found[place : place + (kind != 1)] = [symbol]
    return found


def _crossed(first: Symbols, second: Symbols, rng: np.random.Generator) -> Symbols:
    """Return the first up to a random place, and the second from a random place on."""
    return first[: int(rng.integers(len(first) + 1))] + second[int(rng.integers(len(second) + 1)) :]
