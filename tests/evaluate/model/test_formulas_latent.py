"""Latent quality and paths against plain programs: ridge and a process in NumPy, folds by hand, walks step by step."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from codec_cases import LATENT, untrained
from formula_cases import arc, table_distance
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from seqvae.evaluate.model.latent_quality import (
    LatentSettings,
    _at_most,
    _fit,
    gaussian_process,
    held_out,
    latent_quality,
    predict_ridge,
    rank_correlation,
)
from seqvae.evaluate.model.smoothness import PathSettings, _pairs, measure_paths, path_quality

# Predictions.


def standardised(z, others):
    return (z - z.mean(0)) / z.std(0), (others - z.mean(0)) / z.std(0)


def ridge(z, y, others, alpha):
    """Ridge regression with a free intercept, by its normal equations."""
    centre = z.mean(0)
    weights = np.linalg.solve(
        (z - centre).T @ (z - centre) + alpha * np.eye(z.shape[1]), (z - centre).T @ (y - y.mean())
    )
    return y.mean() + (others - centre) @ weights


@pytest.mark.parametrize(
    ("noise", "low", "high"), [(0.0, 0.005, 0.02), (4.0, 0.5, 500), (None, 5e4, 2e5)], ids=["clear", "noisy", "nothing"]
)
def test_the_penalty_of_ridge_is_the_one_that_predicts_each_text_left_out_best(noise, low, high):
    rng = np.random.default_rng(4)
    z, others = rng.normal(size=(30, 3)) * [1, 5, 0.2] + 7, rng.normal(size=(6, 3)) + 7
    y = rng.normal(size=30) if noise is None else 3 + z @ [2.0, 0.1, -4.0] + noise * rng.normal(size=30)
    inside, outside = standardised(z, others)
    if noise is None:  # so little can be predicted that the largest penalty is best
        luck = np.linalg.lstsq(np.c_[np.ones(30), inside], y, rcond=None)[0]
        y = y - 0.8 * inside @ luck[1:]
    errors = {}
    for power in range(15):
        alpha = 10 ** (-2 + power / 2)  # a hundredth to a hundred thousand, half a decade apart
        kept = [np.arange(30) != row for row in range(30)]
        left = [y[row] - ridge(inside[kept[row]], y[kept[row]], inside[[row]], alpha)[0] for row in range(30)]
        errors[alpha] = np.mean(np.square(left))
    alpha = min(errors, key=errors.get)
    assert low <= alpha <= high
    assert predict_ridge(z, y, others).tolist() == pytest.approx(ridge(inside, y, outside, alpha).tolist(), abs=1e-7)


def test_a_process_is_tuned_on_few_texts_and_conditioned_on_all():
    rng = np.random.default_rng(1)
    z, others = rng.normal(size=(60, 2)) * [1, 3] - 2, rng.normal(size=(5, 2)) - 2
    y = 50 + 10 * np.sin(z[:, 0]) + z[:, 1] + rng.normal(size=60)
    inside, outside = standardised(z, others)
    standard = (y - y.mean()) / y.std()

    def kernel(a, b, at):
        return np.exp(at[0]) * np.exp(-0.5 * ((a[:, None] - b) ** 2).sum(2) / np.exp(2 * at[1]))

    few = [int(row) for row in np.linspace(0, 59, 25)]

    def loss(at):
        covariance = kernel(inside[few], inside[few], at) + np.exp(at[2]) * np.eye(25)
        return -multivariate_normal(np.zeros(25), covariance).logpdf(standard[few])

    start = [0.0, math.log(math.sqrt(2)), math.log(0.5)]
    best = minimize(loss, start, bounds=[(-6.9, 6.9), (-2.3, 6.9), (-9.2, 2.3)]).x
    covariance = kernel(inside, inside, best) + np.exp(best[2]) * np.eye(60)
    expected = y.mean() + y.std() * kernel(outside, inside, best) @ np.linalg.solve(covariance, standard)
    assert gaussian_process(25)(z, y, others).tolist() == pytest.approx(expected.tolist(), abs=0.02)


def test_each_text_is_predicted_once_from_the_other_folds():
    calls, z, y = [], np.arange(23.0)[:, None], np.arange(23.0) ** 2

    def predict(inside, values, outside):
        calls.append(outside[:, 0].tolist())
        assert values.tolist() == (inside[:, 0] ** 2).tolist()
        assert sorted([*inside[:, 0], *outside[:, 0]]) == list(range(23))
        return outside[:, 0] + values.mean()

    found = held_out(predict, z, y, 5, 3)
    assert sorted(map(len, calls)) == [4, 4, 5, 5, 5]
    assert sorted(itertools.chain(*calls)) == list(range(23))
    assert calls[0] != sorted(calls[0]) or calls[0] != list(range(5)), "folds are drawn, not cut"
    for left in calls:
        rows = [int(row) for row in left]
        mean = (y.sum() - y[rows].sum()) / (23 - len(rows))
        assert found[rows].tolist() == pytest.approx([row + mean for row in rows])


def test_r2_and_rank_correlation_are_by_the_definition():
    y = np.array([1.0, 2.0, 2.0, 3.0, 7.0, math.nan])
    surrogate = np.array([[1.5], [1.0], [2.0], [4.0], [3.0], [9.0]])
    settings = LatentSettings(folds=2, gp_texts=4)
    r2, rank = _fit(lambda z, values, others: others[:, 0], surrogate, y.tolist(), settings)
    # The mean is 3: squares of 0.5, 1, 0, 1 and 4 over squares of 2, 1, 1, 0 and 4.
    assert r2 == pytest.approx(1 - 18.25 / 22)
    # Ranks 1, 2.5, 2.5, 4, 5 and 2, 1, 3, 5, 4: products of what they are off their mean, over the two lengths.
    assert rank == pytest.approx((2 + 1 + 0 + 2 + 2) / math.sqrt(9.5 * 10))
    assert rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([9.0, 9.0, 9.0])) == 0


def test_fewer_than_two_texts_a_fold_and_what_does_not_vary_are_not_predicted():
    settings, z, none = LatentSettings(folds=2, gp_texts=4), np.arange(5.0)[:, None], math.nan
    for values, known in (([1.0, 2.0, 3.0, 4.0, none], True), ([1.0, 2.0, 3.0, none, none], False), ([1.0] * 5, False)):
        found = _fit(lambda z, values, others: others[:, 0], z, values, settings)
        assert (found != (None, None)) == known


def test_rows_are_taken_evenly():
    assert _at_most(5, 11) == [0, 2, 5, 7, 10]
    assert _at_most(20, 4) == [0, 1, 2, 3]


def test_columns_are_predicted_from_the_points_of_distinct_texts():
    codec = untrained(seed=3)
    texts = ["".join(letters) for letters in itertools.product("ACGT", repeat=2)] + ["AC", "X"]
    z = codec.encode(texts[:16], refine=0).double().numpy()
    column = [*(10 * z[:, 0] + 3), 1e6, 1e6]  # of the one that came before, and of the one that is none
    settings = LatentSettings(folds=4, gp_texts=10, gp_tune=5, pairs=2, steps=2)
    found = latent_quality(codec, texts, {"own": column}, settings)
    assert (found.texts, found.left_out, found.gp_texts, found.folds) == (16, 2, 10, 4)
    assert found.ridge_r2["own"] == pytest.approx(_fit(predict_ridge, z, column[:16], settings)[0])
    few = _at_most(10, 16)
    own = _fit(gaussian_process(5), z[few], [column[row] for row in few], settings)
    assert (found.gp_r2["own"], found.gp_rank["own"]) == pytest.approx(own)
    share = [text.count("G") / 2 + text.count("C") / 2 for text in texts[:16]]
    assert found.ridge_r2["gc"] == pytest.approx(_fit(predict_ridge, z, share, settings)[0])
    assert found.ridge_rank["gc"] == pytest.approx(_fit(predict_ridge, z, share, settings)[1])


# Paths.


def test_walks_are_equal_steps_between_two_means():
    codec, texts = untrained(seed=3), ["ACGT", "TT", "GATTACA"]
    ends = codec.encode(texts, refine=0).double().numpy()
    for kind, walk in (("slerp", arc), ("linear", lambda a, b, share: (1 - share) * a + share * b)):
        settings, seen = PathSettings(pairs=4, steps=5, kind=kind, seed=2), []
        codec.generate = lambda z, seen=seen: seen.append(z) or SimpleNamespace(texts=["A"] * len(z))
        path_quality(codec, texts, settings)
        first, last = _pairs(3, settings)
        found = seen[0].double().numpy().reshape(4, 5, LATENT)
        for row in range(4):
            a, b = ends[first[row]], ends[last[row]]
            expected = [a, *(walk(a, b, share) for share in (0.25, 0.5, 0.75)), b]
            np.testing.assert_allclose(found[row], expected, atol=1e-4)


def test_pairs_are_drawn_evenly_among_those_of_two_texts():
    drawn = Counter(zip(*_pairs(3, PathSettings(pairs=6000)).tolist(), strict=True))
    assert set(drawn) == set(itertools.permutations(range(3), 2))
    assert max(abs(count - 1000) for count in drawn.values()) < 120  # 4 standard deviations


def alike(first, second):
    return 1 - table_distance(first, second) / max(len(first), len(second)) if first and second else 0.0


def test_paths_are_measured_step_by_step():
    rng = np.random.default_rng(0)
    words = ["", "A", "AC", "ACG", "ACGT", "CCGT", "TTTT"]
    paths = [[words[row] for row in rng.choice(7, 5, p=[0.05, 0.1, 0.15, 0.2, 0.2, 0.15, 0.15])] for _ in range(200)]
    paths += [["A", "AC", "ACG", "ACGT", "ACGT"], ["TTTT"] * 5]
    steps = [[alike(a, b) for a, b in itertools.pairwise(path)] for path in paths]
    forward = [
        [
            bool(a and b and alike(path[0], b) <= alike(path[0], a) and alike(b, path[-1]) >= alike(a, path[-1]))
            for a, b in itertools.pairwise(path)
        ]
        for path in paths
    ]
    moved = [alike(a, b) for path in paths for a, b in itertools.pairwise(path) if a != b]
    assert asdict(measure_paths(paths, molecular=False)) == pytest.approx(
        {
            "pairs": 202,
            "steps": 5,
            "validity": np.mean([text != "" for path in paths for text in path]),
            "distinct": np.mean([len({text for text in path if text}) for path in paths]),
            "similarity": np.mean(steps),
            "similarity_moved": np.mean(moved),
            "worst_step": np.mean([min(path) for path in steps]),
            "ends_similarity": np.mean([alike(path[0], path[-1]) for path in paths]),
            "monotone": np.mean([all(path) for path in forward]),
            "forward_steps": np.mean(forward),
        }
    )
