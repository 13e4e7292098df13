"""Properties of molecules: laws that all of them obey, published values, RDKit and arithmetic as references."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from property_cases import ASPIRIN, INVALID, ODD, VALSARTAN, molecules, of_molecules
from rdkit import Chem, rdBase
from rdkit.Chem import AllChem, Crippen, Descriptors, rdFingerprintGenerator
from rdkit.Chem.Pharm2D import Generate, Gobbi_Pharm2D
from rdkit.Chem.Scaffolds import MurckoScaffold

from seqvae.config.search import SIMILARITIES
from seqvae.errors import UsageError
from seqvae.properties import get, score
from seqvae.properties.molecules.fingerprints import KINDS
from seqvae.properties.molecules.pharmacophores import pharmacophores
from seqvae.sequences.molecules import shuffled_smiles

EVERY = {found.name: found for found in of_molecules()}


@pytest.fixture(scope="module")
def texts():
    return [*molecules(15), *ODD, ASPIRIN, VALSARTAN]


@pytest.mark.parametrize("name", EVERY)
def test_values_have_the_right_shape_and_invalid_texts_have_none(name, texts):
    found = EVERY[name]([*texts, *INVALID])
    assert found.dtype == np.float64
    assert found.shape == (len(texts) + len(INVALID),)
    assert np.isfinite(found[: len(texts)]).all()
    if name.startswith("pmo:"):
        assert (found[len(texts) :] == 0).all()
        assert ((found >= 0) & (found <= 1)).all()
    else:
        assert np.isnan(found[len(texts) :]).all()
    assert EVERY[name]([]).shape == (0,)


@pytest.mark.parametrize("name", EVERY)
def test_a_batch_is_its_texts_one_by_one(name, texts):
    whole = EVERY[name]([*texts, INVALID[2]])
    alone = [EVERY[name]([text])[0] for text in [*texts, INVALID[2]]]
    assert np.array_equal(whole, alone, equal_nan=True)


@pytest.mark.parametrize("name", EVERY)
def test_the_order_of_atoms_does_not_matter(name, texts):
    shuffled = [otherwise(text, seed) for seed, text in enumerate(texts)]
    assert sum(one != two for one, two in zip(texts, shuffled, strict=True)) > 15
    assert EVERY[name](shuffled) == pytest.approx(EVERY[name](texts), rel=1e-9, abs=1e-9)


def otherwise(smiles, seed):
    """The same molecule with its atoms in another order."""
    return shuffled_smiles(smiles, np.random.default_rng(seed))


@pytest.mark.parametrize("name", EVERY)
def test_a_property_can_be_sent_to_another_process(name):
    again = pickle.loads(pickle.dumps(EVERY[name]))
    assert again([ASPIRIN]) == EVERY[name]([ASPIRIN])


def test_known_values():
    assert get("qed")([ASPIRIN])[0] == pytest.approx(0.55, abs=0.005)  # RDKit's own documentation of QED
    assert get("molecular_weight")([ASPIRIN])[0] == pytest.approx(180.16, abs=0.01)
    assert get("logp")([ASPIRIN])[0] == pytest.approx(1.31, abs=0.01)
    assert get("tpsa")([ASPIRIN])[0] == pytest.approx(63.60, abs=0.01)  # Ertl et al. 2000, table 3
    # From the table that comes with RDKit's SA score (Contrib/SA_Score/data/zim.100.txt).
    published = {
        "Cc1c(C(=O)NCCO)[n+](=O)c2ccccc2n1[O-]": 3.166,
        "OC(c1ccncc1)c1ccc(OCC[NH+]2CCCC2)cc1": 3.822,
    }
    assert get("sa")(list(published)) == pytest.approx(list(published.values()), abs=5e-4)


# Counted by hand on the formulas: donors, acceptors, rotatable bonds, rings, aromatic rings, heavy atoms.
COUNTED = {
    "CCO": (1, 1, 0, 0, 0, 3),
    "Oc1ccccc1": (1, 1, 0, 1, 1, 7),
    "CCCCN": (1, 1, 2, 0, 0, 5),
    "c1ccc2ccccc2c1": (0, 0, 0, 2, 2, 10),
    "C1CCCCC1c1ccccc1": (0, 0, 1, 2, 1, 12),
    "[Na+].[Cl-]": (0, 0, 0, 0, 0, 2),
}


def test_counts_are_those_counted_by_hand():
    names = ["h_donors", "h_acceptors", "rotatable_bonds", "rings", "aromatic_rings", "heavy_atoms"]
    found = score(names, list(COUNTED))
    assert list(zip(*(found[name].tolist() for name in names), strict=True)) == list(COUNTED.values())


def test_penalised_logp_in_both_conventions(texts):
    found = score(["penalised_logp", "penalised_logp_zinc", "sa"], texts)
    for row, text in enumerate(texts):
        molecule = Chem.MolFromSmiles(text)
        logp, sa = Crippen.MolLogP(molecule), found["sa"][row]
        excess = max([len(ring) for ring in Chem.GetSSSR(molecule)] + [6]) - 6
        assert found["penalised_logp"][row] == pytest.approx(logp - sa - excess)
        zinc = (logp - 2.4570953396190123) / 1.434324401111988
        zinc += (-sa + 3.0525811293166134) / 0.8335207024513095
        zinc += (-excess + 0.0485696876403053) / 0.2860212110245455
        assert found["penalised_logp_zinc"][row] == pytest.approx(zinc)


@pytest.mark.parametrize(
    ("smiles", "violations"),
    [
        (ASPIRIN, 0),
        ("C" * 30, 1),  # logP only
        ("C" * 40, 2),  # weight too
        ("OCC(O)C(O)C(O)C(O)CO", 1),  # six hydrogens on oxygen
        ("NC(=O)CN" + "CC(=O)N" * 12, 3),  # a peptide: weight, hydrogens, N and O
    ],
)
def test_lipinskis_rules(smiles, violations):
    assert get("lipinski_violations")([smiles])[0] == violations
    molecule = Chem.MolFromSmiles(smiles)
    heavy, fatty = Descriptors.MolWt(molecule) > 500, Crippen.MolLogP(molecule) > 5
    assert heavy + fatty <= violations <= heavy + fatty + 2


def test_structural_alerts_are_counted():
    # benzoquinone and rhodanine are textbook PAINS; MOSES chose its molecules by these patterns
    assert (get("structural_alerts")(["O=C1C=CC(=O)C=C1", "O=C1CSC(=S)N1"]) >= 1).all()
    assert (get("structural_alerts")(molecules(30)) == 0).all()


GENERATORS = {
    "ecfp4-counts": rdFingerprintGenerator.GetMorganGenerator(radius=2),
    "ecfp6-counts": rdFingerprintGenerator.GetMorganGenerator(radius=3),
    "fcfp4-counts": rdFingerprintGenerator.GetMorganGenerator(
        radius=2, atomInvariantsGenerator=rdFingerprintGenerator.GetMorganFeatureAtomInvGen()
    ),
    "ap": rdFingerprintGenerator.GetAtomPairGenerator(maxDistance=10),
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_similarity_is_the_smaller_counts_over_the_larger_ones(kind, texts):
    def counts(text):
        return GENERATORS[kind].GetSparseCountFingerprint(Chem.MolFromSmiles(text)).GetNonzeroElements()

    target = counts(ASPIRIN)
    found = get(f"similarity:{kind}:{ASPIRIN}")(texts)
    for text, value in zip(texts, found, strict=True):
        own = counts(text)
        keys = {*own, *target}
        smaller, larger = (sum(pick(own.get(k, 0), target.get(k, 0)) for k in keys) for pick in (min, max))
        assert value == pytest.approx(smaller / larger, abs=1e-12)
    assert get(f"similarity:{kind}:OC(=O)c1ccccc1OC(C)=O")([ASPIRIN])[0] == 1


@pytest.mark.parametrize(("kind", "radius", "features"), [("ecfp4", 2, 0), ("ecfp6", 3, 0), ("fcfp4", 2, 1)])
def test_similarity_by_bits_is_the_shared_ones_over_all(kind, radius, features, texts):
    """By RDKit's older function, as most programs call it."""

    def bits(text):
        molecule = Chem.MolFromSmiles(text)
        with rdBase.BlockLogs():
            found = AllChem.GetMorganFingerprintAsBitVect(molecule, radius, nBits=2048, useFeatures=bool(features))
        return set(found.GetOnBits())

    target = bits(ASPIRIN)
    for text, value in zip(texts, get(f"similarity:{kind}:{ASPIRIN}")(texts), strict=True):
        assert value == pytest.approx(len(bits(text) & target) / len(bits(text) | target), abs=1e-12)


