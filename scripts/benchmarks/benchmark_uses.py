"""Measure what scores and imputation are worth, beside the simple methods that they must beat.

    python -m scripts.benchmarks.benchmark_uses [--texts zinc_test.smi.gz]

Scores: which score of `zinc-smiles` tells held-out molecules of ZINC from others (area under the ROC curve), and how
many of them have p < .01. Those that calibrated the model are left out. Imputation: `splice-dna` on held-out splice
sites of which two letters in nine are hidden, against counting models, whose conditional distributions are exact.

With `--texts` the held-out molecules are those of a file, where the dataset cannot be downloaded: its test split, whole
and in its order, which decides what was used for the calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import BRICS
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from scipy.stats import rankdata

import seqvae
from scripts.record import arguments, result_path, torch_threads, write_result
from seqvae import infer
from seqvae.config import ImputeConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.files.readers import read_records
from seqvae.evaluate.sequences.markov_baselines import CountingModel, best_pseudo, models
from seqvae.infer.calibrating import MOST
from seqvae.infer.familiarity import IN_DOMAIN
from seqvae.sequences.integer_codes import Letters, letters
from seqvae.sequences.molecules import canonical_or_none

NAME = "uses"
_SMALLEST = 9  # heavy atoms of fragments: the size of QM9
_ELEMENTS = ("C", "N", "O", "S", "F", "Cl")
_FRESH = 5  # times as many held-out molecules as others: enough for a rate of .01 to within .003
NEAREST = "nearest_neighbour"


def auroc(within: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Return the share of pairs in which the higher score is that of the text from outside; ties are halves."""
    ranks = rankdata(np.concatenate([within, outside]))[len(within) :]
    return float((ranks.sum() - len(outside) * (len(outside) + 1) / 2) / (len(within) * len(outside)))


def element_shuffled(smiles: str, rng: np.random.Generator) -> str | None:
    """Return the molecule with the elements of its uncharged heavy atoms in other places; None if none is left."""
    molecule = Chem.RWMol(Chem.MolFromSmiles(smiles))
    Chem.Kekulize(molecule, clearAromaticFlags=True)
    plain = [atom for atom in molecule.GetAtoms() if not atom.GetFormalCharge() and atom.GetSymbol() in _ELEMENTS]
    for atom, number in zip(plain, rng.permutation([atom.GetAtomicNum() for atom in plain]).tolist(), strict=True):
        atom.SetAtomicNum(int(number))
        atom.SetNumExplicitHs(0)
        atom.SetNoImplicit(False)
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    return canonical_or_none(Chem.MolToSmiles(molecule))


def fragments(smiles: str) -> list[str]:
    """Return the small parts of a molecule, cut by BRICS, with hydrogen at the cuts."""
    found, cut, hydrogen = [], Chem.MolFromSmarts("[#0]"), Chem.MolFromSmiles("[H]")
    for part in sorted(BRICS.BRICSDecompose(Chem.MolFromSmiles(smiles))):
        whole = Chem.ReplaceSubstructs(Chem.MolFromSmiles(part), cut, hydrogen, True)
        form = canonical_or_none(Chem.MolToSmiles(Chem.RemoveHs(whole[0])))
        if form and 3 <= Chem.MolFromSmiles(form).GetNumHeavyAtoms() <= _SMALLEST:
            found.append(form)
    return found


def others(texts: Sequence[str], count: int, rng: np.random.Generator, moses: Sequence[str]) -> dict[str, list[str]]:
    """Return molecules that are none of ZINC's, by name."""
    shuffled = [form for text in texts[: 4 * count] for _ in range(4) if (form := element_shuffled(text, rng))]
    small = list(dict.fromkeys(part for text in texts for part in fragments(text)))
    return {
        "element-shuffled": list(dict.fromkeys(shuffled))[:count],
        "fragments": [small[place] for place in rng.permutation(len(small))[:count]],
        "MOSES test": list(moses[:count]),
    }


def nearest(texts: Sequence[str], known: Sequence[str]) -> NDArray[np.float64]:
    """Return 1 - Tanimoto similarity (ECFP4) to the nearest known molecule."""
    generator = GetMorganGenerator(2, fpSize=2048)

    def prints(these: Sequence[str]) -> list[Any]:
        return [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in these]

    there = prints(known)
    return np.array([1 - max(DataStructs.BulkTanimotoSimilarity(one, there)) for one in prints(texts)])


