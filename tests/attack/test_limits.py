"""What has no end is refused at a size, and a terminal obeys nothing that stands in a file."""

from __future__ import annotations

import csv
import gzip
import io
import os
import pty
import random
import sqlite3
from contextlib import closing, redirect_stdout

import pytest
from golden_cases import command
from search_cases import settings, start

from scripts.attack.files import damage, kinds
from scripts.attack.model_folders import made
from seqvae.cli.main import main
from seqvae.config import DataConfig
from seqvae.data.corpus import audit_source, read_texts
from seqvae.data.files import molecule_files, open, sequence_files
from seqvae.data.files.chunks import Results
from seqvae.data.files.latent_vectors import read_latent
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.data.files.writers import SAFE, write_pieces
from seqvae.errors import InputError, UsageError, visible
from seqvae.search import run
from seqvae.search.storage.run_folder import LEDGER
from seqvae.sequences.molecules import canonical_smiles, scaffold, selfies_to_smiles


@pytest.mark.parametrize(("name", "ending"), [("a.smi", ""), ("a.csv", ""), ("a.fasta", ">x\n"), ("a.txt.gz", "")])
def test_a_line_without_end_is_refused(name, ending, tmp_path, monkeypatch):
    monkeypatch.setattr(open, "LONGEST_LINE", 1 << 16)
    data = ending.encode() + b"C" * (1 << 18)
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with pytest.raises(InputError, match="expected lines of less than 65,536 characters"):
        read_records(tmp_path / name)


def test_a_line_of_just_that_length_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(open, "LONGEST_LINE", 1 << 10)
    (tmp_path / "a.txt").write_text("A" * 1023 + "\n" + "A" * 1022 + "\r\n" + "A" * 5)
    assert [len(one.text) for one in read_records(tmp_path / "a.txt")[0]] == [1023, 1022, 5]


def test_a_record_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(molecule_files, "LONGEST_LINE", 1 << 16)
    monkeypatch.setattr(sequence_files, "LONGEST_SEQUENCE", 1 << 16)
    (tmp_path / "a.sdf").write_text("line of a record\n" * 10_000)
    (tmp_path / "a.fasta").write_text(">a\n" + "ACGT\n" * 50_000)
    with pytest.raises(InputError, match="characters before"):
        read_records(tmp_path / "a.sdf")
    with pytest.raises(InputError, match=r"a\.fasta:1: expected a record of 65,536 letters at most"):
        read_records(tmp_path / "a.fasta")


@pytest.mark.parametrize("length", [20_000, 300_000])
def test_long_smiles_do_not_reach_rdkit(length, tmp_path):
    (tmp_path / "a.smi").write_text("C" * length + "\nCCO\n")
    code, _, err = command(["data", "audit", str(tmp_path / "a.smi")])
    assert code in (0, 1), err
    with pytest.raises(InputError):
        read_records(tmp_path / "a.smi", check=canonical_smiles)


@pytest.mark.parametrize("cell", ["1_000", "1e39", "x"])
def test_numbers_of_latent_vectors(cell, tmp_path):
    folder = made(tmp_path / "model", "dna gru gru diagonal normal none")
    (tmp_path / "z.csv").write_text(f"z0,z1,z2,z3\n0,0,0,{cell}\n")
    code, _, err = command(["decode", str(folder), str(tmp_path / "z.csv")])
    assert (code, err.count("\n")) == (1, 1), err
    assert err.startswith("seqvae: error"), err


def test_numbers_beyond_float32_warn_of_nothing(tmp_path):
    (tmp_path / "z.csv").write_text("z0\n1e300\n")
    with pytest.raises(InputError, match="holds NaN or an infinite number"):  # a warning would be an error here
        read_latent(str(tmp_path / "z.csv"), 1)


def test_control_characters_of_a_ledger_are_shown(tmp_path):
    run("dna:gc", tmp_path / "run", settings("", "ga", 10, 5), start(20))
    with closing(sqlite3.connect(tmp_path / "run" / LEDGER)) as ledger:
        ledger.execute("UPDATE evaluations SET text = ?, canonical = ?, proposer = ?", ["A\x1b[2J"] * 3)
        ledger.commit()
    code, out, err = command(["results", str(tmp_path / "run")])
    assert code == 0, err
    assert "\x1b" not in out
    assert r"\x1b[2J" in out


def test_control_characters_of_names_and_messages_are_shown():
    for verb in (["results"], ["encode", "zinc-smiles"]):
        code, _, err = command([*verb, "a\x1b[31mb\u202e.smi"])
        assert code in (1, 2)
        assert "\x1b" not in err
        assert r"a\x1b[31mb\u202e.smi" in err


