"""Analogs: distinct, valid, near the lead, ranked by log q + WEIGHT * ELBO, and as many as there are."""

from __future__ import annotations

import csv
import io
import math

import pytest
from codec_cases import dna, untrained
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from rdkit.Chem.Scaffolds import MurckoScaffold

from seqvae import search
from seqvae.cli.main import main
from seqvae.config import AnalogConfig
from seqvae.errors import ConfigError, ConstraintError, InputError
from seqvae.search.lead_analogs import EXCHANGE, LATENT, MOVE, SHARES, WEIGHT

IBUPROFEN = "CC(C)Cc1ccc(C(C)C(=O)O)cc1"
MORGAN = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)


def near(first, second):
    return DataStructs.TanimotoSimilarity(*(MORGAN.GetFingerprint(Chem.MolFromSmiles(one)) for one in (first, second)))


@pytest.fixture(scope="module")
def zinc():
    import seqvae

    return seqvae.load("zinc-smiles", device="cpu")


@pytest.fixture(scope="module")
def found(zinc):
    return search.analogs(zinc, "OC(=O)C(C)c1ccc(CC(C)C)cc1", AnalogConfig(number=30, pool=60))


def test_they_are_distinct_valid_and_in_the_window(found):
    texts = [one.text for one in found.found]
    assert found.lead == IBUPROFEN
    assert len(set(texts)) == len(texts) == 30
    assert IBUPROFEN not in texts
    for one in found.found:
        assert Chem.CanonSmiles(one.text) == one.text
        assert one.similarity == pytest.approx(near(one.text, IBUPROFEN))
        assert 0.4 <= one.similarity <= 1.0


def test_the_score_is_log_q_and_a_part_of_the_bound(zinc, found):
    likely = [one.score - WEIGHT * one.log_likelihood for one in found.found]
    assert [one.score for one in found.found] == sorted((one.score for one in found.found), reverse=True)
    for one, log_q in zip(found.found, likely, strict=True):
        assert log_q <= 0
        draws = {MOVE: 60, LATENT: 200}.get(one.proposer)
        if draws:  # a share of the draws
            times = math.exp(log_q) / SHARES[one.proposer] * draws
            assert times == pytest.approx(max(1, round(times)), abs=1e-3)
    bounds = zinc.iwae([one.text for one in found.found], samples=20).tolist()
    assert sum(one.log_likelihood for one in found.found) <= sum(bounds)
    assert {one.proposer for one in found.found} == {EXCHANGE, MOVE, LATENT}


def test_one_seed_one_result(zinc, found):
    again = search.analogs(zinc, IBUPROFEN, AnalogConfig(number=30, pool=60))
    assert again == found


@pytest.mark.parametrize(
    ("settings", "keeps"),
    [
        (
            {"keep": ("C(=O)[OH]",)},
            lambda text: Chem.MolFromSmiles(text).HasSubstructMatch(Chem.MolFromSmarts("C(=O)[OH]")),
        ),
        ({"scaffold": True}, lambda text: MurckoScaffold.MurckoScaffoldSmiles(text) == "c1ccccc1"),
        ({"forbid": ("[N,F,Cl]",)}, lambda text: not any(one in text for one in "NF") and "Cl" not in text),
        ({"min_similarity": 0.3, "max_similarity": 0.5}, lambda text: 0.3 <= near(text, IBUPROFEN) <= 0.5),
    ],
)
def test_every_rule_is_kept(zinc, settings, keeps):
    found = search.analogs(zinc, IBUPROFEN, AnalogConfig(number=10, pool=20, **settings))
    assert len(found.found) == 10
    assert all(keeps(one.text) for one in found.found)
    assert found.refused


def test_an_alert_of_the_lead_itself_is_no_reason(zinc):
    lead = "CC(C)OOC(=O)c1ccccc1"  # a peroxide
    found = search.analogs(zinc, lead, AnalogConfig(number=5, pool=10, keep=("OO",)))
    assert all("OO" in one.text for one in found.found)


def test_rules_that_nothing_keeps_end_with_their_counts(zinc):
    with pytest.raises(ConstraintError, match=r"no analog of .* keeps the rules: [\d,]+ .*breaking a constraint"):
        search.analogs(zinc, "CCO", AnalogConfig(number=2, pool=4, min_similarity=0.0, keep=("[Pt]",)))


def test_a_lead_that_cannot_be_read_is_refused(zinc):
    with pytest.raises(InputError, match="unclosed ring"):
        search.analogs(zinc, "C1CC")
    with pytest.raises(InputError, match="unknown token"):
        search.analogs(zinc, "[Pt](Cl)Cl")


def test_sequences_have_analogs_too():
    (lead,) = [one for one in dna(20, 12) if len(one) == 12][:1]
    found = search.analogs(untrained(), lead, AnalogConfig(number=8, pool=20, min_similarity=0.6))
    assert len(found.found) == 8
    assert all(set(one.text) <= set("ACGT") and 0.6 <= one.similarity < 1 for one in found.found)
    with pytest.raises(ConfigError, match=r"analogs.scaffold, alerts: for molecules only"):
        search.analogs(untrained(), lead, AnalogConfig(scaffold=True))


def test_the_verb_writes_what_the_call_returns(found, tmp_path, capsys, one_thread):
    page = tmp_path / "page.html"
    words = ["analogs", "zinc-smiles", IBUPROFEN, "-n", "30", "--pool", "60", "--page", str(page), "--device", "cpu"]
    assert main(words) == 0
    printed = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(printed.out)))
    assert [row["text"] for row in rows] == [one.text for one in found.found]
    assert float(rows[0]["score"]) == pytest.approx(found.found[0].score, rel=1e-4)
    assert "30 analogs of" in printed.err
    assert page.read_text().count("<svg") >= 30
