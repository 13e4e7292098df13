"""Trust regions and TuRBO against values worked out by hand: growth, places, boxes, the process."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from plane_cases import Plane, scores, written

from seqvae.config import TurboConfig
from seqvae.search.memory.latent_archive import Designs
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.optimizers.trust_regions import Region, Regions, box, perturbed
from seqvae.search.optimizers.turbo import Turbo
from seqvae.search.proposals import Candidate


def told(texts, values):
    designs = Designs(Plane())
    designs.tell(scores(texts, values))
    return designs


# Growth.


def test_better_is_better_by_a_thousandth():
    config = TurboConfig(successes=99)
    for best, score, better in ((10, 10.009, False), (10, 10.011, True), (-10, -9.991, False), (-10, -9.989, True)):
        region = Region("a", best, 0.8)
        region.learn(score, 99, config)
        assert (region.successes, region.failures) == ((1, 0) if better else (0, 1))
    region = Region("a", 0.0, 0.8, successes=2)
    region.learn(math.nan, 99, config)
    assert (region.successes, region.failures) == (0, 1), "what brings nothing ends the row of successes"
    region.learn(1.0, 99, config)
    assert (region.successes, region.failures) == (1, 0), "and a success the row of failures"


def test_three_successes_double_and_enough_failures_halve():
    region, lengths = Region("a", 0.0, 0.5), []
    config = TurboConfig(longest=1.6, successes=3)
    for score in [1.0] * 9 + [-1.0] * 4:
        region.learn(score, 2, config)
        lengths.append(region.length)
    assert lengths == [0.5, 0.5, 1, 1, 1, 1.6, 1.6, 1.6, 1.6, 1.6, 0.8, 0.8, 0.4]


@pytest.mark.parametrize(
    ("latent", "proposals", "failures"), [(2, 3, 2), (2, 4, 1), (10, 3, 4), (10, 10, 1), (64, 12, 6)]
)
def test_failures_are_dimensions_over_proposals(latent, proposals, failures):
    designs = Designs(Plane(latent))
    assert Regions(designs, TurboConfig()).tolerance(proposals) == failures
    assert Regions(designs, TurboConfig(failures=7)).tolerance(proposals) == 7


def test_a_region_counts_its_own_proposals_and_moves_to_the_best_inside():
    designs = told(["0,0"], [1.0])
    regions = Regions(designs, TurboConfig(regions=1, failures=5, length=0.8))
    regions.begin(np.random.default_rng(0))
    region = regions.all[0]
    region.waiting = ["1,0", "2,0", "3,0"]
    new = designs.tell(scores(["1,0", "2,0", "5,5", "6,6"], [0.5, 1.5, 9.0, 1.2]))
    regions.tell(new, np.array([[1.0]]), lambda region, texts: ["6,6"])
    assert (region.centre, region.best, region.waiting) == ("2,0", 1.5, ["3,0"])  # 9 lies outside, 1.2 is less
    assert (region.successes, region.failures) == (1, 0)
    regions.missed({0}, 3)  # it waits for a score still: no failure
    assert region.failures == 0
    designs.tell(scores(["3,0"], [np.nan]))
    regions.tell([], np.array([[1.0]]), lambda region, texts: [])
    regions.missed({0}, 3)
    assert region.failures == 2  # a proposal without a score, and a round without a proposal


def test_of_two_objectives_a_round_succeeds_where_the_volume_grows():
    designs = told(["1,4", "5,1"], [[1, 4], [5, 1]])
    regions = Regions(designs, TurboConfig(regions=1))
    regions.begin(np.random.default_rng(0))
    before = np.array([[1.0, 4.0], [5.0, 1.0]])
    for text, counts in (("2,2", (1, 0)), ("0,0", (0, 1))):
        regions.all[0].waiting = [text]
        regions.tell(designs.tell(scores([text], [[float(part) for part in text.split(",")]])), before, lambda *_: [])
        # Above (0.6, 0.7), a tenth of the widths 4 and 3 below: 0.4 x 3.3 and 4 x 0.3.
        assert regions.all[0].best == pytest.approx(0.4 * 3.3 + 4 * 0.3)
        assert (regions.all[0].successes, regions.all[0].failures) == counts


# Where they are.


def test_first_regions_are_at_the_best_and_later_ones_near_the_top():
    texts = [f"{number},0" for number in range(40)]
    regions = Regions(told(texts, range(40)), TurboConfig(regions=2, length=0.8, shortest=0.1))
    regions.begin(np.random.default_rng(0))
    assert [(one.centre, one.best, one.length) for one in regions.all] == [("39,0", 39, 0.8), ("38,0", 38, 0.8)]
    regions.all[0].length, regions.all[1].length = 0.0999, 0.1
    regions.missed(set(), 1)
    assert [one.centre for one in regions.all] == ["38,0"]  # the shortest length is long enough
    asked = []
    regions.begin(SimpleNamespace(exponential=lambda scale: asked.append(scale) or 3.7))
    assert asked == [5.0]  # a quarter of twenty places on average
    assert regions.all[1].centre == "34,0"  # 37, 36, 35 and 34: the fourth that no region is or was at
    regions.all[1].length = 0.0
    regions.missed(set(), 1)
    regions.begin(SimpleNamespace(exponential=lambda scale: 999.0))
    # Of 20 + 2 that ended + 1 that is there the last: 39 less 22.
    assert regions.all[1].centre == "17,0"


def test_of_two_objectives_regions_are_where_the_front_has_most_to_lose():
    texts = ["1,4", "2,2", "5,1", "1,1"]
    designs = told(texts, [[1, 4], [2, 2], [5, 1], [1, 1]])
    regions = Regions(designs, TurboConfig(regions=3))
    regions.begin(np.random.default_rng(0))
    # Alone, above (0.6, 0.7): 1 x 1 of (2, 2), 3 x 0.3 of (5, 1), 0.4 x 2 of (1, 4).
    assert [region.centre for region in regions.all] == ["2,2", "5,1", "1,4"]


# Boxes.


def model(*lengths, base=True):
    inner = SimpleNamespace(lengthscale=torch.tensor([lengths], dtype=torch.float64))
    return SimpleNamespace(covar_module=SimpleNamespace(base_kernel=inner) if base else inner)


def test_sides_are_as_the_lengths_and_their_product_is_that_of_the_region():
    centre = torch.tensor([0.5, 0.5], dtype=torch.float64)
    found, low, high = box([model(1.0, 4.0)], centre, 0.4)
    # The geometric mean of 1 and 4 is 2: sides 0.4 / 2 and 0.4 x 2.
    assert torch.equal(found, centre)
    assert (high - low).tolist() == pytest.approx([0.2, 0.8])
    assert low.tolist() == pytest.approx([0.4, 0.1])
    # Of two processes the geometric means are 1 and 2: sides of 0.4 over and times the root of 2.
    _, low, high = box([model(1.0, 4.0), model(1.0, 1.0, base=False)], centre, 0.4)
    assert (high - low).tolist() == pytest.approx([0.4 / math.sqrt(2), 0.4 * math.sqrt(2)])
    # Sides end at the unit cube, or at a centre beyond it.
    _, low, high = box([model(1.0, 1.0)], torch.tensor([0.9, 1.3], dtype=torch.float64), 0.4)
    assert low.tolist() == pytest.approx([0.7, 1.0])
    assert high.tolist() == pytest.approx([1.0, 1.3])


@pytest.mark.parametrize(("dimensions", "share"), [(10, 1.0), (20, 1.0), (100, 0.2 + 0.8 / 100)])
def test_candidates_change_twenty_coordinates_and_fill_the_box(dimensions, share):
    centre = torch.full((dimensions,), 0.5, dtype=torch.float64)
    low, high = centre - 0.3, centre + 0.1
    points = perturbed(centre, low, high, 4096, 0)
    changed = points != centre
    # A fifth of a hundred, and one of them in any case.
    assert changed.double().mean().item() == pytest.approx(share, abs=0.005)
    assert changed.any(1).all()
    assert ((points >= low) & (points <= high)).all()
    values = points[changed]
    assert values.mean().item() == pytest.approx(0.4, abs=0.005)
    assert values.std().item() == pytest.approx(0.4 / math.sqrt(12), abs=0.005)  # even over the box


# The process.


def turbo(texts, values, draws=None, **config):
    one = Turbo(Plane(draws=np.array([[-1.0, 0.0], [3.0, 10.0]]) if draws is None else draws), TurboConfig(**config))
    one.tell([], scores(texts, values))
    return one


def test_the_unit_cube_is_the_range_of_the_prior_and_of_what_was_known_first():
    one = turbo(["1,5", "7,5"], [1.0, 2.0])
    assert one._scaled(np.array([[1.0, 5.0], [-1.0, 0.0], [7.0, 12.0]])).tolist() == [[0.25, 0.5], [0, 0], [1, 1.2]]
    assert one.space.drawn == [1000]
    one.tell([], scores(["99,99"], [3.0]))
    assert one._scaled(np.array([[7.0, 10.0]])).tolist() == [[1, 1]], "it stays"


def test_what_is_inside_is_within_half_a_length_in_every_coordinate():
    one = turbo(["1,5"], [1.0])
    one.tell([], scores(["2.59,5", "2.61,5", "1,8.9", "1,9.1", "2.5,8.9"], [0.0] * 5))
    one._box = np.array([[-1.0, 0.0], [3.0, 10.0]])
    # 0.8 of a box of 4 x 10: 1.6 and 4 to either side.
    inside = one._inside(Region("1,5", 1.0, 0.8), ["2.59,5", "2.61,5", "1,8.9", "1,9.1", "2.5,8.9"])
    assert inside == ["2.59,5", "1,8.9", "2.5,8.9"]


@pytest.mark.parametrize("points", [10, 11])
def test_the_process_sees_the_best_half_and_what_is_nearest_to_the_centres(points):
    rng = np.random.default_rng(0)
    places = rng.normal(size=(40, 2)).round(3)
    texts, values = [written(place) for place in places], rng.random(40)
    one = turbo(texts, values, points=points, regions=2)
    one._box = np.array([[0.0, 0.0], [1.0, 1.0]])
    one.regions.all = [Region(texts[3], 0.0, 0.8), Region(texts[17], 0.0, 0.8)]
    best = np.argsort(-values)[:5].tolist()
    away = [min(np.linalg.norm(place - places[centre]) for centre in (3, 17)) for place in places]
    others = [int(row) for row in np.argsort(away) if row not in best][: points - 5]
    assert one._nearby(places, values).tolist() == sorted([*best, *others])
    assert one._nearby(places[:points], values[:points]).tolist() == list(range(points))


def test_the_kernel_is_matern_with_five_halves():
    kernel = turbo(["0,0", "1,1"], [1.0, 2.0])._fitted()[0].covar_module
    kernel.lengthscale = torch.tensor([[0.5, 2.0]])
    found = kernel(torch.zeros(1, 2).double(), torch.tensor([[0.3, 0.8]]).double()).to_dense().item()
    r = math.hypot(0.3 / 0.5, 0.8 / 2.0)
    assert found == pytest.approx((1 + math.sqrt(5) * r + 5 * r**2 / 3) * math.exp(-math.sqrt(5) * r), rel=1e-6)


class Drawn:
    """A process of given lengths whose draws are its candidates' first coordinates."""

    covar_module = SimpleNamespace(lengthscale=torch.ones(1, 2, dtype=torch.float64))

    def posterior(self, candidates):
        self.candidates = candidates
        return SimpleNamespace(rsample=lambda size: candidates[:, :1].expand(size[0], -1, -1).clone())


