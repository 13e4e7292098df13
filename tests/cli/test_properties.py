"""`seqvae properties list | score`."""

from __future__ import annotations

import csv
import gzip
import io
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from property_cases import ASPIRIN
from scoring_cases import script

from seqvae.cli.main import main
from seqvae.properties import forms, get, listed, read_scoring, scan
from seqvae.properties.scoring import JOINS

TEXTS = ["CCO", "C1CC", ASPIRIN]
NAMES = ["qed", "pmo:deco_hop", "similarity:ecfp4:CCO", "smarts:[#6]=O"]


@pytest.fixture
def smi(tmp_path):
    path = tmp_path / "in.smi"
    path.write_text(f"CCO ethanol\nC1CC\n\n{ASPIRIN} aspirin\n")
    return path


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_list_names_every_property(capsys):
    assert main(["properties", "list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    names = [found.name for found in listed()] + [name for name, _, _ in forms()]
    assert [row.split()[0] for row in rows] == ["name", *names]


def test_score_writes_a_column_a_name(smi, tmp_path, capsys):
    out = tmp_path / "out.csv"
    assert main(["properties", "score", *NAMES, str(smi), "-o", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "3 records read; values: qed 2, pmo:deco_hop 3, " in printed.err
    rows = table(out.read_text())
    assert list(rows[0]) == ["text", "name", *NAMES]
    assert [row["name"] for row in rows] == ["ethanol", "", "aspirin"]
    assert [row["text"] for row in rows] == TEXTS
    for name in NAMES:
        cells = [float(row[name]) if row[name] else math.nan for row in rows]
        assert cells == pytest.approx(get(name)(TEXTS).tolist(), rel=1e-8, nan_ok=True)
    assert [row["qed"] == "" for row in rows] == [False, True, False]
    assert rows[1]["pmo:deco_hop"] == "0"


def test_score_reads_and_writes_what_other_verbs_do(tmp_path, capsys, monkeypatch):
    source = tmp_path / "in.csv.gz"
    source.write_bytes(gzip.compress(b"name,molecule\na,CCO\nb,CC\n"))
    out = tmp_path / "out.parquet"
    words = ["properties", "score", "heavy_atoms", str(source), "--column", "molecule", "--out", str(out), "--quiet"]
    assert main(words) == 0
    assert pq.read_table(out).to_pydict() == {"text": ["CCO", "CC"], "name": ["a", "b"], "heavy_atoms": [3.0, 2.0]}
    assert capsys.readouterr().err == ""
    stream = io.TextIOWrapper(io.BytesIO(b"CCO\nC\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    assert main(["properties", "score", "heavy_atoms", "-", "--quiet"]) == 0
    assert capsys.readouterr().out == "text,heavy_atoms\nCCO,3\nC,1\n"


def test_a_long_file_is_scored_in_pieces(tmp_path, capsys):
    from seqvae.config import CHUNK

    source = tmp_path / "in.txt"
    lengths = np.arange(CHUNK + 10) % 7 + 1
    source.write_text("".join("C" * length + "\n" for length in lengths))
    assert main(["properties", "score", "heavy_atoms", str(source), "--out", str(tmp_path / "out.csv")]) == 0
    capsys.readouterr()
    rows = table((tmp_path / "out.csv").read_text())
    assert [int(row["heavy_atoms"]) for row in rows] == lengths.tolist()


def test_a_function_in_this_folder(smi, tmp_path, capsys, monkeypatch):
    (tmp_path / "seqvae_mine.py").write_text("def letters(text):\n    return len(text)\n")
    monkeypatch.chdir(tmp_path)
    assert main(["properties", "score", "seqvae_mine:letters", str(smi)]) == 0
    assert [row["seqvae_mine:letters"] for row in table(capsys.readouterr().out)] == ["3", "4", str(len(ASPIRIN))]


def test_the_numbers_that_are_written_are_counted(tmp_path, capsys, monkeypatch):
    (tmp_path / "seqvae_far.py").write_text(
        "def far(text):\n    return {'CCO': float('inf'), 'CC': float('-inf'), 'C': 1.0}.get(text)\n"
    )
    (tmp_path / "in.smi").write_text("CCO\nCC\nC\nN\n")
    monkeypatch.chdir(tmp_path)
    assert main(["properties", "score", "seqvae_far:far", "in.smi"]) == 0
    printed = capsys.readouterr()
    assert [row["seqvae_far:far"] for row in table(printed.out)] == ["inf", "-inf", "1", ""]
    assert "values: seqvae_far:far 3;" in printed.err


TASKS = """
join = "{join}"
[[term]]
property = "qed"
[[term]]
property = "logp"
transform = "window"
low = -1.0
high = 3.5
[[term]]
command = "./letters.sh {{smiles}}"
name = "letters"
transform = "sigmoid"
low = 0
high = 30
"""


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """Files of terms in this folder, one for each way to join."""
    monkeypatch.chdir(tmp_path)
    script(tmp_path / "letters.sh", "echo ${#1}")
    for join in JOINS:
        (tmp_path / f"{join}.toml").write_text(TASKS.format(join=join))


@pytest.mark.parametrize("join", JOINS)
def test_a_file_of_terms_adds_its_columns(join, tasks, smi, capsys):
    assert main(["properties", "score", "tpsa", f"{join}.toml", str(smi), "-o", "out.csv"]) == 0
    assert "letters 3, letters.desirability 3" in capsys.readouterr().err
    rows = table(Path("out.csv").read_text())
    scoring = read_scoring(f"{join}.toml")
    expected = {"tpsa": get("tpsa")(TEXTS), **scoring.parts(TEXTS)}
    assert list(rows[0]) == ["text", "name", *expected]
    assert ("score" in rows[0]) == (join != "pareto")
    for title, column in expected.items():
        cells = [float(row[title]) if row[title] else math.nan for row in rows]
        assert cells == pytest.approx(column.tolist(), rel=1e-8, nan_ok=True)
    assert [row["letters"] for row in rows] == ["3", "4", str(len(ASPIRIN))]
    assert [row["qed"] == "" for row in rows] == [False, True, False]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["qed", "geometric.toml"], 2, "two columns would be called 'qed': leave one of them out"),
        (["geometric.toml", "arithmetic.toml"], 2, "two columns would be called 'score': leave one of them out"),
        (["none.toml"], 2, "none.toml: cannot read the scoring: No such file or directory"),
        (["slip.toml"], 2, "slip.toml: term 2: unknown property 'lopg'; did you mean 'logp'?"),
        (["fails.toml"], 1, "command 'false {smiles}' on 'CCO' ended with exit code 1: nothing on standard error"),
        (["negative.toml"], 1, "term 'logp': a geometric mean needs numbers from 0, got -0.0014 for 'CCO'"),
    ],
)
def test_a_file_of_terms_that_is_wrong_is_one_line(words, code, message, tasks, smi, capsys):
    Path("slip.toml").write_text("[[term]]\nproperty = 'qed'\n[[term]]\nproperty = 'lopg'\n")
    Path("fails.toml").write_text("[[term]]\ncommand = 'false {smiles}'\n")
    Path("negative.toml").write_text("[[term]]\nproperty = 'qed'\n[[term]]\nproperty = 'logp'\n")
    assert main(["properties", "score", *words, str(smi), "-o", "out.csv"]) == code
    printed = capsys.readouterr()
    assert printed.err.startswith("seqvae: error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not Path("out.csv").exists()


def test_the_help_shows_a_file_of_terms_as_it_is_written(capsys):
    assert main(["properties", "score", "--help"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for line in ("[[term]]", 'property = "logp"', "high = 3.5", 'name = "docking"', "timeout = 60"):
        assert line in lines


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["qedd", "IN"], 2, "unknown property 'qedd'; did you mean 'qed'?"),
        (["pmo:deco_hp", "IN"], 2, "unknown property 'pmo:deco_hp'; did you mean 'deco_hop'?"),
        (["smarts:[#6", "IN"], 2, "expected a pattern as SMARTS"),
        (["math:sqrt", "IN"], 1, "math:sqrt fails on 'CCO': TypeError: must be real number, not str"),
        (["qed", "nothing.smi"], 1, "nothing.smi: cannot be read: No such file or directory"),
        (["qed", "in.xyz"], 2, "in.xyz"),
        (["qed"], 2, "expected names of properties, then a file, got qed"),
        ([], 2, "expected names of properties, then a file, got nothing"),
        (["qed", "IN", "-o", "out.smi"], 2, "out.smi: scores are written as .npz, .parquet, .csv, .tsv, or to -"),
        (["qed", "IN", "--on-error", "ignore"], 2, 'on_error must be "stop" or "skip"'),
    ],
)
def test_wrong_input_is_one_line(words, code, message, smi, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    out = [] if "-o" in words else ["-o", "out.csv"]
    assert main(["properties", "score", *(str(smi) if word == "IN" else word for word in words), *out]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("seqvae: error: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.glob("out.*"))


def test_scan_writes_what_the_call_returns(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("two.jaspar").write_text(
        ">MA0001.1 AGL3\nA [ 0 3 79 ]\nC [94 75 4 ]\nG [ 1 0 3 ]\nT [ 2 19 11 ]\n"
        ">MA0002.1 Box\nA [ 9 0 0 ]\nC [ 0 9 0 ]\nG [ 0 0 9 ]\nT [ 0 0 0 ]\n"
    )
    Path("in.fasta").write_text(">one\nACGTCCAGG\n>two\nTTTTTT\n>three\nuggNCCA\n")
    assert main(["properties", "scan", "two.jaspar", "in.fasta", "-o", "out.csv", "--threshold", "0.05"]) == 0
    assert "in.fasta: 6 sites with p up to 0.05, in 2 of 3 sequences" in capsys.readouterr().err
    found, rows = scan(["ACGTCCAGG", "TTTTTT", "TGGNCCA"], "two.jaspar", 0.05), table(Path("out.csv").read_text())
    assert [row["text"] for row in rows] == found.windows == ["ACG", "ACG", "CCA", "CCT", "CCA", "CCA"]
    assert [row["name"] for row in rows] == ["one"] * 4 + ["three"] * 2
    assert [(row["motif"], row["strand"]) for row in rows] == list(zip(found.motifs, found.strands, strict=True))
    for title, values in (("start", found.starts), ("p", found.p), ("q", found.q), ("score", found.scores)):
        assert [float(row[title]) for row in rows] == pytest.approx(values, rel=1e-8)
    words = ["two.jaspar", "in.fasta", "--motif", "AGL3", "--one-strand", "--quiet", "--threshold", "0.05"]
    assert main(["properties", "scan", *words]) == 0
    assert [row["strand"] for row in table(capsys.readouterr().out)] == ["+", "+"]
    assert main(["properties", "scan", "two.jaspar", "in.fasta", "--threshold", "1e-9"]) == 0
    assert table(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("none.jaspar in.fasta", "none.jaspar: cannot read motifs"),
        ("in.fasta in.fasta", "expected motifs in JASPAR or minimal MEME format"),
        ("in.jaspar in.fasta --motif Bix", "did you mean 'Box'?"),
        ("in.jaspar in.fasta --threshold 2", "threshold: expected a chance above 0 and up to 1, got 2"),
        ("in.jaspar in.fasta --background yeast", "background: expected one of uniform, sequences"),
        ("in.jaspar protein.fasta", "expected DNA"),
    ],
)
def test_wrong_scans_are_one_line(tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    Path("in.jaspar").write_text(">MA0002.1 Box\nA [ 9 0 0 ]\nC [ 0 9 0 ]\nG [ 0 0 9 ]\nT [ 0 0 0 ]\n")
    Path("in.fasta").write_text(">one\nACGT\n")
    Path("protein.fasta").write_text(">one\nMKLVI\n")
    assert main(["properties", "scan", *words.split()]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
