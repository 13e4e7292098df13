"""Which score foresees where a predictor errs: unfamiliarity, distance to known molecules, or an ensemble's spread.

    python -m scripts.benchmarks.benchmark_unfamiliarity --table moleculeace.csv [--model drug-smiles]

The table is that of `benchmark_features.py`: the 26 sets of MoleculeACE with their published split, on which van
Tilborg, Rossen & Grisoni (Nature Machine Intelligence 2026) define unfamiliarity, of a model that learns each set
itself; the one here has seen no set and no affinity. A random forest of 100 trees on ECFP4 (2,048 bits) is fitted to
the training molecules of each set, with five seeds. The figure is the rank correlation (Spearman) of a score with the
absolute error of the test molecules, averaged over the seeds; higher is better. Sets that a run of the same settings
has measured are kept: a run can be resumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.preprocessing import StandardScaler

from scripts.benchmarks.benchmark_features import kept, sets_of, small_sets
from scripts.record import arguments, result_path, torch_threads, write_result
from seqvae import infer, load
from seqvae.artifact.folder import WEIGHTS
from seqvae.latent.codec import Codec
from seqvae.properties.molecules.fingerprints import morgan_bits
from seqvae.properties.tanimoto import tanimoto_of_sizes

NAME = "unfamiliarity"
SEEDS = (0, 1, 2, 3, 4)
TREES, BITS = 100, 2048
_QUARTER = 4  # the least certain quarter of the test molecules, and the most certain one
Table = NDArray[np.float64]


def model_scores(codec: Codec, texts: Sequence[str]) -> dict[str, Table]:
    """Return what the model by itself says of molecules; the higher, the less familiar."""
    found = infer.score(codec, texts).columns
    names = {"unfamiliarity": "unfamiliarity", "the same, refined": "unfamiliarity_refined", "log p(x)": "log_p"}
    scores = {title: -np.asarray(found[f"p_{name}"], np.float64) for title, name in names.items()}
    return scores | {"all scores of the model": -np.asarray(found["p"], np.float64)}


def bits_of(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return ECFP4 of molecules, `(molecules, 2048)`."""
    return np.array([list(morgan_bits(Chem.MolFromSmiles(text), BITS)) for text in texts], np.float32)


def nearest(bits: NDArray[np.float32], test: NDArray[np.bool_]) -> Table:
    """Return one less the Tanimoto similarity of each test molecule to the nearest training molecule."""
    sizes = bits.sum(1)
    near = tanimoto_of_sizes(bits[test] @ bits[~test].T, sizes[test][:, None], sizes[~test])
    return np.asarray(1 - near.max(1), np.float64)


def measured(found: dict[str, Any], codec: Codec, seeds: Sequence[int], trees: int) -> dict[str, Any]:
    """Return for each score and seed its rank correlation with the error, and the errors where it is high and low."""
    read = codec.tokenize(found["smiles"], "skip")
    rows = np.array(read.rows)
    values, test = found["values"][rows], found["test"][rows]
    bits = bits_of(read.forms)
    held_out = [form for form, there in zip(read.forms, test, strict=True) if there]
    same = model_scores(codec, held_out) | {"distance to the nearest training molecule": nearest(bits, test)}
    z = codec.encode(read, refine=0).numpy()
    z = StandardScaler().fit(z[~test]).transform(z)
    same["distance of z to that of the nearest training molecule"] = euclidean_distances(z[test], z[~test]).min(1)
    result: dict[str, Any] = {"molecules": len(rows), "left_out": len(read.rejected), "rmse": [], "scores": {}}
    for seed in seeds:
        forest = RandomForestRegressor(trees, max_features="sqrt", random_state=seed).fit(bits[~test], values[~test])
        each = np.stack([tree.tree_.predict(bits[test])[:, 0] for tree in forest.estimators_])
        error = np.abs(each.mean(0) - values[test])
        result["rmse"].append(float(np.sqrt((error**2).mean())))
        for name, score in {**same, "spread of the forest's trees": each.std(0)}.items():
            of = result["scores"].setdefault(name, {"correlation": [], "high": [], "low": []})
            order, part = np.argsort(score, kind="stable"), max(1, len(score) // _QUARTER)
            of["correlation"].append(float(np.nan_to_num(spearmanr(score, error)[0])))
            of["high"].append(float(error[order[-part:]].mean()))
            of["low"].append(float(error[order[:part]].mean()))
    return result


def means(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return for each score the means over the sets: of each seed's correlation, and of the errors of all seeds."""
    sets = list(found.values())
    return {
        name: {
            "correlations": np.mean([one["scores"][name]["correlation"] for one in sets], axis=0).tolist(),
            "high": float(np.mean([one["scores"][name]["high"] for one in sets])),
            "low": float(np.mean([one["scores"][name]["low"] for one in sets])),
        }
        for name in (sets[0]["scores"] if sets else ())
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every set, and write the means."""
    parser = arguments(str(__doc__))
    parser.add_argument("--table", type=Path, help="CSV table of the sets")
    parser.add_argument("--model", default="drug-smiles")
    given = parser.parse_args(argv)
    if given.table is None and not given.small:
        raise SystemExit("--table FILE is needed: the sets of MoleculeACE, see the head of this script")
    sets = small_sets() if given.small else sets_of(given.table)
    model, seeds, trees = ("zinc-smiles", (0, 1), 3) if given.small else (given.model, SEEDS, TREES)
    out = result_path(given, NAME)
    with torch_threads(given.threads):
        codec = load(model, device="cpu")
        settings = {"model": model, "sha256": codec.provenance["sha256"][WEIGHTS], "trees": trees, "seeds": [*seeds]}
        found = kept(out, settings)
        for target, one in sets.items():
            if target not in found:
                found[target] = measured(one, codec, seeds, trees)
                write_result(out, NAME, settings, {"sets": found, "means": means(found)})


if __name__ == "__main__":
    main()
