"""Scores of many terms: laws over every way to join, and files with clear errors."""

from __future__ import annotations

import json
import math
import multiprocessing
import pickle
import sys

import numpy as np
import pytest
import scoring_cases
from hypothesis import given, settings
from hypothesis import strategies as st
from property_cases import ASPIRIN, INVALID, ODD, of_molecules
from scoring_cases import CURVED, SLOPES, bounds

from seqvae.errors import ConfigError, InputError, UsageError
from seqvae.properties import Scoring, Term, get, read_scoring, scoring_of
from seqvae.properties.desirability import TRANSFORMS, Desirability
from seqvae.properties.scoring import ARITHMETIC, GEOMETRIC, JOINS, is_scoring_file
from seqvae.sequences.domain import DOMAINS

ABC = ("scoring_cases:a", "scoring_cases:b", "scoring_cases:c")
DESIRABLE = st.one_of(st.floats(0, 1, allow_subnormal=False), st.just(0.0), st.just(math.nan))
ROWS = st.lists(st.tuples(DESIRABLE, DESIRABLE, DESIRABLE), max_size=8)
WEIGHTS = st.tuples(*[st.floats(1e-6, 1e6)] * 3)


def text_of(row):
    return " ".join(map(repr, row))


def joined(row, weights, join):
    """The plain reading of the rules."""
    if any(map(math.isnan, row)):
        return math.nan
    if join == ARITHMETIC:
        return sum(weight * value for weight, value in zip(weights, row, strict=True)) / sum(weights)
    if 0.0 in row:
        return 0.0
    return math.exp(sum(w * math.log(value) for w, value in zip(weights, row, strict=True)) / sum(weights))


@pytest.mark.parametrize("join", [GEOMETRIC, ARITHMETIC])
@given(rows=ROWS, weights=WEIGHTS)
def test_joined_scores_are_the_weighted_means(join, rows, weights):
    scoring = Scoring(tuple(map(Term, ABC, weights)), join)
    found = scoring(list(map(text_of, rows)))
    assert found.dtype == np.float64
    assert found.shape == (len(rows),)
    assert found.tolist() == pytest.approx([joined(row, weights, join) for row in rows], rel=1e-9, nan_ok=True)
    for value, row in zip(found, rows, strict=True):
        if 0.0 in row and join == GEOMETRIC and not math.isnan(value):
            assert value == 0.0
        assert math.isnan(value) or min(row) * (1 - 1e-9) <= value <= max(row) * (1 + 1e-9)


@pytest.mark.parametrize("join", JOINS)
@given(rows=ROWS)
def test_a_text_has_the_same_score_alone_and_among_others(join, rows):
    texts = list(map(text_of, rows))
    weights = (1.0, 1.0, 1.0) if join == "pareto" else (0.3, 2.0, 1.1)
    scoring = Scoring(tuple(map(Term, ABC, weights)), join)
    alone = [scoring([text])[0] for text in texts]
    assert np.array_equal(scoring(texts), np.array(alone).reshape(scoring(texts).shape), equal_nan=True)


@pytest.mark.parametrize("join", JOINS)
def test_terms_apart_stand_side_by_side(join):
    scoring = Scoring(tuple(map(Term, ABC)), join)
    texts = ["0.1 0.2 0.3", "0.4 nan 0.0"]
    apart = join == "pareto"
    assert scoring.columns == (3 if apart else 1) == len(scoring.names)
    assert scoring.names == (ABC if apart else ("score",))
    assert scoring(texts).shape == ((2, 3) if apart else (2,))
    assert scoring([]).shape == ((0, 3) if apart else (0,))
    if apart:
        assert np.array_equal(scoring(texts), [[0.1, 0.2, 0.3], [0.4, math.nan, 0.0]], equal_nan=True)


@pytest.mark.parametrize("join", JOINS)
def test_parts_say_what_a_score_is_made_of(join):
    terms = (Term("qed"), Term("logp", transform="window", low=1.0, high=3.5), Term("logp", name="plain"))
    scoring = Scoring(terms if join != GEOMETRIC else terms[:2], join)
    texts = [ASPIRIN, "CCO", "C1CC"]
    parts = scoring.parts(texts)
    assert tuple(parts) == scoring.titles
    assert parts["logp"].tolist() == pytest.approx(get("logp")(texts).tolist(), nan_ok=True)
    assert np.array_equal(parts["qed"], parts["qed.desirability"], equal_nan=True)
    assert np.array_equal(parts["logp.desirability"], Desirability("window", 1.0, 3.5)(parts["logp"]), equal_nan=True)
    if join != "pareto":
        assert np.array_equal(parts["score"], scoring(texts), equal_nan=True)
    else:
        assert np.array_equal(scoring(texts)[:, 1], parts["logp.desirability"], equal_nan=True)


