"""Scaffolds with attachment points: completions, their probabilities, and what is no scaffold."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from bulk_cases import tiny_codec
from rdkit import Chem

from seqvae import infer, load
from seqvae.config import SCORE_SAMPLES, ImputeConfig
from seqvae.errors import InputError, UsageError
from seqvae.infer.imputation.scaffolds import is_scaffold, read_scaffold
from seqvae.infer.likelihood import weigh
from seqvae.search.domain.substituents import HYDROGEN, kind_of, substituents

SCAFFOLD = "O=C([*:1])Nc1ccc([*:2])cc1"
FEW = ImputeConfig(samples=30, completions=30)


@pytest.fixture(scope="module")
def codec():
    return load("moses-smiles", device="cpu")


@pytest.fixture(scope="module")
def found(codec):
    (one,) = infer.impute(codec, [SCAFFOLD], FEW)
    return one


def test_every_completion_has_the_scaffold_and_something_at_each_point(found):
    pattern = Chem.MolFromSmarts("O=C([#6,#7,#8])Nc1ccc([!#1])cc1")
    assert len(found.completions) == len(set(found.completions)) == 30
    for text in found.completions:
        assert Chem.MolFromSmiles(text).HasSubstructMatch(pattern), text
    assert (found.positions, found.valid) == ([1, 2], [True] * 30)


def test_shares_are_those_of_log_p_over_the_pool(codec, found):
    assert sum(found.shares) == pytest.approx(1.0)
    assert found.shares == sorted(found.shares, reverse=True)
    log_p = weigh(codec, codec.tokenize(found.completions), SCORE_SAMPLES, 0, 0).log_p.double().numpy()
    assert np.allclose(found.log_p, log_p, atol=1e-4)
    weights = np.exp(log_p - log_p.max())
    assert np.allclose(found.shares, weights / weights.sum(), rtol=1e-4)
    assert found.log_p_known == pytest.approx(log_p.max() + math.log(weights.sum()), abs=1e-4)


def test_marginals_add_up_over_the_pool(found):
    assert np.allclose(found.marginals.sum(1), 1.0)
    assert HYDROGEN not in found.tokens


def test_the_pool_has_the_commonest_combinations(found):
    scaffold = read_scaffold(SCAFFOLD)
    points = [atom for atom in scaffold.GetAtoms() if atom.GetAtomicNum() == 0]
    offers = [
        [one for one in substituents()[kind_of(atom.GetNeighbors()[0])] if one[0] != HYDROGEN][:40] for atom in points
    ]
    every = sorted(itertools.product(*offers), key=lambda pair: -sum(one[1] for one in pair))
    assert {group for pair in every[:20] for group, _ in pair} <= set(found.tokens)


def test_scaffolds_and_unknown_tokens_stand_in_one_list(codec):
    config = ImputeConfig("importance", samples=10, completions=3, particles=2)
    texts = ["CC(=O)Nc1ccc(?)cc1", "C1CN([*])CCO1", "CC(=O)Nc1ccc(?)cc1"]
    first, scaffold, last = infer.impute(codec, texts, config)
    assert (first.text, scaffold.text) == (texts[0], texts[1])
    assert first.completions == last.completions
    assert all("N1CCO" in text or "N1CCO" in text or "CCO" in text for text in scaffold.completions)


def test_a_stereocentre_keeps_its_configuration():
    (one,) = infer.impute("drug-smiles", ["C[C@@H]([*:1])c1ccccc1"], ImputeConfig(samples=12, completions=12))
    found = [Chem.MolFromSmiles(text) for text in one.completions]
    chiral = [molecule for molecule in found if Chem.FindMolChiralCenters(molecule, includeUnassigned=True)]
    assert len(chiral) > 6  # another methyl or phenyl makes it no stereocentre
    for molecule in chiral:
        assert molecule.HasSubstructMatch(Chem.MolFromSmarts("[#6][C@@H](*)c1ccccc1"), useChirality=True)


@pytest.mark.parametrize("text", ["[*]C", "[*:1]C", "[1*]C", "C[2*:3]"])
def test_attachment_points_are_recognised(text):
    assert is_scaffold(text)
    assert [atom.GetAtomMapNum() for atom in read_scaffold(text).GetAtoms() if atom.GetAtomicNum() == 0] == [1]


def test_a_plain_star_is_a_run():
    assert not is_scaffold("CC*C")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("C[*:1", "no molecule"),
        ("[*]=CC", "at the end of one single bond"),
        ("C[*]C", "at the end of one single bond"),
        ("[*][*]", "at the end of one single bond"),
        ("C([*])([*])C([*])([*])C([*])([*])C[*]", "at most 6 attachment points, got 7"),
    ],
)
def test_what_is_no_scaffold_is_refused(text, said):
    with pytest.raises(InputError, match=said):
        read_scaffold(text)


def test_a_model_that_can_read_no_completion_says_so():
    with pytest.raises(InputError, match="the model can read no completion"):
        infer.impute(tiny_codec(), ["[Si](C)(C)([*:1])CCCCCCCCCCCCCCCCCCCCCCCC"], ImputeConfig(samples=5))


def test_a_model_of_sequences_takes_none():
    from seqvae.infer.imputation.scaffolds import complete

    with pytest.raises(UsageError, match="a model of molecules"):
        complete(load("splice-dna", device="cpu"), SCAFFOLD, FEW)
