"""What is written is read back unchanged."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from seqvae.data.files.chunks import Results
from seqvae.data.files.latent_vectors import latent_chunks, read_latent
from seqvae.data.files.writers import TEXTS_ONLY, WITH_LATENT, FastaWriter, TableWriter, write, write_pieces, writer_for
from seqvae.errors import SeqVAEError, UsageError

finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
arrays = hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=finite)
lines = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=30)


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".csv", ".csv.gz"])
@settings(max_examples=25, deadline=None)
@given(z=arrays, text=lines)
def test_latent_vectors_come_back_bit_for_bit(tmp_path_factory, suffix, z, text):
    path = str(tmp_path_factory.mktemp("z") / f"z{suffix}")
    write(path, Results([text] * len(z), {"score": [0.5] * len(z)}, z))
    back = read_latent(path, z.shape[1])
    assert back.dtype == np.float32
    assert np.array_equal(back, z)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(lines, max_size=5))
def test_a_table_is_a_table_whatever_the_texts(texts):
    file = io.BytesIO()
    TableWriter(file).append(Results(texts, {"n": list(range(len(texts)))}))
    rows = list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))
    assert rows == [["text", "n"], *[[text, str(i)] for i, text in enumerate(texts)]]


@pytest.mark.parametrize("suffix", [".csv", ".tsv.gz", ".smi", ".fasta", ".npz", ".parquet"])
def test_pieces_make_the_file_that_the_whole_makes(tmp_path, suffix):
    texts = ["C" * n for n in range(1, 9)]
    columns = {"name": ["", *map(str, range(7))], "log_likelihood": [-0.1 * n for n in range(8)]}
    cuts = (slice(0, 2), slice(2, 7), slice(7, 8))
    pieces = (Results(texts[cut], {title: values[cut] for title, values in columns.items()}) for cut in cuts)
    write(str(tmp_path / f"whole{suffix}"), Results(texts, columns))
    write_pieces(str(tmp_path / f"pieces{suffix}"), pieces)
    assert (tmp_path / f"whole{suffix}").read_bytes() == (tmp_path / f"pieces{suffix}").read_bytes()


def test_rows_of_a_parquet_file_are_grouped(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr("seqvae.data.files.writers._ROW_GROUP", 4)
    z = np.arange(20, dtype=np.float32).reshape(10, 2)
    pieces = (Results(["C"] * 2, {}, z[start : start + 2]) for start in range(0, 10, 2))
    write_pieces(str(tmp_path / "z.parquet"), pieces, latent=True)
    table = pq.ParquetFile(tmp_path / "z.parquet")
    assert [table.metadata.row_group(i).num_rows for i in range(table.num_row_groups)] == [4, 4, 2]
    assert np.array_equal(read_latent(str(tmp_path / "z.parquet"), 2), z)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_latent_vectors_of_any_layout_are_read_in_chunks(tmp_path, monkeypatch, order, kind):
    monkeypatch.setattr("seqvae.data.files.latent_vectors.CHUNK", 3)
    z = np.asarray(np.random.default_rng(0).normal(size=(8, 5)), dtype=kind, order=order)
    np.savez_compressed(tmp_path / "z.npz", z=z)
    chunks = list(latent_chunks(str(tmp_path / "z.npz"), 5))
    assert [len(chunk) for chunk in chunks] == [3, 3, 2]
    assert np.array_equal(np.concatenate(chunks), z.astype(np.float32))


def test_fasta_is_wrapped_and_numbered():
    file = io.BytesIO()
    FastaWriter(file).append(Results(["A" * 100, ""], {"log_likelihood": [-1.5, float("nan")]}))
    expected = [">1 log_likelihood=-1.5", "A" * 80, "A" * 20, ">2 log_likelihood=", ""]
    assert file.getvalue().decode() == "\n".join(expected)


@pytest.mark.parametrize("latent", [True, False])
def test_every_extension_has_its_writer(latent):
    known = WITH_LATENT if latent else TEXTS_ONLY | WITH_LATENT
    for kind, writer in known.items():
        assert writer_for(f"some/x.{kind.upper()}", latent) is writer
    for name in ("x", "x.doc", "csv", ".csv.bz2", "x.npz.gz", "folder.csv/x"):
        with pytest.raises(UsageError, match="are written as "):
            writer_for(name, latent)
    assert writer_for("-", latent) is (WITH_LATENT["csv"] if latent else TEXTS_ONLY["txt"])


def test_a_place_where_no_file_can_be_is_known_before_anything_is_written(tmp_path):
    (tmp_path / "table.csv").mkdir()
    (tmp_path / "file").write_text("")
    for place, words in (("table.csv", "table.csv is a folder"), ("file/deep/table.csv", "file is a file")):
        with pytest.raises(SeqVAEError, match=words):
            writer_for(str(tmp_path / place))
    assert writer_for(str(tmp_path / "not yet" / "table.csv")) is TableWriter
