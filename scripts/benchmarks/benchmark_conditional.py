"""Conditional generation against rejection, and labels of few molecules: the error of each beside simple methods.

    SEQVAE_DATA=FOLDER python -m scripts.benchmarks.benchmark_conditional [--molecules 50000] [--steps 20000]

Two models of equal sizes (networks half as wide as usual) and steps on the same training molecules of ZINC250k, one
given logP, QED and molecular weight as conditions and one without. For three targets of each property (the 10, 50 and
90 % quantiles of training) as many molecules are drawn from both: the mean absolute error of all of them, with several
weights of the guidance, and of the tenth that is nearest to the target, which is what rejection keeps of draws without
conditions.

Then logP, QED and SA score are labels of 1, 5, 20 and 50 % of the molecules, chosen at random, and a model is trained
on all molecules with these: the held-out error of its predictions from z, of a ridge on its z and of a ridge on ECFP4
(2,048 bits), both fitted to the same labelled molecules, with the penalty that is best in five folds of them.

The result is written after each part; what it has of the same settings is not measured again.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import StandardScaler

from scripts.record import arguments, metrics_of, result_path, torch_threads, write_result
from seqvae.config import DataConfig, DecodeConfig, ModelConfig, ObjectiveConfig, PriorConfig, RunConfig, TrainingConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import InputError
from seqvae.latent.codec import Codec, load
from seqvae.properties import score
from seqvae.properties.molecules.fingerprints import morgan_bits
from seqvae.train.fit import train

NAME = "conditional"
CONDITIONS = ("logp", "qed", "molecular_weight")
LABELS = ("logp", "qed", "sa")
QUANTILES: tuple[float, ...] = (0.1, 0.5, 0.9)
GUIDANCE = (0.0, 1.0, 2.0)
SHARES: tuple[float, ...] = (0.01, 0.05, 0.2, 0.5)
KEPT = 0.1  # of the draws, by rejection
BITS = 2048
PENALTIES = [10.0**power for power in range(-2, 5)]
BATCH = 64
SIZES = ModelConfig(latent=32, embedding=64, encoder_width=128, decoder_width=256)
Table = NDArray[np.float64]


def molecules(dataset: str, count: int, held_out: int, seed: int) -> tuple[list[str], list[str]]:
    """Return training molecules and others, at random, by the dataset's own split where it has one."""
    data, rng = load_dataset(dataset), np.random.default_rng(seed)
    try:
        first, second = (rng.permutation(rows) for rows in (data.split.train, data.split.test))
    except InputError:
        rows = rng.permutation(len(data.texts))
        first, second = rows[held_out:], rows[:held_out]
    return [data.texts[row] for row in first[:count]], [data.texts[row] for row in second[:held_out]]


