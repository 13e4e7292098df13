"""The process with several kernels against NumPy and SciPy: density, posterior, left-out predictions, draws."""

from __future__ import annotations

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator as generators
from scipy.stats import multivariate_normal, norm

from seqvae.data.datasets.registry import load_dataset
from seqvae.properties import get
from seqvae.properties.molecules.cache import Sheets
from seqvae.search.surrogates import multiple_kernels
from seqvae.search.surrogates.multiple_kernels import MultipleKernels, fitted, likenesses_of, surrogate_of
from seqvae.search.surrogates.representations import letters_at
from seqvae.search.surrogates.tanimoto import Likeness

TEXTS = load_dataset("moses-sample").texts[:90]
KNOWN, NEW = TEXTS[:60], TEXTS[60:]
SCORES = np.array(get("logp")(KNOWN))
ERRORS = np.linspace(0.05, 0.6, 60)


@pytest.fixture(scope="module")
def likenesses():
    return likenesses_of(Sheets())


def covariance(model, likenesses, first, second):
    """The weighted sum of all kernels, in the unit of the scores."""
    tables = [one.table(first, second) for one in likenesses]
    return SCORES.std() ** 2 * sum(weight * table for weight, table in zip(model.weights, tables, strict=True))


def textbook(model, likenesses, noise, new, scores=SCORES, known=KNOWN):
    """Mean and variance of the process by the textbook; the constant mean is the likeliest one."""
    solved = np.linalg.inv(covariance(model, likenesses, known, known) + np.diag(noise))
    across = covariance(model, likenesses, known, new)
    centre = (solved @ scores).sum() / solved.sum()
    mean = centre + across.T @ solved @ (scores - centre)
    variance = np.diag(covariance(model, likenesses, new, new) - across.T @ solved @ across)
    return mean, variance


def test_similarities_are_those_of_rdkit(likenesses):
    made = [
        generators.GetMorganGenerator(radius=2),
        generators.GetMorganGenerator(radius=3),
        generators.GetMorganGenerator(radius=2, atomInvariantsGenerator=generators.GetMorganFeatureAtomInvGen()),
        generators.GetAtomPairGenerator(maxDistance=10),
        generators.GetTopologicalTorsionGenerator(),
    ]
    one, other = map(Chem.MolFromSmiles, TEXTS[:2])
    wanted = [
        DataStructs.TanimotoSimilarity(by.GetSparseCountFingerprint(one), by.GetSparseCountFingerprint(other))
        for by in made
    ]
    assert [by.table(TEXTS[:1], TEXTS[1:2]).item() for by in likenesses] == pytest.approx(wanted)
    assert letters_at("ACA") == {(0, "A"): 1, (1, "C"): 1, (2, "A"): 1}
    # of two sequences of length 4 that agree at 3 positions: 3 shared of 5
    assert Likeness(letters_at).table(["ACGT"], ["ACGA"]).item() == pytest.approx(3 / 5)


@pytest.mark.parametrize("errors", [None, ERRORS])
def test_predictions_are_those_of_the_textbook(likenesses, errors):
    model = MultipleKernels(likenesses, KNOWN, SCORES, errors)
    own = SCORES.std() ** 2 * model.noise
    noise = own + (0 if errors is None else errors**2) * np.ones(60)
    mean, variance = textbook(model, likenesses, noise, NEW)
    found = model.predicted(NEW)
    assert found[0] == pytest.approx(mean)
    told = 0 if errors is None else np.mean(errors**2)
    assert found[1] == pytest.approx(np.sqrt(variance + own + told))
    true = model.predicted(NEW, measured=False)[1]
    assert true == pytest.approx(np.sqrt(variance + (0 if errors is None else own)))
    lead = mean - model.at_known()[0].max()
    gain = lead * norm.cdf(lead / true) + true * norm.pdf(lead / true)
    assert model.improvement(NEW) == pytest.approx(gain)
    assert model.bounds(NEW) == pytest.approx(mean + 0.5 * true)


