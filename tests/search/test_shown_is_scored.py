"""The law that a design is shown, stored, exported and asked for as it was scored: scored again, it has its score."""

from __future__ import annotations

import csv
import io
import json
import zlib
from dataclasses import replace

import pytest
from search_cases import BEST, dna_model, rows, settings, small_model, start

from seqvae.cli.main import main
from seqvae.config import OPTIMIZERS, CampaignConfig, ConstraintConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.search import Measurement, ask, begin, last_batch, run, tell
from seqvae.search.api import opened
from seqvae.search.results import opened_results, table_of

pytestmark = pytest.mark.usefixtures("short_fits")
SMILES = load_dataset("moses-sample").texts[:60]
NOT_CANONICAL = ["OCC", "C1=CC=CC=C1CO", "c1cc(OCC)ccc1Cl"]  # as files have them
WHOLE = "ACGTACGTACGT"
DNA = [{"like": BEST, "positions": "1-5,9"}, {"like": WHOLE, "positions": "2-8", "keep": ("AC",)}, {"keep": ("A",)}]
MOLECULES = [{"keep": ("[#6]",)}, {"like": SMILES[0], "min_similarity": 0.05}, {"forbid": ("[I]",), "longest": 40}]
EVERY = [("dna", DNA[0]), ("molecules", MOLECULES[1])]
CASES = [(*one, optimizer) for one in EVERY for optimizer in OPTIMIZERS]
CASES += [("dna", {"like": WHOLE, "same_protein": True}, optimizer) for optimizer in ("ga", "auto", "turbo")]
CASES += [("dna", rule, "ga") for rule in DNA[1:]] + [("molecules", rule, "string-ga") for rule in MOLECULES]


def exact(text):
    """A score that differs between any two texts, also between two spellings of one molecule."""
    return zlib.crc32(text.encode()) / 2**32


def prepared(domain, optimizer, folder, rule, budget=30):
    texts = [text.lower() for text in start(40)] if domain == "dna" else [*NOT_CANONICAL, *SMILES]
    model = dna_model(folder / "model") if domain == "dna" else small_model(folder / "model", "smiles", SMILES)
    plain = settings(model, optimizer, budget)
    return replace(plain, constraints=ConstraintConfig(**rule)), texts


@pytest.mark.parametrize(("domain", "rule", "optimizer"), CASES)
def test_every_exported_row_has_the_score_that_it_is_shown_with(optimizer, domain, rule, tmp_path):
    config, texts = prepared(domain, optimizer, tmp_path, rule)
    found = run(exact, tmp_path / "run", config, texts)
    assert found.top
    assert [(exact(one.text),) for one in found.top] == [one.scores for one in found.top]
    assert [[exact(one["text"])] for one in found.to_dict()["top"]] == [one["scores"] for one in found.to_dict()["top"]]
    with opened_results(tmp_path / "run") as (again, _, ledger):
        (table,) = table_of(ledger.entries(), ["score"])
    assert [one.text for one in again.top] == [one.text for one in found.top]
    scores = {"ok": 0, "cached": 0}
    for text, score, status in zip(table.texts, table.columns["score"], table.columns["status"], strict=True):
        if status in scores:
            scores[status] += 1
            assert exact(text) == score
    assert scores["ok"] == found.unique
    assert all(row[2] == row[3] for row in rows(tmp_path / "run") if row[3] is not None)


@pytest.mark.parametrize(("domain", "rule"), EVERY)
@pytest.mark.parametrize("optimizer", ["auto", "turbo", "screening"])
def test_a_plate_is_what_will_be_learned_from(optimizer, domain, rule, tmp_path):
    config, texts = prepared(domain, optimizer, tmp_path, rule)
    begin(None, tmp_path / "run", replace(config, campaign=CampaignConfig(initial=4)), texts)
    for _ in range(2):
        plate = ask(tmp_path / "run", 6)
        assert [one.text for one in last_batch(tmp_path / "run")] == [one.text for one in plate]
        with opened(tmp_path / "run") as search:
            assert [search.measured(one.text) for one in plate] == [one.text for one in plate]
        tell(tmp_path / "run", [Measurement(one.text, (exact(one.text),)) for one in plate])
    assert all(float(row[5].strip("(,)")) == exact(row[2]) for row in rows(tmp_path / "run"))


def test_the_verbs_show_what_was_scored(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.txt").write_text("\n".join(start()) + "\n")
    words = "optimize --model none --start start.txt --objective dna:gc --budget 60 --initial 20 --batch 20 --out run"
    assert main([*words.split(), "--like", BEST, "--positions", "1-5,9"]) == 0
    shown = [line.split() for line in capsys.readouterr().out.splitlines()[-10:]]
    kept = [place for place in range(12) if place not in (0, 1, 2, 3, 4, 8)]
    for words in ("results run --out all.csv", "results run --out all.fasta", "results run --json"):
        capsys.readouterr()
        assert main(words.split()) == 0
    found = json.loads(capsys.readouterr().out)
    table = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
    sequences = (tmp_path / "all.fasta").read_text().splitlines()[1::2]
    designs = (
        [one["text"] for one in found["top"]]
        + [line[-1] for line in shown]
        + [row["text"] for row in table if row["status"] == "ok"]
        + sequences
    )
    assert all(design[place] == BEST[place] for design in designs for place in kept)
    for line in shown:
        assert float(line[0]) == pytest.approx(sum(letter in "GC" for letter in line[-1]) / 12, abs=1e-5)
