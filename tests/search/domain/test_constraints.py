"""Constraints: what breaks a rule is never scored, whoever proposes it, and a rule that means nothing is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from search_cases import alike, rows, settings, start

from seqvae.config import ConstraintConfig, GuideConfig, SearchConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import ConfigError, UsageError
from seqvae.properties import get
from seqvae.search.api import run
from seqvae.search.domain.constraints import constrained
from seqvae.search.domain.domain import molecules, texts_of, texts_over
from seqvae.search.surrogates.similarity_gp import Surrogate
from seqvae.sequences.tokenizers.registry import build_tokenizer

SMILES = load_dataset("moses-sample").texts[:300]
MOLECULES = molecules()
DNA = texts_over("ACGT", start())
READ = texts_of(build_tokenizer("dna").fit(["ACGT"]), start())  # as a model reads them
REFERENCE = "GATTACAGATTA"


def size(text):
    return Chem.MolFromSmiles(text).GetNumHeavyAtoms()


def has(text, part):
    return Chem.MolFromSmiles(text).HasSubstructMatch(Chem.MolFromSmarts(part))


# A rule, and the plain reading of it.
OF_MOLECULES = [
    ({"keep": ("c1ccccc1",)}, lambda text: has(text, "c1ccccc1")),
    ({"keep": ("[#7]", "C=O")}, lambda text: has(text, "[#7]") and has(text, "C=O")),
    ({"forbid": ("[F,Cl]", "S")}, lambda text: not has(text, "[F,Cl]") and not has(text, "S")),
    ({"shortest": 20, "longest": 22}, lambda text: 20 <= size(text) <= 22),
    (
        {"like": SMILES[0], "min_similarity": 0.15, "max_similarity": 0.9},
        lambda text: 0.15 <= get(f"similarity:ecfp4:{SMILES[0]}")([text])[0] <= 0.9,
    ),
]
OF_DNA = [
    ({"keep": ("TA",)}, lambda text: "TA" in text),
    ({"forbid": ("GG", "AAA")}, lambda text: "GG" not in text and "AAA" not in text),
    ({"shortest": 3, "longest": 5}, lambda text: 3 <= len(text) <= 5),
    ({"shortest": 3}, lambda text: len(text) >= 3),
]


@pytest.mark.parametrize(("rule", "plainly"), OF_MOLECULES)
def test_molecules_that_break_a_rule_have_no_form(rule, plainly):
    texts = constrained(MOLECULES, ConstraintConfig(**rule))
    allowed = [text for text in SMILES if texts.canonical(text) is not None]
    assert allowed == [text for text in SMILES if plainly(text)]
    assert 0 < len(allowed) < len(SMILES)
    assert [texts.canonical(text) for text in allowed] == [MOLECULES.canonical(text) for text in allowed]
    assert texts.canonical("no molecule") is None


@pytest.mark.parametrize("longest", [30, 90])
def test_molecules_are_bred_up_to_the_size_that_is_allowed(longest):
    moves, rng = constrained(MOLECULES, ConstraintConfig(longest=longest)).moves, np.random.default_rng(0)
    offspring = [moves.cross("C" * (longest - 5), "C" * (longest - 5), rng) for _ in range(60)]
    sizes = [size(text) for text in offspring if text]
    assert longest - 10 < max(sizes) <= longest


@pytest.mark.parametrize(("rule", "plainly"), OF_DNA)
@given(text=st.text("ACGT", min_size=1, max_size=8))
def test_sequences_that_break_a_rule_have_no_form(rule, plainly, text):
    assert constrained(DNA, ConstraintConfig(**rule)).canonical(text) == (text if plainly(text) else None)


@pytest.mark.parametrize(("rule", "plainly"), OF_DNA[:2])
@given(text=st.text("ACGT", min_size=1, max_size=8))
def test_parts_are_found_however_they_are_written(rule, plainly, text):
    """In lower case and as RNA, where the texts are read so too."""
    written = {name: tuple(part.lower().replace("t", "u") for part in parts) for name, parts in rule.items()}
    assert constrained(READ, ConstraintConfig(**written)).canonical(text) == (text if plainly(text) else None)


@given(text=st.text("ACGT", min_size=len(REFERENCE), max_size=len(REFERENCE)))
def test_only_free_positions_differ(text):
    form = constrained(DNA, ConstraintConfig(like=REFERENCE, positions="2-4,9")).canonical
    found = form(text)
    assert [place + 1 for place in range(12) if found[place] != REFERENCE[place] or place in (1, 2, 3, 8)] == [
        2,
        3,
        4,
        9,
    ]
    assert [found[place] for place in (1, 2, 3, 8)] == [text[place] for place in (1, 2, 3, 8)]
    assert form(found) == found
    assert form(text[1:]) is None


def test_a_search_scores_nothing_else(tmp_path):
    rule = ConstraintConfig(like="CCCCCCCCCCCC", positions="1-6")
    plain = settings(budget=200)
    config = SearchConfig("", "ga", "cpu", plain.oracle, plain.campaign, rule)
    found = run(alike, tmp_path / "run", config, [*start(), "CCCCCCCCCCCC"])
    scored = [row[3] for row in rows(tmp_path / "run") if row[4] == "ok"]
    assert len(scored) == 200
    assert all(text.endswith("CCCCCC") for text in scored)
    assert found.best == alike("GATTACCCCCCC")


def test_a_guide_has_as_many_to_choose_among_whatever_the_rule(tmp_path, monkeypatch):
    pools = []

    def choose(surrogate, bounds, count):
        pools.append(len(bounds))
        return list(bounds)[:count]

    monkeypatch.setattr(Surrogate, "choose", choose)
    plain, rule = settings(budget=60), ConstraintConfig(keep=("GAT",), forbid=("CC",))
    known = [text for text in start(3000) if constrained(DNA, rule).canonical(text)]
    run(alike, tmp_path / "run", SearchConfig("", "gp", "cpu", plain.oracle, plain.campaign, rule), known)
    whole = GuideConfig.generations * GuideConfig.offspring
    assert pools
    assert min(pools) > 0.95 * whole  # a text may be bred in two generations


@pytest.mark.parametrize(
    ("texts", "rule", "message"),
    [
        (MOLECULES, {"keep": ("c1ccc",)}, "constraints.keep: expected a SMARTS or a SMILES, RDKit cannot read 'c1ccc'"),
        (MOLECULES, {"like": "CCO", "positions": "1"}, "constraints.positions: for sequences only"),
        (DNA, {"like": REFERENCE}, "constraints.like: for sequences, give positions too"),
        (
            DNA,
            {"like": REFERENCE, "positions": "1", "min_similarity": 0.5},
            "constraints.min_similarity, max_similarity: for molec",
        ),
        (DNA, {"forbid": ("GG", "gg")}, "constraints.forbid: expected letters of ACGT, got 'gg'"),
        (READ, {"keep": ("GGNCC",)}, "constraints.keep: expected letters of ACGT, got 'GGNCC'"),
        (READ, {"keep": ("c1ccccc1",)}, "constraints.keep: expected letters of ACGT, got 'c1ccccc1'"),
        (DNA, {"like": "GATNACA", "positions": "1"}, "expected a sequence of this search, got 'GATNACA'"),
        (DNA, {"like": REFERENCE, "positions": "2-x"}, "expected numbers and ranges such as 3-8,12, got '2-x'"),
        (DNA, {"like": REFERENCE, "positions": "3-13"}, "3-13 lies outside 1 to 12"),
        (DNA, {"like": REFERENCE, "positions": "5-3"}, "5-3 lies outside 1 to 12, or runs backwards"),
    ],
)
def test_rules_that_mean_nothing(texts, rule, message):
    with pytest.raises((ConfigError, UsageError)) as caught:
        constrained(texts, ConstraintConfig(**rule))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"shortest": 5, "longest": 4}, "constraints.longest: expected 5 or more, got 4"),
        ({"min_similarity": 0.5, "max_similarity": 0.4}, "constraints.max_similarity"),
        ({"min_similarity": 0.5}, "min_similarity, max_similarity: expected the molecule too, by constraints.like"),
        ({"max_similarity": 0.5}, "min_similarity, max_similarity: expected the molecule too, by constraints.like"),
        ({"positions": "1-3"}, "expected the sequence too, by constraints.like"),
    ],
)
def test_numbers_out_of_range(rule, message):
    with pytest.raises(ConfigError, match=message):
        ConstraintConfig(**rule)


# Limits.


def test_limits_of_size_are_included():
    for rule, allowed in (({"shortest": 6, "longest": 6}, 1), ({"shortest": 7}, 0), ({"shortest": 1, "longest": 5}, 0)):
        form = constrained(molecules(), ConstraintConfig(**rule)).canonical
        assert (form("c1ccccc1") is not None) == bool(allowed)
        letters = constrained(texts_over("ACGT", start()), ConstraintConfig(**rule)).canonical
        assert (letters("GATTAC") is not None) == bool(allowed)


def test_limits_of_likeness_are_included():
    prints = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    first, second = (prints.GetFingerprint(Chem.MolFromSmiles(text)) for text in ("CCO", "CCCO"))
    alike = DataStructs.TanimotoSimilarity(first, second)
    assert 0.3 < alike < 0.7
    for low, high, allowed in ((alike, 1, True), (0, alike, True), (alike + 1e-6, 1, False), (0, alike - 1e-6, False)):
        rule = ConstraintConfig(like="CCO", min_similarity=low, max_similarity=high)
        assert (constrained(molecules(), rule).canonical("CCCO") is not None) == allowed


def test_positions_are_counted_from_one_and_their_ends_are_free():
    form = constrained(texts_over("ACGT", start()), ConstraintConfig(like="AAAAAAAA", positions="1,3-4,8")).canonical
    assert form("CCCCCCCC") == "CACCAAAC"