def score_figures(texts: list[str], moses: Sequence[str], count: int) -> dict[str, Any]:
    """Return how scores tell held-out molecules from others, and what share of held-out ones they call rare."""
    codec, rng = seqvae.load("zinc-smiles", device="cpu"), np.random.default_rng(0)
    most = min(MOST, len(texts))
    used = {place * len(texts) // most for place in range(most)}
    fresh = ([text for place, text in enumerate(texts) if place not in used] or texts)[: _FRESH * count]
    known = [texts[place] for place in sorted(used)]
    within = infer.score(codec, fresh)
    named = [name for name in within.columns if name == "p" or name.startswith("p_")]
    readable = ~np.isnan(within.columns["p"])
    rare = {name: float((within.columns[name][readable] < 0.01).mean()) for name in named}
    plain = [text for text, reads in zip(fresh, readable, strict=True) if reads][:count]
    repeats = [symbol * length for symbol in ("C", "N", "O", "F", "S") for length in (3, 5, 10, 20)]
    found: dict[str, Any] = {}
    for name, these in others(plain, count, rng, moses).items():
        scored = infer.score(codec, these)
        kept = ~np.isnan(scored.columns["p"])
        areas = {one: auroc(-within.columns[one][readable][:count], -scored.columns[one][kept]) for one in named}
        there = [text for text, reads in zip(these, kept, strict=True) if reads]
        areas[NEAREST] = auroc(nearest(plain, known), nearest(there, known))
        in_domain = scored.count(IN_DOMAIN) / len(these)
        found[name] = {"molecules": len(these), "unread": scored.unread, "auroc": areas, "in_domain": in_domain}
    return {
        "held_out": int(readable.sum()),
        "in_domain": within.count(IN_DOMAIN) / len(fresh),
        "p_below_one_in_a_hundred": rare,
        "correlation_with_length": {name: within.correlations[name] for name in ("log_p", "p")},
        "others": found,
        "repeats": len(repeats),
        "repeats_in_domain": infer.score(codec, repeats).count(IN_DOMAIN),
    }


def conditional(
    bits: Callable[[list[str]], NDArray[np.float64]], texts: Sequence[str], hidden: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the exact distribution of each hidden letter given the others, `(texts, hidden, 4)`.

    Args:
        bits: -log2 p of texts.
        texts: whole.
        hidden: `(texts, hidden)`, the hidden places of each.
    """
    fillings = list(product(range(4), repeat=hidden.shape[1]))
    every = []
    for text, places in zip(texts, hidden.tolist(), strict=True):
        for filling in fillings:
            row = list(text)
            for place, letter in zip(places, filling, strict=True):
                row[place] = "ACGT"[letter]
            every.append("".join(row))
    costs = bits(every).reshape(len(texts), len(fillings))
    shares = np.exp2(costs.min(1, keepdims=True) - costs)
    shares /= shares.sum(1, keepdims=True)
    chosen = np.array(fillings)  # `(fillings, hidden)`
    return np.einsum("tf,fhl->thl", shares, np.eye(4)[chosen])


def _bits(model: CountingModel, train: Letters, pseudo: float, texts: list[str]) -> NDArray[np.float64]:
    return model.bits(train, letters(texts), pseudo)


def impute_figures(train: list[str], valid: list[str], test: list[str], samples: int) -> dict[str, Any]:
    """Return log-loss and accuracy of hidden letters: the model's, and those of counting models."""
    rng, codec = np.random.default_rng(0), seqvae.load("splice-dna", device="cpu")
    hidden = np.array([sorted(rng.choice(len(text), 2, replace=False).tolist()) for text in test])
    masked = [
        "".join("?" if n in places else a for n, a in enumerate(t)) for t, places in zip(test, hidden, strict=True)
    ]
    truth = np.array([["ACGT".index(text[n]) for n in places] for text, places in zip(test, hidden, strict=True)])
    both = letters([*train, *valid])
    found: dict[str, NDArray[np.float64]] = {}
    for name, model in models(one_length=True).items():
        if model.order <= 2:
            pseudo = best_pseudo(model, letters(train), letters(valid))
            found[name] = conditional(partial(_bits, model, both, pseudo), test, hidden)
    for method in ("importance", "gibbs"):
        config = ImputeConfig(method, samples=samples, sweeps=max(samples // 4, 4), warmup=20)
        filled = infer.impute(codec, masked, config)
        # A letter that was never drawn has not probability 0: half a draw more for each.
        found[f"splice-dna, {method}"] = np.array(
            [(one.marginals * one.draws + 0.5) / (one.draws + 2) for one in filled]
        )
    figures = {}
    for name, rows in found.items():
        each = -np.log2(np.take_along_axis(rows, truth[..., None], 2)[..., 0]).mean(1)
        error, right = float(each.std(ddof=1) / np.sqrt(len(each))), float((rows.argmax(2) == truth).mean())
        figures[name] = {"bits": float(each.mean()), "error": error, "right": right}
    return {"sequences": len(test), "hidden": 2, "models": figures}


def held_out(name: str, most: int = 0) -> list[str]:
    """Return the test split of a dataset, or its first texts."""
    data = load_dataset(name)
    return data.texts[:most] if most else [data.texts[row] for row in data.split.test.tolist()]


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result."""
    rdBase.DisableLog("rdApp.*")
    parser = arguments(__doc__ or "")
    parser.add_argument("--texts", default="", help="file of the held-out molecules of ZINC250k")
    given = parser.parse_args(argv)
    count, sequences, samples = (12, 12, 40) if given.small else (200, 100, 400)
    if given.texts:
        texts = [record.text for record in read_records(given.texts)[0]]
    else:
        texts = held_out("moses-sample", 40) if given.small else held_out("zinc250k")
    moses = held_out("moses-sample", 12) if given.small else held_out("moses")[:count]
    sites = load_dataset("mpsa-sample")
    train, valid, test = ([sites.texts[row] for row in part.tolist()] for part in sites.split)
    with torch_threads(given.threads) as threads:
        figures = {
            "score": score_figures(texts, moses, count),
            "impute": impute_figures(train, valid, test[:sequences], samples),
        }
    settings = {"molecules": count, "sequences": sequences, "samples": samples, "seed": 0, "threads": threads}
    write_result(result_path(given, NAME), NAME, settings, figures)


if __name__ == "__main__":
    main()
