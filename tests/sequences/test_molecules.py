from __future__ import annotations

import doctest
import subprocess
import sys

import numpy as np
import pytest
import selfies
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from rdkit import Chem
from text_cases import DRUGS, SYMBOLS

from seqvae.errors import InvalidMoleculeError
from seqvae.sequences import molecules
from seqvae.sequences.molecules import (
    canonical_or_none,
    canonical_smiles,
    is_valid,
    scaffold,
    selfies_to_smiles,
    shuffled_smiles,
    smiles_to_selfies,
    split_selfies,
)
from seqvae.sequences.tokenizers import smiles as smiles_module
from seqvae.sequences.tokenizers.smiles import split_smiles

texts = st.sampled_from(sorted(DRUGS.values()))

selfies_texts = st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=40).map("".join)


@pytest.mark.parametrize("module", [molecules, smiles_module])
def test_doctests(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", DRUGS)
def test_selfies_round_trip_of_drugs(name):
    canonical = canonical_smiles(DRUGS[name])
    assert selfies_to_smiles(smiles_to_selfies(DRUGS[name])) == canonical
    assert canonical_smiles(canonical) == canonical
    assert "".join(split_smiles(canonical)) == canonical


@pytest.mark.parametrize("name", DRUGS)
def test_stereo_centres_and_double_bonds_survive(name):
    there = Chem.FindMolChiralCenters(Chem.MolFromSmiles(DRUGS[name]), useLegacyImplementation=False)
    back = selfies_to_smiles(smiles_to_selfies(DRUGS[name]))
    here = Chem.FindMolChiralCenters(Chem.MolFromSmiles(back), useLegacyImplementation=False)
    assert sorted(tag for _, tag in there) == sorted(tag for _, tag in here)
    assert back.count("=") == canonical_smiles(DRUGS[name]).count("=")


@given(texts, st.integers(0, 2**32))
def test_any_way_of_writing_a_molecule_has_one_canonical_form(smiles, seed):
    shuffled, again = (shuffled_smiles(smiles, np.random.default_rng(seed)) for _ in range(2))
    assert shuffled == again
    assert canonical_smiles(shuffled) == canonical_smiles(smiles)


def test_what_is_no_molecule_has_no_other_order():
    with pytest.raises(InvalidMoleculeError, match="expected a molecule as SMILES, got 'CC\\('"):
        shuffled_smiles("CC(", np.random.default_rng(0))


@settings(max_examples=300, deadline=None)
@given(selfies_texts)
def test_random_molecules_come_back(text):
    smiles = selfies_to_smiles(text)
    assume(is_valid(smiles))
    assert canonical_smiles(smiles) == smiles
    assert selfies_to_smiles(smiles_to_selfies(smiles)) == smiles


# The selfies library by itself refuses the first three, and silently drops a double bond of the others.
@pytest.mark.parametrize(
    "smiles",
    [
        "[c-]1c[n-][se]1",
        "b1[c-][pH][cH-]1",
        "[13C][si]1[b+][c-]1",
        "[c-]1[c-][p-]o1",
        "[bH-]1[c-][te][c-]c1",
        "C[n+]1c[c-][c-][pH]1",
    ],
)
def test_unusual_aromatic_atoms_come_back(smiles):
    canonical = canonical_smiles(smiles)
    assert selfies_to_smiles(smiles_to_selfies(smiles)) == canonical


def test_canonical_form_is_a_fixed_point_where_rdkit_needs_two_passes():
    once = Chem.MolToSmiles(Chem.MolFromSmiles("[H]/C=[NH2+]"))
    assert canonical_smiles("[H]/C=[NH2+]") == canonical_smiles(once) == "C=[NH2+]"


@given(st.text(max_size=30))
def test_any_text_is_a_molecule_or_one_clear_line(text):
    canonical = canonical_or_none(text)
    assert is_valid(text) == (canonical is not None)
    if canonical is None:
        with pytest.raises(InvalidMoleculeError) as caught:
            canonical_smiles(text)
        assert str(caught.value).startswith("expected a molecule as SMILES, got ")
        assert len(str(caught.value).splitlines()) == 1


HAS_REASONS = hasattr(molecules.rdBase, "CaptureErrorLog")


@pytest.mark.skipif(not HAS_REASONS, reason="this RDKit does not hand its log over")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("C1CC(", "syntax error at column 5"),
        ("CN(C)(C)(C)C", "Explicit valence for atom # 1 N, 5, is greater than permitted"),
        ("c1cccc1", "Can't kekulize mol.  Unkekulized atoms: 0 1 2 3 4"),
        ("C1CC", "unclosed ring"),
    ],
)
def test_invalid_molecule_gives_the_reason_of_rdkit(text, reason):
    with pytest.raises(InvalidMoleculeError) as caught:
        canonical_smiles(text)
    assert str(caught.value) == (f"expected a molecule as SMILES, got {text!r}: {reason}; correct it or leave it out")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got '': the SMILES is empty; correct it or leave it out"),
        ("CCO ethanol", "SMILES has neither blanks nor characters outside printable ASCII"),
        ("CC\0O", "SMILES has neither blanks nor characters outside printable ASCII"),
        ("[C][=C][Ring1][C]", "this is SELFIES; convert it first with seqvae.sequences.molecules.selfies_to_smiles"),
    ],
)
def test_what_is_no_smiles_says_why(text, words):
    for refuse in (canonical_smiles, smiles_to_selfies, scaffold):
        with pytest.raises(InvalidMoleculeError) as caught:
            refuse(text)
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("smiles", "words"),
    [
        ("*CC", "SELFIES cannot represent the molecule '*CC': unrecognized symbol '*'; leave it out"),
        ("C[CH2:1]O", "SELFIES has no atom-map numbers, got 'C[CH2:1]O': remove the numbers"),
        ("CC(=O)OI(OC(C)=O)c1ccccc1", ": I with 3 bond(s) - a max. of 1 bond(s) was specified"),
        ("[Pt@SP1](F)(Cl)(Br)I", "SELFIES cannot represent the molecule '[Pt@SP1](F)(Cl)(Br)I': invalid atom symbol"),
        ("C1CC1" * 100, "100 rings or more; leave it out"),
    ],
)
def test_what_selfies_cannot_hold_is_refused_not_changed(smiles, words):
    with pytest.raises(InvalidMoleculeError) as caught:
        smiles_to_selfies(smiles)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@given(selfies_texts)
