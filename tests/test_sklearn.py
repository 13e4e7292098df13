"""Latent points as features for scikit-learn: they are the model's own, in pipelines, clones and pickles."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from rdkit import Chem
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

import seqvae
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import ArtifactError, InputError
from seqvae.sklearn import LatentFeatures

SMILES = load_dataset("moses-sample").texts[:30]


@pytest.fixture(scope="module")
def fitted():
    return LatentFeatures("zinc-smiles", device="cpu").fit(SMILES)


def test_features_are_the_means_of_the_posteriors(fitted):
    found = fitted.transform(SMILES)
    expected = seqvae.load("zinc-smiles", "cpu").encode(SMILES, refine=0)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-6)
    assert fitted.get_feature_names_out().tolist() == [f"z{row}" for row in range(64)]


@pytest.mark.parametrize(
    "form",
    [np.array, lambda rows: np.array(rows)[:, None], lambda rows: [Chem.MolFromSmiles(one) for one in rows], tuple],
)
def test_any_form_of_rows_is_taken(fitted, form):
    np.testing.assert_array_equal(fitted.transform(form(SMILES[:5])), fitted.transform(SMILES[:5]))


def test_a_fingerprint_stands_beside_z():
    found = LatentFeatures("zinc-smiles", fingerprint=True, device="cpu").fit(SMILES)
    features = found.transform(["c1ccccc1"])
    assert features.shape == (1, 64 + 1024) == (1, len(found.get_feature_names_out()))
    assert features[0, 64:].sum() == 3  # benzene: carbon, its bonds, and those of its neighbours


def test_it_works_in_a_pipeline_and_is_cloned(fitted):
    values = [Chem.MolFromSmiles(one).GetNumHeavyAtoms() for one in SMILES]
    model = make_pipeline(clone(fitted), Ridge())
    assert len(cross_val_score(model, np.array(SMILES), values, cv=3)) == 3
    assert clone(fitted).get_params() == fitted.get_params()


def test_it_is_pickled_by_name(fitted):
    packed = pickle.dumps(fitted)
    assert len(packed) < 1000
    np.testing.assert_array_equal(pickle.loads(packed).transform(SMILES[:3]), fitted.transform(SMILES[:3]))


def test_wrong_use_is_said(fitted):
    with pytest.raises(NotFittedError):
        LatentFeatures("zinc-smiles").transform(SMILES)
    with pytest.raises(ArtifactError, match="no such model"):
        LatentFeatures("no such model").fit(SMILES)
    with pytest.raises(InputError, match="molecule 2 of 2"):
        fitted.transform(["CCO", "C1CC"])
    with pytest.raises(ValueError, match="one column of molecules or sequences, got 2"):
        fitted.transform(np.array([["CCO", "CCN"]]))


@pytest.mark.parametrize(
    "check",
    [
        "estimator_cloneable",
        "estimator_repr",
        "estimator_tags_renamed",
        "get_params_invariance",
        "mixin_order",
        "no_attributes_set_in_init",
        "parameters_default_constructible",
        "set_params",
        "valid_tag_types",
    ],
)
def test_scikit_learns_own_checks_pass_that_take_no_numbers(check):
    getattr(estimator_checks, f"check_{check}")("LatentFeatures", LatentFeatures("zinc-smiles", device="cpu"))
