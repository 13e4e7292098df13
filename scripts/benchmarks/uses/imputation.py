"""Parts of `benchmark_uses.py`: what imputation is worth, of molecules and of scaffolds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem.Scaffolds.MurckoScaffold import GetScaffoldForMol

import seqvae
from seqvae import infer
from seqvae.config import ImputeConfig
from seqvae.errors import InputError
from seqvae.infer.imputation.imputing import readable
from seqvae.latent.codec import Codec

MASKED = 0.15  # share of a molecule's tokens, at least one
MOST_POINTS = 3  # attachment points of a scaffold
POOL, KEPT = 200, 20  # completions of a scaffold that are weighed, and kept
_PRIORS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # weights of what stands in for counts that are few
_FILLINGS = 40  # drawn from the n-grams, of each molecule


def how(method: str, samples: int) -> ImputeConfig:
    """Return the settings of imputation by a method."""
    return ImputeConfig(method, samples=samples, sweeps=max(samples // 4, 4), warmup=20)


@dataclass(frozen=True)
class Gap:
    """A molecule some of whose tokens are hidden.

    Attributes:
        ids: of all its tokens.
        places: of the hidden ones.
        text: SMILES with `?` for each of these.
    """

    ids: tuple[int, ...]
    places: tuple[int, ...]
    text: str


class Ngrams:
    """Probabilities of a token given both of its neighbours, from counts.

    p(t | left, right) is the count of the three together, where it is small made up for by what the pairs say,
    p(t | left) p(t | right) / p(t), normalised; these by p(t). A neighbour that is hidden as well is left out.

    Args:
        texts: ids of training texts.
        vocab: number of ids.
        prior: how many counts that which stands in is worth.
    """

    def __init__(self, texts: Sequence[Sequence[int]], vocab: int, prior: float) -> None:
        self.prior, self._vocab = prior, vocab
        self._three = Counter[tuple[int, ...]]()
        # `(neighbour, id)`; the row behind the last id is the end of a text
        self._left, self._right = np.zeros((vocab + 1, vocab)), np.zeros((vocab + 1, vocab))
        for ids in texts:
            whole = [vocab, *ids, vocab]
            self._three.update(zip(whole, ids, whole[2:], strict=False))
            for left, one in pairwise(whole[:-1]):
                self._left[left, one] += 1
            for one, right in pairwise(whole[1:]):
                self._right[right, one] += 1
        counts = self._left.sum(0) + 0.5
        self.single = counts / counts.sum()
        self._of_pair: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for (left, one, right), count in self._three.items():
            self._of_pair.setdefault((left, right), []).append((one, count))

    def given(self, left: int | None, right: int | None) -> NDArray[np.float64]:
        """Return the probability of each id between two; None: a neighbour that is not known."""
        found = self.single.copy()
        for neighbour, table in ((left, self._left), (right, self._right)):
            if neighbour is not None:
                row = table[neighbour] + self.prior * self.single
                found *= row / row.sum() / self.single
        found /= found.sum()
        if left is None or right is None:
            return found
        found *= self.prior
        for one, count in self._of_pair.get((left, right), []):
            found[one] += count
        return found / found.sum()

    def fill(self, gap: Gap) -> NDArray[np.float64]:
        """Return the probabilities of the ids at each hidden place, `(places, ids)`."""
        whole = [self._vocab, *(None if n in gap.places else one for n, one in enumerate(gap.ids)), self._vocab]
        return np.array([self.given(whole[place], whole[place + 2]) for place in gap.places])


def gaps(codec: Codec, texts: Sequence[str], count: int, seed: int) -> list[Gap]:
    """Hide tokens of molecules, so many; one whose other tokens would be cut otherwise without them is left out."""
    rng, found, tokenizer = np.random.default_rng(seed), list[Gap](), codec.tokenizer
    read = codec.tokenize(texts, "skip")
    for ids in read.ids:
        size = max(1, round(MASKED * len(ids)))
        if len(ids) <= size or len(found) == count:
            continue
        places = tuple(sorted(rng.choice(len(ids), size, replace=False).tolist()))
        text = "".join("?" if n in places else tokenizer.tokens[one] for n, one in enumerate(ids))
        try:
            slots = masked.slots if (masked := readable(codec, text)) is not None else ()
        except InputError:  # a part by itself, such as a closing bracket, that no token writes
            continue
        if len(slots) == len(ids) and all(len(slot) > 1 or one in slot for slot, one in zip(slots, ids, strict=True)):
            found.append(Gap(tuple(ids), places, text))
    return found


def best_ngrams(train: Sequence[Sequence[int]], valid: Sequence[Gap], vocab: int) -> Ngrams:
    """Return the counts with the prior that loses least on molecules held out for it."""
    counted = Ngrams(train, vocab, _PRIORS[0])

    def loss(prior: float) -> float:
        """Return the mean log-loss with a prior."""
        counted.prior = prior
        return float(np.mean([_losses(counted.fill(one), one).mean() for one in valid]))

    counted.prior = min(_PRIORS, key=loss)
    return counted


def _losses(rows: NDArray[np.float64], gap: Gap) -> NDArray[np.float64]:
    return -np.log2([row[gap.ids[place]] for row, place in zip(rows, gap.places, strict=True)])


def molecule_figures(
    name: str, train: Sequence[str], valid: Sequence[str], test: Sequence[str], sizes: tuple[int, int]
) -> dict[str, Any]:
    """Return log-loss and accuracy of hidden tokens of molecules, and how often what is filled in is a molecule.

    Args:
        name: of the model.
        train: molecules that are counted.
        valid: molecules by which the counts' prior is chosen.
        test: molecules whose tokens are hidden.
        sizes: how many of these, and draws of importance sampling.
    """
    codec, (count, samples) = seqvae.load(name, device="cpu"), sizes
    hidden, vocab = gaps(codec, test, count, 0), codec.tokenizer.vocab_size
    counted = best_ngrams(codec.tokenize(train, "skip").ids, gaps(codec, valid, count, 1), vocab)
    rng = np.random.default_rng(2)
    filled: dict[str, tuple[list[NDArray[np.float64]], list[float]]] = {"n-grams of both sides": ([], [])}
    for one in hidden:
        rows = counted.fill(one)
        draws = [[int(rng.choice(vocab, p=row)) for row in rows] for _ in range(_FILLINGS)]
        filled["n-grams of both sides"][0].append(rows)
        filled["n-grams of both sides"][1].append(_valid_share(codec, one, draws))
    for method in ("importance", "gibbs"):
        made = infer.impute(codec, [one.text for one in hidden], how(method, samples))
        rows_of = []
        for one in made:
            rows = np.zeros((len(one.positions), vocab))
            rows[:, -len(one.tokens) :] = one.marginals  # content stands behind the special tokens
            # A token that was never drawn has not probability 0: one draw more, spread as tokens are in training.
            rows_of.append((rows * one.draws + counted.single) / (one.draws + 1))
        filled[f"{name}, {method}"] = rows_of, [1 - one.invalid for one in made]
    figures = {}
    for title, (tables, shares) in filled.items():
        each = np.array([_losses(rows, one).mean() for rows, one in zip(tables, hidden, strict=True)])
        tops = [rows.argmax(1) == [one.ids[n] for n in one.places] for rows, one in zip(tables, hidden, strict=True)]
        figures[title] = {
            "bits": float(each.mean()),
            "error": float(each.std(ddof=1) / np.sqrt(len(each))),
            "right": float(np.concatenate(tops).mean()),
            "valid": float(np.mean(shares)),
        }
    return {
        "molecules": len(hidden),
        "hidden": sum(len(one.places) for one in hidden),
        "tokens": sum(len(one.ids) for one in hidden),
        "counted": len(train),
        "models": figures,
    }


def _valid_share(codec: Codec, gap: Gap, draws: Sequence[Sequence[int]]) -> float:
    valid = 0
    for draw in draws:
        ids = list(gap.ids)
        for place, one in zip(gap.places, draw, strict=True):
            ids[place] = one
        valid += codec.canonical("".join(codec.tokenizer.tokens[one] for one in ids)) is not None
    return valid / len(draws)


def scaffold_of(smiles: str) -> tuple[str, Chem.Mol] | None:
    """Return a molecule's scaffold with attachment points where its side chains stood, and without them, or None.

    The scaffold is Murcko's: rings and what links them (Bemis & Murcko 1996, doi:10.1021/jm9602928).
    """
    molecule = Chem.MolFromSmiles(smiles)
    core = GetScaffoldForMol(molecule)
    if not core.GetNumAtoms() or core.GetNumAtoms() == molecule.GetNumAtoms():
        return None
    cut = Chem.ReplaceSidechains(molecule, core)
    if cut is None or len(Chem.GetMolFrags(cut)) > 1:
        return None
    points = [atom for atom in cut.GetAtoms() if atom.GetAtomicNum() == 0]
    if not 1 <= len(points) <= MOST_POINTS or any(
        atom.GetDegree() != 1 or atom.GetBonds()[0].GetBondType() != Chem.BondType.SINGLE for atom in points
    ):
        return None
    for number, atom in enumerate(points, 1):
        atom.SetIsotope(0)
        atom.SetAtomMapNum(number)
    return Chem.MolToSmiles(cut), Chem.MolFromSmiles(Chem.MolToSmiles(core, isomericSmiles=False))


def scaffold_figures(name: str, test: Sequence[str], count: int) -> dict[str, Any]:
    """Return how many completions of scaffolds are molecules that keep them, beside draws in equal time."""
    codec = seqvae.load(name, device="cpu")
    cores = {text: (smiles, core) for smiles in test if (made := scaffold_of(smiles)) for text, core in [made]}
    chosen = list(cores.items())[:count]
    kept, seconds, again, refused = list[int](), list[float](), 0, 0
    for text, (smiles, core) in chosen:
        begun = time.perf_counter()
        try:
            made = infer.impute(codec, [text], ImputeConfig(samples=POOL, completions=KEPT))[0].completions
        except InputError:
            made = []
        seconds.append(time.perf_counter() - begun)
        refused += not made
        kept.append(sum(_holds(one, core) for one in made))
        again += codec.canonical(smiles) in made
    begun = time.perf_counter()
    first = codec.sample(100, seed=0)
    each = (time.perf_counter() - begun) / len(first)
    drawn = codec.sample(max(1, round(max(seconds) / each)), seed=1)
    molecules = [Chem.MolFromSmiles(one) for one in drawn]
    found = []
    for (_, (_, core)), spent in zip(chosen, seconds, strict=True):
        some = [one for one in molecules[: round(spent / each)] if one is not None]
        found.append(len({Chem.MolToSmiles(one) for one in some if one.HasSubstructMatch(core)}))
    return {
        "scaffolds": len(chosen),
        "refused": refused,
        "asked": KEPT,
        "kept": sum(kept),
        "with_any": sum(map(bool, kept)),
        "original": again,
        "seconds": float(np.mean(seconds)),
        "drawn": round(float(np.mean(seconds)) / each),
        "drawn_kept": sum(found),
        "drawn_with_any": sum(map(bool, found)),
    }


def _holds(smiles: str, core: Chem.Mol) -> bool:
    molecule = Chem.MolFromSmiles(smiles)
    return molecule is not None and molecule.HasSubstructMatch(core)
