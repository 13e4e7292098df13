"""Surrogates against NumPy and SciPy: similarity, fits, bounds, draws, improvements."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from botorch.acquisition.multi_objective import logei
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.kernels import RBFKernel, ScaleKernel
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from scipy.optimize import minimize
from scipy.stats import lognorm, multivariate_normal, norm
from search_cases import alike, start

from seqvae.config import GuideConfig
from seqvae.search.memory.archive import Archive
from seqvae.search.surrogates.acquisition import _criterion, climbed
from seqvae.search.surrogates.gp import fitted, hyperparameters, settled, thompson
from seqvae.search.surrogates.improvement import ParetoFront
from seqvae.search.surrogates.representations import representations
from seqvae.search.surrogates.similarity_gp import Guide, LookUp, Surrogate
from seqvae.search.surrogates.tanimoto import Likeness, Substructures, Words

CPU = torch.device("cpu")
DNA = start(400)


def archive(texts, scores):
    found = Archive()
    found.update(texts, scores)
    return found


def likeness(first, second, longest=4):
    """Tanimoto similarity of counts of words, by its definition."""
    counts = [
        Counter(
            text[place : place + width] for width in range(1, longest + 1) for place in range(len(text) - width + 1)
        )
        for text in (first, second)
    ]
    return sum((counts[0] & counts[1]).values()) / sum((counts[0] | counts[1]).values())


def table(first, second):
    return np.array([[likeness(a, b) for b in second] for a in first])


def posterior(model, known, across, values):
    """Mean and variance of the latent function at points of unit variance, by the textbook, on the scale of values."""
    scale, noise = model.covar_module.outputscale.item(), model.likelihood.noise.item()
    level, centre, spread = model.mean_module.constant.item(), values.mean(), values.std(ddof=1)
    covariance = scale * known + noise * np.eye(len(known))
    weights = np.linalg.solve(covariance, scale * across)
    mean = level + weights.T @ ((values - centre) / spread - level)
    variance = scale - (scale * across * weights).sum(0)
    return centre + spread * mean, spread**2 * variance


# Likeness.


def test_words_and_their_likeness_are_counted_by_hand():
    assert Words(2)("ABAB") == {"A": 2, "B": 2, "AB": 2, "BA": 1}
    # They share A, B and AB once each: 3 of 7 + 3 - 3. Two texts without a word are alike, and like no other.
    found = Likeness(Words(2)).table(["ABAB", ""], ["AB", "ABAB", "", "CD"])
    assert found.tolist() == [[3 / 7, 1, 0, 0], [0, 0, 1, 0]]
    assert GuideConfig().points == 1000
    exact = table(DNA[:20], DNA[20:40])
    np.testing.assert_allclose(Likeness(Words()).table(DNA[:20], DNA[20:40]), exact, atol=1e-12)  # up to four letters


def test_substructures_are_the_counts_of_circles_of_radius_two():
    expected = rdFingerprintGenerator.GetMorganGenerator(radius=2)
    for text in ("CCO", "CC(=O)Nc1ccc(O)cc1", "OC1CCCCC1"):
        assert (
            Substructures()(text) == expected.GetSparseCountFingerprint(Chem.MolFromSmiles(text)).GetNonzeroElements()
        )
    assert Substructures()("C1CC") == {}


# Fits.


def likelihood(parameters, known, values, prior):
    """Log marginal likelihood of standardised values plus the log prior of the noise."""
    scale, noise, level = np.exp(parameters[0]), np.exp(parameters[1]), parameters[2]
    standard = (values - values.mean()) / values.std(ddof=1)
    exact = multivariate_normal(np.full(len(values), level), scale * known + noise * np.eye(len(known)))
    return exact.logpdf(standard) + lognorm(prior.scale.item(), scale=np.exp(prior.loc.item())).logpdf(noise)


def test_a_fit_is_the_highest_marginal_likelihood():
    texts, rows = DNA[:25], torch.arange(25, dtype=torch.float64).unsqueeze(-1)
    known, values = table(texts, texts), np.array([100 + 10 * alike(text) for text in texts])
    look = LookUp(torch.from_numpy(known))
    with settled(0, CPU):
        model = fitted(rows, torch.from_numpy(values), ScaleKernel(look))
    prior = model.likelihood.noise_covar.noise_prior
    own = [np.log(model.covar_module.outputscale.item()), np.log(model.likelihood.noise.item())]
    reached = likelihood([*own, model.mean_module.constant.item()], known, values, prior)
    best = minimize(
        lambda at: -likelihood(at, known, values, prior),
        [0.0, -2.0, 0.0],
        bounds=[(-8, 8), (np.log(1e-4), 3), (-3, 3)],
    )
    assert reached == pytest.approx(-best.fun, abs=1e-3)
    with settled(0, CPU):
        later = fitted(rows, torch.from_numpy(values), ScaleKernel(look), hyperparameters(model), fit=False)
    assert later.likelihood.noise.item() == model.likelihood.noise.item()
    found = later.posterior(rows[:4])
    mean, variance = posterior(model, known, known[:, :4], values)
    assert found.mean.flatten().tolist() == pytest.approx(mean.tolist(), rel=1e-6)
    assert found.variance.flatten().tolist() == pytest.approx(variance.tolist(), rel=1e-4)


# The guide.


@pytest.mark.parametrize("points", [10, 11])
def test_a_guide_knows_the_best_half_and_as_many_drawn_of_the_others(points):
    names = [f"{number:02}" for number in range(40)]
    guide, drawn = Guide([Words()], GuideConfig(points=points)), Counter()

    def fitted_to(found, seed):
        return guide.fitted(found, {}, np.random.default_rng(seed)).known

    for seed in range(400):
        known = fitted_to(archive(names, [-float(name) for name in names]), seed)
        assert known[:5] == names[:5]
        assert len(set(known)) == points
        drawn.update(known[5:])
    # Each of the 35 others comes with the chance (points - 5) / 35: within 4 standard deviations of the binomial.
    chance = (points - 5) / 35
    off = np.array([drawn[name] for name in names[5:]]) - 400 * chance
    assert np.abs(off).max() < 4 * np.sqrt(400 * chance * (1 - chance))
    assert len(fitted_to(archive(names[:points], range(points)), 0)) == points


def test_a_bound_is_the_mean_and_the_root_of_beta_variances_above_the_best():
    texts, others = DNA[:20], DNA[50:60]
    values = np.array([100 * alike(text) for text in texts])
    surrogate = Guide([Words()]).fitted(archive(texts, values.tolist()), {}, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    rng.integers(2**31)
    beta = 10 ** rng.uniform(-2, 0)  # a hundredth to one, even in decades
    known = surrogate.known
    values = np.array([100 * alike(text) for text in known])
    mean, variance = posterior(surrogate.models[0], table(known, known), table(known, others), values)
    unit = 0.1 * np.ptp(values)  # the front is the best alone, and a tenth of all scores' width lies below it
    expected = (mean + np.sqrt(beta * variance) - values.max()) / unit
    assert surrogate.bounds(others).tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_betas_lie_evenly_between_a_hundredth_and_one():
    found = archive(DNA[:5], [1.0, 2.0, 3.0, 4.0, 5.0])
    guide = Guide([Words()])
    guide.fitted(found, {}, np.random.default_rng(0))
    decades = np.log10([guide.fitted(found, {}, np.random.default_rng(seed))._beta for seed in range(150)])
    assert decades.min() > -2
    assert decades.max() < 0
    assert np.quantile(decades, [0.25, 0.5, 0.75]).tolist() == pytest.approx([-1.5, -1, -0.5], abs=0.25)


def test_two_scores_go_beyond_their_front():
    texts, others = DNA[:20], DNA[50:60]
    several = {text: (alike(text), text.count("A") / 12) for text in texts}
    surrogate = Guide([Words()]).fitted(
        archive(texts, [row[0] for row in several.values()]), several, np.random.default_rng(5)
    )
    values = np.array([several[text] for text in surrogate.known])
    bounds = []
    for model, column in zip(surrogate.models, values.T, strict=True):
        mean, variance = posterior(
            model, table(surrogate.known, surrogate.known), table(surrogate.known, others), column
        )
        bounds.append(mean + np.sqrt(surrogate._beta * variance))
    best = [row for row in values if not any((row <= other).all() and (row < other).any() for other in values)]
    width = np.ptp(best, axis=0)
    unit = values.max(0) - np.min(best, axis=0) + 0.1 * width
    expected = [min(max((one - row) / unit) for row in best) for one in np.array(bounds).T]
    assert surrogate.bounds(others).tolist() == pytest.approx(expected, abs=1e-4)


def test_a_process_is_fitted_again_after_a_tenth_more():
    guide, fits = Guide([Words()]), []
    for count in (20, 21, 22, 24, 25):  # 22 is 1.1 x 20, and 25 the next after 1.1 x 22
        guide.fitted(archive(DNA[:count], map(alike, DNA[:count])), {}, np.random.default_rng(0))
        fits.append(guide.state_dict()["fitted"])
    assert fits == [20, 20, 22, 22, 25]


def test_draws_choose_among_the_thousand_of_the_highest_bounds():
    known = DNA[:10]
    scores = np.array([[alike(text)] for text in known])
    surrogate = Surrogate([Likeness(Words(1))], known, scores, None, (0, 0.1))
    texts = [f"{number:04}" for number in range(1200)]
    bounds = {text: float((number * 7) % 1200) for number, text in enumerate(texts)}
    few = dict(itertools.islice(bounds.items(), 5))
    assert surrogate.choose(few, 9) == sorted(few, key=few.get, reverse=True)
    chosen = surrogate.choose(bounds, 400)
    assert len(set(chosen)) == 400
    assert 200 <= min(bounds[text] for text in chosen) < 205, "the last of a thousand has its chance, no one behind it"


# Draws.


class Drawn:
    """A process whose posterior draws are known."""

    def __init__(self, draws):
        self.draws = torch.tensor(draws, dtype=torch.float64).unsqueeze(-1)

    def posterior(self, candidates):
        return SimpleNamespace(rsample=lambda size: self.draws[: size[0]])


def test_each_draw_takes_its_best_that_is_not_taken():
    front = ParetoFront.of(np.array([[0.0], [1.0]]), CPU)
    draws = [[3.0, 1.0, 2.0, 0.0], [3.0, 1.0, 2.0, 0.0], [5.0, 1.0, 4.0, 6.0], [9.0, -1.0, 8.0, 7.0]]
    candidates = torch.zeros(4, 1)
    assert thompson([Drawn(draws)], candidates, 3, front) == [0, 2, 3]
    assert thompson([Drawn(draws)], candidates, 9, front) == [0, 2, 3, 1]


def test_of_two_objectives_each_draw_goes_its_own_way():
    front = ParetoFront.of(np.array([[0.0, 1.0], [1.0, 0.0]]), CPU)
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 6, 8))
    with torch.random.fork_rng():
        torch.manual_seed(3)
        found = thompson([Drawn(first), Drawn(second)], torch.zeros(8, 1), 6, front)
        torch.manual_seed(3)
        ways = torch.randn(6, 1, 2, dtype=torch.float64).abs().numpy()[:, 0]
    expected = []
    for one, two, way in zip(first, second, ways / np.linalg.norm(ways, axis=1, keepdims=True), strict=True):
        worth = np.minimum((one + 0.1) / 1.1 / way[0], (two + 0.1) / 1.1 / way[1])
        worth[expected] = -np.inf
        expected.append(int(worth.argmax()))
    assert found == expected


# Expected improvements.

SEEN = np.array([0.05, 0.2, 0.45, 0.6, 0.9])
GRID = np.linspace(0, 1, 101)


def curve(values, noise=0.01):
    """A process of one dimension with given hyperparameters: length 0.2, scale 1."""
    x = torch.from_numpy(SEEN[:, None])
    kernel = ScaleKernel(RBFKernel())
    with settled(0, CPU):
        model = fitted(x, torch.tensor(values, dtype=torch.float64), kernel, fit=False)
        model.covar_module.outputscale, model.covar_module.base_kernel.lengthscale = 1.0, 0.2
        model.likelihood.noise, model.mean_module.constant = noise, 0.0
        model.eval()
    return model


def joint(model, x):
    """Mean and covariance of the function at the seen points and at one more."""
    with torch.no_grad():
        found = model.posterior(torch.from_numpy(np.append(SEEN, x)[:, None]))
    return found.mean.flatten().numpy(), found.distribution.covariance_matrix.numpy()


def improvement(model, x):
    """Expected improvement over the best posterior mean, in closed form."""
    mean, covariance = joint(model, x)
    sd, best = np.sqrt(covariance[-1, -1]), mean[:-1].max()
    above = (mean[-1] - best) / sd
    return sd * (above * norm.cdf(above) + norm.pdf(above))


def draws(model, x, count=20_000, seed=0):
    mean, covariance = joint(model, x)
    return np.random.default_rng(seed).multivariate_normal(mean, covariance, count, check_valid="ignore")


def criterion(make, points, count=2048):
    sampler = SobolQMCNormalSampler(torch.Size([count]), seed=0)
    with settled(0, CPU), torch.no_grad():
        return make(sampler)(torch.tensor(points)[:, None, None].double()).exp().numpy()


@pytest.mark.parametrize("noise", [0.01, 0.3])
def test_expected_improvements_are_those_of_the_definition(noise):
    model, points = curve([1.0, 3.0, 2.0, 2.5, 0.0], noise), [0.23, 0.27, 0.31]
    found = criterion(lambda sampler: _criterion([model], "logei", sampler), points)
    assert found.tolist() == pytest.approx([improvement(model, x) for x in points], rel=0.02)
    noisy = criterion(lambda sampler: _criterion([model], "lognei", sampler), points)
    expected = [np.maximum(d[:, -1] - d[:, :-1].max(1), 0).mean() for d in (draws(model, x) for x in points)]
    assert noisy.tolist() == pytest.approx(expected, rel=0.06)
    if noise == 0.3:  # what is best is uncertain itself: the two differ
        assert not np.allclose(found, noisy, rtol=0.1)


def stair(points, below):
    """The area above a point and below some others."""
    area, height = 0.0, below[1]
    for x, y in sorted(points.tolist(), reverse=True):
        if x > below[0] and y > height:
            area, height = area + (x - below[0]) * (y - height), y
    return area


def test_improvements_of_two_objectives_are_those_of_the_volume():
    models = [curve([1.0, 3.0, 2.0, 2.5, 0.0]), curve([2.0, 0.0, 2.0, 0.5, 3.0])]
    points = [0.3, 1.0, 0.0]  # the last two widen the front, and count from the point below it
    found = criterion(lambda sampler: _criterion(models, "logei", sampler), points, 256)
    means = np.stack([joint(model, 0.0)[0][:-1] for model in models], axis=1)
    best = np.array([row for row in means if not any((row < other).all() for other in means)])
    below = best.min(0) - 0.1 * np.ptp(best, axis=0)
    expected = []
    for x in points:
        pairs = np.stack([draws(model, x, 12_000, seed) for seed, model in enumerate(models)], axis=2)
        expected.append(np.mean([stair(rows, below) - stair(rows[:-1], below) for rows in pairs]))
    assert found.tolist() == pytest.approx(expected, rel=0.05)
    assert logei._C is None, "no kernel is compiled: a kill meanwhile would leave a lock that stops later searches"


def test_the_climb_ends_where_the_grid_has_its_highest_improvement():
    model = curve([1.0, 3.0, 2.0, 2.5, 0.0])
    exact = np.array([improvement(model, x) for x in GRID])
    for low, high in ((0.0, 1.0), (0.3, 0.7)):
        inside = exact[(low <= GRID) & (high >= GRID)].max()
        with settled(0, CPU):
            found = climbed([model], "logei", torch.tensor([[low], [high]]).double(), 1)
        assert found.shape == (1, 1)
        assert low <= found.item() <= high
        assert improvement(model, found.item()) > 0.95 * inside
    with settled(0, CPU):
        assert climbed([model], "lognei", torch.tensor([[0.0], [1.0]]).double(), 3).unique().numel() == 3


# Gains.


def test_a_gain_is_the_least_that_must_be_taken_off():
    known = np.array([[0.0, 40.0], [2.0, 20.0], [4.0, 0.0], [1.0, 10.0]])
    found = ParetoFront.of(known, CPU)
    assert found.rows.tolist() == [[0, 40], [2, 20], [4, 0]]
    assert found.below.tolist() == pytest.approx([-0.4, -4.0])  # a tenth of the widths 4 and 40 below the worst
    assert found.unit.tolist() == pytest.approx([4.4, 44.0])
    others = np.array([[3.0, 30.0], [1.0, 30.0], [1.0, 10.0], [4.0, 40.0], [5.0, 0.0], [0.0, 0.0]])
    # By hand, in shares of the units: each against (2, 20), but (5, 0) against (4, 0).
    assert (found.gain(torch.from_numpy(others)) * 4.4).tolist() == pytest.approx([1, 1, -1, 2, 1, -2], abs=1e-12)
    for other, gain in zip(others, found.gain(torch.from_numpy(others)).tolist(), strict=True):
        off = [other / [4.4, 44.0] - step for step in (gain - 1e-9, gain + 1e-9)]
        covered = [any((row / [4.4, 44.0] >= less).all() for row in known) for less in off]
        assert covered == [False, True], "less does not do, a little more does"


def test_the_gain_of_one_objective_is_what_lies_above_the_best():
    found = ParetoFront.of(np.array([[0.0], [5.0], [10.0]]), CPU)
    assert (found.below.item(), found.unit.item()) == pytest.approx((9.0, 1.0))  # a tenth of all scores' width
    assert found.gain(torch.tensor([[12.0], [9.5]]).double()).tolist() == pytest.approx([2.0, -0.5])


def test_the_mean_worth_over_directions_is_the_volume():
    """Zhang & Golovin 2020, lemma 5: of two objectives, pi / 4 times the mean of the squared best worth."""
    found = ParetoFront.of(np.array([[0.0, 4.0], [2.0, 2.0], [4.0, 0.0]]), CPU)
    points = torch.tensor([[1.0, 3.5], [3.0, 1.0], [0.5, 0.5]]).double()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        worth = found.along(points.expand(400_000, -1, -1))
    mean = math.pi / 4 * worth.amax(1).clamp_min(0).square().mean().item() * 4.4**2
    assert mean == pytest.approx(1.4 * 3.9 + (3.4 - 1.4) * 1.4, rel=0.005)  # two steps of a stair above (-0.4, -0.4)


def test_of_several_kinds_of_parts_the_scores_decide_which_matter():
    rng = np.random.default_rng(0)
    texts = list({"".join(rng.choice(list("ACGT"), 10)) for _ in range(130)})
    values = np.array([float(text[2] == "A") + float(text[7] == "C") for text in texts])
    known, asked = texts[:100], texts[100:]

    def error(features):
        found = Guide(features).fitted(archive(known, values[:100].tolist()), {}, np.random.default_rng(0))
        return float(np.abs(found.predicted(asked)[0] - values[100:]).mean())

    words, both = error([Words()]), error(representations(None))
    assert both < 0.7 * words