def test_the_kinds_of_the_constraint_are_those_of_the_property():
    assert set(SIMILARITIES) == set(KINDS)


def test_pharmacophores_are_rdkits(texts):
    more = [*texts, *molecules(120), "NCCCC(N)C(=O)NC(CC(O)=O)C(=O)NCCS", "CC(C)(C)CC(C)(C)CC(C)(C)C.OCCO", "C" * 25]
    for text in more:
        if text == "C" * 80:
            continue  # RDKit is slow there: the next test compares our two ways
        molecule = Chem.MolFromSmiles(text)
        theirs = Generate.Gen2DFingerprint(molecule, Gobbi_Pharm2D.factory)
        assert list(pharmacophores(molecule).GetOnBits()) == list(theirs.GetOnBits()), text


def test_many_features_are_worked_on_in_parts(monkeypatch, texts):
    before = [list(pharmacophores(Chem.MolFromSmiles(text)).GetOnBits()) for text in texts]
    monkeypatch.setattr("seqvae.properties.molecules.pharmacophores._FEW", 3)
    assert [list(pharmacophores(Chem.MolFromSmiles(text)).GetOnBits()) for text in texts] == before


def test_similarity_is_symmetric(texts):
    for kind in (*GENERATORS, "phco"):
        there = get(f"similarity:{kind}:{VALSARTAN}")([ASPIRIN])
        assert there == get(f"similarity:{kind}:{ASPIRIN}")([VALSARTAN])


