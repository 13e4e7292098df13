"""Labels and weights: read strictly, kept with their rows, and part of every batch."""

import math

import numpy as np
import pytest
import torch

from seqvae.config import DataConfig
from seqvae.data.columns import Columns
from seqvae.data.corpus import read_texts
from seqvae.data.numbers import Number, number, numbers, parse
from seqvae.data.tokens.batch import Batch
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.spellings import Spellings
from seqvae.data.tokens.store import write_store
from seqvae.errors import ConfigError, ReadingNote, RecordError, UsageError
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD

TABLE = "smiles,logP,active,w\nCCO,-0.1,1,2\nCCN,,0,1\nc1ccccc1,2.0,NA,0.5\n"


def columns(count: int = 5) -> Columns:
    values = {"a": np.arange(count, dtype=float), "b": [math.nan, *range(1, count)], "w": [1.0] * count}
    return Columns.of(count, values, ("a", "b"), "w")


@pytest.mark.parametrize("cell", ["", " ", "NA", "n/a", "NaN", "null", "None", "-", "?"])
def test_what_was_not_measured_is_missing(cell):
    assert math.isnan(number(cell, "logP", "t.csv", 2))


@pytest.mark.parametrize("cell", ["high", "1,234", "inf", "1e999", "1_000", "5 nM"])
def test_what_is_no_number_is_named(cell):
    with pytest.raises(RecordError, match="column 'logP' must hold a finite number") as caught:
        number(cell, "logP", "t.csv", 7)
    assert "t.csv" in str(caught.value)
    assert "7" in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "value", "sign"),
    [
        ("1,5", 1.5, ""),
        ("-0,25", -0.25, ""),
        ("1,234.5", 1234.5, ""),
        ("1.234,5", 1234.5, ""),
        ("1,234,567", 1234567, ""),
        (">5.0", 5, ">"),
        ("< 0,1", 0.1, "<"),
        (">=10", 10, ">="),
        ("~3", 3, "~"),
        ("\u22121.5", -1.5, ""),
        ("1,2e-3", 0.0012, ""),
    ],
)
def test_numbers_as_people_write_them(cell, value, sign):
    assert parse(cell) == Number(value, sign)


def test_a_column_tells_what_its_commas_are(tmp_path):
    assert numbers(["0,75", "1,234", "n.d."], "y", "t", [1, 2, 3])[0][:2] == [0.75, 1.234]
    with pytest.raises(RecordError, match=r"t:2: .*got '1,234': is its comma decimal or of thousands"):
        numbers(["0.75", "1,234"], "y", "t", [1, 2])
    path = tmp_path / "t.csv"
    path.write_text('smiles,pIC50\nCCO,">5,5"\nCCN,"<0,1"\nCCC,NA\nC,>7\n')
    with pytest.warns(ReadingNote, match=r"'pic50' has censored numbers \(2 with >, 1 with <\): each is taken as"):
        found = read_texts(DataConfig(source=str(path), labels="pic50")).columns
    np.testing.assert_allclose(found.labels[:, 0], [5.5, 0.1, math.nan, 7], rtol=1e-6)


