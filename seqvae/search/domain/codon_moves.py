"""Mutation and crossover of coding sequences, codon by codon: always in frame, with no stop before the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from seqvae.sequences.codons import CODONS, STOP, genetic_code, split_codons, synonyms


@final
@dataclass(frozen=True)
class CodonMoves:
    """Small changes of coding sequences: codons are exchanged, inserted or removed; two sequences cross over.

    A stop at the end stays one.

    Attributes:
        fixed_length: whether all sequences keep their length: codons are exchanged only, and a part of one sequence
            replaces that of the other at its place.
        synonymous: share of exchanges for another codon of the same amino acid, which leave the protein as it is.
        changes: codons that change in a mutation, on average; at least one does.
    """

    fixed_length: bool = False
    synonymous: float = 0.5
    changes: float = 1.5

    def mutate(self, text: str, rng: np.random.Generator) -> str | None:
        """Return a sequence that differs in some codons; None of one that has none but a stop."""
        body, end = _parted(text)
        if not body:
            return None
        sense = [codon for codon in CODONS if genetic_code()[codon] != STOP]
        for _ in range(1 + int(rng.poisson(max(self.changes - 1.0, 0.0)))):
            kind, place = 0 if self.fixed_length else int(rng.integers(3)), int(rng.integers(len(body)))
            codons = [*body, *end]
            places = [row for row, codon in enumerate(codons) if synonyms()[codon]]
            if kind == 1:
                body.insert(place, _drawn(sense, rng))
            elif kind == 2 and len(body) > 1:
                del body[place]
            elif places and rng.random() < self.synonymous:
                place = places[int(rng.integers(len(places)))]
                codons[place] = _drawn(synonyms()[codons[place]], rng)
                body, end = codons[: len(body)], codons[len(body) :]
            else:
                body[place] = _drawn([codon for codon in sense if codon != body[place]], rng)
        return "".join([*body, *end])

    def cross(self, first: str, second: str, rng: np.random.Generator) -> str | None:
        """Return codons of both; the end is that of the first, of one length, or that of the second."""
        (body, end), (other, last) = _parted(first), _parted(second)
        if self.fixed_length and len(first) == len(second):
            start, stop = sorted(int(place) for place in rng.integers(min(len(body), len(other)) + 1, size=2))
            return "".join([*body[:start], *other[start:stop], *body[stop:], *end])
        there, here = int(rng.integers(len(body) + 1)), int(rng.integers(len(other) + 1))
        return "".join([*body[:there], *other[here:], *last]) or None


def _parted(text: str) -> tuple[list[str], list[str]]:
    """Return the codons of a coding sequence before its stop, and the stop, if there is one."""
    codons = split_codons(text)
    cut = len(codons) - bool(codons and genetic_code().get(codons[-1]) == STOP)
    return codons[:cut], codons[cut:]


def _drawn(codons: Sequence[str], rng: np.random.Generator) -> str:
    return codons[int(rng.integers(len(codons)))]
