"""Why a design was proposed, as the ledger tells it, and how much the best ones differ: by hand."""

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing

import pytest
from search_cases import alike, dna_model, settings, start

from seqvae.cli.main import main
from seqvae.errors import InputError
from seqvae.report.search_page import search_page
from seqvae.search.api import run
from seqvae.search.memory.initial_design import FromTexts
from seqvae.search.memory.origins import Diversity, Origin, diversity, origins, sheets_for
from seqvae.search.optimizers.evolution import Evolution
from seqvae.search.proposals import Candidate
from seqvae.search.results import diversity_of, opened_results
from seqvae.search.storage.ledger import Entry, Ledger
from seqvae.search.storage.run_folder import LEDGER


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
    assert "bred from" in page
    best = max(entries, key=lambda one: one.scores[0] if one.status == "ok" else -1)
    (origin,) = origins([best], entries, None)
    assert origin is None or origin.nearest in page


@pytest.mark.parametrize("name", ["ga", "auto"])
def test_a_ledger_names_the_scored_parents_of_each_design(name, tmp_path):
    run(alike, tmp_path / "run", settings(dna_model(tmp_path / "model"), name, 40, 8), start(20))
    with closing(Ledger(tmp_path / "run" / LEDGER)) as ledger:
        entries = list(ledger.entries())
    round_of = {one.canonical: one.round for one in reversed(entries)}
    bred = [one for one in entries if one.proposer in ("mutation", "crossover", "latent noise", "latent crossover")]
    assert len(bred) > 10
    for one in bred:
        assert one.parents
        assert all(round_of[parent] < one.round for parent in one.parents)
    assert not any(one.parents for one in entries if one.proposer == "start")


def test_what_the_surrogate_predicted_is_written_beside_what_was_found(tmp_path, capsys):
    run("dna:gc", tmp_path / "run", settings("", "gp", 60, 10), start(30))
    with closing(Ledger(tmp_path / "run" / LEDGER)) as ledger:
        entries = list(ledger.entries())
    told = [one for one in entries if one.predicted]
    assert told
    assert all(math.isfinite(mean) and deviation > 0 for mean, deviation in (one.predicted for one in told))
    assert main(["results", str(tmp_path / "run"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["top"]
    assert any(one.get("predicted") and one.get("parents") for one in shown)


def test_a_design_goes_back_to_what_was_scored():
    """By hand: D comes from C and A, C from B, which was scored, and E, which was only bred, from A."""
    search = Evolution(FromTexts(("A",)), {}, lambda form: form)
    search.archive.update(["A", "B"], [1.0, 2.0])
    pool = {"C": ("B", "E"), "D": ("C", "A"), "E": ("A", "D")}
    pool = {text: Candidate(text, parents=parents) for text, parents in pool.items()}
    assert search._scored_ancestors("D", pool) == ("A", "B")


@pytest.mark.parametrize("column", ["parents", "predicted"])
@pytest.mark.parametrize("value", ["[", "3", '[3, "x"]', "null", "[1]", "{}"])
def test_what_is_damaged_of_that_is_named(column, value, tmp_path):
    with closing(Ledger(tmp_path / "ledger.sqlite", {"scores": 1})) as ledger:
        ledger.add([Entry(0, 0, "A", "A", "ok", (1.0,), parents=("B",), predicted=(0.5, 0.1))])
        (one,) = ledger.entries()
        assert (one.parents, one.predicted) == (("B",), (0.5, 0.1))
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as file:
        file.execute(f"UPDATE bred SET {column} = ?", (value,))
        file.commit()
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger, pytest.raises(InputError, match=f"{column}: damaged"):
        list(ledger.entries())
