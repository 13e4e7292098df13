"""Odd chemistry and ring systems, by molecules whose answer a chemist knows."""

import pytest
from rdkit import Chem

from seqvae.evaluate.molecules.oddities import (
    ANTI_BREDT,
    LARGE_RING,
    ODDITIES,
    RADICAL,
    SMALL_HETEROCYCLE,
    oddities,
)
from seqvae.properties.molecules.ring_systems import ring_systems


@pytest.mark.parametrize(
    ("smiles", "odd"),
    [
        ("CC(=O)Oc1ccccc1C(=O)O", ()),  # aspirin
        ("C[CH]C", (RADICAL,)),
        ("[CH2]c1ccccc1", (RADICAL,)),
        ("CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21", ()),  # diazepam: a ring of seven
        ("C1CCCCCCC1", ()),
        ("C1CCCCCCCC1", (LARGE_RING,)),
        ("C1=C2CCC(C2)C1", (ANTI_BREDT,)),  # norborn-1-ene
        ("C1=CC2CCC1C2", ()),  # norbornene: the double bond is not at a bridgehead
        ("O=C1C2CCC1CC2", ()),  # a carbonyl in the bridge
        ("C1CNC1", (SMALL_HETEROCYCLE,)),
        ("CC1(C)SC2C(NC(=O)Cc3ccccc3)C(=O)N2C1C(=O)O", (SMALL_HETEROCYCLE,)),  # penicillin G
        ("C1CCC1", ()),
        ("CCCC", ()),
    ],
)
def test_oddities_of_known_molecules(smiles, odd):
    found = dict(zip(ODDITIES, oddities(Chem.MolFromSmiles(smiles)), strict=True))
    assert {name for name, there in found.items() if there} == set(odd)


@pytest.mark.parametrize(
    ("smiles", "systems"),
    [
        ("CCCC", []),
        ("Cc1ccccc1", ["c1ccccc1"]),
        ("c1ccc(-c2ccccc2)cc1", ["c1ccccc1"]),  # two rings, one system
        ("Cn1cccc1", ["c1cc[nH]c1"]),  # what was bonded becomes hydrogen
        ("C[C@H]1CCC(=O)C1", ["O=C1CCCC1"]),  # a carbonyl stays, stereo does not
        ("C1CCC2(CC1)OCCO2", ["C1CCC2(CC1)OCCO2"]),  # spiro: a shared atom
        ("CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21", ["O=C1CN=Cc2ccccc2N1", "c1ccccc1"]),
        ("C1CCCC1=C1CCCC1", ["C1CCCC1"]),  # a double bond between rings is cut
        ("C[n+]1ccccc1", ["c1cc[nH+]cc1"]),
    ],
)
def test_ring_systems_of_known_molecules(smiles, systems):
    assert ring_systems(Chem.MolFromSmiles(smiles)) == sorted(systems)


def test_ring_systems_do_not_depend_on_the_order_of_atoms():
    mol = Chem.MolFromSmiles("COc1cc2c(cc1OC)CC1(CCN(Cc3ccncc3)CC1)C2=O")
    expected = ring_systems(mol)
    for seed in range(20):
        other = Chem.MolFromSmiles(Chem.MolToRandomSmilesVect(mol, 1, randomSeed=seed)[0])
        assert ring_systems(other) == expected
