"""Measure what scores and imputation are worth, beside the simple methods that they must beat.

    python -m scripts.benchmarks.benchmark_uses [--texts FILE] [--lac FILE] [--genome FILE] [--only PART]

Scores: which score of `zinc-smiles` tells held-out molecules of ZINC from others (area under the ROC curve), and how
many of them have p < .01. Those that calibrated the model are left out. Imputation: `splice-dna` on held-out splice
sites of which two letters in nine are hidden, and `ecoli-promoters` on held-out promoters of which a quarter is,
against counting models, whose conditional distributions are exact; `zinc-smiles` on held-out molecules of which 15 %
of the tokens are hidden, against n-grams that see both sides, and on scaffolds of held-out molecules, against draws of
the model in equal time. Attributes: `drug-smiles`, molecules moved along logP, QED and weight.

With `--lac` hidden letters are also those of a table, of promoters of the lac operon (`laco_masked.csv` of GPro, MIT;
columns realA, with M for each hidden letter, and realB). With `--genome`, a FASTA file of a genome of E. coli (such as
NC_008253, which comes with the aligner bowtie), which score of `ecoli-promoters` tells promoters from DNA that is none.
With `--texts` the held-out molecules are those of a file, where the dataset cannot be downloaded: its test split, whole
and in its order, which decides what was used for the calibration.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import selfies
from numpy.typing import NDArray
from rdkit import Chem, DataStructs, rdBase
from rdkit.Chem import BRICS
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

import seqvae
from scripts.benchmarks.uses.attributes import attribute_figures
from scripts.benchmarks.uses.imputation import molecule_figures, scaffold_figures
from scripts.benchmarks.uses.promoters import (
    CODING,
    SHUFFLED,
    YEAST,
    auroc,
    coding,
    promoter_scores,
    shuffled,
    windows,
)
from scripts.benchmarks.uses.sequences import lac_places, random_places, sequence_figures
from scripts.record import arguments, result_path, torch_threads, write_result
from scripts.training.training_runs import prepared_again, split_texts
from seqvae import infer
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.files.readers import read_records
from seqvae.infer.calibrating import MOST
from seqvae.infer.familiarity import IN_DOMAIN
from seqvae.sequences.molecules import canonical_or_none

NAME = "uses"
MODEL, PROMOTERS, DRUGS = "zinc-smiles", "ecoli-promoters", "drug-smiles"
# Molecules of each kind for the scores, sequences, draws, molecules and scaffolds to complete, molecules counted.
USUAL, SMALL = (200, 100, 400, 100, 200_000), (8, 8, 20, 2, 200)
_PROMOTERS = 40  # each takes half a minute: 41 letters are hidden
_SMALLEST = 9  # heavy atoms of fragments: the size of QM9
_WIDE = 12  # atoms of the ring of a macrocycle
_RING = "O=C1CCCCCCCCCCCN1"  # one, for a small run
_ELEMENTS = ("C", "N", "O", "S", "F", "Cl")
_FRESH = 5  # times as many held-out molecules as others: enough for a rate of .01 to within .003
NEAREST = "nearest_neighbour"


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


def symbol_shuffled(smiles: str, rng: np.random.Generator) -> str | None:
    """Return a molecule of the same SELFIES symbols in another order; None if none is left of it."""
    symbols = list(selfies.split_selfies(selfies.encoder(smiles, strict=False)))
    return canonical_or_none(selfies.decoder("".join(symbols[place] for place in rng.permutation(len(symbols)))))


def peptide(rng: np.random.Generator) -> str | None:
    """Return a linear peptide of four to eight residues."""
    letters = rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), rng.integers(4, 9))
    return canonical_or_none(Chem.MolToSmiles(Chem.MolFromSequence("".join(letters))))


def widest_ring(smiles: str) -> int:
    """Return how many atoms the largest ring of a molecule has, 0 without one."""
    molecule = Chem.MolFromSmiles(smiles)  # by name: its rings go with it
    return max(map(len, molecule.GetRingInfo().AtomRings()), default=0)


def others(
    texts: Sequence[str], count: int, rng: np.random.Generator, moses: Sequence[str], chembl: Sequence[str]
) -> dict[str, list[str]]:
    """Return molecules that are none of ZINC's, by name."""
    shuffled = [form for text in texts[: 4 * count] for _ in range(4) if (form := element_shuffled(text, rng))]
    symbols = [form for text in texts[:count] if (form := symbol_shuffled(text, rng))]
    small = list(dict.fromkeys(part for text in texts for part in fragments(text)))
    return {
        "element-shuffled": list(dict.fromkeys(shuffled))[:count],
        "symbol-shuffled": list(dict.fromkeys(symbols)),
        "fragments": [small[place] for place in rng.permutation(len(small))[:count]],
        "macrocycles": list(itertools.islice((text for text in chembl if widest_ring(text) >= _WIDE), count)),
        "peptides": list(dict.fromkeys(form for _ in range(count) if (form := peptide(rng)))),
        "MOSES test": list(moses[:count]),
    }


