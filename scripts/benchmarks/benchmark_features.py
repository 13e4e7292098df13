"""Latent points as features: affinities predicted from z, from ECFP4, and from both, by one regression.

    python -m scripts.benchmarks.benchmark_features --table moleculeace.csv [--model drug-smiles]

The table has the columns target, smiles, pvalue, split (`train` or `test`) and cliff (0 or 1): the 26 sets of
MoleculeACE with their published split (van Tilborg et al. 2022, doi:10.1021/acs.jcim.2c01073; MIT;
github.com/molML/MoleculeACE at commit 7e6de0bd2968). A support-vector regression with an RBF kernel is fitted to the
training molecules of each set. Of ECFP4 (1,024 bits) C is 10 and gamma 1/60. z is standardised by the training
molecules. Of z alone, and of the weight of z beside ECFP4, the settings are those of the grid with the least error in
five folds of the training molecules. The root mean square errors of the test molecules are averaged over the sets, of
all and of those at an activity cliff.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from scripts.record import arguments, result_path, torch_threads, write_result
from seqvae.data.datasets.registry import load_dataset
from seqvae.properties import get
from seqvae.sklearn import LatentFeatures

NAME = "features"
C, GAMMA = 10.0, 1 / 60
WEIGHTS = (0.1, 0.2, 0.4, 0.8)  # of standardised z beside the bits
GAMMAS = (0.002, 0.005, 0.01, 0.02)  # of z alone
FOLDS = 5
Table = NDArray[np.float64]


def sets_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return the molecules of each target, with their values, and which are for testing and at a cliff."""
    rows: dict[str, list[dict[str, str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["target"], []).append(row)
    return {
        target: {
            "smiles": [row["smiles"] for row in found],
            "values": np.array([float(row["pvalue"]) for row in found]),
            "test": np.array([row["split"] == "test" for row in found]),
            "cliff": np.array([row["cliff"] == "1" for row in found]),
        }
        for target, found in rows.items()
    }


def small_sets() -> dict[str, dict[str, Any]]:
    """Return one set of molecules in the package, with logP as the value."""
    texts = load_dataset("moses-sample").texts[:60]
    values = np.array(get("logp")(texts), np.float64)
    return {"logP": {"smiles": texts, "values": values, "test": np.arange(60) >= 45, "cliff": np.arange(60) % 5 == 0}}


def regression(gamma: float) -> SVR:
    """Return the regression, not fitted."""
    return SVR(C=C, gamma=gamma)


def fold_error(features: Table, values: Table, gamma: float) -> float:
    """Return the mean square error over five folds."""
    errors = []
    for fit, test in KFold(FOLDS, shuffle=True, random_state=0).split(features):
        found = regression(gamma).fit(features[fit], values[fit]).predict(features[test])
        errors.append(np.mean((found - values[test]) ** 2))
    return float(np.mean(errors))


def predictions(z: Table, bits: Table, values: Table, test: NDArray[np.bool_]) -> dict[str, Table]:
    """Return the predictions of the test molecules by the features that they come from."""
    fit, target = ~test, values[~test]
    scaled = StandardScaler().fit(z[fit]).transform(z)
    gamma = min(GAMMAS, key=lambda one: fold_error(scaled[fit], target, one))
    joined = {weight: np.hstack([bits, weight * scaled]) for weight in WEIGHTS}
    weight = min(WEIGHTS, key=lambda one: fold_error(joined[one][fit], target, GAMMA))
    ways = {"ECFP4": (bits, GAMMA), "z": (scaled, gamma), "z beside ECFP4": (joined[weight], GAMMA)}
    return {
        name: regression(power).fit(features[fit], target).predict(features[test])
        for name, (features, power) in ways.items()
    }


def measured(found: dict[str, Any], made: LatentFeatures) -> dict[str, Any]:
    """Return the root mean square errors of one set, by features; rows that the model cannot read are left out."""
    read = made.codec.tokenize(found["smiles"], "skip")
    rows = np.array(read.rows)
    features = made.transform(read.forms)
    values, test, cliff = (found[name][rows] for name in ("values", "test", "cliff"))
    latent = made.codec.latent
    result: dict[str, Any] = {"molecules": len(rows), "left_out": len(read.rejected), "errors": {}}
    for name, guessed in predictions(features[:, :latent], features[:, latent:], values, test).items():
        squares = (guessed - values[test]) ** 2
        result["errors"][name] = {
            "all": float(np.sqrt(squares.mean())),
            "cliffs": float(np.sqrt(squares[cliff[test]].mean())),
        }
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every set, and write the means."""
    parser = arguments(str(__doc__))
    parser.add_argument("--table", type=Path, help="CSV table of the sets")
    parser.add_argument("--model", default="drug-smiles")
    given = parser.parse_args(argv)
    if given.table is None and not given.small:
        raise SystemExit("--table FILE is needed: the sets of MoleculeACE, see the head of this script")
    sets = small_sets() if given.small else sets_of(given.table)
    model = "zinc-smiles" if given.small else given.model
    with torch_threads(given.threads):
        made = LatentFeatures(model, fingerprint=True, device="cpu").fit([])
        found = {}
        for target, one in sets.items():
            found[target] = measured(one, made)
            print(target, found[target], flush=True)
    means = {
        name: {
            kind: float(np.mean([one["errors"][name][kind] for one in found.values()])) for kind in ("all", "cliffs")
        }
        for name in ("ECFP4", "z", "z beside ECFP4")
    }
    settings = {"model": model, "c": C, "gamma": GAMMA, "weights": WEIGHTS, "gammas": GAMMAS, "folds": FOLDS, "seed": 0}
    write_result(result_path(given, NAME), NAME, settings, {"sets": found, "means": means})


if __name__ == "__main__":
    main()
