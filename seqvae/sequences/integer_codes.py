"""Sequences as numbers of letters, all of them in one flat array: what counting models, spectra and scans work on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError
from seqvae.sequences.alphabet import Alphabet
from seqvae.sequences.dna import BASES, DNA_ALPHABET

GAP = -1
_UNKNOWN = 127  # a letter outside the alphabet, until it is refused


@dataclass(frozen=True)
class Letters:
    """Sequences of any lengths in one array with a gap behind each, so that no word reaches from one into the next.

    Attributes:
        codes: `(all letters + sequences,)`, int8: each sequence's letters, then a gap (-1); an ambiguity code is a gap
            too.
        starts: `(sequences,)`, int64: where each sequence begins.
        lengths: `(sequences,)`, int64: letters of each, ambiguity codes included.
        alphabet: the letters; a letter's number is its place there.
    """

    codes: NDArray[np.int8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    alphabet: str = BASES

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def rows(self) -> NDArray[np.int64]:
        """Which sequence each code belongs to, its gap included."""
        return np.repeat(np.arange(len(self)), self.lengths + 1)


def letters(texts: Sequence[str], alphabet: str = BASES, ambiguous: str = "") -> Letters:
    """Return sequences as numbers of letters.

    Args:
        texts: sequences in canonical form (upper case).
        alphabet: the letters.
        ambiguous: further letters that are accepted and count as unknown, such as `N`.

    Raises:
        InputError: there is no sequence, one is empty, or one has another letter; the message names it.
    """
    if isinstance(texts, str) or not len(texts):
        raise InputError(f"expected a list of sequences with at least one in it, got {texts!r}")
    lengths = np.array([len(text) for text in texts], np.int64)
    if not lengths.all():
        number = int(np.flatnonzero(lengths == 0)[0]) + 1
        raise InputError(f"sequence {number} of {len(texts)} is empty: leave it out")
    table = _table(alphabet, ambiguous)
    # A line end is the gap below, so it must not stand in a sequence; no alphabet has a question mark.
    lines = [text.replace("\n", "?") for text in texts]
    # Every character beyond Latin-1 becomes "?", which no alphabet has, so that one byte is one letter.
    joined = ("\n".join(lines) + "\n").encode("latin-1", "replace")
    codes = table[np.frombuffer(joined, np.uint8)]
    starts = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]])
    found = Letters(codes, starts, lengths, alphabet)
    bad = np.flatnonzero(codes == _UNKNOWN)
    if len(bad):
        raise _unknown_letter(texts, found, int(bad[0]))
    return found


def letters_in(alphabet: Alphabet, texts: Sequence[str]) -> Letters:
    """Return sequences in canonical form as numbers; ambiguity codes count as unknown; raises as `letters`."""
    return letters(texts, alphabet.letters, "".join(alphabet.codes))


def dna_letters(texts: Sequence[str]) -> Letters:
    """Return DNA in canonical form as numbers, as `letters_in` does."""
    return letters_in(DNA_ALPHABET, texts)


def _table(alphabet: str, ambiguous: str) -> NDArray[np.int8]:
    table = np.full(256, _UNKNOWN, np.int8)
    table[ord("\n")] = GAP
    for letter in ambiguous:
        table[ord(letter)] = GAP
    for number, letter in enumerate(alphabet):
        table[ord(letter)] = number
    return table


def _unknown_letter(texts: Sequence[str], found: Letters, place: int) -> InputError:
    row = int(np.searchsorted(found.starts, place, side="right")) - 1
    column = place - int(found.starts[row])
    return InputError(
        f"sequence {row + 1} has {texts[row][column]!r} at column {column + 1}, expected one of {found.alphabet}: "
        "correct the sequence or leave it out"
    )
