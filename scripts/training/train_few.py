"""Train on few sequences, as laboratories have them, and compare bits per base with counting models.

    python -m scripts.training.train_few [--datasets ecoli_50,ecoli_165,mpsa-sample] [--sizes 300,1000] [--seeds 0,1,2]

Of each dataset so many sequences are drawn, and 1,000 others are held out. All settings are those that `seqvae train`
chooses by itself. The counting models are those of `evaluate.sequences.markov_baselines`, the best of them, on the same
sequences: which one is best is seen on the held-out ones, which favours them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from scripts.record import arguments, metrics_of, result_path, torch_threads, write_result
from seqvae import load
from seqvae.config import RunConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.sequences.markov_baselines import held_out_bits
from seqvae.train.fit import train

NAME = "few"
HELD_OUT = 1_000
SAMPLES = 20  # of the importance-weighted bound


def drawn(dataset: str, size: int, seed: int, held_out: int) -> tuple[list[str], list[str]]:
    """Return distinct sequences to train on, and others that are held out."""
    texts = list(dict.fromkeys(load_dataset(dataset).texts))
    rows = np.random.default_rng(seed).permutation(len(texts))[: size + held_out]
    chosen = [texts[row] for row in rows]
    return chosen[:size], chosen[size:]


def measured(seen: Sequence[str], unseen: Sequence[str], seed: int, epochs: int) -> dict[str, Any]:
    """Train with the settings that are chosen by themselves, and return the bits per base beside the best counts."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "few.txt"
        source.write_text("".join(f"{text}\n" for text in seen))
        run = RunConfig()
        run = replace(
            run,
            data=replace(run.data, source=str(source), test_fraction=0.0),
            training=replace(run.training, seed=seed, device="cpu", epochs=epochs),
            prior=replace(run.prior, prior="none"),
        )
        train(run, Path(folder) / "model", quiet=True)
        codec = load(Path(folder) / "model", device="cpu")
        rate = float(codec.bounds(unseen).rate.mean())
        found = held_out_bits(codec, seen, unseen, samples=SAMPLES)
    counted = found.counted[found.best].tuned_bits
    return {
        "bits": found.model,
        "best_counting_model": found.best,
        "counted_bits": counted,
        "difference": found.difference,
        "standard_error": found.standard_error,
        "rate": rate,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result after every training; those that are there are kept."""
    parser = arguments(str(__doc__))
    parser.add_argument("--datasets", default="ecoli_50,ecoli_165,mpsa-sample")
    parser.add_argument("--sizes", default="300,1000")
    parser.add_argument("--seeds", default="0,1,2")
    given = parser.parse_args(argv)
    datasets, sizes, seeds, held_out, epochs = given.datasets, given.sizes, given.seeds, HELD_OUT, 0
    if given.small:
        datasets, sizes, seeds, held_out, epochs = "mpsa-sample", "60", "0", 40, 1
    settings = {"held_out": held_out, "samples": SAMPLES, "epochs": epochs}
    path = result_path(given, NAME)
    found: dict[str, Any] = metrics_of(path, settings)
    with torch_threads(given.threads):
        for dataset in datasets.split(","):
            for size in sizes.split(","):
                by_seed = found.setdefault(dataset, {}).setdefault(size, {})
                for seed in seeds.split(","):
                    if seed not in by_seed:
                        parts = drawn(dataset, int(size), int(seed), held_out)
                        by_seed[seed] = measured(*parts, int(seed), epochs)
                        write_result(path, NAME, settings, found)


if __name__ == "__main__":
    main()