@pytest.mark.parametrize("join", JOINS)
@pytest.mark.parametrize("name", [found.name for found in of_molecules()])
def test_a_single_term_is_its_property(name, join):
    texts = [*ODD, *INVALID, ASPIRIN]
    expected = get(name)(texts)
    found = Scoring((Term(name),), join)(texts)
    assert np.array_equal(found if join != "pareto" else found[:, 0], expected, equal_nan=True)
    assert np.array_equal(scoring_of(name)(texts), expected, equal_nan=True)


def test_what_terms_share_is_computed_once():
    shared = "scoring_cases:counted"
    terms = (Term(shared), Term(shared, transform="sigmoid", low=0.0, high=5.0, name="again"))
    scoring = Scoring(terms)
    for asked in (scoring, scoring.parts):
        scoring_cases.calls.clear()
        asked(["x", "xyz"])
        assert scoring_cases.calls == ["x", "xyz"]


def test_a_geometric_mean_of_a_negative_number_is_refused():
    negative = ["0.5 1.0 1.0", "0.5 -2.0 1.0"]
    with pytest.raises(InputError) as error:
        Scoring(tuple(map(Term, ABC)))(negative)
    assert str(error.value) == (
        "term 'scoring_cases:b': a geometric mean needs numbers from 0, got -2 for '0.5 -2.0 1.0': "
        "give the term a transform, or join by 'arithmetic'"
    )
    assert Scoring(tuple(map(Term, ABC)), ARITHMETIC)(negative)[1] == pytest.approx(-1 / 6)
    assert Scoring((Term(ABC[1]),))(negative)[1] == -2.0


@pytest.mark.parametrize(
    ("names", "domains"),
    [
        (["qed", "logp"], ("molecules",)),
        (["dna:gc", "scoring_cases:a"], ("dna", "rna")),
        (["dna:gc", "dna:tm"], ("dna",)),
        (["scoring_cases:a", "qed"], ("molecules",)),
        (["scoring_cases:a"], tuple(DOMAINS)),
    ],
)
def test_terms_agree_on_what_they_read(names, domains):
    assert Scoring(tuple(map(Term, names))).domains == domains


def test_terms_that_no_text_could_have_all_of_are_named():
    with pytest.raises(UsageError) as error:
        Scoring((Term("scoring_cases:a"), Term("qed"), Term("dna:gc")))
    assert str(error.value) == "'qed' is of molecules, 'dna:gc' of dna: all terms must be of one domain"


@pytest.fixture
def point(tmp_path, monkeypatch):
    """An installed package with an entry point."""
    folder = tmp_path / "seqvae_sizes-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: seqvae-sizes\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[seqvae.properties]\ninstalled_sizes = scoring_cases:sizes\n")
    monkeypatch.syspath_prepend(tmp_path)
    return "installed_sizes"


def test_a_scoring_can_be_sent_to_a_spawned_process(point, tmp_path):
    program = scoring_cases.script(tmp_path / "sizes.sh", "echo ${#1}")
    cases = [
        scoring_of("qed"),
        scoring_of("similarity:ecfp4:CCO"),
        Scoring((Term("qed"), Term("scoring_cases:sizes", transform="sigmoid", low=0.0, high=9.0))),
        Scoring((Term(point), Term("pmo:deco_hop")), "pareto"),
        Scoring((Term(command=f"{program} {{text}}", name="sizes"),)),
    ]
    texts = [ASPIRIN, "CCO", "C1CC"]
    expected = [scoring(texts) for scoring in cases]  # properties looked up here are not sent
    assert [pickle.loads(pickle.dumps(scoring)) for scoring in cases] == cases
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.starmap(scoring_cases.scored, [(scoring, texts) for scoring in cases])
        pool.close()
        pool.join()
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other, equal_nan=True)


@st.composite
def terms(draw, number):
    transform = draw(st.sampled_from(list(TRANSFORMS)))
    changes = {} if transform == "none" else dict(zip(("low", "high"), draw(bounds()), strict=True))
    if transform in CURVED:
        changes["slope"] = draw(SLOPES)
    if draw(st.booleans()):
        changes |= {"command": f"{sys.executable} {{smiles}}", "timeout": draw(st.floats(0.1, 1e6))}
        changes["shell"] = draw(st.booleans())
    else:
        changes["property"] = draw(st.sampled_from(["qed", "logp", "similarity:ecfp4:CCO", ABC[0]]))
    names = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=5)
    return Term(weight=draw(st.floats(1e-6, 1e6)), transform=transform, name=f"{number}{draw(names)}", **changes)


def toml(values):
    """Plain values as TOML."""
    lines = [f"join = {json.dumps(values['join'])}"]
    for row in values["term"]:
        lines += ["[[term]]", *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in row.items())]
    return "\n".join(lines)


