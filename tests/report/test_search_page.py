"""The page of a search: what it came to, what it began with, and sequences beside the best known before."""

from __future__ import annotations

import re
from itertools import count

from page_cases import checked

from seqvae.report.search_page import search_page
from seqvae.search.results import results
from seqvae.search.storage.ledger import Entry

FIRST = "ACGTACGTAC" * 5
BETTER, LONGER = f"GC{FIRST[2:]}", f"{FIRST}GG"
SETTINGS = {"scores": ["score"], "objective": {"term": [{"property": "dna:gc"}]}}


def entries(*rows):
    """Entries of a ledger: form, status, scores, proposer."""
    places = count()
    return [
        Entry(0 if who in ("", "start") else 1, next(places), form, form, status, scores, proposer=who)
        for form, status, scores, who in rows
    ]


def page(found, settings=SETTINGS):
    return search_page("run", settings, results(found, 10), found)


def test_it_opens_with_what_a_search_came_to_beside_what_was_known():
    begun = [(FIRST, "ok", (0.5,), "start"), (BETTER, "ok", (0.75,), "mutation")]
    found = page(entries(*begun))
    text = checked(found)
    assert "Best dna:gc 0.75, of 2 designs scored; the best it began with has 0.5." in text
    assert "best of the start" in found
    measured = page(entries((FIRST, "given", (0.625,), ""), (BETTER, "ok", (0.75,), "mutation")))
    assert "the best measured before has 0.625." in measured
    assert "best measured before" in measured
    assert "stroke-dasharray" in measured
    alone = page(entries((BETTER, "ok", (0.75,), "mutation")))
    assert "Best dna:gc 0.75, of 1 design scored." in alone
    assert "stroke-dasharray" not in alone
    assert "none has a score" in page(entries((FIRST, "failed", (float("nan"),), "mutation")))


def test_a_design_of_several_measurements_stands_with_their_mean():
    lucky = [(FIRST, "ok", (0.9,), "start"), (BETTER, "ok", (0.75,), "mutation"), (FIRST, "ok", (0.3,), "start")]
    assert results(entries(*lucky), 10).best == 0.75
    found = page(entries(*lucky))
    text = checked(found)
    assert "Best dna:gc 0.75, of 2 designs scored; the best it began with has 0.6." in text
    assert "0.9" not in re.findall(r"<h2>The best 2 designs</h2>.*?</section>", found, flags=re.DOTALL)[0]


def test_sequences_are_an_alignment_to_the_best_known_before_with_a_logo():
    found = page(
        entries(
            (FIRST, "ok", (0.5,), "start"), (BETTER, "ok", (0.75,), "mutation"), (LONGER, "ok", (0.25,), "crossover")
        )
    )
    text = checked(found)
    assert "the best one that the search began with (dna:gc 0.5), in those of its length" in text
    (alignment,) = re.findall(r'<table class="sequence">.*?</table>', found, flags=re.DOTALL)
    rows = re.findall(r"<tr><td>(.*?)</td><th>(.*?)</th></tr>", alignment)
    assert [label for _, label in rows] == ["reference", "dna:gc 0.75", "dna:gc 0.5", "dna:gc 0.25"]
    assert [letters.count("changed") for letters, _ in rows] == [0, 1, 0, 0]  # the longer one is not compared
    assert re.sub("<[^>]*>", "", rows[1][0]) == BETTER
    assert "Logo of these designs, 2 of length 50" in found
    assert f"{BETTER[:27]}…{BETTER[-12:]}" in found  # in tables that say more of it


def test_designs_that_are_all_c_are_no_molecules():
    found = page(entries((FIRST, "ok", (0.5,), "start"), *[("C" * n, "ok", (1.0,), "mutation") for n in range(5, 30)]))
    assert '<table class="sequence">' in found
    assert 'class="grid"' not in found


def test_several_objectives_stand_beside_the_first_over_all_that_was_scored():
    scores = [(0.1, 0.9, 0.5), (0.9, 0.1, 0.5), (0.5, 0.5, 0.9), (0.05, 0.05, 0.05)]
    rows = [(f"{FIRST}{'A' * n}", "ok", one, "mutation") for n, one in enumerate(scores)]
    found = page(entries(*rows), SETTINGS | {"scores": ["a", "b", "c"]})
    assert "3 designs on the Pareto front of a, b, c, of 4 designs scored." in checked(found)
    clouds = re.findall(r'<path class="cloud" d="([^"]*)">', found)
    assert [cloud.count("h0") for cloud in clouds] == [4, 4]
    assert all(title in found for title in ("The Pareto front: a and b", "The Pareto front: a and c"))
