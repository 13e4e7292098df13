"""Searches that are told what a laboratory measured: plates, missing wells, repeats, and what was never asked for."""

from __future__ import annotations

import contextlib
import math
import time
from dataclasses import replace
from itertools import product

import pytest
from search_cases import BEST, alike, dna_model, settings, start

from seqvae.config import OPTIMIZERS, CampaignConfig, ConstraintConfig
from seqvae.errors import InputError, ReadingNote, SeqVAEWarning, UsageError
from seqvae.properties.scoring import Scoring, Term
from seqvae.report.search_page import search_page
from seqvae.search import Measurement, ask, begin, laboratory, last_batch, tell
from seqvae.search.api import opened, resume
from seqvae.search.oracle.measurements import given, read_measurements
from seqvae.search.results import known_of, opened_results, results, table_of
from seqvae.search.storage.ledger import Ledger
from seqvae.search.storage.run_folder import LEDGER, SETTINGS, START, STATE
from seqvae.search.storage.state import load_state

pytestmark = pytest.mark.usefixtures("short_fits")


def entries(folder):
    ledger = Ledger(folder / LEDGER)
    found = list(ledger.entries())
    ledger.close()
    return found


# What a model decodes that was never trained is worse than random sequences of one length; so these begin with it.
FROM_THE_MODEL = ("turbo", "ascent", "cma-es", "subspace")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_plates_get_better_and_never_repeat(optimizer, tmp_path):
    run, model = tmp_path / "run", dna_model(tmp_path / "model")
    texts = () if optimizer in FROM_THE_MODEL else start(100 if optimizer == "screening" else 30)
    begin(None, run, settings(model, optimizer), texts)
    asked, means = [], []
    for _ in range(4):
        plate = [one.text for one in ask(run, 24)]
        asked += plate
        means.append(sum(map(alike, plate)) / len(plate))
        told = tell(run, [Measurement(text, (alike(text),)) for text in plate])
        assert (told.asked, told.observed, told.again, told.missing) == (24, 0, 0, 0)
    assert len(set(asked)) == len(asked)
    # those that do not learn do not get better, nor does what a model decodes that was never trained
    if optimizer not in ("sampling", "screening", "latent"):
        assert max(means[1:]) > means[0]
    assert {entry.round for entry in entries(run)} == {0, 1, 2, 3}


def test_two_plates_before_the_first_is_measured_do_not_overlap(tmp_path):
    begin(None, tmp_path / "run", settings(), start(100))
    first, second = ([one.text for one in ask(tmp_path / "run", 20)] for _ in range(2))
    assert not set(first) & set(second)


LEARNING = [name for name in OPTIMIZERS if name not in ("sampling", "screening")]


