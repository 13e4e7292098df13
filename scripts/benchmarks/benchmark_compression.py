"""Compress held-out molecules and DNA by the pretrained models, beside other coders.

    python -m scripts.benchmarks.benchmark_compression [--rows 5000] [--folder FOLDER]

Every file is written, compressed, brought back and compared byte for byte. The molecules are the test split of
ZINC250k, as published and in the published order; dictionaries, n-grams and counts of the other coders come from its
training split. The scaffolds are all molecules of MOSES' test_scaffolds. The DNA is the test split of the packaged 5'
splice sites, beside the counting models of the package. `smizip` and `zstandard` take part where they are installed.
Times are those of the processor, on one thread.
"""

from __future__ import annotations

import json
import math
import random
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import seqvae
from scripts.benchmarks import coders
from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.reference_sets import SCAFFOLDS
from seqvae.evaluate.sequences.markov_baselines import counted_bits
from seqvae.infer.coding.api import CompressSettings, Container, compress, decompress
from seqvae.infer.coding.blocks import Scheme, cost
from seqvae.infer.coding.network import ExactModel
from seqvae.infer.coding.scheme import grid_of
from seqvae.infer.coding.texts import ids_of
from seqvae.latent.codec import Codec

NAME = "compression"
PARTS = ("molecules", "scaffolds", "dna")
BLOCKS = (64, 16)  # rows that are coded together
_PICKED = 10  # rows that are read one by one
_FINE = 512  # texts that are coded on a fine grid, to compare with the bound
_T = TypeVar("_T")


def timed(work: Callable[[], _T]) -> tuple[_T, float]:
    """Return what a call returns, and the seconds of the processor that it took."""
    started = time.process_time()
    return work(), time.process_time() - started


def measured(codec: Codec, texts: Sequence[str], block: int, folder: Path) -> dict[str, Any]:
    """Return the size of a file of these texts in blocks of so many rows, and the time to write and read it.

    Raises:
        RuntimeError: the file did not come back as it was.
    """
    plain, packed, back = folder / "plain.txt", folder / "packed.svz", folder / "back.txt"
    plain.write_bytes(coders.lines(texts))
    found, writing = timed(lambda: compress(codec, plain, packed, CompressSettings(block)))
    _, reading = timed(lambda: decompress(packed, back, codec))
    if back.read_bytes() != plain.read_bytes():
        raise RuntimeError(f"{codec.run.data.source}: the file did not come back")
    picked = random.Random(0).sample(range(len(texts)), min(_PICKED, len(texts)))
    with Container(packed, codec) as container:
        rows, one = timed(lambda: [container[row] for row in picked])
    if rows != [texts[row] for row in picked]:
        raise RuntimeError(f"{codec.run.data.source}: a row did not come back")
    return {
        "block": block,
        "bytes": found.after,
        "share": found.after / found.before,
        "model_bits_a_text": 8 * found.model_bytes / found.rows,
        "outside": found.outside,
        "write_mb_a_second": found.before / writing / 1e6,
        "read_mb_a_second": found.before / reading / 1e6,
        "row_seconds": one / len(picked),
    }


def against_the_bound(codec: Codec, texts: Sequence[str]) -> dict[str, float]:
    """Return the model's own bound on the bits of a text, and what bits-back coding takes on a fine grid for some.

    Both are of the texts as they are spelled, those left out that the model cannot write.
    """
    ids = ids_of(codec, [text.encode() for text in texts])
    coded = [(text, one) for text, one in zip(texts, ids, strict=True) if one is not None]
    read = TokenizedTexts(codec.tokenizer, *map(list, zip(*coded, strict=True)), list(range(len(coded))))
    elbo = -codec.bounds(read).elbo.double() / math.log(2)
    model, some = ExactModel(codec), [one for _, one in coded[:_FINE]]
    grid = grid_of(*model.posterior(some), width=0.5, widening=1.0, normal=True)
    return {
        "texts": len(coded),
        "elbo_bits_a_text": float(elbo.mean()),
        "fine_texts": len(some),
        "fine_elbo_bits_a_text": float(elbo[: len(some)].mean()),
        "fine_bits_a_text": cost(model, Scheme(grid, (1, 1, 1)), some) / len(some),
    }


