"""Why a design was proposed, as the ledger tells it, and how much the best ones differ: by hand."""

from __future__ import annotations

import json
import math

import pytest
from search_cases import alike, settings, start

from seqvae.cli.main import main
from seqvae.report.search_page import search_page
from seqvae.search.api import run
from seqvae.search.memory.origins import Diversity, Origin, diversity, origins, sheets_for
from seqvae.search.results import diversity_of, opened_results
from seqvae.search.storage.ledger import Entry


def entry(round_, form, score, status="ok"):
    return Entry(round_, 0, form, form, status, (score,))


def test_the_nearest_design_of_earlier_rounds_is_named_with_the_gain_on_it():
    known = [entry(0, "AAAA", 1.0, "given"), entry(0, "CCCC", 5.0), entry(0, "AATT", math.nan, "failed")]
    new = [entry(1, "AAAT", 2.0), entry(1, "AACC", 3.0), entry(2, "AAGT", 4.0)]
    found = origins([known[0], *new], [*known, *new], None)
    assert found == [
        None,  # nothing had been scored before
        Origin("AAAA", 0.75, 1.0, 1.0),  # AATT, as near, has no score
        Origin("CCCC", 0.5, 5.0, -2.0),  # as near as AAAA, and better; AAAT is of the same round
        Origin("AAAT", 0.75, 2.0, 2.0),
    ]
    assert origins([], known, None) == []


def test_diversity_of_molecules_and_of_sequences():
    apart = [entry(0, form, 1.0) for form in ("C", "O", "N")]  # no bit in common
    assert diversity(apart, sheets_for(apart)) == Diversity(3, 0.0, 3)
    like = [entry(0, "C" * 10, 1.0), entry(0, "C" * 11, 0.5), entry(0, "O", 0.2)]  # ECFP4 cannot tell the chains apart
    assert diversity(like, sheets_for(like)) == Diversity(3, pytest.approx(1 / 3), 2)
    letters = [entry(0, form, 1.0) for form in ("AAAA", "AAAT", "TTTT", "AAAA")]
    # pairs of three: .75, 0 and .25
    found = diversity(letters, None)
    assert found == Diversity(3, pytest.approx(1 / 3), None)
    assert found.rows() == [("mean similarity of the best 3", "0.333")]
    assert diversity(like, sheets_for(like)).rows()[1] == ("of these farther than 0.75 from each other", "2")
    assert diversity_of([entry(0, "CCO", math.nan, "failed")]) is None
    assert diversity(apart[:1], None).rows() == []
    assert json.dumps(diversity(apart[:1], None).to_dict())


def test_the_verb_and_the_page_say_both(tmp_path, capsys):
    run(alike, tmp_path / "run", settings(budget=40), start(40))
    assert main(["results", str(tmp_path / "run")]) == 0
    assert "\nmean similarity of the best 40  0." in capsys.readouterr().out
    assert main(["results", str(tmp_path / "run"), "--json", "--explain"]) == 0
    assert json.loads(capsys.readouterr().out)["diversity"]["designs"] == 40
    with opened_results(tmp_path / "run") as (found, said, ledger):
        entries = list(ledger.entries())
        page = search_page("run", said, found, entries)
    assert "Why each design was proposed" in page
    assert "nearest before" in page
    assert "Predicted against measured" in page
    best = max(entries, key=lambda one: one.scores[0] if one.status == "ok" else -1)
    (origin,) = origins([best], entries, None)
    assert origin is None or origin.nearest in page
