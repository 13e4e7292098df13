"""Sets of structural alerts: what each finds, what it leaves alone, and files of one's own."""

from __future__ import annotations

import pytest
from rdkit import Chem

from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import ConfigError
from seqvae.evaluate.demonstration import DRUGS
from seqvae.properties.molecules.alerts import MOSES, UNSTABLE, alerts_of, found_alerts

# Each is drawn and judged by hand.
NOT_MADE = [
    ("CN(F)C", "nitrogen-halogen bond"),
    ("O=C1CCC(=O)N1Cl", "nitrogen-halogen bond"),
    ("COF", "oxygen-halogen bond"),
    ("CNON", "chain of three of N and O"),
    ("CON(C)OC", "chain of three of N and O"),
    ("CNNN", "chain of three of N and O"),
    ("FCN1CCCC1", "aminal of fluorine"),
    ("CC(O)F", "geminal fluorohydrin"),
    ("CC(C)OOC", "peroxide"),
    ("C1CCP(C)C1", "ring with P"),
    ("OC(O)c1ccccc1", "geminal diol"),
    ("CC(O)NC", "hemiaminal outside rings"),
    ("CC(NC)N(C)C", "aminal outside rings"),
    ("CCC[SH]C(C)C", "hydrogen on sulfur that is no thiol"),
    ("CS1(C)CCCC1", "sulfur of four single bonds"),
    ("CC(C)[PH](C)(C)C", "phosphorane with hydrogen"),
    ("CI(C)C", "iodine in a chain"),
    ("C[CH]C", "radical"),
]
MADE = [
    "CC[N+](=O)[O-]",  # a nitro group is no chain
    "CN=[N+]=[N-]",
    "CNNC(C)=O",
    "c1nnnn1C",
    "CN(C)N=Nc1ccccc1",  # dacarbazine's triazene
    "FC(F)(F)N1CCCC1",
    "COC(F)F",
    "CONC(C)=O",
    "CP(C)(=O)c1ccccc1",
    "OCl(=O)(=O)=O",
    "Nc1ccc(F)cc1",
    "FC(F)(F)C(O)(O)c1ccccc1",  # the hydrate of a trifluoromethyl ketone
    "OC1CCCN1C",  # in equilibrium with the aldehyde, as sugars are
    "CC(C)S",
    "CCS(=O)(=O)c1ccccc1",
    "FS(F)(F)(F)(F)c1ccccc1",
    "c1ccsc1",
    "CP(C)(=O)O",
    "O=[PH](C)C",
    "Cc1ccc(Br)cc1",
]


def found(smiles, *sets):
    return list(alerts_of(sets).found(Chem.MolFromSmiles(smiles)))


@pytest.mark.parametrize(("smiles", "name"), NOT_MADE)
def test_what_a_chemist_would_not_make_is_found(smiles, name):
    assert name in found(smiles, UNSTABLE)
    assert found(smiles, "none") == []


@pytest.mark.parametrize("smiles", [*MADE, *DRUGS.values()])
def test_what_is_made_is_not(smiles):
    assert found(smiles, UNSTABLE) == []


def test_molecules_of_catalogues_have_none():
    texts = load_dataset("moses-sample").texts[:500]
    assert [text for text in texts if found(text, UNSTABLE)] == []


def test_sets_join():
    quinone = "O=C1C=CC(=O)C=C1"
    whole = Chem.MolFromSmiles(quinone)
    assert list(found_alerts(whole)) == found(quinone, *MOSES) == found(quinone, "mcf") + found(quinone, "pains")


def test_a_file_of_ones_own_is_a_set(tmp_path):
    path = tmp_path / "own.smarts"
    path.write_text("# mine\n[#35] bromine\n\nC#N\n")
    assert found("BrCC#N", str(path)) == ["bromine", "C#N"]
    assert found("CN(F)CBr", str(path), UNSTABLE) == ["bromine", "nitrogen-halogen bond"]
    path.with_name("bad.smarts").write_text("[#35]\nc1cc\n")
    with pytest.raises(ConfigError, match=r"bad\.smarts:2: expected a SMARTS, RDKit cannot read 'c1cc'"):
        found("C", str(tmp_path / "bad.smarts"))
    with pytest.raises(ConfigError, match="no set and no file of SMARTS 'pain'; did you mean 'pains'"):
        found("C", "pain")
