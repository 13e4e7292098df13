"""What a plate says of each design: name, prediction, nearest measured design, SA score, alerts."""

from __future__ import annotations

import csv
import io
import sqlite3
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem, DataStructs
from rdkit.Chem import rdFingerprintGenerator
from search_cases import alike, settings, start

from seqvae.cli.main import main
from seqvae.config import CampaignConfig, ConstraintConfig, SearchConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import ConfigError
from seqvae.properties import get
from seqvae.properties.molecules.alerts import alerts_of
from seqvae.search import Measurement, ask, begin, last_batch, tell
from seqvae.search.domain.domain import texts_over
from seqvae.search.plate import Measured
from seqvae.search.storage.ledger import Entry
from seqvae.search.storage.run_folder import LEDGER, settings_of

SMILES = load_dataset("moses-sample").texts[:60]
TITLES = ["id", "predicted", "predicted_sd", "expected_improvement", "nearest_similarity", "nearest_id"]


def measured(texts, score=len):
    return [Measurement(text, (float(score(text)),), "", f"C-{row}") for row, text in enumerate(texts)]


def test_a_plate_of_molecules_says_all_of_each(tmp_path):
    config = replace(SearchConfig("", "ga"), constraints=ConstraintConfig(max_sa=3.0, alerts=("unstable", "mcf")))
    begin(None, tmp_path / "run", config, SMILES, measured(SMILES[:40]))
    plate = ask(tmp_path / "run", 8)
    assert [one.about["id"] for one in plate] == [f"P1-{number:03d}" for number in range(1, 9)]
    assert list(plate[0].about) == [*TITLES, "sa", "alerts"]
    fresh = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    prints = [fresh.GetFingerprint(Chem.MolFromSmiles(text)) for text in SMILES[:40]]
    for one in plate:
        molecule = Chem.MolFromSmiles(one.text)
        near = DataStructs.BulkTanimotoSimilarity(fresh.GetFingerprint(molecule), prints)
        assert one.about["nearest_similarity"] == max(near)
        assert near[int(one.about["nearest_id"].removeprefix("C-"))] == max(near)
        assert one.about["sa"] == pytest.approx(get("sa")([one.text])[0], abs=0.01)
        assert one.about["sa"] <= 3.0
        assert not list(alerts_of(("unstable", "mcf")).found(molecule))
        assert one.about["predicted_sd"] > 0
    assert [one.about for one in last_batch(tmp_path / "run")] == [one.about for one in plate]
    tell(tmp_path / "run", [Measurement(plate[0].text, (99.0,))])
    again = ask(tmp_path / "run", 4)
    assert again[0].about["id"] == "P2-001"


def test_predictions_are_of_use_and_their_deviations_honest():
    """On molecules left out: better than the mean, and two deviations hold most of them."""
    texts = load_dataset("moses-sample").texts[:400]
    values = get("logp")(texts)
    from seqvae.search.domain.domain import molecules

    entries = [
        Entry(0, row, text, text, "given", (float(value),))
        for row, (text, value) in enumerate(zip(texts[:300], values[:300], strict=True))
    ]
    about = Measured(entries, {}, molecules(), 0).about(texts[300:])
    off = np.array([one["predicted"] for one in about]) - values[300:]
    within = np.abs(off) < 2 * np.array([one["predicted_sd"] for one in about])
    assert np.sqrt((off**2).mean()) < 0.9 * values[300:].std()
    assert 0.85 < within.mean() <= 1.0


def test_too_few_measurements_predict_nothing(tmp_path):
    begin(None, tmp_path / "run", settings(), start(), measured(start()[:3], alike))
    plate = ask(tmp_path / "run", 4)
    assert list(plate[0].about) == TITLES
    assert {one.about["predicted"] for one in plate} == {None}
    assert {one.about["nearest_id"] for one in plate} <= {"C-0", "C-1", "C-2"}
    empty = Measured([], {}, texts_over("ACGT", start()), 0).about(["ACGT"])
    missing = dict.fromkeys(("predicted", "predicted_sd", "expected_improvement", "nearest_similarity"))
    assert empty == [{**missing, "nearest_id": ""}]


@pytest.mark.parametrize(
    ("alerts", "kept"), [((), ["unstable"]), (("none",), ["none"]), (("pains",), ["pains", "unstable"])]
)
def test_plates_leave_out_what_a_chemist_would_not_make_unless_told_otherwise(alerts, kept, tmp_path):
    odd = ["CN(F)CCc1ccccc1", "CNON", "CCOOC"]
    rule = ConstraintConfig(alerts=alerts)
    config = replace(SearchConfig("", "ga", campaign=CampaignConfig(initial=90)), constraints=rule)
    begin(None, tmp_path / "run", config, [*odd, *SMILES])
    assert list(settings_of(tmp_path / "run")["config"]["constraints"]["alerts"]) == kept
    texts = {one.text for one in ask(tmp_path / "run", 63)}
    assert bool(texts & set(odd)) == (kept == ["none"])


def test_an_objective_that_is_computed_leaves_out_nothing_by_default(tmp_path):
    begin("qed", tmp_path / "run", SearchConfig("", "ga"), SMILES)
    assert list(settings_of(tmp_path / "run")["config"]["constraints"]["alerts"]) == []
    with pytest.raises(ConfigError, match="alerts, max_sa: for molecules only"):
        begin(alike, tmp_path / "dna", replace(settings(), constraints=ConstraintConfig(max_sa=3.0)), start())


def test_the_table_of_a_plate_is_told_back_with_its_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.txt").write_text("\n".join(start()) + "\n")
    (tmp_path / "known.csv").write_text(
        "id,text,score\n" + "".join(f"S{i},{t},{alike(t)}\n" for i, t in enumerate(start()[:9]))
    )
    assert main(["ask", "run", "--model", "none", "--start", "start.txt", "--measured", "known.csv", "-n", "5"]) == 0
    out = capsys.readouterr().out
    plate = list(csv.DictReader(io.StringIO(out)))
    assert list(plate[0]) == ["text", "id", "proposer", *TITLES[1:]]
    assert {row["nearest_id"] for row in plate} <= {f"S{row}" for row in range(9)}
    assert main(["ask", "run", "--again"]) == 0
    assert capsys.readouterr().out == out
    (tmp_path / "back.csv").write_text("id,text,score\n" + "".join(f"{row['id']},{row['text']},9.0\n" for row in plate))
    assert main(["tell", "run", "back.csv"]) == 0
    assert main(["ask", "run", "-n", "5"]) == 0
    second = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["nearest_id"] for row in second} <= {f"S{row}" for row in range(9)} | {row["id"] for row in plate}
    with closing(sqlite3.connect(tmp_path / "run" / LEDGER)) as file:
        assert file.execute("SELECT COUNT(*) FROM evaluations").fetchone() == (14,)
