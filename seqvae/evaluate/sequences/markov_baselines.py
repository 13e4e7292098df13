"""Models that only count letters, and what they leave unsaid of held-out sequences: the floor of bits a base.

A learned model that needs more bits than these has learned nothing that counting does not know. Each adds a
pseudo-count to every count; its bits of a sequence are -log2 p, and bits a base are the sum over the held-out sequences
divided by their letters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts
from seqvae.errors import InputError
from seqvae.evaluate.sequences.kmers import kmer_numbers, longest_kmer
from seqvae.sequences.dna import BASES
from seqvae.sequences.integer_codes import Letters, letters

if TYPE_CHECKING:  # counting needs no torch
    from seqvae.latent.codec import Codec

HALF = 0.5  # Krichevsky & Trofimov 1981, doi:10.1109/TIT.1981.1056331
PSEUDO_COUNTS = (0.5, 1.0, 3.0, 10.0, 30.0, 100.0)  # tried on the validation side
HIGHEST_ORDER = 7
_LARGEST_TABLE = 4**9  # numbers: of DNA all orders fit, of proteins those up to 3
_VALIDATION = 10  # one training sequence in so many chooses the pseudo-count where no validation side is given


@dataclass(frozen=True)
class CountingModel:
    """A model of sequences that is a table of counts.

    Attributes:
        order: how many letters before it a letter depends on.
        positional: every position has a table of its own; all sequences must have one length.
        uniform_start: a Markov chain's first `order` letters cost what a uniform letter costs; else they look back as
            far as they can, with tables counted at the sequences' starts. (Positional: always the latter.)
    """

    order: int
    positional: bool = False
    uniform_start: bool = False

    @property
    def name(self) -> str:
        """What tables call it."""
        if self.positional:
            return "position-specific" + (" first order" if self.order == 1 else "")
        return "unigram (Markov order 0)" if self.order == 0 else f"Markov order {self.order}"

    def bits(self, train: Letters, held_out: Letters, pseudo: float) -> NDArray[np.float64]:
        """Return -log2 p of each held-out sequence, `(sequences,)`.

        Raises:
            InputError: positional, and the sequences are not of one length.
        """
        if self.positional:
            length = one_length(train, held_out)
            return sum((_letter_bits(train, held_out, p, self.order, pseudo) for p in range(length)), _zeros(held_out))
        if self.uniform_start:
            bits = math.log2(len(train.alphabet)) * np.minimum(held_out.lengths, self.order)
        else:
            starts = range(self.order)
            bits = sum((_letter_bits(train, held_out, p, self.order, pseudo) for p in starts), _zeros(held_out))
        return bits + _later_bits(train, held_out, self.order, pseudo)


def models(one_length: bool, uniform_start: bool = False, letters: int = len(BASES)) -> dict[str, CountingModel]:
    """Return all counting models by name; positional ones where all sequences have one length.

    Args:
        one_length: whether they have.
        uniform_start: see `CountingModel`.
        letters: of the alphabet; with many, high orders are left out, whose tables would be too large.
    """
    orders = min(HIGHEST_ORDER + 1, longest_kmer(letters, _LARGEST_TABLE))
    found = [CountingModel(order, uniform_start=uniform_start) for order in range(orders)]
    if one_length:
        found += [CountingModel(0, positional=True), CountingModel(1, positional=True)]
    return {model.name: model for model in found}


def one_length(*splits: Letters) -> int:
    """Return the one length of all sequences.

    Raises:
        InputError: they have several.
    """
    shortest, longest = min(side.lengths.min() for side in splits), max(side.lengths.max() for side in splits)
    if shortest != longest:
        raise InputError(f"a position-specific model needs sequences of one length, got {shortest} to {longest}")
    return int(longest)


def _zeros(held_out: Letters) -> NDArray[np.float64]:
    return np.zeros(len(held_out))


def _table(words: NDArray[np.int64], size: int, width: int, pseudo: float) -> NDArray[np.float64]:
    """Return -log2 p of the last letter of each word given those before it, from the words that were seen."""
    counts = np.bincount(words[words >= 0], minlength=size**width).reshape(-1, size) + pseudo
    return -np.log2(counts / counts.sum(1, keepdims=True)).ravel()


def _letter_bits(train: Letters, held_out: Letters, position: int, order: int, pseudo: float) -> NDArray[np.float64]:
    """Return the bits of each sequence's letter at one position; 0 where the sequence is shorter than that."""
    context = min(order, position)
    seen, asked = (_kmers_at(side, position - context, context + 1) for side in (train, held_out))
    bits = _table(seen, len(train.alphabet), context + 1, pseudo)
    return np.where(asked >= 0, bits[asked], 0.0)


