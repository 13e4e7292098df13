"""Shared by the trainings on DNA: the split of the reference values, and the bits per base of a model on it.

The sequences whose md5, read as a number, ends in the digit 0 are held out; duplicates are dropped before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scripts.training.training_runs import Finished, trained
from seqvae.config import DataConfig, RunConfig
from seqvae.data.corpus import read_texts, split_texts
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.sequences.markov_baselines import HeldOutBits, held_out_bits
from seqvae.latent.codec import Codec
from seqvae.runtime.files import atomic_file
from seqvae.train.prepare import Prepared

HELD_OUT_OF = 10  # one sequence in so many is held out by its md5


@dataclass(frozen=True)
class Splits:
    """De-duplicated sequences, each in one split."""

    train: list[str]
    valid: list[str]
    test: list[str]


def by_md5(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the training and the held-out sequences, each once."""
    distinct = list(dict.fromkeys(texts))
    return [text for text in distinct if not _ends_in_zero(text)], [text for text in distinct if _ends_in_zero(text)]


def _ends_in_zero(text: str) -> bool:
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16) % HELD_OUT_OF == 0


def texts_of(dataset: str, side: str = "", limit: int = 0) -> list[str]:
    """Return the sequences of a dataset.

    Args:
        dataset: name of the dataset.
        side: only those of this published split; "": all.
        limit: only the first so many; 0: all.
    """
    data = load_dataset(dataset)
    chosen = [text for text, label in zip(data.texts, data.labels, strict=True) if not side or label == side]
    return chosen[: limit or None]


def trained_by_md5(run: RunConfig, folder: Path, resume: bool) -> tuple[Finished, Splits]:
    """Train on the sequences of the run's dataset that the split by md5 does not hold out.

    A random tenth of them is the validation split.

    Returns:
        The finished training and its splits.
    """
    rest, held_out = by_md5(texts_of(run.data.source, limit=run.data.limit))
    file = folder / "train.txt"
    with atomic_file(file) as out:
        out.write("".join(f"{text}\n" for text in rest).encode())
    data = DataConfig(source=str(file), split="random", valid_fraction=1 / HELD_OUT_OF, test_fraction=0.0)
    finished = trained(replace(run, data=data), folder / "run", resume)
    train, valid = splits_of(finished.prepared)
    return finished, Splits(train, valid, held_out)


def splits_of(prepared: Prepared) -> tuple[list[str], list[str]]:
    """Return the sequences that a run was trained and validated on."""
    found = read_texts(prepared.run.data)
    split = split_texts(found, prepared.run)
    return [found.texts[i] for i in split.train.tolist()], [found.texts[i] for i in split.valid.tolist()]


def bits_metrics(codec: Codec, splits: Splits, samples: int) -> dict[str, Any]:
    """Return the bits per base of a model and of the counting models on the test split."""
    return shown_bits(held_out_bits(codec, splits.train, splits.test, splits.valid, samples), splits)


def shown_bits(found: HeldOutBits, splits: Splits) -> dict[str, Any]:
    """Return a comparison under the names of the benchmarks page."""
    return {
        "texts": {"train": len(splits.train), "valid": len(splits.valid), "test": len(splits.test)},
        "model_bits_a_base": found.model,
        "counted_bits_a_base": {name: asdict(counted) for name, counted in found.counted.items()},
        "best_counted": found.best,
        "model_minus_best_counted": found.difference,
        "its_standard_error": found.standard_error,
    }


def distinct_splits(texts: Sequence[str], rows: Sequence[Sequence[int]]) -> Splits:
    """Return a split without duplicates: a sequence in two splits stays in the first of them."""
    first = {texts[row]: side for side, part in reversed(list(enumerate(rows))) for row in part}
    return Splits(*([text for text, place in first.items() if place == side] for side in range(3)))
