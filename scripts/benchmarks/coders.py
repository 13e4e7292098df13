"""Other coders of text, for `benchmark_compression.py`: what they make of a file, in bytes.

Each has learned from the same training texts, of which nothing is counted, as a model's weights are not. What is read
row by row, or block by block, pays for the lengths that say where a row or block begins.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from seqvae.infer.coding.container import number
from seqvae.infer.coding.stack import Stack

ORDER = 5
_BITS = 6  # of a symbol in a context
_DICTIONARY = 112_640  # bytes, the default size of zstd's own trainer
_LEVEL = 19
_SMIZIP = 256  # n-grams of smizip: one byte each


def lines(texts: Sequence[str]) -> bytes:
    """Return the file that holds these texts, one per line."""
    return "".join(f"{text}\n" for text in texts).encode()


def blocks(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """Yield so many texts at a time."""
    for start in range(0, len(texts), size):
        yield texts[start : start + size]


def with_length(size: int) -> int:
    """Return the bytes of something that its length goes with."""
    return size + len(number(size))


def xz(texts: Sequence[str]) -> int:
    """Return the size under xz at its highest setting, whole."""
    return len(lzma.compress(lines(texts), preset=9 | lzma.PRESET_EXTREME))


def zstd(train: Sequence[str], texts: Sequence[str], sizes: Sequence[int]) -> dict[int, int]:
    """Return the size under zstd with a dictionary trained on `train`, for each number of rows in a block.

    Nothing where the package `zstandard` is not installed. Frames carry no magic, checksum, size or name of dictionary.
    """
    if find_spec("zstandard") is None:
        return {}
    import zstandard

    dictionary = zstandard.train_dictionary(_DICTIONARY, [text.encode() for text in train])
    bare = zstandard.ZstdCompressionParameters.from_level(
        _LEVEL, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=0, write_checksum=0, write_dict_id=0
    )
    packer = zstandard.ZstdCompressor(dict_data=dictionary, compression_params=bare)
    return {
        size: sum(with_length(len(packer.compress(lines(block)))) for block in blocks(texts, size)) for size in sizes
    }


def smizip(train: Sequence[str], texts: Sequence[str], folder: Path, speed: str) -> dict[str, Any]:
    """Return the size under `smizip`, row by row with a line end each.

    Nothing where the package is not installed.

    Args:
        train: what the n-grams are found on.
        texts: the file.
        folder: for what its program reads and writes; n-grams that are there already are taken.
        speed: of its program's search for n-grams, `slow`, `medium` or `fast`, which take hours to minutes; `merges`:
            byte-pair merges in their place, in seconds.
    """
    if find_spec("smizip") is None:
        return {}
    import smizip as package

    letters = sorted(set("".join([*train, *texts])))
    if speed == "merges":
        ngrams = ["\n", *letters, *_merges(train, letters)]
    else:
        found = folder / f"ngrams-{speed}-{len(train)}.json"
        if not found.is_file():
            (folder / "train.smi").write_bytes(lines(train))
            files = ["-i", str(folder / "train.smi"), "-o", str(found)]
            command = [*files, "--chars", "".join(letters), "--lf", "--speed", speed]
            program = [sys.executable, "-m", "smizip.scripts.find_best_ngrams"]
            subprocess.run([*program, *command], check=True, stdout=subprocess.DEVNULL)
        ngrams = json.loads(found.read_text("utf-8"))["ngrams"]
    coder = package.SmiZip(ngrams)
    return {"bytes": sum(len(coder.zip(f"{text}\n")) for text in texts), "speed": speed, "train": len(train)}


def _merges(train: Sequence[str], letters: Sequence[str]) -> list[str]:
    """Return the n-grams that byte-pair encoding makes of the training texts, as many as a byte has room for."""
    room = _SMIZIP - 1  # the line end has a code of its own
    trainer = BpeTrainer(vocab_size=room, show_progress=False, initial_alphabet=list(letters))
    learner = Tokenizer(BPE())
    learner.train_from_iterator(train, trainer)
    return [ngram for ngram in learner.get_vocab() if len(ngram) > 1][: room - len(letters)]


@final
class Counts:
    """An order-5 model of letters, by counts in training texts: orders 0 to 5, blended by Witten & Bell 1991.

    Args:
        train: texts to count.
    """

    def __init__(self, train: Sequence[str]) -> None:
        self.letters = "\n" + "".join(sorted(set("".join(train))))
        self.codes = np.full(256, 255, np.int64)
        self.codes[np.frombuffer(self.letters.encode("latin-1"), np.uint8)] = np.arange(len(self.letters))
        if len(self.letters) >= 1 << _BITS:
            raise ValueError("too many letters")
        symbols, contexts = self._read(train)
        self.counts = [np.unique((context << _BITS) | symbols, return_counts=True) for context in contexts]

    def _read(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
        """Return the symbols of the texts, line ends included, and the context of each, of every order."""
        rows = [self.codes[np.frombuffer(f"{text}\n".encode("latin-1"), np.uint8)] for text in texts]
        pad = np.full(ORDER, len(self.letters))
        padded = np.concatenate([part for row in rows for part in (pad, row)])
        real = np.concatenate(
            [np.arange(len(row)) + place for row, place in zip(rows, self._places(rows), strict=True)]
        )
        contexts = [np.zeros(len(real), np.int64)]
        for back in range(1, ORDER + 1):
            contexts.append(contexts[-1] | (padded[real - back] << (_BITS * (back - 1))))
        return padded[real], contexts

    @staticmethod
    def _places(rows: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
        ends = np.cumsum([ORDER + len(row) for row in rows])
        return ends - [len(row) for row in rows]

    def weights(self, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the symbols of texts, and whole numbers in proportion to the probability of every letter there."""
        symbols, contexts = self._read(texts)
        every = np.arange(len(self.letters))
        share = np.full((len(symbols), len(every)), 1.0 / len(every))
        for context, (keys, counts) in zip(contexts, self.counts, strict=True):
            distinct, which = np.unique(context, return_inverse=True)
            wanted = (distinct[:, None] << _BITS) | every
            places = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
            found = np.where(keys[places] == wanted, counts[places], 0)
            kinds = (found > 0).sum(1, keepdims=True)
            total = found.sum(1, keepdims=True) + kinds
            blended = (found[which] + kinds[which] * share) / np.maximum(total[which], 1)
            share = np.where(total[which] > 0, blended, share)
        return symbols, np.floor(share * 2.0**30) + 1.0

    def size(self, texts: Sequence[str], block: int) -> int:
        """Return the size of these texts, coded in blocks of so many rows; a letter that was never seen is refused."""
        total = 0
        for part in blocks(texts, block):
            stack = Stack()
            for some in reversed(list(blocks(part, 256))):
                stack.push(*self.weights(some))
            total += with_length(len(stack.to_bytes()))
        return total
