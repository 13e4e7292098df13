"""Bits per base of models of both strands of DNA beside models of one, on sequences as they stand and turned round.

    python -m scripts.training.train_symmetric [--datasets ecoli_50,yeast_1000] [--size 3000] [--seeds 0,1,2]

Of each dataset so many distinct sequences are drawn to train on, and 1,000 others are held out. All settings but the
strands are those that `seqvae train` chooses by itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.record import arguments, result_path, torch_threads, write_result
from scripts.training.train_few import HELD_OUT, SAMPLES, drawn
from seqvae import load
from seqvae.config import RunConfig
from seqvae.sequences.dna import reverse_complement
from seqvae.train.fit import train

NAME = "symmetric"


def measured(seen: Sequence[str], unseen: Sequence[str], seed: int, epochs: int, strands: str) -> dict[str, float]:
    """Train a model, and return the bits per base of held-out sequences and of their reverse complements."""
    with TemporaryDirectory() as folder:
        source = Path(folder) / "sequences.txt"
        source.write_text("".join(f"{text}\n" for text in seen))
        run = RunConfig()
        run = replace(
            run,
            data=replace(run.data, source=str(source), test_fraction=0.0),
            tokenizer=replace(run.tokenizer, kind="dna"),
            model=replace(run.model, strands=strands),
            training=replace(run.training, seed=seed, device="cpu", epochs=epochs),
            prior=replace(run.prior, prior="none"),
        )
        train(run, Path(folder) / "model", quiet=True)
        codec = load(Path(folder) / "model", device="cpu")
        bases = sum(map(len, unseen))
        sides = {"as_they_stand": unseen, "turned_round": [reverse_complement(text) for text in unseen]}
        return {
            name: float(-codec.iwae(texts, SAMPLES, seed).sum()) / math.log(2) / bases for name, texts in sides.items()
        }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result."""
    parser = arguments(str(__doc__))
    parser.add_argument("--datasets", default="ecoli_50,yeast_1000")
    parser.add_argument("--size", type=int, default=3_000)
    parser.add_argument("--seeds", default="0,1,2")
    given = parser.parse_args(argv)
    datasets, size, seeds, held_out, epochs = given.datasets, given.size, given.seeds, HELD_OUT, 0
    if given.small:
        datasets, size, seeds, held_out, epochs = "mpsa-sample", 60, "0", 20, 1
    figures: list[dict[str, Any]] = []
    with torch_threads(given.threads) as threads:
        for dataset in datasets.split(","):
            for seed in map(int, seeds.split(",")):
                seen, unseen = drawn(dataset, size, seed, held_out)
                found = {strands: measured(seen, unseen, seed, epochs, strands) for strands in ("one", "both")}
                figures.append({"dataset": dataset, "seed": seed, "size": len(seen), **found})
    settings = {"datasets": datasets, "size": size, "seeds": seeds, "samples": SAMPLES, "threads": threads, "seed": 0}
    write_result(result_path(given, NAME), NAME, settings, {"runs": figures})


if __name__ == "__main__":
    main()
