"""Proposals that stand for a reference sequence with some of its letters, or some of its codons, exchanged."""

from __future__ import annotations

from collections.abc import Collection

from seqvae.config import ConstraintConfig
from seqvae.errors import ConfigError, InvalidSequenceError, UsageError
from seqvae.search.domain.domain import Texts
from seqvae.search.proposals import Canonical
from seqvae.sequences.codons import genetic_code, normalize_coding, split_codons


def projected(texts: Texts, config: ConstraintConfig) -> Canonical:
    """Return what carries a proposal over to the sequence that designs must resemble.

    It takes the proposal's letters at the free positions, and of these, where the protein is kept, the codons that are
    synonymous; so whoever makes proposals, a decoder or crossover, needs to know nothing of it. One of another length
    is invalid.

    Args:
        texts: the kind without rules.
        config: the rules, with `like`, and `positions` or `same_protein` or both.

    Raises:
        ConfigError: the reference is no sequence of this kind, or no coding sequence where its protein is kept.
        UsageError: the positions cannot be read, or lie outside the reference.
    """
    whole = texts.canonical(config.like)
    if whole is None:
        raise ConfigError(f"constraints.like: expected a sequence of this search, got {config.like!r}")
    free = _places(config.positions, len(whole)) if config.positions else range(len(whole))
    if config.same_protein:
        try:
            coding = normalize_coding(whole)
        except InvalidSequenceError as error:
            raise ConfigError(f"constraints.same_protein: constraints.like is no coding sequence: {error}") from error
        if coding != whole:
            raise ConfigError("constraints.same_protein: for DNA only: write T for U, or leave it out")

    def form(text: str) -> str | None:
        """Return the reference with what it takes of the text."""
        found = texts.canonical(text)
        if found is None or len(found) != len(whole):
            return None
        if config.positions:
            pairs = enumerate(zip(whole, found, strict=True))
            found = "".join(new if place in free else old for place, (old, new) in pairs)
        return _synonymous(whole, found) if config.same_protein else found

    return form


def _places(positions: str, length: int) -> Collection[int]:
    """Return places from 0; positions are written from 1: `3-8,12`."""
    free: set[int] = set()
    for part in positions.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UsageError(f"constraints.positions: expected numbers and ranges such as 3-8,12, got {positions!r}")
        ends = int(first), int(last if dash else first)
        if not 1 <= ends[0] <= ends[1] <= length:
            raise UsageError(f"constraints.positions: {part.strip()} lies outside 1 to {length}, or runs backwards")
        free.update(range(ends[0] - 1, ends[1]))
    return free


def _synonymous(whole: str, found: str) -> str:
    """Return a coding sequence with those codons of another one that stand for the same amino acids.

    >>> _synonymous("ATGTTTAAA", "ATGTTCAAT")  # F is F, and K is not N
    'ATGTTCAAA'
    """
    code = genetic_code()
    pairs = zip(split_codons(whole), split_codons(found), strict=True)
    return "".join(new if code.get(new) == code[old] else old for old, new in pairs)