def nearest(texts: Sequence[str], known: Sequence[str]) -> NDArray[np.float64]:
    """Return 1 - Tanimoto similarity (ECFP4) to the nearest known molecule."""
    generator = GetMorganGenerator(2, fpSize=2048)

    def prints(these: Sequence[str]) -> list[Any]:
        return [generator.GetFingerprint(Chem.MolFromSmiles(text)) for text in these]

    there = prints(known)
    return np.array([1 - max(DataStructs.BulkTanimotoSimilarity(one, there)) for one in prints(texts)])


def score_figures(texts: list[str], moses: Sequence[str], chembl: Sequence[str], count: int) -> dict[str, Any]:
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
    for name, these in others(plain, count, rng, moses, chembl).items():
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


def sequence_parts(name: str) -> dict[str, list[str]]:
    """Return the splits by which a packaged model was trained."""
    codec = seqvae.load(name, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        return split_texts(prepared_again(codec, Path(folder) / "rejected.csv"), codec)


def promoters(name: str, count: int, samples: int, lac: Path | None = None) -> dict[str, Any]:
    """Return what imputation of promoters is worth, of a quarter of the letters or of those that a table hides.

    By chains alone: importance sampling is for few unknown positions.
    """
    parts = sequence_parts(name)
    held_out = parts["test"][:count]
    hidden = random_places(held_out, 0.25)
    if lac is not None:
        held_out, hidden = lac_places(lac, parts["test"])
        held_out, hidden = held_out[:count], hidden[:count]
    return sequence_figures(name, [parts["train"], parts["valid"], held_out], hidden, samples, ["gibbs"])


def none_of_them(texts: Sequence[str], count: int, genome: Path, yeast: Sequence[str]) -> dict[str, list[str]]:
    """Return DNA that is no promoter of bacteria, by name, as long as the texts."""
    rng, length = np.random.default_rng(0), len(texts[0])
    whole = "".join(record.text for record in read_records(genome)[0])
    return {
        SHUFFLED: [shuffled(text, rng) for text in texts[:count]],
        CODING: coding(whole, length, count, rng),
        YEAST: windows(yeast, length, count, rng),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result after each part."""
    rdBase.DisableLog("rdApp.*")
    parser = arguments(__doc__ or "")
    parser.add_argument("--texts", default="", help="file of the held-out molecules of ZINC250k, for the scores")
    parser.add_argument("--lac", type=Path, help="table of promoters of the lac operon with hidden letters")
    parser.add_argument("--genome", type=Path, help="FASTA file of a genome, from which coding sequence is taken")
    parser.add_argument("--only", help="one part, the results of the others kept")
    given = parser.parse_args(argv)
    count, sequences, samples, drawn, counted = SMALL if given.small else USUAL
    some = load_dataset("moses-sample").texts
    train, valid, test = (some[60:260], some[40:60], some[:40]) if given.small else splits("zinc250k")
    sites = splits("mpsa-sample")
    ways = ("importance", "gibbs")

    def scores() -> dict[str, Any]:
        """Return what scores are worth."""
        texts = [record.text for record in read_records(given.texts)[0]] if given.texts else test
        if given.small:
            return score_figures(texts, some[:12], [_RING], count)
        return score_figures(texts, splits("moses")[2][:count], load_dataset("chembl").texts, count)

    def promoter_figures() -> dict[str, Any]:
        """Return what scores of promoters are worth; the validation split neither trained nor calibrated the model."""
        parts = sequence_parts(chains)
        used, kept = parts["valid"], parts["valid"][:count]
        yeast = load_dataset("mpsa-sample" if given.small else "yeast_1000").texts
        other = none_of_them(kept, count, given.genome, yeast)
        return promoter_scores(seqvae.load(chains, device="cpu"), {**parts, "held_out": used}, other)

    def splice_sites() -> dict[str, Any]:
        """Return what imputation of splice sites is worth."""
        of = [*sites[:2], sites[2][:sequences]]
        return sequence_figures("splice-dna", of, random_places(of[2], 2 / 9), samples, ways)

    chains = "splice-dna" if given.small else PROMOTERS
    few = 2 if given.small else _PROMOTERS
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "score": scores,
        "promoter_scores": promoter_figures,
        "impute": splice_sites,
        "promoters": lambda: promoters(chains, few, samples),
        "lac": lambda: promoters(chains, few, samples, given.lac),
        "molecules": lambda: molecule_figures(MODEL, train[:counted], valid, test, (drawn, samples)),
        "scaffolds": lambda: scaffold_figures(MODEL, test, drawn),
        "attributes": lambda: attribute_figures(DRUGS, valid[: 50 * drawn], test[:drawn]),
    }
    if given.genome is None:
        del parts["promoter_scores"]
    if given.lac is None:
        del parts["lac"]
    if given.only and given.only not in parts:
        parser.error(f"--only: expected one of {', '.join(parts)}, got {given.only!r}")
    out = result_path(given, NAME)
    figures = json.loads(out.read_text("utf-8"))["figures"] if given.only and out and out.is_file() else {}
    with torch_threads(given.threads) as threads:
        for name in [given.only] if given.only else parts:
            figures[name] = parts[name]()
            settings = {"molecules": count, "sequences": sequences, "samples": samples, "masked_molecules": drawn}
            write_result(out, NAME, {**settings, "seed": 0, "threads": threads}, figures)


if __name__ == "__main__":
    main()