def test_tables_are_escaped_on_a_terminal_and_nowhere_else(tmp_path, monkeypatch):
    rows = [Results(["A\x1b[2J"], {"name": ["\x07"]})]
    monkeypatch.setattr("sys.stdout", plain := io.TextIOWrapper(io.BytesIO()))
    write_pieces("-", rows, scores=True)
    assert b"\x1b" in plain.buffer.getvalue()
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        monkeypatch.setattr("sys.stdout", terminal)
        write_pieces("-", rows, scores=True)
        terminal.flush()
        shown = os.read(leader, 1000)
    os.close(leader)
    assert b"\x1b" not in shown
    assert rb"A\x1b[2J,\x07" in shown


@pytest.mark.parametrize("set_to", ["", "0", "1"])
def test_cells_that_would_be_formulas(set_to, tmp_path, monkeypatch):
    monkeypatch.setenv(SAFE, set_to)
    cells = ["=1+1", "+x", "-5.5", "@a", "plain", "-x", "\t=1"]
    write_pieces(str(tmp_path / "a.csv"), [Results(["C"] * len(cells), {"note": cells, "n": [-1.5] * len(cells)})])
    with (tmp_path / "a.csv").open(newline="") as file:
        found = [row["note"] for row in csv.DictReader(file)]
    safe = ["'=1+1", "'+x", "-5.5", "'@a", "plain", "'-x", "'\t=1"]
    assert found == (safe if set_to == "1" else cells)


@pytest.mark.parametrize(("verb", "advice"), [("encode", True), ("results", False), ("properties", False)])
def test_a_smaller_batch_is_advised_where_there_is_one(verb, advice, monkeypatch, capsys):
    def full(*args, **kwargs):
        raise MemoryError

    monkeypatch.setattr("seqvae.cli.main.build_app", lambda: full)
    with redirect_stdout(io.StringIO()):
        assert main([verb]) == 1
    assert ("--batch-size" in capsys.readouterr().err) is advice


def test_what_is_plain_stays():
    for text in ("CCO\tname\n", "é ü 分子", "C[C@H](N)O"):
        assert visible(text) == text


def test_the_longest_text_is_a_setting(tmp_path):
    (tmp_path / "a.smi").write_text("CCO\nCCCCCCCC\nCCCCCCCC |x|\n")
    settings = ReadSettings(max_characters=5, on_error="skip", reject_file=tmp_path / "bad.csv")
    found, summary = read_records(tmp_path / "a.smi", settings)
    assert ([one.text for one in found], summary.rejected) == (["CCO"], 2)
    assert "expected at most 5 characters (--max-characters), got 8 characters" in (tmp_path / "bad.csv").read_text()
    code, _, err = command(["properties", "score", "logp", str(tmp_path / "a.smi"), "--max-characters", "5"])
    assert code == 1
    assert "a.smi:2: expected at most 5 characters (--max-characters), got 8" in err
    with pytest.raises(InputError, match="expected at most 5 characters"):
        read_texts(DataConfig(str(tmp_path / "a.smi"), max_characters=5))
    with pytest.raises(InputError, match="expected SELFIES of at most 100,000 characters"):
        selfies_to_smiles("[C]" * 50_000)


def test_an_audit_counts_longer_texts_as_invalid(tmp_path, capsys):
    (tmp_path / "a.smi").write_text("CCO\nCCCCCCCC\nCCN\n")
    short = ReadSettings(max_characters=5)
    found = audit_source(str(tmp_path / "a.smi"), short)
    assert (found.texts, found.invalid) == (3, 1)
    assert main(["data", "audit", str(tmp_path / "a.smi"), "--max-characters", "5"]) == 0
    assert "expected at most 5 characters (--max-characters)" in capsys.readouterr().out
    with pytest.raises(UsageError, match="a dataset, on which --max-characters has no effect"):
        audit_source("moses-sample", short)


def test_chains_have_no_scaffold_at_once():
    assert scaffold("C" * 3000) == ""


@pytest.mark.parametrize("title", ["smiles", "Smiles"])
def test_a_title_decides_what_a_file_holds(title, tmp_path):
    (tmp_path / "a.csv").write_text(f"{title},n\nC1CC,1\nCC(C,2\nc1ccc,3\nCCO,4\n")
    found = audit_source(str(tmp_path / "a.csv"))
    assert (found.texts, found.invalid) == (4, 3)
    assert found.why == f"by the title of the column {title!r}"


# What damage has found: the input of each once ended in a traceback.
DAMAGED = {
    "sdf 40": "data audit",
    "sdf 49": "data audit",
    "genbank 7": "score",
    "latents npz 30": "decode",
    "latents npz 44": "decode",
}


@pytest.mark.parametrize("what", DAMAGED)
@pytest.mark.filterwarnings("ignore")
def test_damage_that_ended_in_a_traceback(what, tmp_path):
    name, number = what.rsplit(" ", 1)
    kind = kinds(tmp_path)[name]
    rng = random.Random(f"0 {name} {number}")
    (tmp_path / kind.name).write_bytes(damage(kind.data, rng))
    verb = rng.choice(kind.verbs).format(tmp_path / kind.name)
    assert verb.startswith(DAMAGED[what])
    code, _, err = command(verb)
    assert code in (0, 1)
    assert "Traceback" not in err