def _kmers_at(side: Letters, position: int, width: int) -> NDArray[np.int64]:
    """Return the number of the word at one position of each sequence; -1 where it ends before."""
    numbers = np.zeros(len(side), np.int64)
    for place in range(position, position + width):
        numbers = numbers * len(side.alphabet) + side.codes[np.minimum(side.starts + place, len(side.codes) - 1)]
    return np.where(side.lengths >= position + width, numbers, -1)


def _later_bits(train: Letters, held_out: Letters, order: int, pseudo: float) -> NDArray[np.float64]:
    """Return the bits of each sequence's letters that have `order` letters before them."""
    bits = _table(kmer_numbers(train, order + 1), len(train.alphabet), order + 1, pseudo)
    asked = kmer_numbers(held_out, order + 1)
    there = asked >= 0
    rows = held_out.rows[: len(asked)][there]
    return np.bincount(rows, weights=bits[asked[there]], minlength=len(held_out)).astype(np.float64)


def bits_a_base(model: CountingModel, train: Letters, held_out: Letters, pseudo: float) -> float:
    """Return a model's bits a base on held-out sequences."""
    return float(model.bits(train, held_out, pseudo).sum() / held_out.lengths.sum())


def best_pseudo(model: CountingModel, train: Letters, valid: Letters) -> float:
    """Return the pseudo-count that leaves the fewest bits on the validation side."""
    return min(PSEUDO_COUNTS, key=lambda pseudo: bits_a_base(model, train, valid, pseudo))


@dataclass(frozen=True)
class Counted:
    """Bits a base of one counting model.

    Attributes:
        bits: with a pseudo-count of one half, a Markov chain's first letters uniform: the plain form that figures in
            the literature mean.
        tuned_bits: with the pseudo-count that is best on the validation side, and first letters that look back as far
            as they can: as good as the model gets.
        pseudo_count: the former.
    """

    bits: float
    tuned_bits: float
    pseudo_count: float


@dataclass(frozen=True)
class HeldOutBits:
    """Bits a base of a learned model beside those of counting models, on the same held-out sequences.

    Attributes:
        sequences: held-out ones.
        model: upper bound on the learned model's bits a base (importance-weighted; the end mark included, which the
            counting models do not pay for).
        iwae_samples: samples of that bound for each sequence.
        counted: each counting model's, by name.
        best: name of the counting model that needs fewest tuned bits.
        difference: the learned model's minus that model's tuned bits, a base.
        standard_error: of that difference, paired by sequence.
    """

    sequences: int
    model: float
    iwae_samples: int
    counted: dict[str, Counted]
    best: str
    difference: float
    standard_error: float


def counted_bits(
    train: Sequence[str], held_out: Sequence[str], valid: Sequence[str] = (), alphabet: str = BASES
) -> dict[str, Counted]:
    """Return every counting model's bits a base on held-out sequences, by its name.

    Args:
        train: sequences to count.
        held_out: sequences to score, none of which should be among these.
        valid: sequences that choose the pseudo-counts, and are counted afterwards too; by default every tenth
            training sequence.
        alphabet: the letters.

    Raises:
        InputError: a side has no sequence, or a sequence is empty or has another letter.
    """
    return {name: counted for name, (counted, _) in _count(train, held_out, valid, alphabet).items()}


