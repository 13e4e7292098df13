"""Figures of sampled texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvae.data.tokens.store import TokenStore
from seqvae.errors import InputError
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class SampleMetrics:
    """Shares over sampled texts; MOSES' definitions (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644).

    Attributes:
        validity: share that is a molecule (RDKit reads it) or a non-empty sequence.
        uniqueness: share of distinct texts among the valid ones.
        novelty: share of the distinct valid texts that training has not seen; None where that is not known.
    """

    validity: float
    uniqueness: float
    novelty: float | None


def sample_metrics(samples: Sequence[str], tokenizer: Tokenizer, training: TokenStore | None) -> SampleMetrics:
    """Compare sampled texts with each other and with the training texts.

    Args:
        samples: as decoded.
        tokenizer: knows what is valid, and the canonical form.
        training: the training texts, packed by this tokenizer; None where they are not at hand.
    """
    valid = [form for form in (canonical(text, tokenizer) for text in samples) if form]
    distinct = sorted(set(valid))
    seen = seen_in(training, tokenizer, distinct) if training is not None else 0
    return SampleMetrics(
        len(valid) / len(samples) if samples else 0.0,
        len(distinct) / len(valid) if valid else 0.0,
        None if training is None or not distinct else 1 - seen / len(distinct),
    )


def seen_in(store: TokenStore, tokenizer: Tokenizer, texts: Sequence[str]) -> int:
    """Return how many of the texts, canonical and distinct, stand in the store: equal texts have equal ids."""
    keys = set()
    for text in texts:
        try:
            keys.add(np.asarray(tokenizer.encode(text), np.uint16).tobytes())
        except InputError:
            continue  # a token that training has not seen, so training has not seen the text
    lengths = np.unique([len(key) // 2 for key in keys])
    rows = np.flatnonzero(np.isin(store.lengths, lengths))
    return len({key for row in rows.tolist() if (key := store.ids(row).tobytes()) in keys})


def canonical(text: str, tokenizer: Tokenizer) -> str:
    """Return a text in canonical form, or an empty text where it is not valid."""
    try:
        return tokenizer.normalize(text)
    except InputError:
        return ""
