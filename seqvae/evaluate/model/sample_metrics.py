"""Metrics of sampled texts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqvae.data.tokens.store import TokenStore
from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts, tokenize
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class SampleMetrics:
    """Shares over sampled texts; MOSES' definitions (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644).

    Attributes:
        validity: share that are molecules (RDKit reads them) or non-empty sequences.
        uniqueness: share of distinct texts among the valid ones.
        novelty: share of the distinct valid texts that training has not seen; None if that is not known.
    """

    validity: float
    uniqueness: float
    novelty: float | None


def sample_metrics(samples: AnyTexts, tokenizer: Tokenizer, training: TokenStore | None) -> SampleMetrics:
    """Compare sampled texts with each other and with the training texts.

    Args:
        samples: as decoded.
        tokenizer: decides what is valid, and gives the canonical form.
        training: the training texts, packed by this tokenizer; None if they are not available.
    """
    read = tokenize(samples, tokenizer, on_error="skip")
    valid = [form for form in (*read.forms, *(one.form for one in read.rejected)) if form]
    distinct = len(set(valid))
    return SampleMetrics(
        len(valid) / read.given if read.given else 0.0,
        distinct / len(valid) if valid else 0.0,
        None if training is None or not distinct else 1 - seen_in(training, read) / distinct,
    )


def seen_in(store: TokenStore, texts: TokenizedTexts) -> int:
    """Return how many of the texts are in the store: equal texts have equal ids, and repeated ones count once.

    A text that cannot be encoded has a token that training has not seen, so training has not seen the text either.
    """
    keys = {np.asarray(ids, np.uint16).tobytes() for form, ids in zip(texts.forms, texts.ids, strict=True) if form}
    lengths = np.unique([len(key) // 2 for key in keys])
    rows = np.flatnonzero(np.isin(store.lengths, lengths))
    return len({key for row in rows.tolist() if (key := store.ids(row).tobytes()) in keys})
