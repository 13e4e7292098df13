"""A damaged folder of a search is refused in one line that names file, field or row; nothing measured is lost."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from golden_cases import command
from safetensors.numpy import load_file, save_file
from search_cases import dna_model, settings, start

from seqvae.config import CmaConfig
from seqvae.errors import ConfigError, InputError, SeqVAEError
from seqvae.search import begin, resume, run
from seqvae.search.api import opened
from seqvae.search.laboratory import ask, last_batch, tell
from seqvae.search.memory.archive import Archive
from seqvae.search.optimizers.cma_es import _Climb, _optimizer
from seqvae.search.oracle.measurements import Measurement
from seqvae.search.results import opened_results
from seqvae.search.storage.ledger import Entry, Ledger
from seqvae.search.storage.run_folder import LEDGER, SETTINGS, START, STATE
from seqvae.search.storage.state import load_state, save_state


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished search, and one of a laboratory with a plate that waits."""
    place = tmp_path_factory.mktemp("made")
    run("dna:gc", place / "gc", settings(dna_model(place / "model"), "ga", 24, 8), start(20))
    begin(None, place / "plates", settings(place / "model", "ga", 24, 8), start(20))
    for _ in range(2):
        plate = [one.text for one in ask(place / "plates", 4)]
        tell(place / "plates", [Measurement(text, (float(text.count("G")),)) for text in plate])
    ask(place / "plates", 4)
    return place


@pytest.fixture
def gc(made, tmp_path):
    return shutil.copytree(made / "gc", tmp_path / "gc")


@pytest.fixture
def plates(made, tmp_path):
    return shutil.copytree(made / "plates", tmp_path / "plates")


def changed(folder, query, *values):
    with closing(sqlite3.connect(folder / LEDGER)) as ledger:
        ledger.execute(query, values)
        ledger.commit()


def changed_settings(folder, change):
    path = folder / SETTINGS
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def refused(folder, *words):
    """Reading and going on both say the words, in one line."""
    laboratory = folder.name == "plates"
    further = ["ask", str(folder), "-n", "2"] if laboratory else ["optimize", "--resume", str(folder), "--budget", "40"]
    for verb in (["results", str(folder)], further):
        code, _, err = command(verb)
        assert code in (1, 2), (verb, err)
        assert err.count("\n") == 1, err
        assert all(word in err for word in words), err


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("scores", "'[0.'", "scores: damaged: expected a list of 1 numbers, got '[0.'"),
        ("scores", "'null'", "got 'null'"),
        ("scores", "'[]'", "got '[]'"),
        ("scores", "'[1,2]'", "got '[1,2]'"),
        ("scores", "'[1e999]'", "expected finite numbers, since its status is ok"),
        ("scores", "'[null]'", "expected finite numbers, since its status is ok"),
        ("z", "x'0102'", "z: damaged: expected a point of"),
        ("text", "x'ff00'", "text: damaged: expected str"),
        ("text", "CAST(x'ff00' AS TEXT)", "ledger.sqlite: damaged"),
        ("canonical", "NULL", "canonical: damaged: expected str, got None"),
        ("status", "'well'", "status: damaged: expected one of ok"),
        ("seed", "'x'", "seed: damaged"),
        ("round", "1000000000", "damaged: expected"),
        ("round", "'x'", "damaged"),
        ("place", "77", "damaged: expected the places 0 to"),
    ],
)
def test_a_damaged_row_is_named(column, value, words, gc):
    changed(gc, f"UPDATE evaluations SET {column} = {value} WHERE round = 1 AND place = 3")
    refused(gc, LEDGER, words)