def test_of_all_regions_candidates_twice_as_many_are_chosen_as_are_wanted():
    one = turbo(["0,5", "2,5"], [1.0, 2.0], regions=2, length=0.2, candidates=101)
    one.regions.begin(np.random.default_rng(0))  # at 2,5 and 0,5, which are 0.75 and 0.25 of the box
    one._scaled(np.zeros((1, 2)))
    process = Drawn()
    owners, points = one._chosen([process], 3, "thompson")
    assert len(process.candidates) == 100  # 50 of each region
    best = process.candidates[:, 0].sort(descending=True).values[:6].numpy()
    assert points[:, 0].tolist() == pytest.approx((-1 + 4 * best).tolist())  # of a box from -1 to 3
    assert owners == [0] * 6
    assert process.candidates[50:, 0].max() <= 0.35


def test_climbed_points_are_shared_out_among_the_regions():
    texts = [f"{x},{y}" for x in (-1, 0, 1, 2, 3) for y in (0, 4, 8)]
    one = turbo(texts, [math.sin(number) for number in range(15)], regions=2, length=0.3, acquisition="logei")
    one.regions.begin(np.random.default_rng(0))
    one._scaled(np.zeros((1, 2)))
    torch.manual_seed(0)
    owners, points = one._chosen(one._fitted(), 3, "logei")
    assert owners == [0, 0, 1]
    for owner, place in zip(owners, points, strict=True):
        centre = one.designs.point(one.regions.all[owner].centre)
        assert (np.abs(place - centre) <= [4, 10]).all()


