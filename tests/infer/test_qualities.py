"""Corrected reads as FASTQ: qualities by hand, and the way through the verb and back through the reader."""

import gzip
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from Bio import SeqIO
from bulk_cases import save_tiny
from search_cases import dna_model

from seqvae import infer
from seqvae.cli.main import main
from seqvae.config import ImputeConfig
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.infer.imputation.masked import Imputed
from seqvae.infer.imputation.qualities import phred

QUICK = ImputeConfig(samples=40, chains=2, sweeps=8, warmup=2, particles=3)
WORDS = ["--samples", "40", "--chains", "2", "--sweeps", "8", "--warmup", "2", "--particles", "3", "--device", "cpu"]


def imputed(text, completion, positions, rows):
    return Imputed(
        text, [completion], [True], [1.0], [-1.0], -1.0, 0.1, positions, list("ACGT"), np.array(rows, float), 9.0, 1.0,
        0.5, 0.0, [0],
    )  # fmt: skip


def numbers(signs):
    return [ord(sign) - 33 for sign in signs]


def test_qualities_by_hand():
    rows = [
        [0.9, 0.1, 0.0, 0.0],  # 1 - .9 is 10
        [0.02, 0.975, 0.005, 0.0],  # 1 - .975: 16.02
        [0.4, 0.0, 0.35, 0.25],  # a letter that others together are likelier than: -10 log10 .65 is 1.87
        [0.0, 0.0, 0.0, 1.0],  # no draw of 999 has another: one in a thousand, 30
    ]
    one = imputed("ACGT", "ACGT", [1, 2, 3, 4], rows)
    assert numbers(phred(one, 999)) == [10, 16, 1, 30]
    assert numbers(phred(one, 10**6)) == [10, 16, 1, 41]
    assert numbers(phred(one, 9)) == [10, 10, 1, 10]  # ten draws tell no error below a tenth


def test_a_letter_that_all_draws_agree_on_keeps_the_quality_it_was_read_with():
    sure = [[1.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0.001, 0, 0.999]]
    one = imputed("aNTT", "ACGT", [1, 2, 3, 4], sure)
    # 60 as it was read, since nothing speaks against it; N and T were read, not C and G; of 999 draws one differs.
    assert numbers(phred(one, 999, "]II]")) == [60, 30, 30, 30]
    assert numbers(phred(one, 999, "#II]")) == [30, 30, 30, 30]


def test_letters_that_are_certain_have_the_quality_they_were_read_with_or_the_highest():
    one = imputed("ACNT", "ACGT", [3], [[0.25, 0.0, 0.75, 0.0]])
    assert numbers(phred(one, 800)) == [41, 41, 6, 41]
    assert numbers(phred(one, 800, "I+!5")) == [40, 10, 6, 20]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dna_model(Path("model"))
    Path("in.fastq").write_text("@r1 lane 1\nACGTTG\n+\nII$III\n@r2\nTTNCAA\n+\nII!III\n")
    return tmp_path


@pytest.mark.parametrize("out", ["out.fastq", "out.fq", "out.fastq.gz"])
def test_corrected_reads_come_back_with_their_names_and_qualities(here, out):
    assert main(["impute", "./model", "in.fastq", "-o", out, *WORDS]) == 0
    records, _ = read_records(out, ReadSettings(all=True))
    read = ["II$III", "II!III"]
    found = infer.impute("./model", ["ACGTTG", "TTNCAA"], QUICK, "cpu", qualities=read)
    assert [(one.name, one.fields["description"]) for one in records] == [("r1", "lane 1"), ("r2", "")]
    assert [one.text for one in records] == [one.completions[0] for one in found]
    assert [one.quality for one in records] == [phred(one, 16, q) for one, q in zip(found, read, strict=True)]
    for record, one in zip(records, found, strict=True):
        for place, (letter, quality) in enumerate(zip(record.text, numbers(record.quality), strict=True)):
            p = one.marginals[place, one.tokens.index(letter)]
            if p < 1 - 1 / 16 - 1e-9:
                assert quality == math.floor(-10 * math.log10(1 - p) + 1e-9)
            else:
                assert quality >= 12  # -10 log10(1 / 17)
    with gzip.open(out, "rt") if out.endswith(".gz") else Path(out).open() as file:
        theirs = [one.letter_annotations["phred_quality"] for one in SeqIO.parse(file, "fastq")]
    assert theirs == [numbers(one.quality) for one in records]


def test_qualities_that_are_not_believed_are_not_kept(here):
    assert main(["impute", "./model", "in.fastq", "-o", "out.fastq", "--error-rate", ".1", *WORDS]) == 0
    texts = ["ACGTTG", "TTNCAA"]
    found = infer.impute("./model", texts, replace(QUICK, error_rate=0.1), "cpu")
    records, _ = read_records("out.fastq")
    assert [one.quality for one in records] == [phred(one, 16) for one in found]
    assert max(numbers("".join(one.quality for one in records))) == 12


def test_other_files_than_fastq_may_be_written_as_fastq(here):
    Path("in.fasta").write_text(">one first\nACGTNG\n>two\nTTRCAA\n")
    assert main(["impute", "./model", "in.fasta", "-o", "out.fastq", "--method", "importance", *WORDS]) == 0
    records, _ = read_records("out.fastq", ReadSettings(all=True))
    assert [(one.name, one.fields["description"]) for one in records] == [("one", "first"), ("two", "")]
    assert numbers(records[0].quality)[:4] == [41] * 4
    assert numbers(records[0].quality)[4] <= 16  # of 40 draws


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("in.fastq -o out.fastq --completions 3", 2, "--completions has no effect on out.fastq"),
        ("run.fasta -o out.fastq", 1, "run.fasta:1: 'ACNG*': a run * of unknown length has no qualities in FASTQ"),
    ],
)
def test_wrong_calls_are_one_line(here, capsys, words, code, said):
    Path("run.fasta").write_text(">a\nACNG*\n")
    assert main(["impute", "./model", *words.split(), *WORDS]) == code
    assert said in capsys.readouterr().err
    assert not Path("out.fastq").exists()


def test_molecules_and_other_verbs_have_no_qualities(here, capsys):
    save_tiny(Path("selfies"))
    Path("in.smi").write_text("CC?\n")
    assert main(["impute", "./selfies", "in.smi", "-o", "out.fastq", *WORDS]) == 2
    assert "FASTQ has a quality for each letter" in capsys.readouterr().err
    assert main(["sample", "./model", "-n", "3", "--out", "out.fastq"]) == 2
    assert "molecules and sequences are written as .smi" in capsys.readouterr().err
