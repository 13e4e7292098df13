"""What a search begins with: the reference of its constraints, a fifth of its budget, and nothing that is no design."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from search_cases import BEST, alike, dna_model, rows, settings, start

from seqvae.cli.main import main
from seqvae.config import CampaignConfig, ConstraintConfig, OracleConfig, SearchConfig
from seqvae.errors import ConfigError, ConstraintError, SeqVAEWarning
from seqvae.properties import get
from seqvae.search import ask, begin, run
from seqvae.search.domain.constraints import _BEFORE_ANY, constrained
from seqvae.search.domain.domain import molecules, texts_over
from seqvae.search.domain.first_texts import around
from seqvae.search.storage.run_folder import settings_of

pytestmark = pytest.mark.usefixtures("short_fits")
LEAD = "CCOc1ccc(C(=O)NCc2ccccc2)cc1"
OF_THE_MODEL = ("turbo",)  # what an untrained one decodes may be known already


@pytest.mark.parametrize("optimizer", ["auto", "ga", "turbo", "ascent", "sampling"])
def test_a_search_near_a_sequence_begins_with_it(optimizer, tmp_path):
    rule = ConstraintConfig(like=BEST, positions="1-8")
    plain = settings(dna_model(tmp_path / "model"), optimizer, 20)
    config = replace(plain, campaign=CampaignConfig(batch=10), constraints=rule)
    found = run(alike, tmp_path / "run", config)
    assert rows(tmp_path / "run")[0][0] == 0
    assert BEST in {row[3] for row in rows(tmp_path / "run")[:10]}
    assert found.best == 1.0
    assert found.unique >= 8


@pytest.mark.parametrize("model", ["", "zinc-smiles"])
def test_a_search_near_a_lead_begins_with_it(model, tmp_path):
    rule, near = ConstraintConfig(like=LEAD, min_similarity=0.4), get(f"similarity:ecfp4:{LEAD}")
    config = SearchConfig(model, "ga", "cpu", OracleConfig(budget=30), CampaignConfig(), rule)
    run("qed", tmp_path / "run", config)
    scored = [row[3] for row in rows(tmp_path / "run") if row[4] == "ok"]
    assert (len(scored), min(near(scored)) >= 0.4) == (30, True)
    assert max(near(scored[:6])) == 1.0


def test_a_lead_that_is_too_near_itself_has_neighbours():
    rule = ConstraintConfig(like=LEAD, min_similarity=0.4, max_similarity=0.7, forbid=("[N+]",))
    found = around(LEAD, constrained(molecules(), rule), 12, 0)
    values = get(f"similarity:ecfp4:{LEAD}")(found)
    assert len(found) == 12
    assert 0.4 <= min(values) <= max(values) <= 0.7
    assert found == around(LEAD, constrained(molecules(), rule), 12, 0)
    with pytest.raises(ConstraintError, match=r"none of .* designs near .* keeps the constraints: loosen them"):
        around("C" * 12, constrained(texts_over("AC", ["A", "AA"]), ConstraintConfig(longest=1)), 1, 0)


def test_a_plate_begins_with_the_lead(tmp_path):
    config = SearchConfig("", "ga", "cpu", constraints=ConstraintConfig(like=LEAD, min_similarity=0.4))
    begin(None, tmp_path / "run", config)
    plate = [one.text for one in ask(tmp_path / "run", 6)]
    assert min(get(f"similarity:ecfp4:{LEAD}")(plate)) >= 0.4


@pytest.mark.parametrize("budget", [10, 50, 200])
@pytest.mark.parametrize("optimizer", ["auto", "latent", "gp", "ga", "string-ga", "turbo"])
def test_a_small_budget_searches(optimizer, budget, tmp_path):
    if budget > 50 and optimizer != "ga":
        pytest.skip("the same rule")
    config = SearchConfig(str(dna_model(tmp_path / "model")), optimizer, "cpu", OracleConfig(budget=budget))
    run(alike, tmp_path / "run", config, start(220))
    proposers = [row[6] for row in rows(tmp_path / "run") if row[4] == "ok"]
    assert len(proposers) == budget
    assert not {"start", "prior"} & set(proposers[max(budget // 5, 2) :]) or optimizer in OF_THE_MODEL
    assert set(proposers[: max(budget // 5, 2)]) == {"start"}


def test_what_is_set_is_kept(tmp_path):
    for name, campaign, expected in [
        ("none", CampaignConfig(), (10, 10, 10)),
        ("batch", CampaignConfig(batch=50), (50, 10, 10)),
        ("initial", CampaignConfig(initial=40), (10, 40, None)),
        ("both", CampaignConfig(batch=25, initial=40), (25, 40, None)),
    ]:
        config = SearchConfig("", "ga", "cpu", OracleConfig(budget=50), campaign)
        begin(alike, tmp_path / name, config, start(60))
        found = settings_of(tmp_path / name)
        kept = found["config"]["campaign"]
        assert (kept["batch"], kept["initial"], found.get("initial_design")) == expected
    run(
        alike,
        tmp_path / "run",
        SearchConfig("", "ga", "cpu", OracleConfig(budget=50), CampaignConfig(batch=50)),
        start(60),
    )
    assert [row[6] == "start" for row in rows(tmp_path / "run")] == [True] * 10 + [False] * 40


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"keep": ("c1ccccc1",), "forbid": ("c1ccccc1",)}, "constraints.keep has 'c1ccccc1', constraints.forbid has"),
        (
            {"keep": ("c1ccccc1",), "forbid": ("Br", "cc")},
            "and whatever has 'c1ccccc1' has that: leave out one of them",
        ),
        ({"keep": ("C(=O)N",), "forbid": ("C=O",)}, "and whatever has 'C(=O)N' has that"),
        (
            {"keep": ("c1ccccc1",), "longest": 5},
            "constraints.longest: 5 atoms, and 'c1ccccc1' of constraints.keep has 6",
        ),
    ],
)
def test_constraints_on_molecules_that_no_design_can_keep_are_refused(rule, words):
    with pytest.raises(ConfigError) as caught:
        constrained(molecules(), ConstraintConfig(**rule))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "rule",
    [{"keep": ("C",), "forbid": ("[CH4]",)}, {"keep": ("CC",), "forbid": ("C=C",)}, {"keep": ("c",), "forbid": ("C",)}],
)
def test_constraints_that_some_designs_keep_are_not(rule):
    assert constrained(molecules(), ConstraintConfig(**rule)).constrained


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"keep": ("GATTA",), "forbid": ("ATT",)}, "and whatever has 'GATTA' has that"),
        ({"keep": ("GATTA",), "longest": 4}, "constraints.longest: 4 letters, and 'GATTA' of constraints.keep has 5"),
        ({"like": BEST, "positions": "1-3", "longest": 9}, "has 12 letters, as all designs have"),
    ],
)
def test_constraints_on_sequences_that_no_design_can_keep_are_refused(rule, words):
    with pytest.raises(ConfigError) as caught:
        constrained(texts_over("ACGT", start()), ConstraintConfig(**rule))
    assert words in str(caught.value)


def test_a_search_whose_proposals_all_break_a_rule_says_which_and_fails_soon(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    dna_model(tmp_path / "model")
    began = time.monotonic()
    words = "optimize --model ./model --objective dna:gc --optimizer sampling --budget 12 --out run"
    assert main([*words.split(), "--keep", "GATTACAGATTACA", "--forbid", "CCCC", "--quiet"]) == 1
    error = capsys.readouterr().err
    assert f"{_BEFORE_ANY:,} valid proposals in a row broke the constraints: keep GATTACAGATTACA stopped" in error
    assert error.count("\n") == 1
    assert time.monotonic() - began < 60


def test_texts_that_are_no_designs_are_counted(tmp_path):
    with pytest.warns(SeqVAEWarning, match="2 of 4 texts to begin with are left out: number 2, 'not', is no molecule"):
        begin("qed", tmp_path / "run", SearchConfig("", "ga", "cpu"), [LEAD, "not", "CCO", "C1CC"])
    with pytest.warns(
        SeqVAEWarning, match="1 of 31 texts to begin with are left out: number 31, 'GATX', is no sequence"
    ):
        begin("dna:gc", tmp_path / "dna", settings(), [*start(), "GATX"])
