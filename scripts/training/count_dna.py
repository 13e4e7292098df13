"""Count again what `train_ecoli.py` compares its models with, and put what is new into its result.

    python -m scripts.training.count_dna [--only ecoli_50]

For counting models that are younger than a training: nothing is trained, and the model's own bits stay as they were
measured. Its lead over the best counting model is stated anew, without a standard error, since that needs the model's
bits of every sequence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.record import RESULTS, arguments, result_path
from scripts.training.dna_splits import HELD_OUT_OF, by_md5, texts_of
from scripts.training.train_ecoli import NAME, RUNS, SMALL
from seqvae.config import DataConfig, RunConfig
from seqvae.data.corpus import read_texts, split_texts
from seqvae.evaluate.sequences.markov_baselines import counted_bits
from seqvae.runtime.files import atomic_file


def counted(run: RunConfig) -> dict[str, dict[str, float]]:
    """Return the bits per base of every counting model on the dataset of a run, tuned on a random tenth of it."""
    rest, held_out = by_md5(texts_of(run.data.source, limit=run.data.limit))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "train.txt"
        file.write_text("".join(f"{text}\n" for text in rest), "utf-8")
        data = DataConfig(source=str(file), split="random", valid_fraction=1 / HELD_OUT_OF, test_fraction=0.0)
        split = split_texts(found := read_texts(data), replace(run, data=data))
    train, valid = ([found.texts[row] for row in rows.tolist()] for rows in (split.train, split.valid))
    return {name: asdict(row) for name, row in counted_bits(train, held_out, valid).items()}


def put(figures: dict[str, Any], name: str, found: dict[str, dict[str, float]]) -> None:
    """Put the counting models that a result does not have yet into it, and state its lead over the best of all."""
    part, plain = figures["datasets"][name], figures["counted"].get(name)
    known = part["counted_bits_a_base"]
    known |= {model: row for model, row in found.items() if model not in known}
    best = min(known, key=lambda model: known[model]["tuned_bits"])
    if best != part["best_counted"]:
        part["best_counted"] = best
        part["model_minus_best_counted"] = part["model_bits_a_base"] - known[best]["tuned_bits"]
        part.pop("its_standard_error", None)
    if plain is not None:
        bits = plain["bits_a_base"]
        bits |= {model: row["bits"] for model, row in found.items() if model not in bits}
        plain["best"] = min(bits, key=lambda model: bits[model])


def main(argv: Sequence[str] | None = None) -> None:
    """Count, and write the result after each dataset."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--only", choices=sorted(RUNS), help="this dataset alone")
    given = parser.parse_args(argv)
    if given.small:
        return print(counted(SMALL))
    path = result_path(given, NAME) or RESULTS / f"{NAME}.json"
    for name, runs in RUNS.items():
        if given.only in (None, name):
            found = counted(next(iter(runs.values())))
            print(name, {model: round(row["tuned_bits"], 4) for model, row in found.items()}, flush=True)
            made = json.loads(path.read_text("utf-8"))
            put(made["figures"], name, found)
            with atomic_file(path) as file:
                file.write((json.dumps(made, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
