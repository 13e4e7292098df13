"""Exchange of substituents: what is made is the molecule meant, stereo included, and log P is what the table says."""

from __future__ import annotations

import gzip
import json
import math
from importlib import resources
from itertools import islice

import pytest
from rdkit import Chem

from seqvae.data.datasets.registry import load_dataset
from seqvae.properties.molecules.cache import Sheets
from seqvae.search.domain.substituents import LARGEST, exchanges, kind_of, places_of, substituents

SMILES = load_dataset("moses-sample").texts[:40]

# Molecule, substituent, another one, and the same molecule with the substituent replaced in the text of its SMILES,
# which keeps the order of the neighbours.
EXCHANGED = [
    ("CC[C@](F)(Cl)Br", "*Br", "*I", "CC[C@](F)(Cl)I"),
    ("CC[C@](F)(Cl)Br", "*Cl", "*I", "CC[C@](F)(I)Br"),
    ("CC[C@](F)(Cl)Br", "*F", "*I", "CC[C@](I)(Cl)Br"),
    ("CC[C@](F)(Cl)Br", "*F", "[H]", "CC[C@]([H])(Cl)Br"),
    ("CC[C@](F)(Cl)Br", "*Cl", "[H]", "CC[C@](F)([H])Br"),
    ("CC[C@](F)(Cl)Br", "*Br", "[H]", "CC[C@](F)(Cl)[H]"),
    ("CC[C@H](Cl)Br", "*Br", "*F", "CC[C@H](Cl)F"),
    ("CC[C@H](Cl)Br", "*Cl", "*F", "CC[C@H](F)Br"),
    ("F[C@H](CCO)Br", "*F", "*OC", "CO[C@H](CCO)Br"),
    ("CCC(=O)c1ccccc1", "*CC", "*[C@H](F)CC", "C([C@H](F)CC)(=O)c1ccccc1"),
    ("CCC(=O)c1ccccc1", "*CC", "*[C@@](F)(Cl)CC", "C([C@@](F)(Cl)CC)(=O)c1ccccc1"),
    ("Cn1cccc1", "*C", "[H]", "[H]n1cccc1"),
    ("c1cc[nH]c1", "[H]", "*C", "Cn1cccc1"),
    ("C[n+]1ccccc1", "*C", "*CC", "CC[n+]1ccccc1"),
    ("C[N+](C)(C)CCO", "*C", "[H]", "[H][N+](C)(C)CCO"),
    ("CC(=O)Nc1ccccc1", "*C(C)=O", "*S(C)(=O)=O", "CS(=O)(=O)Nc1ccccc1"),
]


@pytest.mark.parametrize(("smiles", "old", "new", "expected"), EXCHANGED)
def test_the_molecule_is_the_one_meant(smiles, old, new, expected):
    molecule = Chem.MolFromSmiles(smiles)
    made = {place.with_substituent(new) for place in places_of(molecule) if place.substituent == old}
    assert Chem.CanonSmiles(expected) in {Chem.CanonSmiles(one) for one in made if one}


@pytest.mark.parametrize("smiles", SMILES)
def test_the_same_substituent_gives_the_same_molecule(smiles):
    molecule = Chem.MolFromSmiles(smiles)
    for place in places_of(molecule):
        assert len(place.removed) <= LARGEST
        assert Chem.CanonSmiles(place.with_substituent(place.substituent)) == Chem.MolToSmiles(molecule)


def test_stereo_that_there_is_is_never_left_undefined():
    molecule = Chem.MolFromSmiles("F/C=C/C[C@H](O)C(=O)OCC")
    for place in places_of(molecule):
        if not place.removed:
            continue  # a hydrogen's place may become a centre that the lead does not have
        made = Chem.MolFromSmiles(place.with_substituent("*OC(C)C"))
        found = Chem.FindMolChiralCenters(made, includeUnassigned=True, useLegacyImplementation=False)
        assert "?" not in [label for _, label in found]
        doubles = [bond for bond in made.GetBonds() if bond.GetSmarts() in ("C=C", "/C=C/")]
        assert all(bond.GetStereo() != Chem.BondStereo.STEREOANY for bond in doubles)


def test_log_p_is_that_of_the_table():
    """Chlorobenzene: five hydrogens, chlorine, and no place on chlorine; the phenyl group is too large a part of it."""
    total, counts = read_table()["C aromatic"]
    found = dict(reversed(list(exchanges("Clc1ccccc1", Sheets()))[:400]))
    assert found["Fc1ccccc1"] == pytest.approx(math.log(counts["*F"] / total) - math.log(6))
    assert found["c1ccccc1"] == pytest.approx(math.log(counts["[H]"] / total) - math.log(6))
    assert found["COc1ccccc1Cl"] == pytest.approx(math.log(counts["*OC"] / total) - math.log(6))


def read_table():
    packed = (resources.files("seqvae.search.domain") / "substituents.json.gz").read_bytes()
    return json.loads(gzip.decompress(packed))


def test_the_likeliest_come_first_and_all_are_other_molecules():
    lead = "CC(C)Cc1ccc(C(C)C(=O)O)cc1"
    made = list(islice(exchanges(lead, Sheets()), 400))
    likely = [one for _, one in made]
    assert len(made) == 400
    assert likely == sorted(likely, reverse=True)
    assert lead not in {text for text, _ in made}
    assert all(Chem.MolFromSmiles(text) is not None for text, _ in made[::20])


def test_shares_of_a_kind_of_atom_are_a_distribution():
    for kind, found in substituents().items():
        assert 0 < sum(math.exp(one) for _, one in found) <= 1 + 1e-9, kind


def test_what_cannot_be_exchanged_gives_nothing():
    assert list(exchanges("[Na+]", Sheets())) == []
    assert list(exchanges("no molecule", Sheets())) == []


def test_kinds_are_named_by_element_hybridisation_and_ring():
    molecule = Chem.MolFromSmiles("CC1CCN(C(=O)c2ccccc2)C1")
    kinds = [kind_of(atom) for atom in molecule.GetAtoms()]
    assert kinds[:6] == ["C sp3", "C sp3 ring", "C sp3 ring", "C sp3 ring", "N sp2 ring", "C sp2"]
    assert kinds[7] == "C aromatic"
