"""The parts of the table of molecules against brute force: RDKit, numpy, scipy, and fcd_torch's own network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fcd_torch import FCD, calculate_frechet_distance
from fcd_torch.utils import get_one_hot
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from scipy.sparse import csr_array
from scipy.spatial.distance import cosine
from scipy.stats import wasserstein_distance

from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import InputError, UsageError
from seqvae.evaluate.bootstrap import (
    bootstrap_intervals,
    cosine_metric,
    mean_metric,
    share_interval,
    wasserstein_metric,
)
from seqvae.evaluate.molecules import fcd as chemnet
from seqvae.evaluate.molecules import guacamol
from seqvae.evaluate.molecules import tanimoto as fingerprints
from seqvae.evaluate.molecules.descriptors import facts
from seqvae.evaluate.molecules.filters import passes_filters
from seqvae.evaluate.molecules.fragments import brics_fragments, ring_scaffold
from seqvae.evaluate.molecules.reference_cache import hashes
from seqvae.properties.molecules.alerts import found_alerts, pattern_table

ODD = ["CC(=O)Oc1ccccc1C(=O)O", "[Na+].[Cl-]", "C[C@H](N)C(=O)O", "ClCCBr", "[2H]C([2H])[2H]", "*CC*", "C%12CCCCC%12"]


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return load_dataset("moses-sample", progress=False).texts


bits = arrays(np.uint8, st.tuples(st.integers(1, 6), st.just(2)))


def tanimoto(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """All pairs, one by one."""
    one, two = (np.unpackbits(side, axis=1).astype(bool) for side in (first, second))
    return np.array([[(a & b).sum() / (a | b).sum() if (a | b).any() else 1.0 for b in two] for a in one])


@given(bits, bits)
def test_nearest_similarity_is_the_largest_of_all_pairs(samples, reference):
    found = fingerprints.nearest_similarity(samples, reference, "cpu")
    assert found == pytest.approx(tanimoto(samples, reference).max(1), abs=1e-12)


@given(bits, st.integers(0, 5))
def test_mean_similarities_are_those_of_all_pairs(distinct, seed):
    counts = np.random.default_rng(seed).integers(1, 4, len(distinct)).astype(float)
    mean, squared = fingerprints.mean_similarities(distinct, counts, "cpu")
    table = tanimoto(repeated := np.repeat(distinct, counts.astype(int), axis=0), repeated)
    found = fingerprints.internal_diversity(mean, squared, counts)
    expected = (1 - table.mean(), 1 - np.sqrt((table**2).mean(1)).mean())
    assert found == pytest.approx(expected, abs=1e-6)


def test_blocks_do_not_matter(monkeypatch):
    packed = np.random.default_rng(0).integers(0, 256, (50, 128), np.uint8)
    whole = fingerprints.nearest_similarity(packed[:20], packed[20:], "cpu")
    means = fingerprints.mean_similarities(packed, np.ones(50), "cpu")
    others = fingerprints.nearest_other_similarity(packed, "cpu")
    monkeypatch.setattr(fingerprints, "_ROWS", 7)
    assert np.array_equal(whole, fingerprints.nearest_similarity(packed[:20], packed[20:], "cpu"))
    assert np.allclose(means, fingerprints.mean_similarities(packed, np.ones(50), "cpu"), atol=1e-7)
    assert np.array_equal(others, fingerprints.nearest_other_similarity(packed, "cpu"))
    table = tanimoto(packed, packed)
    np.fill_diagonal(table, 0)
    assert others == pytest.approx(table.max(1), abs=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_similarities_are_the_same_on_a_gpu():
    packed = np.random.default_rng(0).integers(0, 256, (300, 128), np.uint8)
    assert np.array_equal(*(fingerprints.nearest_similarity(packed[:99], packed, place) for place in ("cpu", "cuda")))
    one, two = (fingerprints.mean_similarities(packed, np.ones(300), place) for place in ("cpu", "cuda"))
    assert np.allclose(one, two, atol=1e-6)
    smiles = ["CCO", "c1ccccc1", "CC(=O)O"]
    found = [np.concatenate(list(chemnet.activation_batches(smiles, place))) for place in ("cpu", "cuda")]
    assert np.allclose(*found, atol=1e-4)


def test_fingerprints_are_those_of_rdkit(texts):
    molecules = [Chem.MolFromSmiles(text) for text in [*texts[:40], *ODD]]
    smiles = [Chem.MolToSmiles(molecule) for molecule in molecules]
    found = facts(smiles, ["fingerprint", "stereo fingerprint", "long fingerprint"])
    for name, size, chirality in (
        ("fingerprint", 1024, False),
        ("stereo fingerprint", 1024, True),
        ("long fingerprint", 4096, False),
    ):
        generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=size, includeChirality=chirality)
        theirs = [generator.GetFingerprint(molecule) for molecule in molecules]
        ours = np.unpackbits(np.asarray(found[name]), axis=1, bitorder="little")
        assert [set(np.flatnonzero(row).tolist()) for row in ours] == [set(bits.GetOnBits()) for bits in theirs]
        similar = [max(DataStructs.BulkTanimotoSimilarity(one, theirs[20:])) for one in theirs[:20]]
        packed = np.asarray(found[name])
        assert fingerprints.nearest_similarity(packed[:20], packed[20:], "cpu") == pytest.approx(similar, abs=1e-12)


def test_screened_filters_are_those_searched_one_by_one(texts):
    bad = [
        "O=C1C=CC(=O)C=C1",
        "O=C1CSC(=S)N1",
        "CN(C)c1ccc(N=Nc2ccccc2)cc1",
        "C1CCCCCCC1",
        "C[N+](C)(C)C",
        "CCI",
        "ClCCBr",
    ]
    patterns = [(name, Chem.MolFromSmarts(smarts)) for name, smarts in pattern_table()]
    matched = 0
    for text in [*texts[:30], *bad]:
        molecule = Chem.MolFromSmiles(text)
        whole = Chem.AddHs(molecule)
        names = [name for name, pattern in patterns if whole.HasSubstructMatch(pattern)]
        assert list(found_alerts(molecule)) == names
        plain = not names
        plain &= all(
            atom.GetFormalCharge() == 0 and atom.GetSymbol() in {"C", "N", "S", "O", "F", "Cl", "Br", "H"}
            for atom in molecule.GetAtoms()
        )
        plain &= all(len(ring) < 8 for ring in molecule.GetRingInfo().AtomRings())
        assert passes_filters(molecule) == plain, text
        matched += not plain
    assert matched >= len(bad)
    assert len(pattern_table()) == 502


def test_moses_training_molecules_pass_the_filters(texts):
    """MOSES chose its molecules by these filters."""
    assert np.all(facts(texts[:100], ["passes"])["passes"])


@pytest.mark.parametrize(
    ("smiles", "scaffold"),
    [("CCO", ""), ("Cc1ccccc1", ""), ("Cc1ccc(-c2ccccc2)cc1", "c1ccc(-c2ccccc2)cc1"), ("CC1CC2CC1C2", "C1CC2CC1C2")],
)
def test_scaffolds_have_two_rings_or_more(smiles, scaffold):
    assert ring_scaffold(Chem.MolFromSmiles(smiles)) == scaffold


def test_fragments_keep_all_atoms(texts):
    for text in texts[:50]:
        molecule = Chem.MolFromSmiles(text)
        parts = [Chem.MolFromSmiles(part) for part in brics_fragments(molecule)]
        assert sum(atom.GetAtomicNum() > 0 for part in parts for atom in part.GetAtoms()) == molecule.GetNumAtoms()


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9)),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9)),
)
def test_cosine_similarity_is_scipys(first, second):
    one, two = (np.array([counts.get(name, 0) for name in "abcdef"], float) for counts in (first, second))
    rows = np.stack([one, 3 * one, np.zeros(6)])  # of three molecules, which share the counts; the third has none
    compute = cosine_metric(csr_array(rows), two, np.linalg.norm(two))
    expected = 1 - cosine(one, two) if one.any() and two.any() else 0.0
    assert compute(np.array([0.5, 0.25, 0.25])) == pytest.approx(expected, abs=1e-9)


values = arrays(np.float64, st.integers(1, 8), elements=st.integers(-5, 5).map(lambda n: n / 2))


@given(values, values, st.integers(0, 5))
def test_wasserstein_distance_is_scipys(samples, reference, seed):
    counts = np.random.default_rng(seed).integers(1, 5, len(samples))
    found = wasserstein_metric(samples, reference)(counts / counts.sum())
    assert found == pytest.approx(wasserstein_distance(samples, reference, counts), abs=1e-12)


def test_an_interval_of_a_mean_has_the_textbook_width():
    drawn = np.random.default_rng(0).normal(size=2000)
    figure = mean_metric(drawn)
    found = bootstrap_intervals({"mean": (drawn.mean(), figure)}, np.ones(2000), 1000, 0)["mean"]
    assert found == pytest.approx([drawn.mean() - 1.96 / 2000**0.5, drawn.mean() + 1.96 / 2000**0.5], abs=0.006)
    assert share_interval(500, 1000, 1000, 0) == pytest.approx((0.469, 0.531), abs=0.005)
    assert share_interval(10, 10, 100, 0) == (1.0, 1.0)
    assert bootstrap_intervals({"mean": (0.0, figure)}, np.ones(2000), 0, 0) == {}


def test_chemnet_is_fcd_torchs(texts):
    smiles = [Chem.CanonSmiles(text) for text in [*texts[:30], *ODD]]
    one_hot = np.array([get_one_hot(text, 350) / 35 for text in smiles], np.float32)
    with torch.no_grad():
        theirs = FCD().model(torch.from_numpy(one_hot).transpose(1, 2)).numpy()
    ours = np.concatenate(list(chemnet.activation_batches(smiles, "cpu")))
    assert np.allclose(ours, theirs, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")
def test_the_distance_is_fcd_torchs():
    """Of few dimensions: its matrix root is good to some digits only where a covariance is singular."""
    drawn = np.random.default_rng(0).normal(size=(2, 40, 16)).cumsum(2)
    splits = [(part.mean(0), np.cov(part.T)) for part in drawn]
    ours = chemnet.frechet(*(chemnet.Gaussian(mean, covariance, 40) for mean, covariance in splits))
    assert ours == pytest.approx(calculate_frechet_distance(*splits[0], *splits[1]), rel=1e-9)


def test_invalid_molecules_are_left_out_of_the_distance(texts):
    first, second = texts[:10], texts[10:20]
    assert chemnet.frechet_distance([*first, "C("], second, "cpu") == chemnet.frechet_distance(first, second, "cpu")


def test_chemnet_has_cudnn_without_its_rounding(texts, monkeypatch):
    found = []

    def spied(symbols):
        found.append((torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32))
        return torch.zeros(len(symbols), chemnet.ChemNet.WIDTH)

    monkeypatch.setattr(chemnet, "_network", lambda _: spied)
    before = torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32
    list(chemnet.activation_batches(texts[:3], "cpu"))
    assert found == [(True, False)]
    assert before == (torch.backends.cudnn.enabled, torch.backends.cudnn.allow_tf32)


def test_chemnet_reads_symbols_as_fcd_torch_does():
    for text in [*ODD, "C" * 400, "[Li]C[Si](C)(C)C", "[nH]1cccc1"]:
        rows = get_one_hot(text, 350)
        theirs = [row.argmax() for row in rows if row.any()]
        assert chemnet.symbol_numbers(text) == theirs, text


def test_a_gaussian_counts_repeated_molecules(texts):
    smiles = [Chem.CanonSmiles(text) for text in texts[:12]]
    repeated = smiles + smiles[:5]
    fitted = chemnet.fit_gaussian(repeated, "cpu")
    rows = np.concatenate(list(chemnet.activation_batches(repeated, "cpu"))).astype(float)
    assert fitted.count == 17
    assert np.allclose(fitted.mean, rows.mean(0), atol=1e-6)
    assert np.allclose(fitted.covariance, np.cov(rows.T), atol=1e-6)
    assert chemnet.frechet(fitted, fitted) == pytest.approx(0, abs=1e-6)
    with pytest.raises(InputError, match="needs at least 2 molecules"):
        chemnet.fit_gaussian(smiles[:1], "cpu")


@given(st.integers(0, 100))
def test_the_distance_of_diagonal_gaussians_is_exact(seed):
    generator = np.random.default_rng(seed)
    first, second = ((generator.normal(size=6), generator.uniform(0, 3, 6)) for _ in range(2))
    splits = [chemnet.Gaussian(mean, np.diag(deviation**2), 9) for mean, deviation in (first, second)]
    exact = ((first[0] - second[0]) ** 2).sum() + ((first[1] - second[1]) ** 2).sum()
    assert chemnet.frechet(*splits) == pytest.approx(exact, abs=1e-6)
    assert chemnet.frechet(*splits) == pytest.approx(chemnet.frechet(*splits[::-1]), abs=1e-6)


def test_divergences_of_guacamol():
    drawn = np.random.default_rng(0).normal(size=500)
    assert guacamol.continuous_kl(drawn, drawn) == pytest.approx(0, abs=1e-9)
    assert 0.1 < guacamol.continuous_kl(drawn, drawn + 1) < 1
    assert guacamol.continuous_kl(np.ones(5), np.ones(5)) == 0
    assert guacamol.continuous_kl(np.ones(5), drawn) == np.inf
    counts = np.random.default_rng(0).integers(0, 8, 500).astype(float)
    assert guacamol.discrete_kl(counts, counts) == pytest.approx(0, abs=1e-9)
    assert guacamol.discrete_kl(counts, counts + 100) > 10
    table = np.random.default_rng(0).normal(size=(60, 9))
    assert guacamol.kl_score(table, table, drawn, drawn) == pytest.approx(1)


def test_hashes_tell_texts_apart(texts):
    assert len(np.unique(hashes(texts))) == len(set(texts))


def test_a_column_that_does_not_exist():
    with pytest.raises(UsageError, match="unknown column 'mass'; known: fingerprint"):
        facts(["C"], ["mass"])
