"""Models that only count letters, and their bits per base on held-out sequences: the baseline for learned models.

A learned model that needs more bits than these has learned nothing that counting does not know. Each adds a
pseudo-count to every count; the bits of a sequence are -log2 p, and bits per base are the sum over the held-out
sequences divided by their total length.
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
from seqvae.evaluate.sequences import counting_mix
from seqvae.evaluate.sequences.kmers import kmer_numbers, longest_kmer
from seqvae.sequences.dna import BASES
from seqvae.sequences.integer_codes import Letters, letters

if TYPE_CHECKING:  # counting needs no torch
    from seqvae.latent.codec import Codec

HALF = 0.5  # Krichevsky & Trofimov 1981, doi:10.1109/TIT.1981.1056331
PSEUDO_COUNTS = (0.5, 1.0, 3.0, 10.0, 30.0, 100.0)  # tried on the validation split
HIGHEST_ORDER = 7
_POSITIONAL = 3  # orders of position-specific models: 0, 1 and 2
_LARGEST_TABLE = 4**9  # entries: for DNA all orders fit, for proteins those up to 3
_VALIDATION = 10  # one training sequence in ten chooses the pseudo-count if no validation split is given


@dataclass(frozen=True)
class CountingModel:
    """A model of sequences that consists of tables of counts.

    Attributes:
        order: number of preceding letters that a letter depends on.
        positional: whether each position has its own table; all sequences must then have one length.
        uniform_start: whether the first `order` letters of a Markov chain cost the same as uniform letters; else they
            depend on the letters before them, with tables counted at the starts of sequences, as positional models do.
    """

    order: int
    positional: bool = False
    uniform_start: bool = False

    @property
    def name(self) -> str:
        """The title in tables."""
        if self.positional:
            return "position-specific" + ("", " first order", " second order")[self.order]
        return "unigram (Markov order 0)" if self.order == 0 else f"Markov order {self.order}"

    def bits(self, train: Letters, held_out: Letters, pseudo: float) -> NDArray[np.float64]:
        """Return -log2 p of each held-out sequence, `(sequences,)`.

        Raises:
            InputError: positional, and the sequences are not of one length.
        """
        none = np.zeros(len(held_out))
        if self.positional:
            length = one_length(train, held_out)
            return sum((_letter_bits(train, held_out, p, self.order, pseudo) for p in range(length)), none)
        size, width = len(train.alphabet), self.order + 1
        if self.uniform_start:
            bits = math.log2(size) * np.minimum(held_out.lengths, self.order)
        else:
            bits = sum((_letter_bits(train, held_out, p, self.order, pseudo) for p in range(self.order)), none)
        # The letters that have `order` letters before them.
        table, asked = table_of(kmer_numbers(train, width), size, width, pseudo), kmer_numbers(held_out, width)
        there = asked >= 0
        rows, costs = held_out.rows[: len(asked)][there], table[asked[there]]
        return bits + np.bincount(rows, weights=costs, minlength=len(held_out)).astype(np.float64)

    def log_probs(self, train: Letters, held_out: Letters, pseudo: float) -> NDArray[np.float32]:
        """Return log2 p of every letter that might stand at each place, given those before it, `(letters, alphabet)`.

        The first letters depend on those before them, whatever `uniform_start` says.
        """
        size, order = len(held_out.alphabet), self.order
        found = np.zeros((len(held_out.codes), size), np.float32)
        longest = int(held_out.lengths.max())
        for position in range(longest if self.positional else min(order, longest)):
            context = min(order, position)
            table = table_of(kmers_at(train, position, context), size, context + 1, pseudo).reshape(-1, size)
            asked = kmers_at(held_out, position, context)
            there = asked >= 0
            found[held_out.starts[there] + position] = -table[asked[there] // size]
        if not self.positional:
            table = table_of(kmer_numbers(train, order + 1), size, order + 1, pseudo).reshape(-1, size)
            asked = kmer_numbers(held_out, order + 1)
            whole = np.flatnonzero(asked >= 0)
            found[whole + order] = -table[asked[whole] // size]
        return found[held_out.codes >= 0]


def models(one_length: bool, uniform_start: bool = False, letters: int = len(BASES)) -> dict[str, CountingModel]:
    """Return all counting models by name.

    Args:
        one_length: whether all sequences have one length; if not, positional models are left out.
        uniform_start: see `CountingModel`.
        letters: number of letters; for large alphabets, orders whose tables would be too large are left out.
    """
    orders = min(HIGHEST_ORDER + 1, longest_kmer(letters, _LARGEST_TABLE))
    found = [CountingModel(order, uniform_start=uniform_start) for order in range(orders)]
    if one_length:
        found += [CountingModel(order, positional=True) for order in range(min(orders, _POSITIONAL))]
    return {model.name: model for model in found}


def one_length(*splits: Letters) -> int:
    """Return the length that all sequences have.

    Raises:
        InputError: there are several.
    """
    shortest, longest = min(split.lengths.min() for split in splits), max(split.lengths.max() for split in splits)
    if shortest != longest:
        raise InputError(f"a position-specific model needs sequences of one length, got {shortest} to {longest}")
    return int(longest)


def table_of(kmers: NDArray[np.int64], size: int, width: int, pseudo: float) -> NDArray[np.float64]:
    """Return -log2 p of the last letter of each k-mer given the ones before it, from the k-mers that were seen."""
    counts = np.bincount(kmers[kmers >= 0], minlength=size**width).reshape(-1, size) + pseudo
    return -np.log2(counts / counts.sum(1, keepdims=True)).ravel()


def _letter_bits(train: Letters, held_out: Letters, position: int, order: int, pseudo: float) -> NDArray[np.float64]:
    """Return the bits of each sequence's letter at one position; 0 if the sequence is shorter."""
    context = min(order, position)
    seen, asked = (kmers_at(split, position, context) for split in (train, held_out))
    bits = table_of(seen, len(train.alphabet), context + 1, pseudo)
    return np.where(asked >= 0, bits[asked], 0.0)


