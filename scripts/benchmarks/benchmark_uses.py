"""Measure what scores and imputation are worth, beside the simple methods that they must beat.

    python -m scripts.benchmarks.benchmark_uses [--texts zinc_test.smi.gz] [--only PART]

Scores: which score of `zinc-smiles` tells held-out molecules of ZINC from others (area under the ROC curve), and how
many of them have p < .01. Those that calibrated the model are left out. Imputation: `splice-dna` on held-out splice
sites of which two letters in nine are hidden, and `ecoli-promoters` on held-out promoters of which a quarter is,
against counting models, whose conditional distributions are exact; `zinc-smiles` on held-out molecules of which 15 %
of the tokens are hidden, against n-grams that see both sides, and on scaffolds of held-out molecules, against draws of
the model in equal time.

With `--texts` the held-out molecules are those of a file, where the dataset cannot be downloaded: its test split, whole
and in its order, which decides what was used for the calibration.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import BRICS
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from scipy.stats import rankdata

import seqvae
from scripts.benchmarks.uses_imputation import molecule_figures, scaffold_figures
from scripts.benchmarks.uses_sequences import sequence_figures
from scripts.record import arguments, result_path, torch_threads, write_result
from scripts.training.training_runs import prepared_again, split_texts
from seqvae import infer
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.files.readers import read_records
from seqvae.infer.calibrating import MOST
from seqvae.infer.familiarity import IN_DOMAIN
from seqvae.sequences.molecules import canonical_or_none

NAME = "uses"
PARTS = ("score", "impute", "promoters", "molecules", "scaffolds")
MODEL, PROMOTERS = "zinc-smiles", "ecoli-promoters"
# Molecules of each kind for the scores, sequences, draws, molecules and scaffolds to complete, molecules counted.
USUAL, SMALL = (200, 100, 400, 100, 200_000), (8, 8, 20, 2, 200)
_PROMOTERS = 40  # each takes half a minute: 41 letters are hidden
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
    codec, rng = seqvae.load(MODEL, device="cpu"), np.random.default_rng(0)
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


def splits(name: str) -> list[list[str]]:
    """Return the training, validation and test split of a dataset."""
    data = load_dataset(name)
    return [[data.texts[row] for row in part.tolist()] for part in data.split]


def promoters(sites: Sequence[Sequence[str]], samples: int, small: bool) -> dict[str, Any]:
    """Return what imputation of promoters is worth, small, of splice sites.

    By chains alone: importance sampling is for few unknown positions.
    """
    if small:
        return sequence_figures("splice-dna", [*sites[:2], sites[2][:2]], 1 / 3, samples, ["gibbs"])
    codec = seqvae.load(PROMOTERS, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        parts = split_texts(prepared_again(codec, Path(folder) / "rejected.csv"), codec)
    held_out = parts["test"][:_PROMOTERS]
    return sequence_figures(PROMOTERS, [parts["train"], parts["valid"], held_out], 0.25, samples, ["gibbs"])


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result after each part."""
    rdBase.DisableLog("rdApp.*")
    parser = arguments(__doc__ or "")
    parser.add_argument("--texts", default="", help="file of the held-out molecules of ZINC250k, for the scores")
    parser.add_argument("--only", choices=PARTS, help="one part, the results of the others kept")
    given = parser.parse_args(argv)
    count, sequences, samples, drawn, counted = SMALL if given.small else USUAL
    some = load_dataset("moses-sample").texts
    train, valid, test = (some[60:260], some[40:60], some[:40]) if given.small else splits("zinc250k")
    sites = splits("mpsa-sample")
    ways = ("importance", "gibbs")

    def scores() -> dict[str, Any]:
        """Return what scores are worth."""
        texts = [record.text for record in read_records(given.texts)[0]] if given.texts else test
        return score_figures(texts, some[:12] if given.small else splits("moses")[2][:count], count)

    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "score": scores,
        "impute": lambda: sequence_figures("splice-dna", [*sites[:2], sites[2][:sequences]], 2 / 9, samples, ways),
        "promoters": lambda: promoters(sites, samples, given.small),
        "molecules": lambda: molecule_figures(MODEL, train[:counted], valid, test, (drawn, samples)),
        "scaffolds": lambda: scaffold_figures(MODEL, test, drawn),
    }
    out = result_path(given, NAME)
    figures = json.loads(out.read_text("utf-8"))["figures"] if given.only and out and out.is_file() else {}
    with torch_threads(given.threads) as threads:
        for name in [given.only] if given.only else PARTS:
            figures[name] = parts[name]()
            settings = {"molecules": count, "sequences": sequences, "samples": samples, "masked_molecules": drawn}
            write_result(out, NAME, {**settings, "seed": 0, "threads": threads}, figures)


if __name__ == "__main__":
    main()