def _count(
    train: Sequence[str], held_out: Sequence[str], valid: Sequence[str], alphabet: str
) -> dict[str, tuple[Counted, NDArray[np.float64]]]:
    """Return what `counted_bits` does, each with the tuned bits of each sequence."""
    first, choosing = _choosing_splits(list(train), list(valid))
    test = letters(held_out, alphabet)  # an ambiguity code is refused: its probability would be a sum
    part, choose, both = (letters(side, alphabet) for side in (first, choosing, [*train, *valid]))
    same = bool(min(both.lengths.min(), test.lengths.min()) == max(both.lengths.max(), test.lengths.max()))
    found = {}
    size = len(alphabet)
    plains = models(same, uniform_start=True, letters=size).values()
    for (name, model), plain in zip(models(same, letters=size).items(), plains, strict=True):
        pseudo = best_pseudo(model, part, choose)
        tuned = model.bits(both, test, pseudo)
        counted = Counted(bits_a_base(plain, both, test, HALF), float(tuned.sum() / test.lengths.sum()), pseudo)
        found[name] = counted, tuned
    return found


def _choosing_splits(train: list[str], valid: list[str]) -> tuple[list[str], list[str]]:
    """Return sequences to count and sequences to choose the pseudo-count on."""
    if valid:
        return train, valid
    if len(train) < 2:
        raise InputError(f"expected at least 2 training sequences to count, got {len(train)}")
    stride = min(_VALIDATION, len(train))
    return [text for number, text in enumerate(train) if number % stride], train[::stride]


def model_bits(codec: Codec, texts: AnyTexts, samples: int = 100, seed: int = 0) -> NDArray[np.float64]:
    """Return the importance-weighted upper bound on -log2 p of each text, its end mark included, `(texts,)`.

    Raises:
        InputError: a text cannot be encoded by this model.
    """
    return -codec.iwae(texts, samples, seed).double().numpy() / math.log(2)


def held_out_bits(
    codec: Codec,
    train: Sequence[str],
    held_out: AnyTexts,
    valid: Sequence[str] = (),
    samples: int = 100,
    alphabet: str = BASES,
) -> HeldOutBits:
    """Hold a trained model's bits a base on held-out sequences against the counting models'.

    Args:
        codec: the trained model.
        train: what it was trained on; the counting models count it.
        held_out: sequences that neither has seen.
        valid: see `counted_bits`.
        samples: of the importance-weighted bound.
        alphabet: the letters.

    Raises:
        InputError: as `counted_bits` and `model_bits`.
    """
    texts = held_out.forms if isinstance(held_out, TokenizedTexts) else held_out
    found = _count(train, texts, valid, alphabet)
    return compared(model_bits(codec, held_out, samples), samples, found, np.array([len(text) for text in texts]))


def compared(
    bits: NDArray[np.float64],
    samples: int,
    found: dict[str, tuple[Counted, NDArray[np.float64]]],
    lengths: NDArray[np.int64],
) -> HeldOutBits:
    """Return the comparison from a model's bits of each sequence.

    Args:
        bits: the learned model's, of each sequence.
        samples: of its bound.
        found: of each counting model, its figures and its tuned bits of each sequence.
        lengths: letters of each sequence.
    """
    best = min(found, key=lambda name: found[name][0].tuned_bits)
    difference = bits - found[best][1]
    return HeldOutBits(
        sequences=len(bits),
        model=float(bits.sum() / lengths.sum()),
        iwae_samples=samples,
        counted={name: counted for name, (counted, _) in found.items()},
        best=best,
        difference=float(difference.sum() / lengths.sum()),
        standard_error=float(difference.std() / math.sqrt(len(bits)) / lengths.mean()),
    )
