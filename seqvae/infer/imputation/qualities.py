"""Phred qualities of corrected sequences, from the posterior probability of each letter."""

from __future__ import annotations

import math

import numpy as np

from seqvae.errors import InputError, UsageError, quoted
from seqvae.infer.imputation.evidence import exchangeable
from seqvae.infer.imputation.masked import RUN, Imputed
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

MOST = 41  # the highest quality of common sequencers (Illumina 1.8 and later), which all programs read
_ZERO = ord("!")
_ROUNDING = 1e-9  # of a quality: 1 - p = .1 is 10, whatever its last digit


def check_letters(tokenizer: Tokenizer) -> None:
    """Refuse models that have no letters of which each could have a quality.

    Raises:
        UsageError: a model of molecules, of codons or of merged tokens.
    """
    if not exchangeable(tokenizer):
        raise UsageError(
            "FASTQ has a quality for each letter: expected a model that reads a sequence letter by letter; write a "
            "table (.csv) or .fasta"
        )


def check_text(text: str) -> None:
    """Refuse a text with a run of unknown length; raises InputError."""
    if RUN in text:
        raise InputError(
            f"{quoted(text)}: a run {RUN} of unknown length has no qualities in FASTQ: write a table (.csv)"
        )


def phred(found: Imputed, draws: int, quality: str = "") -> str:
    """Return the qualities of the letters of the likeliest completion, as Sanger's FASTQ spells them.

    A letter of probability p has -10 log10(1 - p), rounded down, at most 41, and at most -10 log10(1 / (draws + 1)):
    so many draws cannot tell a rarer error. One that was read, and that all draws agree on, keeps the quality with
    which it was read where that is higher; so does one that was taken as certain, or has 41 without such a quality.

    Args:
        found: a sequence without a run of unknown length, by a model of letters.
        draws: how many the probabilities are shares of.
        quality: with which the letters were read; "" where that is not known, or not believed.
    """
    letters, read = found.completions[0], found.text.strip().upper()
    given = [ord(sign) - _ZERO for sign in quality] if len(quality) == len(letters) == len(read) else []
    qualities = given or [MOST] * len(letters)
    for row, position in enumerate(found.positions):
        place = position - 1
        others = float(np.delete(found.marginals[row], found.tokens.index(letters[place])).sum())
        error = max(others, 1 / (draws + 1))
        told = min(max(math.floor(-10 * math.log10(min(error, 1.0)) + _ROUNDING), 0), MOST)
        kept = given[place] if given and others == 0 and letters[place] == read[place] else 0
        qualities[place] = max(told, kept)
    return "".join(chr(_ZERO + value) for value in qualities)
