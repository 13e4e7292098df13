"""Laws of every optimiser: proposals are new, follow the seed and what was told, survive saving, and get better."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from space_cases import LENGTH, codec, dna, space

from seqvae.config import AscentConfig, CmaConfig, EvolutionConfig, GuideConfig, OracleConfig, TurboConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import InputError, UsageError
from seqvae.properties import get
from seqvae.search.domain.molecule_moves import MoleculeMoves
from seqvae.search.domain.sequence_moves import SelfiesMoves, SequenceMoves
from seqvae.search.memory.initial_design import FromPrior
from seqvae.search.memory.pareto import hypervolume
from seqvae.search.optimizer import Optimizer
from seqvae.search.optimizers.baselines import PriorSampling, Screening
from seqvae.search.optimizers.cma_es import CmaEs
from seqvae.search.optimizers.evolution import Evolution
from seqvae.search.optimizers.gradient_ascent import Ascent
from seqvae.search.optimizers.operators import Crossover, Mutation
from seqvae.search.optimizers.turbo import Turbo
from seqvae.search.oracle.oracle import Oracle
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.results import Results, results
from seqvae.search.storage.ledger import Ledger
from seqvae.search.storage.state import load_state, save_state
from seqvae.search.surrogates.similarity_gp import Guide
from seqvae.search.surrogates.tanimoto import Substructures, Words
from seqvae.sequences.molecules import canonical_or_none

pytestmark = pytest.mark.usefixtures("short_fits")
MOLECULES = load_dataset("moses-sample").texts[:400]
BEST = "GATTACAGATTA"
ROUNDS, SAVED, BATCH = 5, 3, 12  # the state is looked at after so many of the rounds
FEW = 4  # proposals a round where each takes seconds


def molecules(count, seed):
    rows = np.random.default_rng(seed).choice(len(MOLECULES), count)
    return [Candidate(MOLECULES[row], "start") for row in rows]


def sequences(count, seed):
    letters = np.random.default_rng(seed).choice(list("ACGT"), (count, LENGTH))
    return [Candidate("".join(row), "start") for row in letters]


def alike(texts):
    """How many letters are those of the best sequence."""
    return [sum(a == b for a, b in zip(text, BEST, strict=False)) / LENGTH for text in texts]


def both(texts):
    """Two objectives that are against each other: as `alike`, and how many letters are A."""
    return [[first, text.count("A") / LENGTH] for first, text in zip(alike(texts), texts, strict=True)]


def columns(values):
    """Scores of texts as `(batch, scores)`."""
    return np.array(values, np.float64).reshape(len(values), -1)


def evolution(moves, start, canonical, seed):
    operators = {"crossover": (Crossover(moves), 0.7), "mutation": (Mutation(moves), 0.3)}
    return Evolution(start, operators, canonical, EvolutionConfig(start=BATCH, population=40), seed)


def screening(seed):
    return Screening([one.text for one in sequences(500, 7)] * 2, dna, seed)


def cma(seed, **config):
    return CmaEs(space(), CmaConfig(start=BATCH, **config), seed)


def turbo(seed, **config):
    return Turbo(space(), TurboConfig(**{"start": BATCH, "candidates": 200, **config}), seed)


def guided(moves, features, start, canonical, seed):
    operators = {"crossover": (Crossover(moves), 0.7), "mutation": (Mutation(moves), 0.3)}
    guide = Guide([features], GuideConfig(generations=2, offspring=40, points=30))
    return Evolution(start, operators, canonical, EvolutionConfig(start=BATCH, population=20), seed, guide=guide)


def ascent(seed):
    return Ascent(space(), AscentConfig(start=BATCH, training=60), seed)


LETTERS = SequenceMoves("ACGT", fixed_length=True)
# Searches in a latent space, by what makes them.
LATENT = {
    "cma": cma,
    "cma-full": lambda seed: cma(seed, form="full", population=7),
    "cma-subspace": lambda seed: cma(seed, subspace=2, population=5),
    "turbo": lambda seed: turbo(seed, points=30),
    "turbo-regions": lambda seed: turbo(seed, regions=2, failures=1, shortest=0.3),
    "ascent": ascent,
}
# Others that take longer: they begin late.
SLOW = {
    "turbo-logei": lambda seed: turbo(seed, acquisition="logei", decodes=2, start=4 * FEW),
    "turbo-lognei": lambda seed: turbo(seed, acquisition="lognei", start=4 * FEW),
}

# Those that take several objectives, with two.
SEVERAL = {
    "bred-both": lambda seed: evolution(LETTERS, sequences, dna, seed),
    "guided-both": lambda seed: guided(LETTERS, Words(), sequences, dna, seed),
    "turbo-both": lambda seed: turbo(seed, points=30),
    "turbo-both-regions": lambda seed: turbo(seed, regions=2, failures=1, shortest=0.3),
    "turbo-both-lognei": lambda seed: turbo(seed, acquisition="lognei", start=4 * FEW),
}

# What makes an optimiser, how texts become canonical, and what is asked for.
CASES = {
    "graph": (
        lambda seed: evolution(MoleculeMoves(), molecules, canonical_or_none, seed),
        canonical_or_none,
        get("qed"),
    ),
    "selfies": (
        lambda seed: evolution(SelfiesMoves(), molecules, canonical_or_none, seed),
        canonical_or_none,
        get("qed"),
    ),
    "dna": (lambda seed: evolution(LETTERS, sequences, dna, seed), dna, alike),
    "guided-molecules": (
        lambda seed: guided(MoleculeMoves(), Substructures(), molecules, canonical_or_none, seed),
        canonical_or_none,
        get("qed"),
    ),
    "guided-dna": (lambda seed: guided(LETTERS, Words(), sequences, dna, seed), dna, alike),
    "prior": (lambda seed: PriorSampling((FromPrior(space().codec),), dna, seed), dna, alike),
    "screening": (screening, dna, alike),
    **{name: (make, dna, alike) for name, make in (LATENT | SLOW).items()},
    **{name: (make, dna, both) for name, make in SEVERAL.items()},
}


def batch_of(case):
    """Proposals a round."""
    return FEW if case.endswith("ei") else BATCH


def near(texts):
    """How near the points of texts are to a place where the prior has few."""
    place = np.full(codec().latent, 1.5)
    return (-np.linalg.norm(codec().encode(texts, refine=0).numpy() - place, axis=1)).tolist()


def campaign(case, path, optimizer, rounds, batch=0, score=None):
    """Run an optimiser against an oracle; return what was evaluated, and what came of it."""
    _, canonical, own = CASES[case]
    score = score or own
    path.mkdir(exist_ok=True)
    ledger = Ledger(path / "ledger.sqlite", {"case": case})
    width = 2 if score is both else 1
    oracle = Oracle(score, canonical, ledger, OracleConfig(budget=10_000), width)
    for _ in range(rounds):
        proposals = optimizer.ask(batch or batch_of(case))
        optimizer.tell(proposals, oracle(proposals))
    rows = list(ledger.entries())
    ledger.close()
    return [(one.text, one.status, one.scores, one.proposer, point(one)) for one in rows], results(rows, 10_000)


def point(one):
    """The point of a proposal, to the last bit."""
    return None if one.z is None else one.z.tobytes()


def global_numbers():
    return np.random.random(), torch.rand(1).item()


class Whole(NamedTuple):
    """A search of `ROUNDS` rounds with seed 0, which several laws look at.

    Attributes:
        case: which.
        rows: what was evaluated.
        results: what came of all of it.
        state: file of its state after `SAVED` rounds, written then.
        later: file of the same state, written after all rounds.
        numbers: what the global generators gave after it, and what they would have given without it.
    """

    case: str
    rows: list
    results: Results
    state: Path
    later: Path
    numbers: tuple


@pytest.fixture(scope="module", params=CASES)
def whole(request, tmp_path_factory):
    case, folder = request.param, tmp_path_factory.mktemp("whole")
    optimizer = CASES[case][0](0)
    assert isinstance(optimizer, Optimizer)
    seeded()
    expected = global_numbers()
    seeded()
    campaign(case, folder / "first", optimizer, SAVED)
    state = optimizer.state_dict()
    save_state(folder / "then", state)
    rows, found = campaign(case, folder / "first", optimizer, ROUNDS - SAVED)
    save_state(folder / "later", state)
    return Whole(case, rows, found, folder / "then", folder / "later", (global_numbers(), expected))


def seeded():
    np.random.seed(0)
    torch.manual_seed(0)


def test_an_optimiser_proposes_what_is_new_and_valid_and_gets_better(whole):
    batch = batch_of(whole.case)
    assert len(whole.rows) == ROUNDS * batch
    assert {status for _, status, *_ in whole.rows} == {"ok"}
    start = np.mean([scores[0] for _, _, scores, *_ in whole.rows[:batch]])
    assert whole.results.top_mean > start


def test_one_seed_gives_one_search(whole, tmp_path):
    make, *_ = CASES[whole.case]
    again, _ = campaign(whole.case, tmp_path / "again", make(0), 2)
    assert again == whole.rows[: len(again)]
    assert campaign(whole.case, tmp_path / "other", make(1), 2)[0] != again


def test_a_search_that_was_saved_goes_on_as_if_it_had_not_been_stopped(whole, tmp_path):
    optimizer = CASES[whole.case][0](1)
    optimizer.load_state_dict(load_state(whole.state))
    rows, _ = campaign(whole.case, tmp_path / "on", optimizer, ROUNDS - SAVED)
    assert rows == whole.rows[SAVED * batch_of(whole.case) :]


def test_a_state_stays_what_it_was_while_the_search_goes_on(whole):
    assert whole.state.read_bytes() == whole.later.read_bytes()


def test_global_random_numbers_are_left_alone(whole):
    found, expected = whole.numbers
    assert found == expected


def test_evolution_finds_the_best_sequence(tmp_path):
    assert campaign("dna", tmp_path, CASES["dna"][0](0), 60, batch=20)[1].best == 1.0


def test_shares_say_how_many_each_way_breeds():
    optimizer = CASES["dna"][0](0)
    optimizer.archive.update([candidate.text for candidate in sequences(40, 0)], np.linspace(0, 1, 40).tolist())
    made = [candidate.proposer for candidate in optimizer.ask(100)]
    assert 65 <= made.count("crossover") <= 75
    assert made.count("crossover") + made.count("mutation") == 100


def test_where_nothing_new_can_be_bred_the_rest_comes_from_the_start(tmp_path):
    class Stuck:
        def mutate(self, text, rng):
            return text

        def cross(self, first, second, rng):
            return first

    optimizer = evolution(Stuck(), sequences, dna, 0)
    optimizer.archive.update([candidate.text for candidate in sequences(40, 0)], np.linspace(0, 1, 40).tolist())
    assert {candidate.proposer for candidate in optimizer.ask(10)} == {"start"}


@pytest.mark.parametrize("case", CASES)
def test_what_others_proposed_is_learned_and_not_proposed_again(case):
    make, canonical, score = CASES[case]
    batch = batch_of(case)
    optimizer, others = make(0), make(1).ask(3 * batch)
    forms = [canonical(one.text) for one in others]
    values = columns(score(forms))
    values[::5] = np.nan
    statuses = ["failed" if np.isnan(value) else "ok" for value in values[:, 0]]
    optimizer.tell(others, Scores(values, statuses, forms))
    own = {canonical(one.text) for one in optimizer.ask(batch)}
    assert len(own) == batch
    assert not own & set(forms)


@pytest.mark.parametrize("case", CASES)
def test_invalid_and_unscored_proposals_are_survived(case):
    make, canonical, score = CASES[case]
    optimizer, batch = make(0), batch_of(case)
    for number in range(4):
        asked = optimizer.ask(batch)
        forms = [None if number == 1 else canonical(one.text) for one in asked]
        over = number == 2
        values = columns(score([one.text for one in asked]))
        values[:] = np.nan if over or number == 1 else np.arange(batch, dtype=np.float64)[:, None]
        optimizer.tell(asked, Scores(values, ["over_budget" if over else "ok"] * batch, forms))
    assert len(optimizer.ask(1)) == 1


@pytest.mark.parametrize("place", range(0, BATCH, 3))
def test_a_climb_begins_at_the_best_text(place):
    texts = [one.text for one in sequences(BATCH, 0)]
    optimizer = cma(0, sigma=0.2)
    values = np.where(np.arange(BATCH) == place, 1.0, 0.0)[:, None]
    optimizer.tell([Candidate(text) for text in texts], Scores(values, ["ok"] * BATCH, texts))
    points = [one.z for one in optimizer.ask(BATCH) if one.proposer == "cma-es"]
    ends = optimizer.space.encode(texts)[0]
    assert np.linalg.norm(np.mean(points, axis=0) - ends, axis=1).argmin() == place


@pytest.fixture(scope="module")
def nearest(tmp_path_factory):
    """How near a dozen rounds of a search come to a place, by the name of its case; made once each."""

    @cache
    def found(case):
        optimizer = CASES[case][0](3)
        return campaign(case, tmp_path_factory.mktemp("near"), optimizer, 12, score=near)[1].top_mean

    return found


@pytest.mark.parametrize("case", LATENT)
def test_a_search_in_latent_space_beats_the_prior(case, nearest):
    """On a score that is smooth there, a dozen rounds find more than as many draws from the model."""
    assert nearest(case) > nearest("prior")


def smooth(texts):
    """Two objectives that are smooth in the latent space."""
    points = codec().encode(texts, refine=0).numpy()
    ends = [np.full(codec().latent, place) for place in (1.5, -1.5)]
    return np.stack([-np.linalg.norm(points - end, axis=1) for end in ends], axis=1)


@cache
def volume(name, seed):
    """How large a volume eight rounds open."""
    optimizer, seen = CASES[name][0](seed), []
    for _ in range(8):
        asked = optimizer.ask(BATCH)
        forms = [dna(one.text) for one in asked]
        seen.append(smooth(forms))
        optimizer.tell(asked, Scores(seen[-1], ["ok"] * len(asked), forms))
    return hypervolume(np.concatenate(seen), [-20.0, -20.0])


@pytest.mark.parametrize("case", ["turbo-both", "turbo-both-regions"])
def test_a_search_for_two_objectives_opens_a_larger_volume_than_the_prior(case):
    """On two scores that are smooth in the latent space, over two seeds together."""
    assert sum(volume(case, seed) for seed in range(2)) > sum(volume("prior", seed) for seed in range(2))


def test_an_ascent_starts_from_each_text_by_its_own_rank(monkeypatch):
    """Also where the model cannot read some of the best: of 5, 5, 5 and 1 two fives are too long."""
    optimizer, drawn = ascent(0), []
    texts = ["A" * (LENGTH + 1), "C" * (LENGTH + 1), "GATTACA", "ACGTACGT"]
    optimizer.tell([Candidate(text) for text in texts], Scores(columns([5, 5, 5, 1]), ["ok"] * 4, texts))

    class Chance:
        def choice(self, count, size, p):
            drawn.append(p.tolist())
            raise InterruptedError

    monkeypatch.setattr(optimizer, "_rng", Chance())
    with pytest.raises(InterruptedError):
        optimizer._climbed(None, 3)
    assert drawn == [pytest.approx([2 / 3, 1 / 3])]


def test_screening_ends_with_its_file_and_knows_its_file():
    optimizer = screening(0)
    texts = [one.text for one in optimizer.ask(10_000)]
    assert sorted(texts) == sorted(set(optimizer.texts))
    assert optimizer.ask(1) == []
    with pytest.raises(UsageError, match="expected the 2 texts to screen to be those of the saved search"):
        Screening(["A", "C"], dna).load_state_dict(optimizer.state_dict())


@pytest.mark.parametrize("seed", range(3))
def test_a_climb_begins_at_the_same_point_after_saving(seed, tmp_path):
    """Among few texts that the model can read, some of which an earlier climb knew and a new process does not."""
    texts = ["A" * (LENGTH + 1 + number) for number in range(8)] + [one.text for one in sequences(4, seed)]
    optimizer = cma(seed)
    optimizer.tell(list(map(Candidate, texts)), Scores(-columns(range(12)), ["ok"] * 12, texts))
    for _ in range(6):
        save_state(tmp_path / "state", optimizer.state_dict())
        other = cma(seed + 1)
        other.load_state_dict(load_state(tmp_path / "state"))
        found, again = optimizer.ask(4), other.ask(4)
        assert {one.proposer for one in found} == {"cma-es"}
        assert list(map(point, again)) == list(map(point, found))
        optimizer._climb = None  # as where it has converged


def test_a_climb_is_not_carried_on_in_another_form():
    optimizer = cma(0)
    start = sequences(2 * BATCH, 0)
    values = np.array(alike([one.text for one in start]))[:, None]
    optimizer.tell(start, Scores(values, ["ok"] * len(start), [one.text for one in start]))
    optimizer.ask(4)
    with pytest.raises(InputError, match="another form than 'full', or of another version of cmaes"):
        cma(0, form="full").load_state_dict(optimizer.state_dict())


def test_a_file_is_screened_in_every_order_alike():
    first = Counter(Screening(["a", "b", "c"], str, seed).ask(1)[0].text for seed in range(600))
    assert min(first[text] for text in "abc") > 150
    one = Screening(["b", "a", "", "b"], lambda text: text or None, 0)
    one.tell([], Scores(np.zeros((1, 1)), ["ok"], ["a"]))
    assert [candidate.text for candidate in one.ask(5)] == ["b"]
