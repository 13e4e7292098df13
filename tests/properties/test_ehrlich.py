"""Ehrlich functions: laws over random ones, every sequence of small ones, and the values of pytorch-holo."""

import itertools
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae.errors import InputError, UsageError
from seqvae.properties.benchmarks.ehrlich import ALPHABET, Ehrlich, from_name, listed, named
from seqvae.properties.benchmarks.ehrlich_chains import is_ergodic, random_matrix, walks

# Made once with pytorch-holo 0.0.5, which needs another version of NumPy: its matrices, motifs, texts and values.
HOLO = json.loads((Path(__file__).parents[1] / "golden" / "ehrlich_holo.json").read_text())["cases"]


def plain_value(function, states):
    """The definition, element by element (Stanton et al. 2024, arXiv:2407.00236)."""
    if any(function.matrix[a, b] == 0 for a, b in itertools.pairwise(states)):
        return -np.inf
    value, size = 1.0, function.motifs.shape[1]
    step = -(-size // function.quantisation)
    for motif, spacing in zip(function.motifs, function.spacings, strict=True):
        places = [sum(spacing[:i]) for i in range(size)]
        best = max(
            sum(states[start + place] == state for place, state in zip(places, motif, strict=True))
            for start in range(len(states) - places[-1])
        )
        share = best // step * step / size
        value *= share * (1 + function.epistasis * share * (share - 1))
    return value


@st.composite
def functions(draw, most=64):
    motifs, size = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    quantisation = draw(st.sampled_from([q for q in range(1, size + 1) if size % -(-size // q) == 0]))
    length = motifs * size + draw(st.integers(0, 20))
    epistasis = draw(st.sampled_from([0.0, 0.5, 4.0]))
    return Ehrlich.draw(
        draw(st.integers(2, most)), length, motifs, size, quantisation, epistasis, draw(st.integers(0, 999))
    )


@given(functions())
def test_the_optimum_is_exactly_1(function):
    best = function.optimum()
    assert function.score(best[None]).tolist() == [1.0]
    assert function.values(function.write(best[None])).tolist() == [1.0]


@given(functions(), st.integers(0, 99))
def test_values_are_those_of_the_definition(function, seed):
    draws = np.random.default_rng(seed)
    near = np.repeat(function.optimum()[None], 5, 0)
    places = draws.integers(0, function.length, 5)
    near[np.arange(5), places] = draws.integers(0, function.vocab, 5)
    states = np.concatenate([near, function.initial_solution(5, seed), draws.integers(0, function.vocab, near.shape)])
    wanted = [plain_value(function, row) for row in states.tolist()]
    assert function.score(states) == pytest.approx(wanted, rel=1e-12)
    assert function.feasible(states).tolist() == [value > -np.inf for value in wanted]


@given(functions(), st.integers(0, 99))
def test_initial_solutions_are_feasible_and_their_values_on_the_grid(function, seed):
    states = function.initial_solution(50, seed)
    assert states.shape == (50, function.length)
    assert function.feasible(states).all()
    assert np.array_equal(states, function.initial_solution(50, seed))
    responses = sorted({plain_share(function, n) for n in range(function.motifs.shape[1] + 1)})
    grid = [np.prod(each) for each in itertools.combinations_with_replacement(responses, len(function.motifs))]
    assert all(np.isclose(value, grid, rtol=1e-12, atol=0).any() for value in function.score(states))


def plain_share(function, present):
    size = function.motifs.shape[1]
    step = -(-size // function.quantisation)
    share = (present // step) * step / size
    return share * (1 + function.epistasis * share * (share - 1))


@given(functions())
def test_the_structure_is_that_of_the_paper(function):
    assert np.allclose(function.matrix.sum(1), 1)
    assert (np.diag(function.matrix) > 0).all()
    assert is_ergodic(function.matrix > 0)
    width = 2 * int(0.4 * function.vocab) + 1  # of the band; a state's own repeat may be outside it
    assert set((function.matrix > 0).sum(1)) <= {width, width + 1}
    chain = function.motifs.ravel()
    assert (function.matrix[chain[:-1], chain[1:]] > 0).all()
    spans = 1 + function.spacings.sum(1)
    assert (spans <= function.length // len(function.motifs)).all()
    assert (function.spacings >= 1).all()


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "sizes", [(2, 8, 2, 2, 2), (4, 6, 1, 3, 3), (4, 6, 2, 2, 1), (4, 7, 2, 3, 3), (3, 7, 2, 2, 2, 4.0)]
)
def test_of_all_sequences_none_is_above_1_and_one_is_1(sizes, seed):
    function = Ehrlich.draw(*sizes, seed=seed)
    states = np.array(list(itertools.product(range(function.vocab), repeat=function.length)))
    values = function.score(states)
    assert values.max() == 1.0
    banned = (function.matrix == 0)[states[:, :-1], states[:, 1:]].any(1)
    assert np.array_equal(np.isneginf(values), banned)
    assert (values[~banned] >= 0).all()


@pytest.mark.parametrize("case", HOLO, ids=lambda case: f"L{case['length']}q{case['quantisation']}")
def test_values_are_those_of_pytorch_holo(case):
    allowed = np.array([[letter == "1" for letter in row] for row in case["allowed"]], float)
    matrix = allowed / allowed.sum(1, keepdims=True)  # values depend only on which transitions are allowed
    function = Ehrlich(
        matrix, case["motifs"], case["spacings"], case["length"], case["quantisation"], case["epistasis"]
    )
    wanted = np.array([np.nan if value is None else value for value in case["values"]])
    assert np.allclose(function.values(case["texts"]), wanted, rtol=2e-6, atol=0, equal_nan=True)
    assert np.nanmax(wanted) == 1


def test_figures_of_the_published_settings():
    drawn = [Ehrlich.draw(32, 32, 4, 4, 4, seed=seed) for seed in range(10)]
    assert np.mean([(function.matrix == 0).mean() for function in drawn]) == pytest.approx(0.213, abs=0.003)
    assert np.mean([function.score(function.initial_solution(400)).mean() for function in drawn]) == pytest.approx(
        0.0098, abs=0.003
    )
    uniform = np.random.default_rng(0).integers(0, 32, (20_000, 32))
    assert 1e-4 < np.mean([function.feasible(uniform).mean() for function in drawn]) < 2e-3  # .0007
    twenty = [(Ehrlich.draw(20, 32, 4, 4, 4, seed=seed).matrix == 0).mean() for seed in range(10)]
    assert np.mean(twenty) == pytest.approx(0.142, abs=0.004)


def test_a_seed_means_the_same_function_for_ever():
    function = from_name("V=8,L=16,c=2,k=3,seed=5")
    assert function.motifs.tolist() == [[1, 5, 1], [5, 6, 4]]
    assert function.spacings.tolist() == [[5, 1], [3, 3]]
    assert function.write(function.initial_solution(1, 0)) == ["FAEHAEDBFBAEAEHA"]
    assert from_name("V=8,L=16,c=2,k=3,seed=6").motifs.tolist() != [[1, 5, 1], [5, 6, 4]]


def test_walks_follow_the_matrix():
    matrix = random_matrix(6, np.random.default_rng(3))
    taken = walks(matrix, 200, 2000, np.random.default_rng(0))
    counts = np.zeros((6, 6))
    np.add.at(counts, (taken[:, :-1].ravel(), taken[:, 1:].ravel()), 1)
    assert np.allclose(counts / counts.sum(1, keepdims=True), matrix, atol=0.01)
    assert (counts[matrix == 0] == 0).all()
    stationary = np.linalg.matrix_power(matrix, 200)[0]
    assert np.abs(stationary - 1 / 6).max() > 0.08
    assert np.allclose(np.bincount(taken[:, 0], minlength=6) / 2000, stationary, atol=0.04)


def test_a_chain_of_two_closed_parts_is_not_ergodic():
    assert not is_ergodic(np.eye(4, dtype=bool))
    ring = np.eye(9, dtype=bool) | np.roll(np.eye(9, dtype=bool), 1, 1)
    assert is_ergodic(ring)
    ring[8, 0] = False
    assert not is_ergodic(ring)


def test_a_batch_is_its_texts_one_by_one():
    function = from_name("V=32,L=40,c=2,k=4,q=4,eps=1")
    texts = function.write(function.initial_solution(1500))  # more than one scoring batch
    values = function.values(texts)
    assert values.tolist() == [function.values([text])[0] for text in texts]
    assert len(set(values.tolist())) > 3
    assert function.values([]).shape == (0,)
    assert function.score(np.zeros((0, 40), int)).shape == (0,)


def test_a_text_without_a_value_is_nan():
    found = named("V=4,L=6,c=1,k=3,alphabet=ACGT")
    function = from_name("V=4,L=6,c=1,k=3,alphabet=ACGT")
    best = function.write(function.optimum()[None])[0]
    a, b = np.argwhere(function.matrix == 0)[0]
    infeasible = "ACGT"[a] * 3 + "ACGT"[b] * 3
    texts = ["", best, best + "A", best[:-1], "acgtac", "ACGTA?", "ACGT\u0100A", "ACGT\U0001f600A", infeasible, best]
    wanted = [np.nan, 1, *[np.nan] * 7, 1]
    assert np.array_equal(found(texts), wanted, equal_nan=True)
    assert found.kind == "dna"
    assert function.score([["ACGT".index(letter) for letter in infeasible]]).tolist() == [-np.inf]


def test_the_property_of_a_name():
    found = named("V=64,L=20,c=2,k=4,q=2,eps=0.5,seed=3")
    function = Ehrlich.draw(64, 20, 2, 4, 2, 0.5, 3)
    assert found.name == "ehrlich:V=64,L=20,c=2,k=4,q=2,eps=0.5,seed=3"
    assert found.kind == "letters"
    assert "of sequences of 20 of the letters ABC" in found.about
    assert function.alphabet == ALPHABET
    assert len(set(ALPHABET)) == 64
    texts = function.write(function.initial_solution(30, 1))
    assert np.array_equal(found(texts), function.values(texts))
    assert np.array_equal(pickle.loads(pickle.dumps(found))(texts), found(texts))
    assert listed() == []


def test_quantisation_is_all_of_a_motif_where_it_is_left_out():
    left_out, whole, coarse = (from_name(f"V=8,L=16,c=2,k=4{q}") for q in ("", ",q=4", ",q=2"))
    states = left_out.initial_solution(200)
    assert np.array_equal(left_out.score(states), whole.score(states))
    assert not np.array_equal(left_out.score(states), coarse.score(states))


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("", "ehrlich:: V, L, c, k missing; expected a name such as ehrlich:V=32,L=32,c=4,k=4,q=4"),
        ("V=32,L=32", "ehrlich:V=32,L=32: c, k missing"),
        ("V=4,L=8,c=1,k=2,sed=1", "unknown option 'sed'; did you mean 'seed'?"),
        ("V=4,V=4", "option 'V' is given twice"),
        ("V=4,L=x", "expected a number for L, got 'x'"),
        ("V=4,L=8,c=1,k=2,seed=-1", "expected a seed of at least 0, got -1"),
        ("V=1,L=8,c=1,k=2", "expected V from 2 to 64 states, got 1"),
        ("V=65,L=8,c=1,k=2", "expected V from 2 to 64 states, got 65"),
        ("V=4,L=8,c=0,k=2", "expected c and k of at least 1, got c=0 and k=2"),
        ("V=4,L=7,c=2,k=4", "2 motifs of 4 need a length L of at least 8, got 7"),
        ("V=4,L=8,c=2,k=4,q=5", "expected a quantisation q from 1 to k=4, got 5"),
        (
            "V=4,L=9,c=1,k=5,q=4",
            r"whose step ceil\(k/q\) divides k=5, so that 1 can be reached; got q=4 with a step of 2",
        ),
        ("V=4,L=8,c=2,k=4,eps=-1", "expected an epistasis eps from 0 to 4, got -1"),
        ("V=4,L=8,c=2,k=4,eps=nan", "expected an epistasis eps from 0 to 4, got nan"),
        ("V=4,L=8,c=2,k=4,alphabet=ACGG", "expected an alphabet of 4 different letters, digits, \\+ or /, got 'ACGG'"),
    ],
)
def test_a_wrong_name(rest, words):
    with pytest.raises(UsageError, match=words):
        named(rest)


MATRIX = np.full((3, 3), 1 / 3)
HALVES = np.array([[0.5, 0.5, 0], [0, 0.5, 0.5], [0.5, 0, 0.5]])


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"matrix": MATRIX[:2]}, r"transition matrix of shape \(V, V\) with V from 2 to 64, got \(2, 3\)"),
        ({"matrix": MATRIX * 2}, "not negative and sum to 1"),
        ({"matrix": np.full((3, 3), np.nan)}, "not negative and sum to 1"),
        ({"matrix": [[0.5, 0.5, 0], [0, 0, 1], [0.5, 0, 0.5]]}, "every state may follow itself; state 1 may not"),
        ({"matrix": np.eye(3)}, "every state can be reached from every other"),
        ({"matrix": HALVES}, "feasible when concatenated; 1 to 0 is a banned transition"),
        ({"motifs": [[0, 1, 2]]}, r"got \(1, 3\) and \(2, 1\)"),
        ({"motifs": [[0, 3], [0, 1]]}, "expected motifs of states 0 to 2, got 0 to 3"),
        ({"spacings": [[1], [0]]}, "expected spacings of at least 1, got 0"),
        ({"length": 4}, "motifs with these spacings need a length of 5, it is 4"),
        ({"alphabet": "AB"}, "expected an alphabet of 3 different letters"),
        ({"alphabet": "AB?"}, "expected an alphabet of 3 different letters"),
    ],
)
def test_wrong_parts(parts, words):
    good = Ehrlich(MATRIX, np.array([[0, 1], [0, 2]]), np.array([[1], [2]]), 5, 2)
    assert good.score(good.optimum()[None]).tolist() == [1.0]
    with pytest.raises(UsageError, match=words):
        replace(good, **parts)


@pytest.mark.parametrize(
    ("states", "words"),
    [
        (np.zeros((2, 4), int), r"integer states of shape \(batch, 5\), got int64 of shape \(2, 4\)"),
        (np.zeros((2, 5)), "integer states of shape .*, got float64"),
        (np.full((1, 5), 3), "expected states from 0 to 2, got 3 to 3"),
        (np.full((1, 5), -1), "expected states from 0 to 2, got -1 to -1"),
    ],
)
def test_wrong_states(states, words):
    function = Ehrlich(MATRIX, np.array([[0, 1]]), np.array([[1]]), 5, 2)
    with pytest.raises(InputError, match=words):
        function.score(states)
