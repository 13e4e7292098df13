"""Names and columns of the input travel to the output, in every format that has room for them."""

from __future__ import annotations

import numpy as np
import pytest

from seqvae.data.files.carried import Carried, renamed
from seqvae.data.files.chunks import Results
from seqvae.data.files.latent_vectors import latent_rows
from seqvae.data.files.records import Record
from seqvae.data.files.writers import write


def test_columns_and_names_are_found_once():
    carried = Carried(("qed", "text"))
    first = [
        Record("C", "a", 1, {"id": "a", "qed": "0.1", "text": "x"}),
        Record("CC", "b", 2, {"id": "b", "qed": "", "text": ""}),
    ]
    assert carried.of(first) == {"id": ["a", "b"], "input_qed": ["0.1", ""], "input_text": ["x", ""]}
    assert Carried().of([Record("C", "a", 1), Record("CC", "", 2)]) == {"name": ["a", ""]}
    assert Carried().of([Record("C", "", 1)]) == {}
    assert renamed(["z", "input_z"], {"z"}) == {"z": "input_z", "input_z": "input_input_z"}


def test_lists_hold_names(tmp_path):
    found = Results(["CCO", "C"], {"name": ["ethanol, pure", ""], "y": ["1", "2"]})
    write(str(tmp_path / "x.smi"), found)
    assert (tmp_path / "x.smi").read_text() == "CCO ethanol, pure\nC\n"
    write(str(tmp_path / "x.fa"), found)
    assert (tmp_path / "x.fa").read_text() == ">ethanol,_pure y=1\nCCO\n>2 y=2\nC\n"
    write(str(tmp_path / "x.txt"), found)
    assert (tmp_path / "x.txt").read_text() == "CCO\nC\n"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".npz", ".parquet"])
def test_columns_beside_latent_vectors_come_back(tmp_path, suffix):
    z = np.arange(4, dtype=np.float32).reshape(2, 2)
    write(str(tmp_path / f"z{suffix}"), Results(["CCO", "C"], {"id": ["a", "b\u00fc"], "y": ["1,5", ""]}, z))
    ((vectors, columns),) = latent_rows(str(tmp_path / f"z{suffix}"), 2)
    assert np.array_equal(vectors, z)
    assert {title: list(cells) for title, cells in columns.items()} == {
        "text": ["CCO", "C"],
        "id": ["a", "b\u00fc"],
        "y": ["1,5", ""],
    }