def test_after_the_first_attempt_points_are_drawn():
    one, asked = turbo(["0,5", "2,5"], [1.0, 2.0], acquisition="logei", start=2), []
    one.initial = [lambda count, seed: []]
    one._fitted = lambda: []
    one._chosen = lambda models, count, acquisition: asked.append((count, acquisition)) or ([0], np.zeros((1, 2)))
    one._decode = lambda owners, points, novel: None
    assert one.ask(3) == []
    assert asked == [(3, "logei"), *[(3, "thompson")] * 3]
    assert one.regions.all[0].failures == 1  # nothing came of four attempts: one failure


def test_the_surest_texts_are_taken_and_the_rest_is_written_again():
    one = turbo(["0,0"], [1.0], decodes=2)
    one.regions.begin(np.random.default_rng(0))
    asked = []

    def written_by(points, seed, name, attempt):
        asked.append((points[:, 0].tolist(), name, attempt))
        texts = ["a", "b", "", "d"] if attempt == 0 else ["e"] * len(points)
        return [Candidate(text) for text in texts[: len(points)]], np.array([-3.0, -1.0, 0.0, -2.0])[: len(points)]

    one.space.written = written_by
    two = NoveltyFilter(2, one.space.canonical, {})
    one._decode([0] * 4, np.arange(8.0).reshape(4, 2), two)
    assert [candidate.text for candidate in two.found] == ["b", "d"]
    assert asked == [([0, 2, 4, 6], "turbo-thompson", 0)]
    assert one.regions.all[0].waiting == ["b", "d"]
    four = NoveltyFilter(5, one.space.canonical, {})
    one._decode([0] * 4, np.arange(8.0).reshape(4, 2), four)
    assert [candidate.text for candidate in four.found] == ["b", "d", "a", "e"]
    assert asked[2:] == [([4], "turbo-thompson", 1)]