def test_substructures():
    assert get("smarts:c1ccccc1")(["CCO", ASPIRIN, "C1CCCCC1", "C("]).tolist()[:3] == [0, 1, 0]
    # everything after the first colon is the pattern, further colons included
    assert get("smarts:[C:1]-[O:2]")(["CCO", "CCN"]).tolist() == [1, 0]


def test_scaffolds(texts):
    found = get("scaffold:CCc1ccc(-c2ccccc2)cc1")
    assert found(["c1ccc(-c2ccccc2)cc1", "OCc1ccccc1-c1ccccc1", ASPIRIN, "CCO"]).tolist() == [1, 1, 0, 0]
    wanted = MurckoScaffold.MurckoScaffoldSmiles(texts[0])
    assert get(f"scaffold:{texts[0]}")(texts).tolist() == [
        MurckoScaffold.MurckoScaffoldSmiles(text) == wanted for text in texts
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("similarity:ecfp4", "expected similarity:KIND:SMILES"),
        ("similarity:ecfp5:CCO", "unknown fingerprint 'ecfp5'; did you mean"),
        ("similarity:ecfp4:C1CC", "expected a molecule as SMILES, got 'C1CC'"),
        ("similarity:ecfp4:", "expected a molecule as SMILES, got ''"),
        ("smarts:[#6", r"smarts:\[#6: expected a pattern as SMARTS, got '\[#6'"),
        ("smarts:", "expected a pattern as SMARTS, got ''"),
        ("scaffold:C1CC", "expected a molecule as SMILES"),
        ("scaffold:CCO", "expected a molecule with a ring, got 'CCO', which has no scaffold"),
    ],
)
def test_what_is_filled_in_wrongly_is_named(name, words):
    with pytest.raises(UsageError, match=words):
        get(name)