@pytest.mark.parametrize(("optimizer", "count"), [*product(LEARNING, (2, 96)), ("auto", 8), ("auto", 160)])
def test_the_second_plate_learns_from_the_first_however_small_it_is(optimizer, count, tmp_path):
    """Though a well in three is missing; and not before so many are measured as was asked for, where it was."""
    model, texts = dna_model(tmp_path / "model"), start(30 if count < 30 else 200)
    config = replace(settings(model, optimizer), campaign=CampaignConfig())
    begin(None, tmp_path / "run", config, texts)
    begin(None, tmp_path / "later", config, texts)
    begin(None, tmp_path / "set", replace(config, campaign=CampaignConfig(initial=count + 1)), texts)
    for name, initial in {"run": None, "later": count + 1, "set": None}.items():
        plate = [one.text for one in ask(tmp_path / name, count, initial)]
        measured = plate[: -(count // 3) or None]
        tell(tmp_path / name, [Measurement(text, (alike(text),)) for text in measured])
        proposers = {one.proposer for one in ask(tmp_path / name, 2)}
        assert (proposers <= {"start", "prior"}) == (name != "run")
    with pytest.raises(UsageError, match=f"had its first plate, of {count} texts: leave initial out"):
        ask(tmp_path / "run", 2, 20)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_plates_are_full_as_long_as_texts_are_left(optimizer, tmp_path):
    """Nothing is measured: what is on a plate may not be on the next, and an optimiser does not know of it."""
    run, texts = tmp_path / "run", start(100)
    begin(None, run, settings(dna_model(tmp_path / "model"), optimizer), texts)
    plates = [[one.text for one in ask(run, count)] for count in (96, 4, 4, 30)]
    offspring = optimizer != "screening"  # which has no texts but those of its file
    assert [len(plate) for plate in plates] == [96, 4, 4 * offspring, 30 * offspring]
    asked = [text for plate in plates for text in plate]
    assert len(set(asked)) == len(asked)
    assert set(plates[0] + plates[1]) == set(texts)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_telling_that_was_cut_off_is_learned_from_all_the_same(optimizer, tmp_path, monkeypatch):
    model, texts, plates = dna_model(tmp_path / "model"), start(90), {}
    for name in ("whole", "cut"):
        run, plates[name] = tmp_path / name, []
        begin(None, run, settings(model, optimizer), texts)
        for _ in range(3):
            plate = [one.text for one in ask(run, 12)]
            for part in (plate[:6], plate[6:]):  # both are behind the state where both are cut off
                with monkeypatch.context() as patch:
                    if name == "cut":
                        patch.setattr(laboratory, "save_with", cut_off)
                    measured = [Measurement(text, (alike(text),)) for text in part]
                    expected = pytest.raises(KeyboardInterrupt, match="do not tell them again")
                    with expected if name == "cut" else contextlib.nullcontext():
                        tell(run, measured)
            plates[name].append(plate)
    assert entries(tmp_path / "cut") == entries(tmp_path / "whole")
    assert plates["cut"] == plates["whole"]


def cut_off(*_):
    raise KeyboardInterrupt


def test_the_last_plate_is_there_again_without_what_was_measured(tmp_path):
    run = tmp_path / "run"
    begin(None, run, settings(dna_model(tmp_path / "model"), "latent"), start())
    assert last_batch(run) == []
    ask(run, 6)
    plate = ask(run, 6)
    assert [(one.text, one.proposer, one.seed) for one in last_batch(run)] == [
        (one.text, one.proposer, one.seed) for one in plate
    ]
    tell(run, [Measurement(plate[0].text, (1.0,)), Measurement(plate[1].text, (math.nan,))])
    assert [one.text for one in last_batch(run)] == [one.text for one in plate[1:]]


def test_missing_wells_repeats_and_texts_never_asked_for(tmp_path):
    run = tmp_path / "run"
    begin(None, run, settings(), start())
    plate = [one.text for one in ask(run, 6)]
    table = [
        Measurement(plate[0], (1.0,)),
        Measurement(plate[0], (3.0,)),
        Measurement(plate[1].lower(), (0.5,)),
        Measurement(plate[2], (math.nan,)),
        Measurement("ACGTACGTACGT", (9.0,)),
    ]
    with pytest.raises(InputError, match="'no DNA' is no text of this search"):
        tell(run, [Measurement("no DNA", (0.5,))])
    assert not entries(run)
    with pytest.warns(SeqVAEWarning, match="1 of 5 rows left out: 'no DNA' is no text of this search"):
        told = tell(run, [*table, Measurement("no DNA", (0.5,))])
    assert (told.round, told.asked, told.observed, told.again, told.missing, told.unread) == (0, 2, 1, 1, 1, 1)
    again = tell(run, [Measurement(plate[0], (5.0,)), Measurement(plate[2], (0.25,))])
    assert (again.round, again.asked, again.again) == (1, 2, 1)
    found = results(entries(run), 100)
    assert {entry.canonical: entry.scores[0] for entry in found.top} == {plate[0]: 3.0, plate[1]: 0.5, plate[2]: 0.25}
    assert found.statuses == {"ok": 5, "given": 1}
    with opened(run) as search:
        search.optimizer.load_state_dict(load_state(run / STATE)["optimiser"])
        assert search.optimizer.archive.best(2) == ["ACGTACGTACGT", plate[0]]
        assert search.optimizer.archive.score(plate[0]) == 3.0


@pytest.mark.parametrize("optimizer", ["auto", "ascent", "cma-es", "sampling"])
def test_a_text_measured_again_counts_with_its_mean_whoever_searches(optimizer, tmp_path):
    run = tmp_path / "run"
    begin(None, run, settings(dna_model(tmp_path / "model"), optimizer), start())
    text = ask(run, 4)[0].text
    for score in (1.0, 3.0):
        tell(run, [Measurement(text, (score,))])
    with opened(run) as search:
        search.optimizer.load_state_dict(load_state(run / STATE)["optimiser"])
        archive = getattr(search.optimizer, "archive", None) or search.optimizer.designs.archive
        assert archive.score(text) == 2.0


RULES_AND_WHAT_BREAKS_THEM = [
    ({"like": BEST, "positions": "1-3"}, "GATTTTTTTTTT"),
    ({"like": BEST, "positions": "1-3"}, "GATTACAGATTAA"),
    ({"keep": ("TACA",)}, "GATTTTTTTTTT"),
    ({"forbid": ("CCC",)}, "GATTACCCATTA"),
    ({"longest": 12}, "GATTACAGATTAA"),
]


@pytest.mark.parametrize(("rule", "outside"), RULES_AND_WHAT_BREAKS_THEM)
@pytest.mark.parametrize("with_model", [True, False])
def test_what_was_measured_is_written_down_as_itself_and_not_proposed_where_it_breaks_a_rule(
    rule, outside, with_model, tmp_path
):
    run, model = tmp_path / "run", dna_model(tmp_path / "model") if with_model else ""
    begin(None, run, replace(settings(model), constraints=ConstraintConfig(**rule)), [BEST, "CACTACAGATTA"])
    inside = "AAATACAGATTA"
    tell(run, [Measurement(inside, (2.0,)), Measurement(BEST, (1.0,))])
    assert [entry.canonical for entry in entries(run)] == [inside, BEST]
    told = tell(run, [Measurement(inside, (2.0,)), Measurement(outside, (9.0,))])
    assert (told.outside, told.unread, told.again) == (1, 0, 1)
    assert [(entry.text, entry.status) for entry in entries(run)[2:]] == [(inside, "given"), (outside, "given")]
    with opened(run) as search:
        search.optimizer.load_state_dict(load_state(run / STATE)["optimiser"])
        assert search.optimizer.archive.best(1) == [outside]
        made = [search.texts.allowed(one.text) for one in search.optimizer.ask(8)]
        assert all(form and search.texts.allowed(form) == form != outside for form in made)


def test_a_search_with_an_objective_is_not_asked(tmp_path):
    begin("dna:gc", tmp_path / "run", settings(), start())
    with pytest.raises(UsageError, match="has an objective of its own: seqvae optimize --resume"):
        ask(tmp_path / "run", 4)


def test_what_was_measured_before_costs_no_call_and_is_learned_from(tmp_path):
    run = tmp_path / "run"
    known = [Measurement(text, (alike(text),)) for text in start()[:15]]
    begin(alike, run, settings(budget=40), start(), known)
    found = resume(run, function=alike)
    assert found.unique == 40
    assert found.statuses["given"] == 15
    assert all(entry.status == "given" for entry in entries(run) if entry.round == 0)
    assert not {e.canonical for e in entries(run) if e.status == "ok"} & set(start()[:15])


def test_what_was_measured_before_is_taken_in_at_once_however_much_it_is(tmp_path):
    texts, began = [f"T{number}" for number in range(20_000)], time.process_time()
    found = given([Measurement(text, (score,)) for score in (1.0, 2.0) for text in texts], str, 1)
    assert time.process_time() - began < 10.0
    assert [(entry.text, entry.scores) for entry in found] == [(text, (1.5,)) for text in texts]


@pytest.mark.parametrize("optimizer", [name for name, kind in OPTIMIZERS.items() if kind.several])
def test_what_was_measured_before_has_a_number_for_each_objective(optimizer, tmp_path):
    run, model = tmp_path / "run", dna_model(tmp_path / "model")
    both, texts = Scoring((Term("search_cases:alike"), Term("dna:gc")), "pareto"), start(60)
    for scores in ((0.5,), (0.5, 0.5, 0.5)):
        with pytest.raises(UsageError, match=f"expected as many scores as the search has, 2, got {len(scores)}"):
            begin(both, run, settings(model, optimizer), texts, [Measurement(texts[0], scores)])
    assert not run.exists()
    values = both(texts[:25]).tolist()
    values[0][1] = math.nan
    begin(both, run, settings(model, optimizer), texts, list(map(Measurement, texts, map(tuple, values))))
    found = resume(run)
    assert (found.unique, found.statuses["given"]) == (60, 25)


def test_measurements_of_another_number_of_scores_are_refused_whole(tmp_path):
    run = tmp_path / "run"
    begin(None, run, settings(), start())
    plate = [one.text for one in ask(run, 4)]
    with pytest.raises(UsageError, match="expected as many scores as the search has, 1, got 2"):
        tell(run, [Measurement(plate[0], (1.0,)), Measurement(plate[1], (1.0, 2.0))])
    assert not entries(run)
    assert tell(run, [Measurement(plate[1], (1.0,))]).asked == 1


@pytest.mark.parametrize("objective", [alike, None])
@pytest.mark.parametrize("moment", [1, 2])
def test_a_beginning_that_was_cut_off_is_no_search_and_is_made_again(objective, moment, tmp_path, monkeypatch):
    run, whole, moments = tmp_path / "run", tmp_path / "whole", []
    first, second = ([Measurement(text, (0.5,)) for text in start()[part]] for part in (slice(9), slice(3, 20)))

    def cut(file):
        moments.append(file)
        if len(moments) == moment:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", cut)
        with pytest.raises(KeyboardInterrupt):
            begin(objective, run, settings(), start()[:25], first)
    with pytest.raises(InputError, match="there is no search here"):
        resume(run, function=objective)
    for folder in (run, whole):
        begin(objective, folder, settings(), start(), second)
    for name in (SETTINGS, START):
        assert (run / name).read_bytes() == (whole / name).read_bytes()
    assert entries(run) == entries(whole)
    assert [entry.text for entry in entries(run)] == [one.text for one in second]


@pytest.mark.parametrize("objective", [alike, None])
def test_a_folder_whose_settings_are_gone_keeps_what_was_scored(objective, tmp_path):
    run = tmp_path / "run"
    begin(objective, run, settings(budget=20), start())
    if objective is None:
        tell(run, [Measurement(start()[0], (1.0,))])
    else:
        resume(run, function=objective)
    found = entries(run)
    (run / SETTINGS).unlink()
    with pytest.raises(UsageError, match=r"there is a search here whose search\.json is missing"):
        begin(objective, run, settings(), start())
    assert entries(run) == found


def test_a_bad_row_among_what_was_measured_before_leaves_no_folder(tmp_path):
    known = [Measurement(start()[0], (1.0,)), Measurement("GATTNACA", (1.0,), "known.csv:3: ")]
    with pytest.raises(InputError, match=r"known\.csv:3: 'GATTNACA' is no text of this search"):
        begin(alike, tmp_path / "run", settings(), start(), known[1:])
    assert not (tmp_path / "run").exists()
    with pytest.warns(SeqVAEWarning, match=r"1 of 2 rows left out: known\.csv:3: 'GATTNACA' is no text"):
        begin(alike, tmp_path / "run", settings(), start(), known)
    assert [entry.text for entry in entries(tmp_path / "run")] == [start()[0]]


@pytest.mark.parametrize("optimizer", ["auto", "turbo", "ascent", "cma-es", "ga"])
def test_the_first_plate_learns_from_what_was_measured_before(optimizer, tmp_path):
    """Also where every measured sequence breaks a constraint: it is learned from, and none such is proposed."""
    texts = [text for text in start(60) if "GATT" not in text]
    known = [Measurement(text, (alike(text),), "", f"S{row}") for row, text in enumerate(texts)]
    model = dna_model(tmp_path / "model")
    rule = ConstraintConfig(keep=("GATT",))
    for name, constraints in {"free": ConstraintConfig(), "ruled": rule}.items():
        config = replace(settings(model, optimizer), campaign=CampaignConfig(), constraints=constraints)
        begin(None, tmp_path / name, config, [BEST, *texts] if name == "ruled" else (), known)
        plate = ask(tmp_path / name, 8)
        assert not {one.text for one in plate} & set(texts)
        assert len(plate) == 8 or name == "ruled"
        assert all("GATT" in one.text for one in plate) or name == "free"
        if optimizer in ("auto", "ga"):
            assert {one.proposer for one in plate} & {"mutation", "crossover", "latent noise", "latent crossover"}


def test_measurements_may_be_told_before_the_first_plate(tmp_path):
    run, known = tmp_path / "run", [Measurement(text, (alike(text),)) for text in start(20)]
    told = [tell(run, part) for part in (known[:12], [*known[12:], Measurement("ACGTACGTACGT", (math.nan,))])]
    assert [(one.waiting, one.missing) for one in told] == [(12, 0), (8, 1)]
    begin(None, run, settings(), start())
    begin(None, tmp_path / "at once", settings(), start(), known)
    assert entries(run) == entries(tmp_path / "at once")
    assert [one.text for one in ask(run, 8)] == [one.text for one in ask(tmp_path / "at once", 8)]
    assert tell(run, [known[0]]).again == 1


def test_without_a_model_a_search_begins_with_what_was_measured(tmp_path):
    known = [Measurement(text, (alike(text),)) for text in start(20)]
    begin(None, tmp_path / "run", replace(settings(), campaign=CampaignConfig()), (), known)
    plate = [one.text for one in ask(tmp_path / "run", 10)]
    assert len(plate) == 10
    assert not set(plate) & {one.text for one in known}


def test_bad_numbers(tmp_path):
    begin(None, tmp_path / "run", settings(), start())
    with pytest.raises(UsageError, match="expected a number of texts from 1"):
        ask(tmp_path / "run", 0)
    with pytest.raises(InputError, match="has an infinite score"):
        tell(tmp_path / "run", [Measurement(start()[0], (math.inf,))])


def test_a_cell_that_is_no_number_is_left_out_and_named(tmp_path):
    table = tmp_path / "wells.csv"
    table.write_text("text,pIC50\nACGT,6.5\nACGA,>5.0\nACGC,n.d.\nACGG,inf\nACTT,\n")
    with (
        pytest.warns(
            SeqVAEWarning, match=r"1 of 5 rows left out: .*wells\.csv:5: expected a number as 'pIC50', got 'inf'"
        ),
        pytest.warns(ReadingNote, match=r"column 'pIC50' has censored numbers \(1 with >\)"),
    ):
        found = read_measurements(str(table), "", ("pIC50",))
    assert [(one.text, one.scores[0]) for one in found[:2]] == [("ACGT", 6.5), ("ACGA", 5.0)]
    assert [one.text for one in found if math.isnan(one.scores[0])] == ["ACGC", "ACTT"]
    table.write_text("text,pIC50\nACGT,high\n")
    with pytest.raises(InputError, match=r"wells\.csv:2: expected a number as 'pIC50', got 'high'"):
        read_measurements(str(table), "", ("pIC50",))


def test_a_name_that_no_file_can_have_is_refused_in_words():
    with pytest.raises(InputError, match="File name too long"):
        read_measurements("\u00e9" * 500 + ".csv")


def test_a_row_with_an_open_quote_is_left_out_and_named(tmp_path):
    table = tmp_path / "wells.csv"
    table.write_text('text,score\nACGT,6.5\n"ACGA,5.0\nACGC,4.0\n,3.0\n')
    with pytest.warns(SeqVAEWarning, match=r"2 of 4 rows left out: .*wells\.csv:3: not a table: .* quote left open"):
        found = read_measurements(str(table))
    assert [(one.text, one.scores[0]) for one in found] == [("ACGT", 6.5), ("ACGC", 4.0)]


@pytest.mark.parametrize("begun", [True, False])
def test_names_and_columns_of_a_told_table_are_on_plates_and_in_results(begun, tmp_path):
    table, run = tmp_path / "wells.tbl", tmp_path / "run"
    table.write_text(
        "compound_id,sequence,batch,operator,activity\n"
        f"AZ-1,{start()[0]},b1,Ada,6.5\nAZ-2,{start()[1]},b1,,5.0\nAZ-1,{start()[0]},b2,Ada,5.5\n"
    )
    measured = read_measurements(str(table), "", ("activity",), "csv")
    assert measured[0].name == "AZ-1" and measured[0].fields == {"batch": "b1", "operator": "Ada"}
    if begun:
        begin(None, run, settings(), start())
    tell(run, measured)
    if not begun:
        begin(None, run, settings(), start())
    plate = ask(run, 4)
    assert all(one.about["id"].startswith("P1-") for one in plate)
    with opened_results(run) as (found, _, ledger):
        known = known_of(run)
        rows = next(table_of(ledger.entries(), ["score"], known=known)).columns
    first = rows["canonical"].index(start()[0])
    assert (rows["id"][first], rows["batch"][first], rows["operator"][first]) == ("AZ-1", "b1; b2", "Ada")
    missing = Measurement(plate[0].text, (math.nan,), fields={"note": "no powder"})
    tell(run, [missing, *[Measurement(one.text, (1.0,), fields={"batch": "b3"}) for one in plate[1:]]])
    known = known_of(run)
    assert known.columns[plate[0].text] == {"note": "no powder"}
    with opened_results(run) as (found, kept, ledger):
        page = search_page("run", kept, found, list(ledger.entries()), known)
        best = found.to_dict(known)["top"][0]
    assert (best["id"][:3], best["batch"]) == ("P1-", "b3")
    assert all(word in page for word in ("P1-002", "b3", "<th>batch</th>"))