@settings(max_examples=30)
@given(data=st.data(), count=st.integers(1, 4), join=st.sampled_from([GEOMETRIC, ARITHMETIC]))
def test_a_scoring_comes_back_from_its_dictionary_and_from_toml(tmp_path_factory, data, count, join):
    scoring = Scoring(tuple(data.draw(terms(number)) for number in range(count)), join)
    values = scoring.to_dict()
    assert Scoring.from_dict(values) == scoring
    assert Scoring.from_dict(values).to_dict() == values == json.loads(json.dumps(values))
    path = tmp_path_factory.mktemp("scoring") / "tasks.toml"
    path.write_text(toml(values), "utf-8")
    assert read_scoring(path) == scoring == scoring_of(str(path))


def test_the_file_of_the_manual(tmp_path, monkeypatch):
    from seqvae.properties import scoring as module

    monkeypatch.chdir(tmp_path)
    scoring_cases.script(tmp_path / "dock.sh", "echo -9")
    text = module.__doc__.partition("reads it:\n")[2]
    (tmp_path / "tasks.toml").write_text("\n".join(line.removeprefix("    ") for line in text.splitlines()))
    scoring = read_scoring("tasks.toml")
    assert [term.title() for term in scoring.terms] == ["qed", "logp", "docking"]
    assert scoring.terms[0].weight == 2.0
    assert scoring.parts([ASPIRIN])["docking.desirability"] == pytest.approx([0.5])
    assert scoring.describe() == (
        "geometric mean of qed, weight 2; window(logp, 1 to 3.5); reverse_sigmoid(docking, -12 to -6)"
    )


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", UsageError, "expected at least one term, got none: add a [[term]]"),
        ("jion = 'apart'", ConfigError, "unknown setting 'jion'; did you mean 'join'?"),
        ("join = 'geometrc'\n[[term]]\nproperty='qed'", ConfigError, "join: unknown value 'geometrc'; did you mean"),
        ("join = 3\n[[term]]\nproperty='qed'", ConfigError, "join: expected one of geometric, arithmetic, pareto"),
        ("[term]\nproperty='qed'", ConfigError, "term: expected tables, each headed [[term]], got {"),
        ("term = [1]", ConfigError, "term 1: expected a table of settings, got 1"),
        ("[[term]]\nproperty='qed'\nlwo = 1", ConfigError, "term 1: unknown setting 'lwo'; did you mean 'low'?"),
        ("[[term]]\nproperty='qed'\nlow = '1'", ConfigError, "term 1.low: expected float, got '1' (str)"),
        (
            "[[term]]\nproperty='qed'\n[[term]]\nproperty='lopg'",
            UsageError,
            "term 2: unknown property 'lopg'; did you mean 'logp'?",
        ),
        (
            "[[term]]\nproperty='qed'\n[[term]]\nproperty='logp'\ntransform='windw'",
            ConfigError,
            "term 2: transform: unknown value 'windw'; did you mean 'window'?",
        ),
        ("[[term]]\nweight=2", ConfigError, "term 1: expected either a property or a command, got '' and ''"),
        ("[[term]]\nproperty='qed'\ncommand='x'", ConfigError, "term 1: expected either a property or a command"),
        ("[[term]]\nproperty='qed'\nweight=0", ConfigError, "term 1: weight: expected a number from 1e-06 to 1e+06"),
        ("[[term]]\nproperty='qed'\nshell=true", ConfigError, "term 1: timeout, shell: no effect on the property"),
        ("[[term]]\ncommand='no-such-program {smiles}'", UsageError, "there is no program 'no-such-program'"),
        ("[[term]]\ncommand='sh'\ntimeout=0", ConfigError, "timeout: expected seconds above 0, got 0"),
        ("[[term]]\nproperty='tfbind8:none.txt'", InputError, "none.txt: cannot read a table"),
        (
            "join='apart'\n[[term]]\nproperty='qed'\nweight=2",
            ConfigError,
            "weight: no effect with join pareto: leave it out, or use another join",
        ),
        (
            "[[term]]\nproperty='qed'\n[[term]]\nproperty='qed'",
            UsageError,
            "two columns would be called 'qed': give a term another name",
        ),
        ("[[term]]\nproperty='qed'\nname='score'", UsageError, "two columns would be called 'score'"),
        ("[[term]]\nproperty='qed'\nname='text'", UsageError, "two columns would be called 'text'"),
        ("[[term", ConfigError, "not a TOML file: "),
    ],
)
def test_mistakes_in_a_file_are_one_line_with_file_and_term(text, kind, words, tmp_path):
    path = tmp_path / "tasks.toml"
    path.write_text(text)
    with pytest.raises(kind) as error:
        read_scoring(path)
    assert type(error.value) is kind
    assert str(error.value).startswith(f"{path}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_word_that_means_nothing(tmp_path):
    with pytest.raises(UsageError) as error:
        scoring_of("qedd")
    assert str(error.value) == "unknown property 'qedd'; did you mean 'qed'?"
    with pytest.raises(ConfigError, match=r"none\.toml: cannot read the scoring: No such file or directory"):
        scoring_of(str(tmp_path / "none.toml"))
    assert not is_scoring_file("similarity:ecfp4:CCO")