def kmers_at(split: Letters, position: int, context: int) -> NDArray[np.int64]:
    """Return the k-mer of each sequence that ends at a position after `context` letters; -1 beyond the sequence."""
    numbers = np.zeros(len(split), np.int64)
    for place in range(position - context, position + 1):
        codes = split.codes[np.minimum(split.starts + place, len(split.codes) - 1)]
        numbers = numbers * len(split.alphabet) + codes
    return np.where(split.lengths > position, numbers, -1)


def bits_per_base(model: CountingModel, train: Letters, held_out: Letters, pseudo: float) -> float:
    """Return a model's bits per base on held-out sequences."""
    return float(model.bits(train, held_out, pseudo).sum() / held_out.lengths.sum())


def best_pseudo(model: CountingModel, train: Letters, valid: Letters) -> float:
    """Return the pseudo-count with the fewest bits on the validation split."""
    return min(PSEUDO_COUNTS, key=lambda pseudo: bits_per_base(model, train, valid, pseudo))


@dataclass(frozen=True)
class Counted:
    """Bits per base of one counting model.

    Attributes:
        bits: with a pseudo-count of one half and uniform first letters: the plain form that the literature reports;
            of the mix, which has no plain form, the tuned ones.
        tuned_bits: with the pseudo-count that is best on the validation split, and first letters that depend on those
            before them: the best that the model can do.
        pseudo_count: that of `tuned_bits`; 0 of the mix, whose parts have their own.
    """

    bits: float
    tuned_bits: float
    pseudo_count: float


@dataclass(frozen=True)
class HeldOutBits:
    """Bits per base of a learned model and of counting models, on the same held-out sequences.

    Attributes:
        sequences: number of held-out sequences.
        model: upper bound on the learned model's bits per base (importance-weighted; it includes the end token, which
            counting models do not encode).
        iwae_samples: samples of that bound per sequence.
        counted: bits of each counting model, by name.
        best: name of the counting model that needs the fewest tuned bits.
        difference: the learned model's bits per base minus the tuned ones of that model.
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
    """Return the bits per base of every counting model on held-out sequences, by name.

    Args:
        train: sequences to count.
        held_out: sequences to score, none of which should be in `train`.
        valid: sequences that choose the pseudo-counts, and are then counted as well; by default every tenth training
            sequence.
        alphabet: the letters.

    Raises:
        InputError: a split has no sequence, or a sequence is empty or has another letter.
    """
    return {name: counted for name, (counted, _) in counted_models(train, held_out, valid, alphabet).items()}


def counted_models(
    train: Sequence[str], held_out: Sequence[str], valid: Sequence[str], alphabet: str
) -> dict[str, tuple[Counted, NDArray[np.float64]]]:
    """Return what `counted_bits` returns, each with the tuned bits of every sequence."""
    first, choosing = list(train), list(valid)
    if not choosing:
        if len(first) < 2:
            raise InputError(f"expected at least 2 training sequences to count, got {len(first)}")
        stride = min(_VALIDATION, len(first))
        first, choosing = [text for number, text in enumerate(first) if number % stride], first[::stride]
    test = letters(held_out, alphabet)  # ambiguity codes are refused: their probability would be a sum
    part, choose, both = (letters(split, alphabet) for split in (first, choosing, [*train, *valid]))
    same = bool(min(both.lengths.min(), test.lengths.min()) == max(both.lengths.max(), test.lengths.max()))
    found = {}
    size = len(alphabet)
    plains = models(same, uniform_start=True, letters=size).values()
    for (name, model), plain in zip(models(same, letters=size).items(), plains, strict=True):
        pseudo = best_pseudo(model, part, choose)
        tuned = model.bits(both, test, pseudo)
        counted = Counted(bits_per_base(plain, both, test, HALF), float(tuned.sum() / test.lengths.sum()), pseudo)
        found[name] = counted, tuned
    tuned_models = [(model, found[name][0].pseudo_count) for name, model in models(same, letters=size).items()]
    bits = counting_mix.mix_bits(tuned_models, (part, both), choosing, list(held_out))
    share = float(bits.sum() / test.lengths.sum())
    found[counting_mix.NAME] = Counted(share, share, 0.0), bits
    return found


def model_bits(codec: Codec, texts: AnyTexts, samples: int = 100, seed: int = 0) -> NDArray[np.float64]:
    """Return the importance-weighted upper bound on -log2 p of each text, end token included, `(texts,)`.

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
    """Compare a trained model's bits per base on held-out sequences with those of counting models.

    Args:
        codec: the trained model.
        train: what it was trained on, and what the counting models count.
        held_out: sequences that neither has seen.
        valid: see `counted_bits`.
        samples: of the importance-weighted bound.
        alphabet: the letters.

    Raises:
        InputError: as `counted_bits` and `model_bits`.
    """
    texts = held_out.forms if isinstance(held_out, TokenizedTexts) else held_out
    found = counted_models(train, texts, valid, alphabet)
    return compared(model_bits(codec, held_out, samples), samples, found, np.array([len(text) for text in texts]))


def compared(
    bits: NDArray[np.float64],
    samples: int,
    found: dict[str, tuple[Counted, NDArray[np.float64]]],
    lengths: NDArray[np.int64],
) -> HeldOutBits:
    """Return the comparison, given the bits of every sequence.

    Args:
        bits: the learned model's bits of each sequence.
        samples: of its bound.
        found: by counting model, its bits per base and its tuned bits of each sequence.
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