def test_what_the_scores_depend_on_cannot_be_cut_short(gc):
    changed(gc, "UPDATE about SET value = '{\"jo' WHERE key = 'objective'")
    code, _, err = command(["optimize", "--resume", str(gc), "--budget", "40"])
    assert (code, "about, objective: damaged" in err) == (1, True), err


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values["config"].update(constraints="x"), "constraints: expected a table"),
        (lambda values: values["config"].update(oracle=1e308), "oracle: expected a table"),
        (lambda values: values["config"].update(model=float("inf")), "model: expected str, got inf"),
        (lambda values: values["config"]["oracle"].update(budget=10**400), "budget: expected a number from"),
        (lambda values: values.update(scores=["a", "b"]), "scores: expected 1 names"),
        (lambda values: values.update(scores={}), "scores: expected a list"),
        (lambda values: values.update(weights=None), "weights: expected str"),
        (lambda values: values.update(initial_design=-3), "initial_design: expected"),
        (lambda values: values.update(format=True), "integer `format`"),
        (lambda values: values.update(format=99), "was written in format 99"),
        (lambda values: values.pop("config"), "config: missing"),
        (lambda values: values.update(objective=[]), "objective: expected a table"),
        (lambda values: values.update(objective={"term": [3]}), "objective.term: expected a table"),
        (lambda values: values.update(objective={"function": 3}), "objective.function: expected str"),
    ],
)
def test_a_damaged_setting_is_named(change, words, gc):
    changed_settings(gc, change)
    refused(gc, SETTINGS, words)


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 100_000, '{"format": ' * 100_000, "\udcff"])
def test_settings_that_are_no_settings(content, gc):
    (gc / SETTINGS).write_bytes(content.encode("utf-8", "surrogateescape"))
    refused(gc, SETTINGS)


def test_a_missing_setting_has_its_default(gc):
    changed_settings(gc, lambda values: values["config"]["oracle"].pop("count"))
    assert command(["results", str(gc)])[0] == 0


@pytest.mark.parametrize("content", ["", "{}", "[3]", '["ACGT"', "null", '["\\ud800"]'])
def test_texts_to_begin_with_that_are_damaged(content, gc):
    (gc / START).write_text(content)
    with pytest.raises(InputError, match="texts that the search begins with"):
        resume(gc)


def test_pipes_in_a_folder_do_not_block(gc, made):
    for name in (SETTINGS, LEDGER):
        (gc / name).unlink()
        os.mkfifo(gc / name)
        refused(gc, name, "regular file")
        (gc / name).unlink()
        shutil.copy(made / "gc" / name, gc)


def test_a_lost_ledger_is_no_empty_ledger(gc, plates):
    for folder in (gc, plates):
        (folder / LEDGER).unlink()
        refused(folder, LEDGER)
        assert not (folder / LEDGER).exists()
        (folder / LEDGER).write_bytes(b"")
        refused(folder, LEDGER)
        assert not (folder / LEDGER).stat().st_size


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM evaluations",
        "DELETE FROM evaluations WHERE round = 1",
        "DELETE FROM evaluations WHERE round = 2 AND place = 7",
        "DROP TABLE evaluations",
        "DROP TABLE about",
    ],
)
def test_rows_that_were_lost_stop_a_search(query, gc):
    changed(gc, query)
    refused(gc, LEDGER)


@pytest.mark.parametrize("query", ["DELETE FROM evaluations", "DELETE FROM evaluations WHERE round = 1"])
def test_a_state_knows_how_much_it_has_learned(query, plates):
    """Also where the ledger is of an earlier version, which counts nothing."""
    changed(plates, query)
    changed(plates, "DROP TABLE counts")
    with pytest.raises(InputError, match="measurements are missing"):
        ask(plates, 2)


def test_a_lost_state_loses_no_plate_without_a_word(plates):
    assert len(last_batch(plates)) == 4
    (plates / STATE).unlink()
    with pytest.raises(InputError, match="3 plates were asked for, it is missing"):
        ask(plates, 2)


def test_a_search_whose_state_is_lost_goes_on_by_its_ledger(gc):
    (gc / STATE).unlink()
    with opened_results(gc) as (before, *_):
        calls = before.unique
    assert resume(gc).unique == calls