def written(path: Path, smiles: Sequence[str], columns: Mapping[str, Table]) -> Path:
    """Write a table; NaN is an empty cell."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["smiles", *columns])
        for row, text in enumerate(smiles):
            cells = (column[row] for column in columns.values())
            out.writerow([text, *("" if math.isnan(cell) else f"{cell:.6g}" for cell in cells)])
    return path


def trained(path: Path, sizes: ModelConfig, steps: int, count: int, out: Path, **columns: str) -> Codec:
    """Train a model on a table, without anything held out for testing, and return it."""
    epochs = max(1, round(steps * BATCH / count))
    run = RunConfig(
        data=DataConfig(source=str(path), column="smiles", split="random", test_fraction=0.0, **columns),
        model=sizes,
        objective=ObjectiveConfig(beta=0.1),
        training=TrainingConfig(epochs=epochs, batch_size=BATCH, patience=0, device="auto"),
        prior=PriorConfig(prior="none"),
    )
    return load(train(run, out, quiet=True).folder)


def errors_of(
    codec: Codec, draws: int, name: str, target: float, conditions: Mapping[str, float] | None, guidance: float
) -> dict[str, float | None]:
    """Return the error of draws, of all valid ones and of the tenth nearest to the target; None where none is valid.

    Valid are molecules that have a value of the property.
    """
    how = DecodeConfig("sample", seed=1, guidance=guidance)
    made = codec.generate_samples(draws, how, conditions if conditions else codec.model.prior.kind, insist=True)
    valid = [text for text, fine in zip(made.texts, made.valid, strict=True) if fine]
    values = score([name], valid)[name]
    found = np.sort(np.abs(values - target))[: np.isfinite(values).sum()]  # those without a value are last
    return {
        "all": float(found.mean()) if len(found) else None,
        "nearest": float(found[: max(1, round(KEPT * draws))].mean()) if len(found) else None,
        "valid": len(found) / draws,
        "distinct": len({*valid}) / max(1, len(valid)),
    }


def conditional(
    smiles: Sequence[str], sizes: ModelConfig, steps: int, draws: int, folder: Path, quantiles: Sequence[float]
) -> dict[str, Any]:
    """Train with conditions and without, and return the errors of each for every target."""
    values = score(list(CONDITIONS), smiles)
    path = written(folder / "conditions.csv", smiles, values)
    told = trained(path, sizes, steps, len(smiles), folder / "told", conditions=",".join(CONDITIONS))
    plain = trained(path, sizes, steps, len(smiles), folder / "plain")
    figures: dict[str, Any] = {}
    for name in CONDITIONS:
        low, high = np.quantile(values[name], [0.25, 0.75])
        part: dict[str, Any] = {"interquartile_range": float(high - low), "targets": {}}
        for quantile in quantiles:
            target = float(np.quantile(values[name], quantile))
            asked = {name: target}
            found = {"without": errors_of(plain, draws, name, target, None, 0.0)}
            found |= {f"{w:g}": errors_of(told, draws, name, target, asked, w) for w in GUIDANCE}
            part["targets"][f"{quantile:g}"] = {"target": target, **found}
        figures[name] = part
    return figures


def ridge(fit: Table, values: Table, test: Table) -> Table:
    """Return predictions by the ridge whose penalty has the least error in five folds."""
    folds = KFold(min(5, len(fit)), shuffle=True, random_state=0)
    search = GridSearchCV(Ridge(), {"alpha": PENALTIES}, scoring="neg_mean_absolute_error", cv=folds)
    found: Table = search.fit(fit, values).predict(test)
    return found


def bits_of(smiles: Sequence[str]) -> Table:
    """Return ECFP4 fingerprints."""
    return np.array([list(morgan_bits(Chem.MolFromSmiles(text), BITS)) for text in smiles], np.float64)


def labelled(
    smiles: Sequence[str], test: Sequence[str], share: float, sizes: ModelConfig, steps: int, folder: Path
) -> dict[str, Any]:
    """Train with labels of a share of the molecules, and return the held-out errors of z and of the ridges."""
    values, truth = score(list(LABELS), smiles), score(list(LABELS), test)
    rows = np.random.default_rng(2).permutation(len(smiles))[: max(10, round(share * len(smiles)))]
    known = {name: np.full(len(smiles), np.nan) for name in LABELS}
    for name, column in known.items():
        column[rows] = values[name][rows]
    path = written(folder / "labels.csv", smiles, known)
    codec = trained(path, sizes, steps, len(smiles), folder / f"labels{share:g}", labels=",".join(LABELS))
    chosen = [smiles[row] for row in rows]
    read = codec.tokenize(test, on_error="skip")  # some of them have tokens or lengths that no training molecule has
    held, test = codec.encode(read, refine=0).numpy(), read.forms
    truth = {name: column[read.rows] for name, column in truth.items()}
    there = codec.encode(chosen, refine=0).numpy()
    scale = StandardScaler().fit(there)
    predicted, bits, held_bits = codec.predict(held), bits_of(chosen), bits_of(test)
    found: dict[str, Any] = {"labelled": len(rows), "held_out": len(test)}
    for name in LABELS:
        by = {
            "from_z": predicted[name].double().numpy(),
            "ridge_on_z": ridge(scale.transform(there), values[name][rows], scale.transform(held)),
            "ridge_on_ecfp4": ridge(bits, values[name][rows], held_bits),
            "mean": np.full(len(test), values[name][rows].mean()),
        }
        found[name] = {way: float(np.abs(one - truth[name]).mean()) for way, one in by.items()}
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Train the models, measure, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--dataset", default="zinc250k", help="the molecules")
    parser.add_argument("--molecules", type=int, default=50_000, help="training molecules")
    parser.add_argument("--steps", type=int, default=20_000, help="optimiser steps of each model")
    parser.add_argument("--draws", type=int, default=1_000, help="molecules drawn for each target")
    parser.add_argument("--held-out", type=int, default=2_000, help="molecules that predictions are tested on")
    parser.add_argument("--only", choices=("generation", "labels"), help="one part alone")
    given = parser.parse_args(argv)
    sizes, shares, quantiles = SIZES, SHARES, QUANTILES
    if given.small:
        given.dataset, given.molecules, given.steps, given.draws, given.held_out = "moses-sample", 120, 2, 3, 20
        sizes, shares = ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8), (0.5,)
        quantiles = QUANTILES[:1]
    smiles, test = molecules(given.dataset, given.molecules, given.held_out, seed=0)
    settings = {
        "dataset": given.dataset,
        "molecules": len(smiles),
        "held_out": len(test),
        "steps": given.steps,
        "batch_size": BATCH,
        "draws": given.draws,
        "kept": KEPT,
        "model": asdict(sizes),
    }
    out = result_path(given, NAME)
    with torch_threads(given.threads) as threads, TemporaryDirectory() as made:
        settings["threads"] = threads
        figures = metrics_of(out, settings)  # what an earlier run has finished is kept
        if given.only != "labels" and "generation" not in figures:
            figures["generation"] = conditional(smiles, sizes, given.steps, given.draws, Path(made), quantiles)
            write_result(out, NAME, settings, figures)
        labels = figures.setdefault("labels", {})
        for share in () if given.only == "generation" else shares:
            if f"{share:g}" not in labels:
                labels[f"{share:g}"] = labelled(smiles, test, share, sizes, given.steps, Path(made))
                write_result(out, NAME, settings, figures)


if __name__ == "__main__":
    main()
