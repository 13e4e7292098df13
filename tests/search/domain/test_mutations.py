"""A cap on mutations from a parent, and letters inserted and removed."""

from __future__ import annotations

import numpy as np
import pytest
from rapidfuzz.distance import Levenshtein

from seqvae import search
from seqvae.config import CampaignConfig, ConstraintConfig, OracleConfig, SearchConfig
from seqvae.errors import ConfigError
from seqvae.search.domain.constraints import constrained
from seqvae.search.domain.domain import molecules, texts_over

PARENT = "ACGTACGTACGTACGTACGT"


def adenines(text):
    return float(text.count("A"))


def test_designs_have_at_most_so_many_mutations():
    texts = constrained(texts_over("ACGT", [PARENT]), ConstraintConfig(like=PARENT, max_mutations=2))
    assert texts.canonical(PARENT) == PARENT
    assert texts.canonical("AAGT" + PARENT[4:]) == "AAGT" + PARENT[4:]
    assert texts.canonical("AAAA" + PARENT[4:]) is None  # three exchanged
    assert texts.canonical(PARENT[2:]) == PARENT[2:]  # two removed
    assert texts.canonical("AA" + PARENT[:-1]) is None  # two inserted, one removed


@pytest.mark.parametrize("indels", [False, True])
def test_lengths_change_with_indels_alone(indels):
    texts = constrained(texts_over("ACGT", [PARENT]), ConstraintConfig(indels=indels))
    rng = np.random.default_rng(0)
    lengths = {len(texts.moves.mutate(PARENT, rng)) for _ in range(100)}
    assert (lengths == {len(PARENT)}) != indels


def test_a_search_stays_near_its_parent(tmp_path):
    rules = ConstraintConfig(like=PARENT, max_mutations=3, indels=True)
    config = SearchConfig("none", "ga", "cpu", OracleConfig(budget=60), CampaignConfig(batch=20, initial=20), rules)
    found = search.run(adenines, tmp_path / "run", config, [PARENT])
    assert found.best >= 7
    assert max(Levenshtein.distance(one.text, PARENT) for one in found.top) <= 3


def test_what_makes_no_sense_is_refused():
    for rules, kind, words in (
        ({"max_mutations": 2, "like": "CCO"}, molecules(), r"max_mutations: for sequences only"),
        ({"indels": True}, molecules(), r"indels: for sequences only"),
        ({"like": "ACGT"}, texts_over("ACGT", ["ACGT"]), r"give positions too, .* or max_mutations"),
        ({"like": "AXGT", "max_mutations": 1}, texts_over("ACGT", ["ACGT"]), r"expected a sequence of this search"),
    ):
        with pytest.raises(ConfigError, match=words):
            constrained(kind, ConstraintConfig(**rules))
    with pytest.raises(ConfigError, match=r"max_mutations: expected the sequence too"):
        ConstraintConfig(max_mutations=2)
    with pytest.raises(ConfigError, match=r"keep their length: leave one out"):
        ConstraintConfig(indels=True, like="ACGT", positions="1")