def molecules(given: Namespace, folder: Path) -> dict[str, Any]:
    """Return what is recorded of molecules."""
    train, test = _molecules(given)
    codec = seqvae.load("moses-smiles" if given.small else "zinc-smiles", device="cpu")
    counts = coders.Counts(train)
    return {
        "texts": len(test),
        "bytes": len(coders.lines(test)),
        "train": len(train),
        "bound": against_the_bound(codec, test),
        "seqvae": [measured(codec, test, block, folder) for block in given.blocks],
        "xz": coders.xz(test),
        "zstd": {str(size): found for size, found in coders.zstd(train, test, (1, 64)).items()},
        "smizip": coders.smizip(train[: given.ngrams], test, folder, given.speed) if given.ngrams else {},
        "order_5": {str(size): counts.size(test, size) for size in (64, len(test))},
    }


def _molecules(given: Namespace) -> tuple[list[str], list[str]]:
    """Return training and held-out molecules, the former in a random order."""
    if given.small:
        texts = load_dataset("moses-sample").texts
        return texts[1000:2500], texts[:48]
    data = load_dataset("zinc250k")
    train, test = ([data.texts[row] for row in part.tolist()] for part in (data.split.train, data.split.test))
    random.Random(0).shuffle(train)
    return train[: given.train or None], test[: given.rows or None]


def scaffolds(given: Namespace, folder: Path) -> dict[str, Any]:
    """Return what is recorded of the molecules of MOSES whose scaffolds are in no other split."""
    data = load_dataset("moses-sample" if given.small else "moses")
    pairs = zip(data.texts, data.labels, strict=True)
    texts = data.texts[:48] if given.small else [text for text, label in pairs if label == SCAFFOLDS]
    codec = seqvae.load("moses-smiles", device="cpu")
    return {
        "texts": len(texts),
        "bytes": len(coders.lines(texts)),
        "seqvae": [measured(codec, texts, block, folder) for block in given.blocks],
        "xz": coders.xz(texts),
    }


def dna(given: Namespace, folder: Path) -> dict[str, Any]:
    """Return what is recorded of DNA, in bits per base, beside the counting models."""
    data = load_dataset("mpsa-sample")
    train, valid, test = (
        [data.texts[row] for row in part.tolist()] for part in (data.split.train, data.split.valid, data.split.test)
    )
    if given.small:
        train, valid, test = train[:300], valid[:100], test[:64]
    codec = seqvae.load("splice-dna", device="cpu")
    bases = sum(map(len, test))
    rows = [measured(codec, test, block, folder) for block in (64, len(test))]
    counted = {name: one.tuned_bits for name, one in counted_bits(train, test, valid).items()}
    best = min(counted, key=lambda name: counted[name])
    return {
        "texts": len(test),
        "bytes": len(coders.lines(test)),
        "bound": against_the_bound(codec, test),
        "seqvae": [
            row
            | {
                "bits_a_base": row["model_bits_a_text"] * len(test) / bases,
                "file_bits_a_base": 8 * row["bytes"] / bases,
            }
            for row in rows
        ],
        "counted": counted,
        "best_counted": best,
        "xz": coders.xz(test),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Compress, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--rows", type=int, default=0, help="only the first so many test molecules (default: all)")
    parser.add_argument("--train", type=int, default=0, help="training molecules of the other coders (default: all)")
    parser.add_argument("--blocks", type=int, nargs="+", default=BLOCKS, help="rows in a block, one run for each")
    parser.add_argument("--only", choices=PARTS, help="this part, beside what the result has of the others")
    parser.add_argument("--ngrams", type=int, default=10_000, help="training molecules of smizip's n-grams; 0: without")
    parser.add_argument("--speed", default="merges", help="how these are found: merges, or smizip's fast, medium, slow")
    parser.add_argument("--folder", type=Path, help="where files and n-grams are kept (default: a temporary one)")
    given = parser.parse_args(argv)
    if given.small:
        given.ngrams, given.blocks = 0, [16]
    out = result_path(given, NAME)
    with torch_threads(given.threads) as threads, folder_or_temporary(given.folder) as folder:
        parts = {"molecules": molecules, "scaffolds": scaffolds, "dna": dna}
        found = {name: parts[name](given, folder) for name in PARTS if given.only in (None, name)}
    if given.only and out is not None and out.is_file():
        found = json.loads(out.read_text("utf-8"))["figures"] | found
    settings = {name: getattr(given, name) for name in ("rows", "train", "ngrams", "speed")}
    settings |= {"blocks": list(given.blocks), "seed": 0, "threads": threads}
    write_result(out, NAME, settings, found)


if __name__ == "__main__":
    main()