def test_a_table_s_columns_travel_with_its_texts(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    found = read_texts(DataConfig(source=str(path), column="smiles", labels="logP, active", weights="w")).columns
    assert found.names == ("logP", "active")
    np.testing.assert_allclose(found.labels, [[-0.1, 1], [math.nan, 0], [2, math.nan]], rtol=1e-6)
    assert found.weights is not None
    assert found.weights.tolist() == [2, 1, 0.5]


def test_conditions_travel_from_a_table_to_the_batch(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    config = DataConfig(source=str(path), column="smiles", labels="logP", conditions="active,logP")
    found = read_texts(config).columns
    assert found.conditions is not None
    np.testing.assert_allclose(found.conditions, [[1, -0.1], [0, math.nan], [math.nan, 2]], rtol=1e-6)
    assert found.labels.shape == (3, 1)
    store = write_store(tmp_path / "s.bin", [[3], [4, 5, 6], [3, 3]])
    (batch,) = BatchStream(store, BatchPlan(3, shuffle=False), columns=found)
    order = np.argsort(store.lengths, kind="stable")
    assert batch.conditions is not None
    np.testing.assert_allclose(batch.conditions, found.conditions[order], rtol=1e-6)
    assert batch.conditioned.tolist() == (~np.isnan(found.conditions[order])).tolist()


def test_conditions_are_part_of_the_hash_and_the_rows():
    with_them = Columns.of(2, {"a": [1.0, 2.0]}, (), conditions=("a",))
    assert with_them
    assert with_them.content_hash != Columns.of(2, {"a": [1.0, 3.0]}, (), conditions=("a",)).content_hash
    assert with_them.content_hash != Columns.of(2, {}, ()).content_hash
    assert with_them.rows(np.array([1])).conditions.tolist() == [[2.0]]


def test_without_labels_there_is_nothing(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(TABLE)
    found = read_texts(DataConfig(source=str(path), column="smiles")).columns
    assert not found
    assert found.labels.shape == (3, 0)


@pytest.mark.parametrize("weight", ["", "-1", "nan"])
def test_a_weight_is_a_number_from_0(tmp_path, weight):
    path = tmp_path / "t.csv"
    path.write_text(f"smiles,w\nCCO,1\nCCN,{weight}\n")
    with pytest.raises(RecordError, match="record 2: expected a weight from 0 in column 'w'"):
        read_texts(DataConfig(source=str(path), column="smiles", weights="w"))


def test_a_dataset_names_the_numbers_that_it_has():
    with pytest.raises(ConfigError, match="dataset mpsa-sample has no 'logP'; it has log10_psi"):
        read_texts(DataConfig(source="mpsa-sample", labels="logP"))
    assert len(read_texts(DataConfig(source="mpsa-sample", labels="log10_psi", limit=4)).columns.labels) == 4


def test_each_column_once():
    with pytest.raises(ConfigError, match=r"data\.labels: expected each column once"):
        DataConfig(labels="a,b,a")


def test_rows_and_hash():
    whole = columns()
    part = whole.rows(np.array([3, 0]))
    assert part.labels[:, 0].tolist() == [3, 0]
    assert np.isnan(part.labels[1, 1])
    assert whole.content_hash == columns().content_hash != part.content_hash


def test_a_batch_has_the_numbers_of_its_own_sequences(tmp_path):
    store = write_store(tmp_path / "s.bin", [[3 + row] * (1 + row % 3) for row in range(5)])
    stream = BatchStream(store, BatchPlan(2, seed=1), columns=columns())
    for indices, batch in zip(stream.plan_epoch(0), stream.batches(0), strict=True):
        assert batch.labels is not None
        assert batch.labels[:, 0].tolist() == indices.tolist()
        assert batch.labelled[:, 1].tolist() == (indices != 0).tolist()
        assert batch.mask.sum(1).tolist() == [2 + row % 3 for row in indices.tolist()]
        assert batch.weights is not None


def test_the_encoder_may_read_another_spelling(tmp_path):
    store = write_store(tmp_path / "s.bin", [[3, 4], [5]])
    other = write_store(tmp_path / "o.bin", [[6, 7, 8], [9, 9]])
    always = Spellings(other, each=1, share=1.0, seed=0)
    (batch,) = BatchStream(store, BatchPlan(2, shuffle=False), spellings=always).batches(0)
    assert batch.targets.tolist() == [[5, EOS, PAD], [3, 4, EOS]]
    assert batch.inputs.tolist() == [[9, 9, EOS, PAD], [6, 7, 8, EOS]]
    (same,) = BatchStream(store, BatchPlan(2, shuffle=False)).batches(0)
    assert same.inputs is same.targets
    assert same.to("cpu").inputs is same.to("cpu").targets


def test_numbers_and_spellings_are_of_as_many_sequences(tmp_path):
    store = write_store(tmp_path / "s.bin", [[3, 4], [5]])
    with pytest.raises(UsageError, match="columns: expected one for each of 2 sequences, got 5"):
        BatchStream(store, BatchPlan(2), columns=columns())
    with pytest.raises(UsageError, match="spellings: expected one for each of 2 sequences, got 1"):
        BatchStream(store, BatchPlan(2), spellings=Spellings(write_store(tmp_path / "o.bin", [[3], [4]]), 2, 1.0, 0))


def test_means_are_by_weight():
    ids = torch.tensor([[3, EOS], [4, EOS], [5, EOS]])
    batch = Batch(ids, ids, weights=torch.tensor([2.0, 1.0, 0.0]))
    assert batch.mean(torch.tensor([1.0, 4.0, 100.0])).item() == 2.0
    assert batch.mean(torch.tensor([[1.0, 0.0], [4.0, 3.0], [9.0, 9.0]])).tolist() == [2.0, 1.0]
    assert Batch.of(ids).mean(torch.tensor([1.0, 4.0, 100.0])).item() == 35.0
    assert Batch(ids, ids, weights=torch.zeros(3)).mean(torch.tensor([1.0, 2.0, 3.0])).item() == 0.0
    assert Batch.of(ids).labelled.shape == (3, 0)
