"""TF-Bind-8: whole tables in every supported format, and wrong tables."""

import csv
import gzip
import itertools
import pickle

import numpy as np
import pytest

from seqvae.errors import InputError, SeqVAEError, UsageError
from seqvae.properties.benchmarks import tfbind8
from seqvae.properties.benchmarks.tfbind8 import listed, named, read_table
from seqvae.sequences.dna import reverse_complement

ALL = ["".join(letters) for letters in itertools.product("ACGT", repeat=8)]
ONE_OF_EACH_PAIR = [text for text in ALL if text <= reverse_complement(text)]


def binding(text):
    """A made-up value that a sequence shares with its reverse complement."""
    a, b = (sum(2.0**i * "ACGT".index(base) for i, base in enumerate(s)) for s in (text, reverse_complement(text)))
    return a * b / 1e4 - 0.3


VALUES = np.array([binding(text) for text in ALL])
SCALED = (VALUES - VALUES.min()) / (VALUES.max() - VALUES.min())


def write(path, names, rows, delimiter=","):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([names, *rows])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Whole tables: as UniPROBE publishes them, as CSV with all sequences, and as Design-Bench's arrays."""
    folder = tmp_path_factory.mktemp("tables")
    pairs = [[text, reverse_complement(text), binding(text), 7.0, -binding(text)] for text in ONE_OF_EACH_PAIR]
    write(folder / "TF_8mers.txt", ["8-mer", "8-mer", "E-score", "Median", "Z-score"], pairs, "\t")
    # A palindrome occurs twice in tables made from pairs.
    doubled = [[text, binding(text)] for text in ALL + [t for t in ALL if t == reverse_complement(t)]]
    write(folder / "all.csv.gz", ["sequences", "fitness"], doubled)
    x = np.array([["ACGT".index(base) for base in text] for text in ALL])
    np.save(folder / "tf_bind_8-x-0.npy", x)
    np.save(folder / "tf_bind_8-y-0.npy", VALUES[:, None].astype(np.float32))
    np.savez(folder / "both.npz", x=x.astype(np.int8), y=VALUES)
    return folder


@pytest.mark.parametrize("name", ["TF_8mers.txt", "all.csv.gz", "both.npz", "tf_bind_8-x-0.npy"])
def test_a_whole_table(folder, name):
    table = read_table(folder / name)
    assert np.allclose(table, SCALED, rtol=0, atol=1e-6 if name.endswith("npy") else 1e-15)
    assert (table.min(), table.max()) == (0.0, 1.0)
    found = named(str(folder / name))
    some = np.random.default_rng(0).integers(0, len(ALL), 500)
    assert np.array_equal(found([ALL[i] for i in some]), table[some])
    assert np.array_equal(found([reverse_complement(ALL[i]) for i in some]), found([ALL[i] for i in some]))


def test_there_is_one_row_for_each_pair():
    assert len(ONE_OF_EACH_PAIR) == 32_896


def test_a_column_of_ones_choice(folder):
    path = f"{folder / 'TF_8mers.txt'}#Z-score"
    found = named(path)
    assert found.name == f"tfbind8:{path}"
    assert found.kind == "dna"
    assert "TF_8mers.txt" in found.about
    assert np.allclose(found(ALL), 1 - SCALED, atol=1e-12)
    assert np.array_equal(pickle.loads(pickle.dumps(found))(ALL[:50]), found(ALL[:50]))
    assert listed() == []


def test_texts_without_a_value(folder):
    found = named(str(folder / "both.npz"))
    texts = ["", "ACGTACG", "ACGTACGTA", "ACGTACGN", "ACGTACG-", "hello", "\u00c5CGTACGT"]
    assert np.isnan(found(texts)).all()
    assert found(["acguacgu", " ACGTACGT "]).tolist() == found(["ACGTACGT"] * 2).tolist()
    assert found([]).shape == (0,)


def test_strands_that_differ_keep_their_own_values(tmp_path):
    """The table takes precedence: only missing sequences are filled in."""
    rows = [[text, float(number)] for number, text in enumerate(ALL)]
    found = named(str(write(tmp_path / "strands.csv", ["dna", "y"], rows)))
    assert found(["AAAAAAAA", "TTTTTTTT", "AAAAAAAC"]).tolist() == [0.0, 1.0, 1 / 65_535]


FULL = [[text, binding(text)] for text in ONE_OF_EACH_PAIR]


