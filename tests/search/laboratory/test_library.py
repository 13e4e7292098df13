"""Batches from a list: its rows alone, none that is known, chosen by what was measured, with their ids and columns."""

from __future__ import annotations

import csv
import io
import math

import numpy as np
import pytest
from rdkit import Chem

from seqvae import search
from seqvae.cli.main import main
from seqvae.config import CampaignConfig, ConstraintConfig, SearchConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.files.records import Record
from seqvae.errors import InputError
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.similarity import similarities
from seqvae.search import library
from seqvae.search.domain.domain import molecules, texts_over
from seqvae.search.laboratory import ask, tell
from seqvae.search.library import Library, batch_from

LIST = load_dataset("moses-sample").texts[:400]
RECORDS = [Record(text, f"C{row}", row + 1, {"price": str(row)}) for row, text in enumerate(LIST)]


def nitrogens(text):
    return float(sum(atom.GetSymbol() == "N" for atom in Chem.MolFromSmiles(text).GetAtoms()))


def measured(texts, score):
    return {text: score(text) for text in texts}


@pytest.fixture
def folder(tmp_path):
    config = SearchConfig(model="none", optimizer="ga", campaign=CampaignConfig(seed=3))
    search.begin(None, tmp_path / "run", config, LIST[:30])
    return tmp_path / "run"


def test_a_plate_comes_from_the_list_with_ids_and_columns(folder):
    plate = ask(folder, 12, library=RECORDS)
    names = {record.text: record.name for record in RECORDS}
    assert len({one.text for one in plate}) == 12
    assert [one.about["id"] for one in plate] == [names[one.text] for one in plate]
    assert [one.about["price"] for one in plate] == [names[one.text][1:] for one in plate]
    assert {one.proposer for one in plate} == {library.LIBRARY}
    again = ask(folder, 12, library=RECORDS)
    assert not {one.text for one in plate} & {one.text for one in again}


def test_what_is_known_by_connectivity_is_left_out():
    rows = ["C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O", "CCO", "OCC", "CCN", "no molecule"]
    found = Library(rows, molecules(), ["CC(N)C(=O)O"])
    assert [form for chunk in found for form, _ in chunk] == ["CCO", "CCN"]
    assert dict(found.counts) == {library._KNOWN: 3, library._READ: 1}


def test_the_surrogate_prefers_what_is_like_the_best(monkeypatch):
    scores = measured(LIST[:60], nitrogens)
    found = batch_from(Library(LIST[60:], molecules(), LIST[:60]), 20, scores, 0)
    chosen = np.mean([nitrogens(form) for form, _ in found])
    assert chosen > np.mean([nitrogens(text) for text in LIST[60:]]) + 1
    monkeypatch.setattr(library, "_CHUNK", 37)  # chunks change nothing
    again = batch_from(Library(LIST[60:], molecules(), LIST[:60]), 20, scores, 0)
    assert [form for form, _ in again] == [form for form, _ in found]


def test_the_first_batch_is_spread_over_the_list():
    found = [form for form, _ in batch_from(Library(LIST, molecules(), []), 15, {}, 0)]
    assert found == [form for form, _ in batch_from(Library(LIST, molecules(), []), 15, {}, 0)]

    def nearest(texts):
        table = np.array(similarities(texts, texts, Sheets()))
        return table[~np.eye(len(texts), dtype=bool)].max()

    drawn = np.random.default_rng(0).choice(LIST, 15, replace=False).tolist()
    assert nearest(found) < nearest(drawn)


def test_sequences_are_chosen_from_a_list_too():
    rng = np.random.default_rng(0)
    rows = ["".join(rng.choice(list("ACGT"), 12)) for _ in range(200)]
    kind, share = texts_over("ACGT", rows), lambda text: text.count("G") / 12
    first = batch_from(Library(rows, kind, []), 10, {}, 0)
    assert len({form for form, _ in first}) == 10
    found = batch_from(Library(rows[50:], kind, rows[:50]), 10, measured(rows[:50], share), 0)
    assert np.mean([share(form) for form, _ in found]) > np.mean([share(text) for text in rows]) + 0.05


def test_rules_hold_and_nothing_left_is_said(tmp_path):
    config = SearchConfig(model="none", optimizer="ga", constraints=ConstraintConfig(forbid=("[#7]",)))
    search.begin(None, tmp_path / "run", config, ["CCO", "CCC", "CCCC"])
    said = []
    plate = ask(tmp_path / "run", 8, library=LIST, say=said.append)
    assert all(not nitrogens(one.text) for one in plate)
    with pytest.raises(InputError, match=r"nothing of the list is left to choose from: 2 break a constraint"):
        ask(tmp_path / "run", 8, library=["CCN", "CNC"])


def test_the_verb_asks_tells_and_asks_again(folder, tmp_path, capsys, one_thread):
    table = tmp_path / "library.csv"
    table.write_text("compound,smiles,price\n" + "".join(f"{r.name},{r.text},{r.fields['price']}\n" for r in RECORDS))
    assert main(["ask", str(folder), "--from", str(table), "-n", "12"]) == 0
    plate = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert all(row["id"].startswith("C") and row["price"] == row["id"][1:] for row in plate)
    measurements = [search.Measurement(row["text"], (nitrogens(row["text"]),)) for row in plate]
    tell(folder, [*measurements[:11], search.Measurement(plate[11]["text"], (math.nan,))])
    assert main(["ask", str(folder), "--from", str(table), "-n", "12", "--column", "smiles"]) == 0
    printed = capsys.readouterr()
    second = list(csv.DictReader(io.StringIO(printed.out)))
    assert not {row["text"] for row in plate} & {row["text"] for row in second}
    assert all(float(row["predicted_sd"]) > 0 for row in second)
    assert "12 rows of the list are measured, on a plate, or repeated" in printed.err