@pytest.mark.parametrize("value", [None, 3, -1, "x", [], [1], {}, {"x": 1}, 1e308, np.zeros(2)])
@pytest.mark.parametrize("sealed", [False, True])
def test_a_state_with_a_field_of_another_type(value, sealed, gc):
    state = load_state(gc / STATE)
    for name in (*state, *state["optimiser"]):
        holder = state if name in state else state["optimiser"]
        kept, holder[name] = holder[name], value
        if sealed:
            save_state(gc / STATE, state)
        else:
            shown = value.tolist() if isinstance(value, np.ndarray) else value
            save_file({}, gc / STATE, {"tree": json.dumps({"format": 1, "state": {name: shown}})})
        holder[name] = kept
        try:
            with opened(gc) as search:
                search.campaign()
        except SeqVAEError as error:
            assert STATE in str(error)


@pytest.mark.parametrize("form", ["full", "separable"])
@pytest.mark.parametrize("value", [None, 0, 2.5, True, "x", [], {}, np.zeros(1), np.zeros((9, 9)), np.zeros(3, int)])
def test_what_a_climb_takes_over_can_be_climbed_with(form, value):
    config = CmaConfig(form=form, population=4)
    climb = _Climb(np.zeros(3), np.eye(3), _optimizer(config, 3, 4), 0)
    for step in climb.sample(4):
        climb.add(step, None)
    climb.settle(Archive())
    sound = climb.state_dict()
    refused = []
    for name, kept in sound["optimiser"].items():
        try:
            again = _Climb.of({**sound, "optimiser": {**sound["optimiser"], name: value}}, config)
        except ConfigError as error:
            assert str(error).startswith(f"{name}: expected it as in a new climb")
            refused.append(name)
            continue
        assert name in ("_D", "_B", "_g", "_sigma") or np.array_equal(kept, value) or isinstance(kept, np.ndarray)
        assert isinstance(kept, np.ndarray) == isinstance(value, np.ndarray) or kept is None
        again.sample(1)
    assert len(refused) > len(sound["optimiser"]) / 2


def test_a_full_disk_is_named_and_loses_nothing(gc):
    about = Ledger(gc / LEDGER).about()
    with closing(Ledger(gc / LEDGER, {key: about[key] for key in about if key != "format"})) as ledger:
        before, round_ = list(ledger.entries()), ledger.rounds()
        new = [Entry(round_, place, "A" * 500, "A" * 500, "ok", (1.0,)) for place in range(1000)]
        pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
        ledger._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(OSError, match="No space left") as error:
            ledger.add(new)
        assert error.value.filename == str(gc / LEDGER)
        assert list(ledger.entries()) == before
        ledger._connection.execute("PRAGMA max_page_count = 1000000")
        ledger.add(new)
    assert len(list(Ledger(gc / LEDGER).entries())) == len(before) + 1000


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_results_of_a_folder_that_cannot_be_written_to(gc):
    for path in (gc / LEDGER, gc):
        path.chmod(0o555)
    assert command(["results", str(gc)])[0] == 0
    gc.chmod(0o755)


def test_results_write_nothing(gc):
    before = {path.name: path.read_bytes() for path in gc.iterdir()}
    assert command(["results", str(gc)])[0] == 0
    after = {path.name: path.read_bytes() for path in gc.iterdir()}
    assert {name: data for name, data in after.items() if not name.endswith(("-shm", "-wal"))} == before


def test_an_objective_may_change_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def moves(text):
        os.chdir(tmp_path / "elsewhere")
        return float(len(text))

    assert run(moves, "run", settings("", "ga", 10, 5), start(20)).unique == 10
    assert (tmp_path / "run" / STATE).exists()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_state_that_can_be_read_and_is_another_is_refused(gc):
    with (gc / STATE).open("rb") as file:
        head = int.from_bytes(file.read(8), "little")
        about = json.loads(file.read(head))["__metadata__"]
    about["tree"] = about["tree"].replace('"round": 3', '"round": 2', 1)
    assert '"round": 2' in about["tree"]
    save_file(load_file(gc / STATE), gc / STATE, about)
    with pytest.raises(InputError, match="not the one that was saved"):
        load_state(gc / STATE)