@pytest.mark.parametrize(
    ("names", "rows", "words"),
    [
        (
            ["s", "y"],
            FULL[1:],
            r"65,536 sequences of 8 bases or their reverse complements, 2 are missing, AAAAAAAA the f",
        ),
        (["s", "y"], [["ACGTACGT", 1], ["ACGTACGT", 2]], ":2: ACGTACGT has two different values: keep one"),
        (["s", "y"], [["ACGTACGT", 1], ["ACGTACG", 2]], ":3: expected 8 bases A, C, G, T, got 'ACGTACG'"),
        (["s", "y"], [["ACGTACGT", 1], ["ACGTACGN", 2]], ":3: expected 8 bases A, C, G, T, got 'ACGTACGN'"),
        (["s", "y"], [["ACGTACGT", 1], ["ACGTACGA", "x"]], ":3: expected a number, got 'x'"),
        (["s", "y"], [["ACGTACGT", 1], ["ACGTACGA", "inf"]], ":3: expected a finite number, got inf"),
        (["s", "y"], [["ACGTACGT", 1], ["ACGTACGA"]], ":3: expected 2 columns, as in the first line, got 1"),
        (["s", "y"], [["ACGT", 1]], "expected a column of sequences of 8 bases, got s, y"),
        (["s", "y"], [], "expected a header line of column names and rows below it"),
        (["ACGTACGT", "1"], [["ACGTACGA", 1]], "expected a header line of column names and rows below it"),
        (
            ["s", "y"],
            [[text, 1] for text in ONE_OF_EACH_PAIR],
            "expected values that differ, all are 1: choose another",
        ),
        (["s", "a", "b"], [["ACGTACGT", 1, 2]], "expected one column of numbers, got s, a, b: name it, as in tfbind8:"),
        (["s", "a"], [["ACGTACGT", "x"]], "expected one column of numbers, got s, a: name it"),
    ],
)
def test_a_wrong_table(tmp_path, names, rows, words):
    path = write(tmp_path / "wrong.csv", names, rows)
    with pytest.raises(SeqVAEError, match=words) as caught:
        named(str(path))
    assert "wrong.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there(folder):
    with pytest.raises(UsageError, match="unknown column 'z-score'; did you mean 'Z-score'"):
        named(f"{folder / 'TF_8mers.txt'}#z-score")
    with pytest.raises(UsageError, match="arrays have no columns, got 'y': leave it out"):
        named(f"{folder / 'both.npz'}#y")
    with pytest.raises(UsageError, match="expected the path of a table"):
        named("")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(
        InputError, match=r"none.csv: cannot read a table of names and rows: No such file or directory$"
    ):
        named(str(tmp_path / "none.csv"))
    for name, content in {"bytes.csv": b"\xff\xfe\xfa", "cut.csv.gz": gzip.compress(b"s,y\n" * 99)[:-9]}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: cannot read a table"):
            named(str(tmp_path / name))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match=r"empty.csv: expected a header line of column names"):
        named(str(tmp_path / "empty.csv"))


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (
            np.zeros((3, 7), int),
            np.zeros(3),
            r"expected integers x of shape \(rows, 8\), .* got int64 of \(3, 7\)",
        ),
        (np.zeros((3, 8)), np.zeros(3), "got float64"),
        (np.zeros((3, 8), int), np.zeros(4), r"float64 of \(4,\)"),
        (np.full((3, 8), 4), np.zeros(3), "expected 0 to 3 for A, C, G, T, got 4 to 4"),
        (np.zeros((3, 8), int), np.array([1, 1, np.nan]), "row 2: expected a finite number, got nan"),
        (np.zeros((3, 8), int), np.arange(3), "row 0: AAAAAAAA has two different values"),
        (np.zeros((3, 8), int), np.array(["a", {}], object), "cannot read arrays x and y: .*allow_pickle"),
    ],
)
def test_wrong_arrays(tmp_path, x, y, words):
    np.savez(tmp_path / "wrong.npz", x=x, y=y)
    with pytest.raises(InputError, match=f"wrong.npz: {words}" if words.startswith("row") else words):
        named(str(tmp_path / "wrong.npz"))


def test_arrays_without_their_values(tmp_path):
    np.save(tmp_path / "sequences.npy", np.zeros((1, 8), int))
    with pytest.raises(InputError, match=r"no '-x-' in the name sequences.npy"):
        named(str(tmp_path / "sequences.npy"))
    np.save(tmp_path / "a-x-0.npy", np.zeros((1, 8), int))
    with pytest.raises(InputError, match=r"a-y-0.npy: cannot read arrays x and y: No such file or directory$"):
        named(str(tmp_path / "a-x-0.npy"))
    np.savez(tmp_path / "half.npz", x=np.zeros((1, 8), int))
    with pytest.raises(InputError, match=r"half.npz: cannot read arrays x and y"):
        named(str(tmp_path / "half.npz"))


def test_numbers_and_letters_are_one_another():
    assert tfbind8._numbers(ALL).tolist() == list(range(tfbind8.COUNT))
    assert [tfbind8._letters(number) for number in (0, 1, 65_535)] == ["AAAAAAAA", "AAAAAAAC", "TTTTTTTT"]