def test_selfies_splits_and_joins(text):
    symbols = split_selfies(text)
    assert "".join(symbols) == text
    assert symbols == list(selfies.split_selfies(text))


def test_what_is_no_selfies_says_where():
    with pytest.raises(
        InvalidMoleculeError, match=r"expected SELFIES symbols in brackets, got '\[C\]CO': see column 4"
    ):
        split_selfies("[C]CO")
    with pytest.raises(InvalidMoleculeError, match=r"expected SELFIES, got '\[C\]\[Unobtainium\]': invalid symbol"):
        selfies_to_smiles("[C][Unobtainium]")


def test_split_smiles_keeps_what_belongs_together():
    assert split_smiles("[13C@@H]C%12Br.[O-]/C=C\\[nH+]%(101)->[Fe+2]") == [
        *("[13C@@H]", "C", "%12", "Br", ".", "[O-]", "/", "C", "=", "C", "\\", "[nH+]", "%(101)", "->", "[Fe+2]")
    ]
    with pytest.raises(InvalidMoleculeError) as caught:
        split_smiles("CC!O")
    assert str(caught.value) == ("expected SMILES, got '!' at column 3 of 'CC!O': it belongs to no atom, bond or ring")


def test_scaffold_of_isomers_is_one_and_of_chains_none():
    assert scaffold("C[C@H]1CC[C@H](c2ccccc2)CC1") == scaffold("C[C@@H]1CC[C@H](c2ccccc2)CC1") == "c1ccc(C2CCCCC2)cc1"
    assert scaffold("CCO") == ""


def test_log_of_rdkit_is_silent_here_and_nowhere_else():
    script = (
        "from rdkit import Chem\n"
        "from seqvae.sequences.molecules import canonical_or_none, is_valid, selfies_to_smiles, smiles_to_selfies\n"
        "canonical_or_none('C('); is_valid('C('); selfies_to_smiles('[C]'); smiles_to_selfies('C')\n"
        "Chem.MolFromSmiles('N(')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "while parsing: N(" in done.stderr
    assert "C(" not in done.stderr


def test_importing_sets_no_semantic_constraints():
    assert selfies.get_semantic_constraints() == selfies.get_preset_constraints("default")
