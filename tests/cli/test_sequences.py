"""The whole way of a kind of sequences through the command line: train, sample, encode, decode, evaluate, optimize."""

import csv
import json
import random

import pytest

from seqvae.cli.main import main
from seqvae.sequences.codons import CODONS, genetic_code, normalize_coding
from seqvae.sequences.domain import PROTEIN, RNA
from seqvae.sequences.tokenizers.registry import build_tokenizer

SMALL = "--epochs 1 --batch-size 16 --encoder-width 8 --decoder-width 16 --embedding 8 --latent 4 --prior none --quiet"
LETTERS = {PROTEIN: "ACDEFGHIKLMNPQRSTVWY", RNA: "ACGU"}
OPEN = {PROTEIN: "MKXBZAXXLLKW", RNA: "ACGUNNRYACGN"}  # letters that stand for several
pytestmark = pytest.mark.filterwarnings("always::seqvae.errors.SeqVAEWarning")


@pytest.fixture
def run(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(words):
        code = main(words.split())
        return code, *capfd.readouterr()

    return call


def test_coding_sequences_go_all_the_way_codon_by_codon(run, tmp_path):
    draw, sense = random.Random(0), [one for one in CODONS if genetic_code()[one] != "*"]
    texts = ["ATG" + "".join(draw.choices(sense, k=4)) + "TAA" for _ in range(120)]
    (tmp_path / "all.fasta").write_text("".join(f">s{i}\n{text}\n" for i, text in enumerate(texts)))
    (tmp_path / "broken.fasta").write_text(">a\nATGTAAGCT\n>b\nATGGC\n" + (tmp_path / "all.fasta").read_text())
    (tmp_path / "own.py").write_text("def g(text):\n    return float(text.count('G'))\n")
    code, _, err = run(f"train broken.fasta --tokenizer codon --out model {SMALL}")
    assert code == 1
    assert (
        "broken.fasta:1: 'ATGTAAGCT' cannot be used: expected no stop before the last codon, got TAA as codon 2 of 3"
        in err
    )
    code, _, err = run(f"train broken.fasta --tokenizer codon --on-error skip --out model {SMALL[:-8]}")
    assert code == 0, err
    assert "all sequences have 6 codons" in err
    assert 'kind = "codon"' in (tmp_path / "model" / "run.toml").read_text()
    assert run("sample model -n 5 --seed 1 --out samples.txt --quiet")[0] == 0
    assert {len(line) for line in (tmp_path / "samples.txt").read_text().split()} == {18}
    code, _, err = run("sample model -n 100 --seed 1 --out samples.csv")
    assert "100 samples drawn: samples.csv" in err
    code, _, err = run("sample model -n 100 --seed 1 --rules none --out samples.csv")
    with (tmp_path / "samples.csv").open() as file:
        valid = {row["text"]: row["valid"] == "True" for row in csv.DictReader(file)}
    assert valid == {text: build_tokenizer("codon").normalize_or_none(text) is not None for text in valid}
    assert {*valid.values()} == {True, False}
    assert "of them coding sequences without a stop before their end: samples.csv" in err
    code, _, err = run("score model all.fasta --out scores.csv --samples 4 --refine 0")
    assert code == 0, err
    assert "bits_per_base" in (tmp_path / "scores.csv").read_text()
    (tmp_path / "one.fasta").write_text(f">s0\n{texts[0]}\n")
    code, _, err = run("score model one.fasta --mutations effects.csv --out scores.csv --samples 4 --refine 0")
    assert code == 0, err
    assert len((tmp_path / "effects.csv").read_text().splitlines()) == 1 + 6 * 63
    (tmp_path / "masked.txt").write_text("ATG?CTGAAACGTTAA\nATGNCTGAAACGTTAAA\n")
    words = "--method importance --samples 20 --particles 2 --on-error skip"
    code, _, err = run(f"impute model masked.txt --out filled.txt {words}")
    assert code == 0, err
    assert all(len(line) == 18 for line in (tmp_path / "filled.txt").read_text().split())
    search = "--objective own:g --start all.fasta --budget 160 --optimizer string-ga --out search --quiet"
    code, _, err = run(f"optimize --model ./model {search}")
    assert code == 0, err
    code, _, err = run("results search --top 60 --out top.csv")
    assert code == 0, err
    with (tmp_path / "top.csv").open() as file:
        best = [line["canonical"] for line in csv.DictReader(file)]
    assert len(best) > 20
    assert all(normalize_coding(text) == text for text in best)


@pytest.mark.parametrize("kind", LETTERS)
def test_sequences_of_any_alphabet_go_all_the_way(kind, run, tmp_path):
    draw = random.Random(0)
    texts = ["".join(draw.choices(LETTERS[kind], k=12)) for _ in range(120)]
    (tmp_path / "all.fasta").write_text("".join(f">s{i}\n{text}\n" for i, text in enumerate([*texts, OPEN[kind]])))
    (tmp_path / "test.fasta").write_text("".join(f">s{i}\n{text}\n" for i, text in enumerate(texts[:40])))
    (tmp_path / "own.py").write_text("def g(text):\n    return float(text.count('G'))\n")
    assert run(f"train all.fasta --out model {SMALL}")[0] == 0
    assert f'kind = "{kind}"' in (tmp_path / "model" / "run.toml").read_text()
    assert run("sample model -n 5 --seed 1 --out samples.fasta --quiet")[0] == 0
    lines = (tmp_path / "samples.fasta").read_text().splitlines()
    assert set("".join(line for line in lines if line[0] != ">")) <= set(LETTERS[kind])
    assert run("encode model test.fasta --out z.npz --quiet")[0] == 0
    assert run("decode model z.npz --out back.fasta --quiet")[0] == 0
    code, out, err = run("evaluate model --reference test.fasta --train all.fasta --number 60 --out found --quiet")
    assert code == 0, err
    metrics = json.loads((tmp_path / "found" / "figures.json").read_text())
    assert {"discriminability", "kmer_js_3", "nearest_edits_mean"} <= set(metrics["metrics"])
    assert metrics["bits_a_base"]["counted"]["position-specific"]
    unit = {PROTEIN: "residue", RNA: "base"}[kind]
    assert f"held-out bits per {unit}" in out
    assert f"Bits per {unit}" in (tmp_path / "found" / "report.html").read_text()
    assert (tmp_path / "found" / "samples.fasta").is_file()
    code, out, err = run(
        "optimize --model ./model --objective own:g --start test.fasta --budget 60 --out search --quiet"
    )
    assert code == 0, err
    code, _, err = run("optimize --model ./model --objective qed --budget 60 --out wrong")
    assert (code, err.count("\n")) == (2, 1)
    assert f"the objective expects molecules, the model writes {kind}" in err
    assert not (tmp_path / "wrong").exists()


def test_a_column_of_selfies_is_molecules(run, tmp_path):
    texts = ["[C][C][O]", "[C][C][=O]", "[C][N]", "[C][C][Branch1][C][O][C]"] * 8
    (tmp_path / "a.csv").write_text("selfies,qed\n" + "".join(f"{text},0.5\n" for text in texts))
    (tmp_path / "b.txt").write_text("\n".join(texts) + "\n")
    for source in ("a.csv", "b.txt"):
        assert run(f"train {source} --out {source}.model --split random {SMALL}")[0] == 0
        assert 'kind = "smiles"' in (tmp_path / f"{source}.model" / "run.toml").read_text()
    code, out, _ = run("encode a.csv.model a.csv --out -")
    assert (code, out.splitlines()[1].split(",")[0]) == (0, "CCO")
    code, out, _ = run("data audit a.csv")
    assert code == 0
    assert out.split("invalid")[1].split()[0] == "0"


def test_a_kind_of_tokenizer_that_is_none_is_named(run, tmp_path):
    (tmp_path / "a.txt").write_text("ACGT\n" * 20)
    code, _, err = run(f"train a.txt --out model --tokenizer protien {SMALL}")
    assert (code, err.count("\n")) == (2, 1)
    assert "expected a tokenizer of kind" in err
    assert "did you mean 'protein'?" in err
