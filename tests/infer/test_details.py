"""What scores say of single positions and substitutions: enumerated values, laws, tables and pages."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from bulk_cases import save_tiny, tiny_codec
from codec_cases import untrained
from infer_cases import grid
from model_cases import every_text, model, padded
from search_cases import dna_model

from seqvae import infer
from seqvae.cli.main import main
from seqvae.config import ScoreConfig
from seqvae.errors import InputError, UsageError
from seqvae.infer.likelihood import proposals
from seqvae.model.objective import token_log_likelihood
from seqvae.runtime.device import evaluating

QUICK = ScoreConfig(samples=6, refine=1)


@pytest.mark.parametrize("decoder", ["gru", "position"])
def test_log_p_by_position_is_the_mean_over_the_true_posterior(decoder):
    built = model(decoder=decoder, latent=2)
    texts = padded(every_text(2, (3, 4)), 2)
    z, log_prior = grid()
    with evaluating(built):
        made = proposals(built, texts, 800)
        found = (made.log_weights.softmax(0).unsqueeze(-1) * made.positions).sum(0)
        for row, text in enumerate(texts):
            tokens = text.expand(len(z), -1)
            by_position = token_log_likelihood(built.decoder(z, tokens), tokens)
            shares = (by_position.sum(1) + log_prior).softmax(0)
            exact = (shares.unsqueeze(1) * by_position).sum(0).double()
            torch.testing.assert_close(found[row], exact, atol=0.06, rtol=0)


def test_positions_have_a_token_each_and_sum_to_more_than_log_p():
    codec = untrained(scale=1.0)
    texts = ["ACGT", "oops!", "NAC"]
    found, whole = infer.positions(codec, texts, ScoreConfig(200, 0)), infer.score(codec, texts, ScoreConfig(200, 0))
    assert found.rows == [0, 2]
    assert found.tokens == [["A", "C", "G", "T", "<eos>"], ["N", "A", "C", "<eos>"]]
    assert [len(values) for values in found.log_p] == [5, 4]
    for values, log_p in zip(found.log_p, whole.log_p[[0, 2]], strict=True):
        assert values.sum() >= log_p - 0.05  # by KL(p(z|x) || p(z))
    assert [one.row for one in found.rejected] == [1]


def test_every_substitution_is_the_difference_of_two_scores():
    codec = untrained(decoder="position", scale=1.0)
    found = infer.mutations(codec, ["ACG", "x", "TT"], QUICK)
    assert (found.letters, found.forms, found.rows) == ("ACGT", ["ACG", "TT"], [0, 2])
    assert [delta.shape for delta in found.delta] == [(3, 4), (2, 4)]
    scores = infer.score(codec, ["ACG", "AGG", "TT", "TA"], QUICK).log_p
    assert found.delta[0][1, 2] == pytest.approx(scores[1] - scores[0], abs=1e-4)
    assert found.delta[1][1, 0] == pytest.approx(scores[3] - scores[2], abs=1e-4)
    assert found.log_p == pytest.approx(scores[[0, 2]], abs=1e-4)
    own = [(0, 0), (1, 1), (2, 2)]
    assert [found.delta[0][place] for place in own] == [found.error[0][place] for place in own] == [0.0] * 3
    assert (np.delete(found.error[1][0], 3) > 0).all()


def test_a_letter_of_a_smiles_is_not_exchanged():
    with pytest.raises(UsageError, match="expected a model of sequences"):
        infer.mutations(tiny_codec(), ["CCO"])


def test_beside_a_reference_rows_have_their_difference():
    codec = untrained(scale=1.0)
    found = infer.score(codec, ["ACGT", "ACGA", "-"], QUICK, reference="acgt")
    assert found.delta_log_p[0] == pytest.approx(0, abs=1e-5)
    assert found.delta_log_p[1] == pytest.approx(found.log_p[1] - found.log_p[0])
    assert np.isnan(found.delta_log_p[2])
    assert (found.delta_log_p_error[:2] >= found.log_p_error[:2]).all()
    with pytest.raises(InputError, match="expected DNA"):
        infer.score(codec, ["ACGT"], QUICK, reference="oops")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dna_model(Path("model"))
    Path("in.fasta").write_text(">one\nACGTTG\n>two\nTTGCAA\n>bad\nAC!\n")
    return tmp_path


def rows_of(path):
    return list(csv.DictReader(Path(path).read_text().splitlines()))


def test_the_verb_writes_tables_and_pages_of_what_the_calls_return(here, capsys):
    words = ["--samples", "6", "--refine", "1", "--device", "cpu", "--out", "scores.csv", "--reference", "ACGTTG"]
    command = ["score", "./model", "in.fasta", *words]
    assert main([*command, "--positions", "p.csv", "--mutations", "m.csv"]) == 0
    assert main([*command, "--positions", "p.html", "--mutations", "m.html"]) == 0
    texts = ["ACGTTG", "TTGCAA", "AC!"]
    found = infer.positions("./model", texts, QUICK, "cpu")
    rows = rows_of("p.csv")
    assert [row["name"] for row in rows] == ["one"] * 7 + ["two"] * 7
    assert [row["token"] for row in rows] == [token for tokens in found.tokens for token in tokens]
    assert [float(row["log_p"]) for row in rows] == pytest.approx(np.concatenate(found.log_p).tolist(), rel=1e-6)
    effects, rows = infer.mutations("./model", texts, QUICK, "cpu"), rows_of("m.csv")
    assert len(rows) == 2 * 6 * 3
    assert (rows[0]["position"], rows[0]["from"], rows[0]["to"]) == ("1", "A", "C")
    assert float(rows[0]["delta_log_p"]) == pytest.approx(effects.delta[0][0, 1], rel=1e-6)
    assert float(rows_of("scores.csv")[0]["delta_log_p"]) == pytest.approx(0, abs=1e-5)
    assert "Each token is the redder" in Path("p.html").read_text()
    assert 'title="1: A to C' in Path("m.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("score ./model in.fasta --positions p.smi", "scores are written as"),
        ("score ./model in.fasta --reference oops", "expected DNA"),
        ("score ./model in.fasta --calibrate --positions p.csv", "writes into the model's folder"),
        ("score ./molecules in.smi --mutations m.csv", "expected a model of sequences"),
    ],
)
def test_wrong_calls_are_one_line_and_leave_nothing(here, capsys, words, said):
    save_tiny(Path("molecules"))
    Path("in.smi").write_text("CCO\n")
    before = sorted(path.name for path in here.rglob("*"))
    assert main([*words.split(), "--device", "cpu"]) in (1, 2)
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in here.rglob("*")) == before


def test_alleles_are_the_differences_of_two_scores():
    codec = untrained(scale=1.0)
    windows, references = ["ACT", "AC", "ACG", "AC!", "NCG"], ["ACG", "ACG", "ACG", "ACG", "ACG"]
    found = infer.alleles(codec, windows, references, QUICK)
    scores = infer.score(codec, ["ACT", "AC", "ACG", "NCG"], QUICK).log_p
    assert found.log_p[[0, 1, 2, 4]] == pytest.approx(scores, abs=1e-4)
    assert found.delta_log_p[[0, 1, 2, 4]] == pytest.approx(scores - scores[2], abs=1e-4)
    assert found.error[2] == 0
    assert found.reasons[0] == ""
    assert "the model cannot read it" in found.reasons[3]
    assert np.isnan(found.delta_log_p[3])


def test_a_model_of_one_length_has_no_log_p_of_an_insertion():
    codec = untrained(decoder="position", scale=1.0)
    codec.model.decoder.fixed_length, codec.max_length = True, 4
    found = infer.alleles(codec, ["ACGT", "ACG", "ACGTT", "AGGT"], ["ACCT"] * 4, QUICK)
    assert found.reasons[:2] == ["", "the model has sequences of 4 letters alone, got 3"]
    assert "the model takes at most 4" in found.reasons[2]
    assert np.isnan(found.delta_log_p).tolist() == [False, True, True, False]
    with pytest.raises(UsageError, match="expected a reference for each of 1 windows, got 2"):
        infer.alleles(codec, ["ACGT"], ["ACGT", "ACGT"])


@pytest.fixture
def genome(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dna_model(Path("model"))
    Path("in.fasta").write_text(">chr1\nACGTTGCAACGGTA\n")
    Path("in.vcf").write_text("#CHROM\tPOS\tID\tREF\tALT\nchr1\t5\trs1\tT\tA,C\nchr1\t6\t.\tC\tG\n")


def test_the_verb_writes_the_effects_of_a_vcf_file(genome, capsys):
    words = "in.fasta --vcf in.vcf --width 7 --samples 6 --refine 1 --device cpu -o out.csv"
    assert main(["score", "./model", *words.split()]) == 1
    assert "in.vcf:3: the reference has G at chr1:6, the file C: is it another assembly?" in capsys.readouterr().err
    assert not Path("out.csv").exists()
    assert main(["score", "./model", *words.split(), "--on-error", "skip"]) == 0
    said = capsys.readouterr().err
    assert "1 rejected" in said
    assert "2 alternative alleles, windows of 7 bases: out.csv" in said
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    found = infer.alleles("./model", ["CGTAGCA", "CGTCGCA"], ["CGTTGCA"] * 2, QUICK, "cpu")
    assert [row["text"] for row in rows] == ["CGTAGCA", "CGTCGCA"]
    assert [(row["name"], row["sequence"], row["position"], row["alt"]) for row in rows] == [
        ("rs1", "chr1", "5", "A"),
        ("rs1", "chr1", "5", "C"),
    ]
    for title, values in (("delta_log_p", found.delta_log_p), ("log_p_reference", found.log_p_reference)):
        assert [float(row[title]) for row in rows] == pytest.approx(values.tolist(), rel=1e-8)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("in.fasta --vcf in.vcf", "give the --width of its windows"),
        ("in.fasta --width 7", "--width and --circular are about the windows of --vcf"),
        ("in.fasta --vcf in.vcf --width 7 --reference ACG", "leave out --positions, --mutations, --reference"),
        ("in.fasta --vcf none.vcf --width 7", "none.vcf"),
    ],
)
def test_wrong_calls_about_alleles_are_one_line(genome, capsys, words, said):
    assert main(["score", "./model", *words.split(), "--device", "cpu"]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