def test_a_measured_design_is_drawn_to_its_like_by_its_error(likenesses):
    model = MultipleKernels(likenesses, KNOWN, SCORES, ERRORS)
    own = SCORES.std() ** 2 * model.noise
    whole = covariance(model, likenesses, KNOWN, KNOWN) + own * np.eye(60)
    solved = np.linalg.inv(whole + np.diag(ERRORS**2))
    centre = (solved @ SCORES).sum() / solved.sum()
    mean, deviation = model.at_known()
    assert mean == pytest.approx(centre + whole @ solved @ (SCORES - centre))
    assert deviation == pytest.approx(np.sqrt(np.diag(whole - whole @ solved @ whole)))
    exact = MultipleKernels(likenesses, KNOWN, SCORES, np.full(60, 1e-6))
    assert exact.at_known()[0] == pytest.approx(SCORES, abs=1e-6)


def test_left_out_predictions_are_those_without_the_measurement(likenesses):
    model = MultipleKernels(likenesses, KNOWN, SCORES)
    mean, deviation = model.left_out()
    noise = SCORES.std() ** 2 * model.noise * np.ones(59)
    solved = np.linalg.inv(covariance(model, likenesses, KNOWN, KNOWN) + noise[0] * np.eye(60))
    centre = (solved @ SCORES).sum() / solved.sum()  # of all measurements
    rest = [text for row, text in enumerate(KNOWN) if row != 7]
    without = np.linalg.inv(covariance(model, likenesses, rest, rest) + np.diag(noise))
    across = covariance(model, likenesses, rest, KNOWN[7:8])[:, 0]
    assert mean[7] == pytest.approx(centre + across @ without @ (np.delete(SCORES, 7) - centre))
    whole = covariance(model, likenesses, KNOWN[7:8], KNOWN[7:8]).item()
    assert deviation[7] == pytest.approx(np.sqrt(whole - across @ without @ across + noise[0]))


def test_hyperparameters_are_at_the_highest_density(likenesses):
    tables = [one.table(KNOWN, KNOWN) for one in likenesses[:2]]
    scaled = (SCORES - SCORES.mean()) / SCORES.std()
    weights, noise = fitted(tables, scaled, np.zeros(60))

    def density(log):
        one, other, more = np.exp(log)
        whole = one * tables[0] + other * tables[1] + (more + 1e-4) * np.eye(60)
        solved = np.linalg.inv(whole)
        centre = (solved @ scaled).sum() / solved.sum()
        prior = norm.logpdf(log[:2], -np.log(2), 1.5).sum() + norm.logpdf(log[2], -2, 1)
        return multivariate_normal.logpdf(scaled - centre, cov=whole) + prior

    assert (weights > 0).all()
    best = np.log([*weights, noise - 1e-4])
    for step in np.vstack([np.eye(3), -np.eye(3)]):
        assert density(best + 0.05 * step) < density(best)


def test_a_batch_is_good_and_spread(likenesses):
    model = surrogate_of(dict(zip(KNOWN, SCORES, strict=True)), likenesses, 0)
    bounds = dict(zip(NEW, model.bounds(NEW).tolist(), strict=True))
    chosen = model.choose(bounds, 8, np.random.default_rng(0))
    assert len(set(chosen)) == 8
    assert chosen == model.choose(bounds, 8, np.random.default_rng(0))
    assert np.mean(get("logp")(chosen)) > np.mean(get("logp")(NEW))
    assert set(model.choose(bounds, 99, np.random.default_rng(0))) == set(NEW)


def test_of_very_many_the_best_half_is_kept(likenesses, monkeypatch):
    monkeypatch.setattr(multiple_kernels, "_POINTS", 20)
    model = surrogate_of(dict(zip(KNOWN, SCORES, strict=True)), likenesses, 0)
    assert len(model.known) == len(set(model.known)) == 20
    assert model.known[:10] == [KNOWN[row] for row in np.argsort(-SCORES)[:10]]


def test_nothing_is_kept_of_what_was_screened(likenesses):
    model = MultipleKernels(likenesses, KNOWN[:10], SCORES[:10])
    before = model.bounds(NEW)
    model.forget()
    assert all(set(one._marks) == set(KNOWN[:10]) for one in likenesses)
    assert all(len(one._columns) == len({mark for row in one._marks.values() for mark in row}) for one in likenesses)
    assert model.bounds(NEW) == pytest.approx(before)
