"""What was observed at each position, as log-likelihoods of its true token: masks, sets of letters, and reading errors.

A letter that is read with the error rate e is the true one with probability 1 - e, and each of the K - 1 others is read
as it with e / (K - 1). A code such as R says that one of its letters was read, so it has their sum, and N says nothing.
Without errors that is 1 for the letters of a code and 0 for all others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from seqvae.errors import InputError, UsageError, quoted
from seqvae.model.encoders import EOS
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

Slot = Mapping[int, float]
"""The ids that a position may have, each with log p(what was observed there | this id is the true one)."""

# Qualities as Sanger's FASTQ spells them (Cock et al. 2010, doi:10.1093/nar/gkp1137): `!` is 0, `~` is 93.
_FIRST, _LAST = "!", "~"


def one_of_ids(ids: Collection[int]) -> Slot:
    """Return the slot of a position of which no more is known than that it has one of some ids."""
    return dict.fromkeys(ids, 0.0)


def misread(read: Collection[int], error: float, letters: Collection[int]) -> Slot:
    """Return the slot of a position at which one of some letters was read.

    Args:
        read: ids of the letters that the reading allows.
        error: that it is wrong, at most (K - 1) / K, where all K letters are as likely.
        letters: the ids that may be read for each other; a token that is none of them, such as a gap, is certain.
    """
    if error <= 0 or not set(letters).issuperset(read):
        return one_of_ids(read)
    if len(read) == len(letters):
        return one_of_ids(letters)
    other = error / (len(letters) - 1)
    likelihoods = {
        one: len(read) * other if one not in read else 1 - error + (len(read) - 1) * other for one in letters
    }
    return {one: math.log(value) for one, value in likelihoods.items()}


def exchangeable(tokenizer: Tokenizer) -> list[int]:
    """Return the ids of the letters that may be read for each other: none of molecules, and of merged tokens."""
    if tokenizer.molecular or any(len(token) > 1 for token in tokenizer.tokens[EOS + 1 :]):
        return []
    alphabet = tokenizer.domain.alphabet
    return [
        place
        for place, token in enumerate(tokenizer.tokens)
        if place > EOS and (alphabet is None or token in alphabet.letters)
    ]


def reading_errors(tokenizer: Tokenizer, text: str, quality: str, rate: float | None) -> Sequence[float] | None:
    """Return how likely each letter of a text is wrong; None where what is written is certain.

    Of a model of molecules or of merged tokens, which has no letters, qualities are left out.

    Args:
        tokenizer: of the model.
        text: without blanks around it.
        quality: Phred qualities of its letters, -10 log10 of the probability of an error (Ewing & Green 1998,
            doi:10.1101/gr.8.3.186); "" for none. One so low that the other letters would be likelier says nothing.
        rate: the same for all, which wins over qualities; None: none is given.

    Raises:
        InputError: another number of qualities than letters, or a character that is no quality.
        UsageError: the rate is so high that letters say nothing, or the model's tokens are no letters.
    """
    count = len(exchangeable(tokenizer))
    if rate == 0 or (rate is None and not (quality and count)):
        return None
    if rate is not None:
        if not count:
            raise UsageError(
                "error_rate: expected a model that reads a sequence letter by letter, got one of "
                f"{'molecules' if tokenizer.molecular else 'merged tokens'}"
            )
        if rate >= 1 - 1 / count:
            raise UsageError(
                f"error_rate: expected less than {1 - 1 / count:.3g}, at which a letter of {count} says nothing, got "
                f"{rate:g}"
            )
        return [rate] * len(text)
    if len(quality) != len(text):
        raise InputError(
            f"{quoted(text)}: expected one quality for each of {len(text):,} letters, got {len(quality):,}"
        )
    if bad := [sign for sign in quality if not _FIRST <= sign <= _LAST]:
        raise InputError(f"{quoted(text)}: expected qualities from ! (0) to ~ (93), got {bad[0]!r}")
    return [min(10 ** ((ord(_FIRST) - ord(sign)) / 10), 1 - 1 / count) for sign in quality]
