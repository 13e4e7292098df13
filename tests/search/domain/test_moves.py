"""Moves in the space of texts, laws over all of them; and the archive that parents are drawn from."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem.Descriptors import NumRadicalElectrons
from rdkit.Chem.rdMolDescriptors import CalcMolFormula

from seqvae.data.datasets.registry import load_dataset
from seqvae.search.domain import molecule_moves
from seqvae.search.domain.codon_moves import CodonMoves
from seqvae.search.domain.molecule_moves import MoleculeMoves
from seqvae.search.domain.sequence_moves import SelfiesMoves, SequenceMoves
from seqvae.search.memory.archive import Archive
from seqvae.sequences.codons import normalize_coding, split_codons, translate
from seqvae.sequences.molecules import canonical_smiles, is_valid

MOLECULES = [canonical_smiles(text) for text in load_dataset("moses-sample").texts[:60]]
CHARGED = ["C[NH+](C)CCOc1ccc(C(=O)[O-])cc1", "O=[N+]([O-])c1ccc(N2CCOCC2)cc1", "C[C@@H](N)C(=O)O", "F/C=C/CCl"]
SEQUENCES = ["ACGTACGTAA", "TTTTTTTTTT", "GATTACAGAT", "CCCCCAAAAA"]
CODING = ["ATGGCTGCTTAA", "ATGTTTAAACGT", "TGGGATTCTTGA", "AAACGTGGTTAG"]
MOVES = {
    "graph": (MoleculeMoves(), [*MOLECULES, *CHARGED]),
    "selfies": (SelfiesMoves(), [*MOLECULES, *CHARGED]),
    "dna": (SequenceMoves("ACGT"), SEQUENCES),
    "dna of one length": (SequenceMoves("ACGT", fixed_length=True), SEQUENCES),
    "codons": (CodonMoves(), CODING),
    "codons of one length": (CodonMoves(fixed_length=True), CODING),
}


def made(moves, texts, seed, how):
    rng = np.random.default_rng(seed)
    if how == "mutate":
        return [moves.mutate(text, rng) for text in texts]
    return [moves.cross(first, second, rng) for first, second in zip(texts, texts[1:] + texts[:1], strict=True)]


@pytest.mark.parametrize("how", ["mutate", "cross"])
@pytest.mark.parametrize("name", MOVES)
def test_moves_give_texts_of_their_kind_and_follow_the_seed(name, how):
    moves, texts = MOVES[name]
    found = made(moves, texts, 0, how)
    assert found == made(moves, texts, 0, how)
    assert found != made(moves, texts, 1, how)
    whole = [text for text in found if text is not None]
    assert len(whole) > 0.8 * len(texts)
    for text in whole:
        if name.startswith("dna"):
            assert set(text) <= set("ACGT")
            assert len(text) == len(texts[0]) or "length" not in name
        elif name.startswith("codons"):
            assert normalize_coding(text) == text
            assert len(text) == len(texts[0]) or "length" not in name
        else:
            assert text == canonical_smiles(text)


@pytest.mark.parametrize("name", MOVES)
def test_a_mutation_leaves_most_of_a_text(name):
    moves, texts = MOVES[name]
    changed = 0
    for text, other in zip(texts, made(moves, texts, 3, "mutate"), strict=True):
        changed += other is not None and other != text
    assert changed > 0.5 * len(texts)
    if name == "graph":
        for text, other in zip(texts, made(moves, texts, 3, "mutate"), strict=True):
            before, after = (Chem.MolFromSmiles(one).GetNumHeavyAtoms() for one in (text, other or text))
            assert abs(before - after) <= 1


@given(seed=st.integers(0, 10_000), text=st.sampled_from(CODING))
def test_synonymous_moves_leave_the_protein_and_change_the_codons(seed, text):
    moves = CodonMoves(fixed_length=True, synonymous=1.0, changes=1.0)
    found = moves.mutate(text, np.random.default_rng(seed))
    assert translate(found) == translate(text)
    assert sum(a != b for a, b in zip(split_codons(found), split_codons(text), strict=True)) == 1


def test_moves_of_codons_exchange_insert_and_remove_codons_and_keep_the_stop():
    rng, text = np.random.default_rng(0), CODING[0]
    found = [CodonMoves(changes=1.0).mutate(text, rng) for _ in range(300)]
    assert {len(one) - len(text) for one in found} == {-3, 0, 3}
    assert {translate(one)[-1] for one in found} == {"*"}
    assert {one[-3:] for one in found} == {"TAA", "TAG", "TGA"}
    alike = sum(translate(one) == translate(text) for one in found) / len(found)
    assert 0.1 < alike < 0.3  # a third are exchanges, and half of these synonymous
    assert CodonMoves().mutate("TAA", rng) is None
    assert CodonMoves().mutate("", rng) is None
    assert CodonMoves().cross("", "", rng) is None
    joined = {CodonMoves().cross("AAAAAAAAA", "CCCCCCTGA", rng) for _ in range(200)}
    assert all(set(split_codons(one)[:-1]) <= {"AAA", "CCC"} and one.endswith("TGA") for one in joined)


def test_a_search_can_come_to_phosphates_and_to_every_element_of_drugs():
    moves, rng, text = MoleculeMoves(largest=15), np.random.default_rng(0), "CCO"
    seen: set[str] = set()
    phosphates = 0
    for _ in range(4_000):  # a walk: one move from the last molecule
        text = moves.mutate(text, rng) or text
        atoms = list(Chem.MolFromSmiles(text).GetAtoms())
        seen |= {atom.GetSymbol() for atom in atoms}
        phosphates += any(atom.GetSymbol() == "P" and atom.GetTotalValence() == 5 for atom in atoms)
    assert seen == {"C", "N", "O", "F", "P", "S", "Cl", "Br", "I"}
    assert phosphates


def test_elements_are_written_as_often_as_the_table_says():
    rng, often = np.random.default_rng(4), molecule_moves._ELEMENTS["chembl"]
    drawn = Counter(molecule_moves._element(rng, 1, often) for _ in range(20_000))
    assert drawn[6] / 20_000 == pytest.approx(0.738, abs=0.01)
    assert 1 <= drawn[15] <= 30  # phosphorus is rare, and there
    heavier = {molecule_moves._element(rng, 5, often) for _ in range(20)}
    assert heavier == {15}  # the only one with five bonds
    walk, text = MoleculeMoves(largest=15, elements="chembl"), "COP(C)(=O)OC"
    phosphates = 0
    for _ in range(200):
        text = walk.mutate(text, rng) or text
        phosphates += "P" in text
    assert phosphates


def test_atoms_of_a_crossover_come_from_both():
    rng, moves = np.random.default_rng(1), MoleculeMoves()
    for first, second in pairwise(MOLECULES):
        if (found := moves.cross(first, second, rng)) is None:
            continue
        atoms = [Counter(a.GetSymbol() for a in Chem.MolFromSmiles(text).GetAtoms()) for text in (first, second, found)]
        assert not atoms[2] - (atoms[0] + atoms[1])


def test_a_crossover_has_a_part_of_each_parent():
    rng = np.random.default_rng(3)
    molecules = [found for _ in range(30) if (found := MoleculeMoves().cross("CCCCCC", "SSSSSS", rng))]
    assert molecules
    assert all("C" in found and "S" in found for found in molecules)
    letters = [SequenceMoves("AC").cross("AAAAAA", "CCCCCC", rng) or "" for _ in range(100)]
    assert all(found == "A" * found.count("A") + "C" * found.count("C") for found in letters)
    # A cut before the first letter of one or after the last of the other leaves out a parent: 2 of 7 each, at most.
    assert sum("A" in found and "C" in found for found in letters) > 50


def test_no_molecule_grows_beyond_its_limit_and_every_kind_of_move_happens():
    rng, moves, text = np.random.default_rng(2), MoleculeMoves(largest=12), "CCO"
    formulas, rings = set(), set()
    for _ in range(400):
        text = moves.mutate(text, rng) or text
        molecule = Chem.MolFromSmiles(text)
        formulas.add(CalcMolFormula(molecule))
        rings.add(molecule.GetRingInfo().NumRings())
        assert 2 <= molecule.GetNumHeavyAtoms() <= 12
    assert len(formulas) > 100
    assert {0, 1, 2} <= rings


@pytest.mark.parametrize("how", ["mutate", "cross"])
def test_no_molecule_becomes_a_radical(how):
    texts = [*CHARGED, "C#C[C@]1(O)CC[C@H]2[C@@H]3CCc4cc(O)ccc4[C@H]3CC[C@@]21C", "CC(C)[C@H](N)c1cc[nH]c1"]
    for seed in range(30):
        for text in made(MoleculeMoves(), texts, seed, how):
            assert text is None or NumRadicalElectrons(Chem.MolFromSmiles(text)) == 0


@pytest.mark.parametrize("text", ["", "no molecule", "C", "[Na+].[Cl-]"])
def test_what_cannot_move_is_left(text):
    rng = np.random.default_rng(0)
    for moves in (MoleculeMoves(), SelfiesMoves()):
        for found in (moves.mutate(text, rng), moves.cross(text, text, rng)):
            assert found is None or is_valid(found)
    assert SequenceMoves("ACGT").mutate("", rng) is None
    assert SequenceMoves("ACGT").cross("", "", rng) is None


@given(st.lists(st.tuples(st.text("ab", min_size=1, max_size=3), st.floats(-5, 5) | st.just(math.nan)), max_size=30))
def test_the_archive_ranks_distinct_texts(pairs):
    archive, last = Archive(), dict(pairs)  # in the order in which they came first, with their last scores
    archive.update(*zip(*pairs, strict=True)) if pairs else None
    assert list(archive) == list(last)
    ranked = sorted((text for text in reversed(last) if not math.isnan(last[text])), key=lambda text: -last[text])
    assert archive.best(100) == ranked
    assert len(archive) == len(ranked)
    assert archive.ranked == (len({last[text] for text in ranked}) > 1)
    assert [archive.score(text) for text in last] == pytest.approx(list(last.values()), nan_ok=True)
    if ranked:
        weights = dict(zip(ranked, archive.weights(len(ranked), 0.01), strict=True))
        assert sum(weights.values()) == pytest.approx(1.0)
        for better, worse in itertools.pairwise(ranked):
            same = last[better] == last[worse]
            assert weights[better] == pytest.approx(weights[worse]) if same else weights[better] > weights[worse]
        some = ranked[1::2]
        shares = dict(zip(some, archive.weights_of(some, 0.01), strict=True)) if some else {}
        for first, second in itertools.pairwise(some):
            assert shares[first] / shares[second] == pytest.approx(weights[first] / weights[second])


def test_parents_are_drawn_by_rank():
    archive = Archive()
    archive.update([str(number) for number in range(1000)], map(float, range(1000)))
    weights = archive.weights(1000, 0.01)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[0] / weights[10] == pytest.approx((0.01 * 1000 + 10) / (0.01 * 1000))
    drawn = Counter(archive.parents(20_000, np.random.default_rng(0), 5, 0.01))
    assert set(drawn) == {"999", "998", "997", "996", "995"}
    for rank, share in enumerate(archive.weights(5, 0.01)):
        assert drawn[str(999 - rank)] / 20_000 == pytest.approx(share, abs=0.015)
    assert Archive().parents(3, np.random.default_rng(0), 5, 0.01) == []
