"""Latent points as features: affinities predicted from z, from ECFP4, and from both, by one regression.

    python -m scripts.benchmarks.benchmark_features --table moleculeace.csv [--model drug-smiles]

The table has the columns target, smiles, pvalue, split (`train` or `test`) and cliff (0 or 1): the 26 sets of
MoleculeACE with their published split (van Tilborg et al. 2022, doi:10.1021/acs.jcim.2c01073; MIT;
github.com/molML/MoleculeACE at commit 7e6de0bd2968). A support-vector regression with an RBF kernel is fitted to the
training molecules of each set. Of ECFP4 (1,024 bits) C is 10 and gamma 1/60. z is standardised by the training
molecules. Of z alone, and of the weight of z beside ECFP4, the settings are those of the grid with the least error in
five folds of the training molecules. The root mean square errors of the test molecules are averaged over the sets, of
all and of those at an activity cliff. Sets that a run of the same settings has measured are kept: a run can be resumed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from scripts.record import arguments, result_path, torch_threads, write_result
from seqvae.artifact.folder import WEIGHTS as WEIGHTS_FILE
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.properties import get
from seqvae.sklearn import LatentFeatures

NAME = "features"
C, GAMMA = 10.0, 1 / 60
WEIGHTS = (0.1, 0.2, 0.4, 0.8)  # of standardised z beside the bits
GAMMAS = (0.002, 0.005, 0.01, 0.02)  # of z alone
FOLDS = 5
Table = NDArray[np.float64]
Rows = NDArray[np.int64]


def sets_of(path: Path) -> dict[str, dict[str, Any]]:
    """Return the molecules of each target, with their values, and which are for testing and at a cliff."""
    rows: dict[str, list[dict[str, str]]] = {}
    keep = ("target", "pvalue", "split", "cliff")
    for record in read_records(path, ReadSettings(column="smiles", keep=keep))[0]:
        rows.setdefault(record.fields["target"], []).append({"smiles": record.text, **record.fields})
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


def predicted(squares: Table, values: Table, fit: Rows, test: Rows, gamma: float) -> Table:
    """Return what the regression predicts of test rows, fitted to others.

    Its kernel is computed here, as one product of matrices for all pairs: that is ten times faster, and the same.

    Args:
        squares: squared distances of all rows, `(rows, rows)`.
        values: of all rows; those of test rows are not looked at.
        fit: numbers of the rows that it is fitted to.
        test: numbers of the rows that are predicted.
        gamma: of the RBF kernel.
    """
    kernel = np.exp(-gamma * squares)
    found = SVR(C=C, kernel="precomputed").fit(kernel[np.ix_(fit, fit)], values[fit])
    return np.asarray(found.predict(kernel[np.ix_(test, fit)]), np.float64)


def fold_error(squares: Table, values: Table, rows: Rows, gamma: float) -> float:
    """Return the mean square error over five folds of some rows."""
    errors = []
    for fit, test in KFold(FOLDS, shuffle=True, random_state=0).split(rows):
        found = predicted(squares, values, rows[fit], rows[test], gamma)
        errors.append(np.mean((found - values[rows[test]]) ** 2))
    return float(np.mean(errors))


def predictions(z: Table, bits: Table, values: Table, test: NDArray[np.bool_]) -> dict[str, Table]:
    """Return the predictions of the test molecules by the features that they come from."""
    fit, held_out = np.flatnonzero(~test), np.flatnonzero(test)
    of_z = euclidean_distances(StandardScaler().fit(z[fit]).transform(z), squared=True)
    of_bits = euclidean_distances(bits, squared=True)
    gamma = min(GAMMAS, key=lambda one: fold_error(of_z, values, fit, one))
    # the squared distance of features side by side is the sum of those of the parts
    weight = min(WEIGHTS, key=lambda one: fold_error(of_bits + one**2 * of_z, values, fit, GAMMA))
    ways = {"ECFP4": (of_bits, GAMMA), "z": (of_z, gamma), "z beside ECFP4": (of_bits + weight**2 * of_z, GAMMA)}
    return {name: predicted(squares, values, fit, held_out, power) for name, (squares, power) in ways.items()}


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
    out = result_path(given, NAME)
    with torch_threads(given.threads):
        made = LatentFeatures(model, fingerprint=True, device="cpu").fit([])
        settings = {"model": model, "sha256": made.codec.provenance["sha256"][WEIGHTS_FILE], "c": C, "gamma": GAMMA}
        settings |= {"weights": [*WEIGHTS], "gammas": [*GAMMAS], "folds": FOLDS, "seed": 0}
        found = kept(out, settings)
        for target, one in sets.items():
            if target not in found:
                found[target] = measured(one, made)
                write_result(out, NAME, settings, {"sets": found, "means": means(found)})


def kept(out: Path | None, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the sets that a run of these settings has measured already."""
    before = json.loads(out.read_text("utf-8")) if out is not None and out.is_file() else {"settings": None}
    return dict(before["figures"]["sets"]) if before["settings"] == settings else {}


def means(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return the errors of each kind of features, averaged over the sets."""
    return {
        name: {
            kind: float(np.mean([one["errors"][name][kind] for one in found.values()])) for kind in ("all", "cliffs")
        }
        for name in ("ECFP4", "z", "z beside ECFP4")
    }


if __name__ == "__main__":
    main()
