"""Sequences as integer codes in one flat array, for counting models, k-mer spectra and motif scans."""

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
    """Sequences of any length in one array, each followed by a gap so that no k-mer spans two sequences.

    Attributes:
        codes: `(all letters + sequences,)`, int8: each sequence's letters, then a gap (-1); ambiguity codes are gaps
            too.
        starts: `(sequences,)`, int64: where each sequence begins.
        lengths: `(sequences,)`, int64: letters in each, ambiguity codes included.
        alphabet: the letters; a letter's code is its position there.
    """

    codes: NDArray[np.int8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    alphabet: str = BASES

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def rows(self) -> NDArray[np.int64]:
        """The sequence that each code belongs to; a gap belongs to the sequence before it."""
        return np.repeat(np.arange(len(self)), self.lengths + 1)


def letters(texts: Sequence[str], alphabet: str = BASES, ambiguous: str = "") -> Letters:
    """Return sequences as integer codes.

    Args:
        texts: sequences in canonical form (upper case).
        alphabet: the letters.
        ambiguous: further letters that are accepted and coded as gaps, such as `N`.

    Raises:
        InputError: there is no sequence, one is empty, or one has another letter; the message names it.
    """
    if isinstance(texts, str) or not len(texts):
        raise InputError(f"expected a list of sequences with at least one in it, got {texts!r}")
    lengths = np.array([len(text) for text in texts], np.int64)
    if not lengths.all():
        number = int(np.flatnonzero(lengths == 0)[0]) + 1
        raise InputError(f"sequence {number} of {len(texts)} is empty: leave it out")
    table = np.full(256, _UNKNOWN, np.int8)
    table[[ord(letter) for letter in ("\n", *ambiguous)]] = GAP
    table[[ord(letter) for letter in alphabet]] = range(len(alphabet))
    # A newline encodes the gap, so none may occur within a sequence; no alphabet has a question mark.
    lines = [text.replace("\n", "?") for text in texts]
    # Every character beyond Latin-1 becomes "?" too, so that one byte is one letter.
    joined = ("\n".join(lines) + "\n").encode("latin-1", "replace")
    codes = table[np.frombuffer(joined, np.uint8)]
    starts = np.concatenate([[0], np.cumsum(lengths + 1)[:-1]])
    bad = np.flatnonzero(codes == _UNKNOWN)
    if len(bad):
        row = int(np.searchsorted(starts, bad[0], side="right")) - 1
        column = int(bad[0] - starts[row])
        raise InputError(
            f"sequence {row + 1} has {texts[row][column]!r} at column {column + 1}, expected one of {alphabet}: "
            "correct the sequence or leave it out"
        )
    return Letters(codes, starts, lengths, alphabet)


def letters_in(alphabet: Alphabet, texts: Sequence[str]) -> Letters:
    """Return sequences in canonical form as integer codes, ambiguity codes as gaps; raises as `letters`."""
    return letters(texts, alphabet.letters, "".join(alphabet.codes))


def dna_letters(texts: Sequence[str]) -> Letters:
    """Return DNA in canonical form as integer codes, as `letters_in` does."""
    return letters_in(DNA_ALPHABET, texts)
