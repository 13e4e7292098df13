"""Properties of molecules against published figures."""

from __future__ import annotations

import math

import pytest

from seqvae.errors import InvalidMoleculeError, UsageError
from seqvae.properties.molecules import PROPERTIES, molecular_weight, qed, sa, scores

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def test_known_values():
    assert qed(ASPIRIN) == pytest.approx(0.55, abs=0.005)  # RDKit's own documentation of QED
    assert molecular_weight(ASPIRIN) == pytest.approx(180.16, abs=0.01)
    assert scores("logp", [ASPIRIN])[0] == pytest.approx(1.31, abs=0.01)
    # From the table that RDKit ships with its SA score (Contrib/SA_Score/data/zim.100.txt).
    assert sa("Cc1c(C(=O)NCCO)[n+](=O)c2ccccc2n1[O-]") == pytest.approx(3.166, abs=5e-4)
    assert sa("OC(c1ccncc1)c1ccc(OCC[NH+]2CCCC2)cc1") == pytest.approx(3.822, abs=5e-4)


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_a_text_that_is_no_molecule(name):
    for text in ("", "C1CC", "not a molecule"):
        with pytest.raises(InvalidMoleculeError, match="expected a molecule as SMILES, got "):
            PROPERTIES[name](text)
    values = scores(name, ["C1CC", "CCO"])
    assert math.isnan(values[0])
    assert math.isfinite(values[1])


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_the_order_of_atoms_does_not_matter(name):
    assert PROPERTIES[name]("OC(=O)c1ccccc1OC(C)=O") == pytest.approx(PROPERTIES[name](ASPIRIN))


def test_an_unknown_property_gets_a_suggestion():
    with pytest.raises(UsageError, match="unknown property 'QEDD'; known: logp, molecular_weight, qed"):
        scores("QEDD", [])
