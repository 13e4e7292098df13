"""What a laboratory's measurements say together: the best design, coverage, whether to go on; several searches."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from seqvae import properties, search
from seqvae.cli.main import main
from seqvae.config import CampaignConfig, SearchConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import UsageError
from seqvae.properties.molecules.cache import Sheets
from seqvae.search import Measurement
from seqvae.search.outlook import (
    Outlook,
    Predicted,
    Standing,
    coverage,
    outlook,
    predictions_of,
    sentences,
)
from seqvae.search.replicates import replicates
from seqvae.search.results import compared, opened_results
from seqvae.search.storage.ledger import Entry
from seqvae.search.surrogates.multiple_kernels import likenesses_of, surrogate_of

TEXTS = load_dataset("moses-sample").texts[:120]
VALUES = dict(zip(TEXTS, properties.get("logp")(TEXTS), strict=True))


def entries(noise=0.0, repeats=1):
    rng = np.random.default_rng(0)
    return [
        Entry(row // 30, place, form, form, "given", (VALUES[form] + noise * rng.normal(),))
        for row, form in enumerate(TEXTS[:90])
        for place in range(repeats)
    ]


def test_the_best_is_not_the_luckiest_well():
    """A poor design with one lucky well has the highest measurement; a good one, measured thrice, stays the best."""
    poor = min(TEXTS[:90], key=VALUES.__getitem__)
    rest = [one for one in entries(0.8, 3) if one.canonical != poor]
    lucky = Entry(3, 0, poor, poor, "given", (max(replicates(rest).scores.values()) + 0.5,))
    found = outlook([*rest, lucky], [], Sheets())
    assert found.highest.form == poor
    assert found.highest.mean < found.highest.measured
    assert found.best.count == 3
    assert found.noise == pytest.approx(0.8, abs=0.15)
    assert (found.gain, found.ends, found.waiting) == (None, False, 0)


def test_predictions_are_of_each_round_from_those_before_it():
    found = outlook(entries(), TEXTS, Sheets())
    assert {one.round for one in found.predictions} == {1, 2}
    assert len(found.predictions) == 60
    before = {form: VALUES[form] for form in TEXTS[:30]}
    mean, deviation = surrogate_of(before, likenesses_of(Sheets()), 0).predicted(TEXTS[30:60])
    assert [one.mean for one in found.predictions[:30]] == pytest.approx(mean.tolist())
    assert [one.deviation for one in found.predictions[:30]] == pytest.approx(deviation.tolist())
    assert 0.7 < found.coverage <= 1.0
    assert found.waiting == 30
    assert found.gain > 0
    # a search with an objective is predicted likewise, unless it has more designs than that takes little time for
    computed = [replace(one, status="ok") for one in entries()]
    assert predictions_of({"objective": {}}, computed) == list(found.predictions)
    assert predictions_of({"objective": None}, computed) == predictions_of({"objective": {}}, []) == []
    more = [Entry(4, row, str(row), str(row), "ok", (1.0,)) for row in range(500)]
    assert predictions_of({"objective": {}}, [*computed, *more]) == []


def test_coverage_is_the_share_within_ninety_per_cent_intervals():
    """1.6449 standard deviations to either side: 1.64 lies within, 1.65 does not."""
    found = [Predicted("A", 1, 0.0, 1.0, measured) for measured in (1.64, -1.64, 1.65, 0.0)]
    assert coverage(found) == "predicted against measured: 75% of 4 measurements lay in their 90% interval"


def test_a_gain_below_half_the_noise_ends_the_search():
    one = Standing("CCO", 2.0, 1, 1.5, 0.25)
    within = (Predicted("CCO", 1, 0.0, 1.0, 1.6), Predicted("CCN", 1, 0.0, 1.0, 1.7))
    found = Outlook(one, one, within, 0.4, 8, 0.1999)
    assert (found.coverage, found.ends) == (0.5, True)
    assert sentences(found, {"CCO": "C-1"}) == [
        "best by all measurements (posterior mean ± sd): C-1, 1.5 ± 0.25 (1 measurement, mean 2)",
        "predicted against measured: 50% of 2 measurements lay in their 90% interval",
        "noise of one measurement (sd): 0.4",
        "more rounds are unlikely to help: the 8 that wait are expected to gain 0.2 on the best",
    ]
    assert not Outlook(one, one, within, 0.4, 8, 0.2001).ends


def test_the_expected_gain_of_a_batch_is_that_of_its_best(monkeypatch):
    scores = {form: VALUES[form] for form in TEXTS[:60]}
    model = surrogate_of(scores, likenesses_of(Sheets()), 0)
    assert model.gain(TEXTS[60:61], 0) == pytest.approx(model.improvement(TEXTS[60:61])[0], rel=0.25, abs=0.02)
    assert model.gain(TEXTS[60:90], 0) >= model.improvement(TEXTS[60:90]).max() * 0.9


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "run"
    told = [Measurement(form, (value,)) for form, value in list(VALUES.items())[:30]]
    search.begin(None, run, SearchConfig(model="none", optimizer="ga", campaign=CampaignConfig(seed=3)), [], told)
    return run


def test_the_verb_says_it_and_the_page_too(folder, tmp_path, capsys):
    search.ask(folder, 6, library=TEXTS[30:])
    assert main(["results", str(folder), "--page", str(tmp_path / "page.html")]) == 0
    printed = capsys.readouterr().out
    assert "best by all measurements (posterior mean ± sd): " in printed
    assert "likely to help: the 6 that wait are expected to gain " in printed
    assert "What the measurements say together" in (tmp_path / "page.html").read_text()
    assert main(["results", str(folder), "--json", "--explain"]) == 0
    said = json.loads(capsys.readouterr().out)["outlook"]
    assert (said["waiting"], said["coverage_90"]) == (6, None)


def test_searches_are_compared(tmp_path, capsys, folder):
    for name, optimizer in (("a", "ga"), ("b", "screening")):
        config = SearchConfig(model="none", optimizer=optimizer, campaign=CampaignConfig(batch=10, initial=10))
        search.begin("qed", tmp_path / name / "run", config, TEXTS[:40])
    found = compared([tmp_path / "a" / "run", tmp_path / "b" / "run"])
    assert [one.name for one in found] == ["a/run", "b/run"]
    runs = [str(tmp_path / name / "run") for name in "ab"]
    assert main(["results", *runs, "--page", str(tmp_path / "page.html")]) == 0
    printed = capsys.readouterr().out
    assert "a/run" in printed
    assert "screening" in printed
    assert "Searches compared" in (tmp_path / "page.html").read_text()
    assert main(["results", *runs, "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["a/run", "b/run"]
    assert main(["results", *runs, "--top", "3"]) == 2
    assert "several searches are compared with --page and --json alone" in capsys.readouterr().err
    page = tmp_path / "other.html"
    assert main(["results", runs[0], str(folder), "--page", str(page)]) == 0
    assert "objectives of these searches differ" in page.read_text()
    with pytest.raises(UsageError), opened_results(folder, -1):
        pass
