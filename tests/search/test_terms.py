"""What a score is made of stands in the ledger, in results and on pages: each term's value and its desirability."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from search_cases import alike, settings, start

from seqvae.cli.main import main
from seqvae.config import OracleConfig
from seqvae.properties.scoring import Scoring, Term
from seqvae.report.search_page import search_page
from seqvae.search import opened_results, run
from seqvae.search.storage.ledger import Entry, Ledger
from seqvae.search.storage.run_folder import LEDGER

GC = Term("dna:gc", transform="window", low=0.3, high=0.6)
BOTH = (GC, Term("search_cases:alike", weight=2.0, name="near"))
TITLES = ["dna:gc.value", "dna:gc.desirability", "near.value", "near.desirability"]


@pytest.mark.parametrize(
    ("join", "workers"), [("geometric", 0), ("arithmetic", 0), ("pareto", 0), ("geometric", 1), ("pareto", 1)]
)
def test_every_term_is_written_with_its_value_and_its_desirability(join, workers, tmp_path):
    terms = BOTH if join != "pareto" else (GC, replace(BOTH[1], weight=1.0))
    scoring = Scoring(terms, join)
    config = replace(settings(budget=30), oracle=OracleConfig(budget=30, workers=workers))
    found = run(scoring, tmp_path / "run", config, start())
    for one in found.top:
        parts = scoring.parts([one.text])
        expected = [parts[name][0] for term in terms for name in (term.title(), f"{term.title()}.desirability")]
        assert one.terms == pytest.approx(expected)
        assert one.scores == pytest.approx(scoring([one.text]).reshape(-1))
    with opened_results(tmp_path / "run") as (again, kept, ledger):
        assert kept["terms"] == TITLES
        assert [one.terms for one in again.top] == [one.terms for one in found.top]
        page = search_page("run", kept, again, list(ledger.entries()))
    assert page.count(">desirability</th>") in (2, 4)  # once more above what folds
    gc, share, near, _ = (f"{number:.3g}" for number in found.top[0].terms)
    assert f"dna:gc {gc} (desirability {share}), near {near}<" in page  # near is as it is
    assert len({*kept["scores"], *TITLES}) == len(kept["scores"]) + 4
    assert found.to_dict()["top"][0]["terms"] == pytest.approx(found.top[0].terms)


def test_tables_and_the_terminal_have_a_column_for_each(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.txt").write_text("\n".join(start()) + "\n")
    (tmp_path / "two.toml").write_text(
        '[[term]]\nproperty = "dna:gc"\ntransform = "window"\nlow = 0.3\nhigh = 0.6\n'
        '[[term]]\nproperty = "dna:homopolymer"\ntransform = "reverse_sigmoid"\nlow = 1.0\nhigh = 4.0\n'
    )
    words = "optimize --model none --start start.txt --objective two.toml --budget 25 --batch 10 --out run"
    assert main(words.split()) == 0
    titles = [f"dna:{name}.{part}" for name in ("gc", "homopolymer") for part in ("value", "desirability")]
    out = capsys.readouterr().out
    assert next(line for line in out.splitlines() if "proposed by" in line).split()[:5] == ["score", *titles]
    assert main(["results", "run", "--out", "all.csv"]) == 0
    with (tmp_path / "all.csv").open() as file:
        rows = list(csv.DictReader(file))
    scored = [row for row in rows if row["status"] == "ok"]
    assert list(rows[0])[2:7] == ["score", *titles]
    for row in scored:
        both = float(row[titles[1]]) * float(row[titles[3]])
        assert float(row["score"]) == pytest.approx(both**0.5, abs=1e-6)
        assert float(row[titles[0]]) == pytest.approx(sum(letter in "GC" for letter in row["text"]) / 12)
    capsys.readouterr()
    assert main(["results", "run", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["top"][0]["terms"]) == 4


def test_a_single_property_is_its_own_score(tmp_path):
    run(alike, tmp_path / "own", settings(budget=20), start())
    run("dna:gc", tmp_path / "gc", settings(budget=20), start())
    for name in ("own", "gc"):
        with opened_results(tmp_path / name) as (found, kept, _):
            assert "terms" not in kept
            assert found.top[0].terms == ()
        with closing(sqlite3.connect(tmp_path / name / LEDGER)) as file:
            assert not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'terms'").fetchall()


def test_a_ledger_without_terms_takes_some_and_all_or_none_are_written(tmp_path):
    with closing(Ledger(tmp_path / "ledger.sqlite", {})) as ledger:
        ledger.add([Entry(0, 0, "A", "A", "ok", (1.0,))])
        ledger.add([Entry(0, 1, "C", "C", "ok", (1.0,), terms=(2.0, float("nan")))])
        assert [len(entry.terms) for entry in ledger.entries()] == [0, 2]
        with pytest.raises(Exception, match="has these proposals already"):
            ledger.add([Entry(0, 2, "G", "G", "ok", (1.0,), terms=(1.0,)), Entry(0, 1, "T", "T", "ok", (1.0,))])
        assert [len(entry.terms) for entry in ledger.before(1)] == [0, 2]
