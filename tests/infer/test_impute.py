"""The call and the verb that fill unknown positions: what is read, what is written, what is refused."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bulk_cases import save_tiny, tiny_artifact
from codec_cases import untrained
from search_cases import dna_model

from seqvae import infer
from seqvae.cli.main import main
from seqvae.config import ImputeConfig
from seqvae.errors import InputError, UsageError
from seqvae.infer.masked import read_masked
from seqvae.latent.codec import Codec

QUICK = ImputeConfig(samples=40, chains=2, sweeps=8, warmup=2, particles=3)
WEIGHTS = ImputeConfig("importance", samples=400, particles=3)


def test_codes_question_marks_and_runs_are_sets_of_letters():
    codec = untrained()
    found = read_masked(codec, "acR?*u")
    sets = ["".join(codec.tokenizer.tokens[number] for number in slot) for slot in found.slots]
    assert sets == ["A", "C", "AG", "ACGT", "T"]
    assert (found.run, found.unknown) == (4, [2, 3])
    longer = found.with_run(2, [3, 4])
    assert [len(slot) for slot in longer.slots] == [1, 1, 2, 4, 2, 2, 1]


@pytest.mark.parametrize("decoder", ["gru", "position"])
@pytest.mark.parametrize("config", [QUICK, WEIGHTS])
def test_completions_keep_what_is_known(decoder, config):
    codec = untrained(decoder=decoder, scale=1.5)
    one, two = infer.impute(codec, ["ACRTNNA", "?CGT"], config)
    assert one.positions == [3, 5, 6]
    assert all(len(text) == 7 and text[:2] == "AC" and text[2] in "AG" and text[6] == "A" for text in one.completions)
    assert one.marginals.sum(1) == pytest.approx(np.ones(3))
    assert one.marginals[0][[one.tokens.index(letter) for letter in "CT"]].tolist() == [0, 0]
    assert one.shares == sorted(one.shares, reverse=True)
    assert 0 < sum(one.shares) <= 1 + 1e-9
    assert {text[1:] for text in two.completions} == {"CGT"}
    assert sum(two.shares) == pytest.approx(1)
    assert one.invalid == 0


@pytest.mark.parametrize("decoder", ["gru", "position"])
def test_one_letter_has_the_shares_of_its_four_sequences(decoder):
    codec = untrained(decoder=decoder, scale=1.0)
    four = ["ACGT", "CCGT", "GCGT", "TCGT"]
    log_p = codec.iwae(four, 600).double()
    exact = dict(zip(four, log_p.softmax(0).tolist(), strict=True))
    found = infer.impute(codec, ["?CGT"], ImputeConfig("importance", samples=1200))[0]
    assert found.log_p_known == pytest.approx(float(log_p.logsumexp(0)), abs=0.15)
    for text, share in zip(found.completions, found.shares, strict=True):
        assert share == pytest.approx(exact[text], abs=0.07)
    assert found.log_p == pytest.approx([float(log_p[four.index(text)]) for text in found.completions], abs=0.6)


def test_a_run_of_unknown_length_has_the_lengths_that_the_model_thinks_likely():
    codec = untrained(scale=1.0)
    codec.max_length = 4
    found = infer.impute(codec, ["AC*"], ImputeConfig("importance", samples=600, completions=30))[0]
    texts = ["AC", *(f"AC{a}" for a in "ACGT"), *(f"AC{a}{b}" for a in "ACGT" for b in "ACGT")]
    shares = dict(zip(texts, codec.iwae(texts, 300).double().softmax(0).tolist(), strict=True))
    assert set(found.completions) <= set(texts)
    by_text = dict(zip(found.completions, found.shares, strict=True))
    for length in (2, 3, 4):
        exact = sum(share for text, share in shares.items() if len(text) == length)
        assert sum(share for text, share in by_text.items() if len(text) == length) == pytest.approx(exact, abs=0.1)
    chains = infer.impute(codec, ["AC*"], QUICK)[0]
    assert all(text.startswith("AC") and len(text) <= 4 for text in chains.completions)


def test_molecules_are_canonical_where_they_are_some_and_counted_where_not():
    codec = Codec(tiny_artifact("smiles"), "cpu")
    found = infer.impute(codec, ["CC?", "N?C"], QUICK)
    for one in found:
        assert len(one.valid) == len(one.completions) == len(set(one.completions))
        for text, valid in zip(one.completions, one.valid, strict=True):
            assert valid == (codec.canonical(text) == text)
        assert 0 <= one.invalid <= 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("????", "everything is unknown, and that is sampling"),
        ("NN*", "everything is unknown, and that is sampling"),
        ("ACGT", "nothing is unknown"),
        ("A*C*", "at most one run"),
        ("AC1N", "got '1'"),
        ("N" + "A" * 40, "the model takes at most 30"),
    ],
)
def test_what_cannot_be_filled_is_refused_with_the_reason(text, said):
    with pytest.raises(InputError, match=said.replace("*", r"\*")):
        infer.impute(untrained(), ["ANA", text], QUICK)


def test_selfies_and_bare_texts_are_refused():
    with pytest.raises(UsageError, match="SELFIES of a molecule cannot be read in parts"):
        infer.impute(untrained(molecules=True), ["C?"], QUICK)
    with pytest.raises(UsageError, match="put it in a list"):
        infer.impute(untrained(), "ANA", QUICK)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dna_model(Path("model"))
    Path("in.fasta").write_text(">one\nACGTNG\n>two\nTTRCAA\n")
    return tmp_path


WORDS = ["--samples", "40", "--chains", "2", "--sweeps", "8", "--warmup", "2", "--particles", "3", "--device", "cpu"]


def test_the_verb_writes_what_the_call_returns(here, capsys):
    assert main(["impute", "./model", "in.fasta", "-o", "out.csv", "--marginals", "m.csv", *WORDS]) == 0
    assert "2 sequences filled" in capsys.readouterr().err
    found = infer.impute("./model", ["ACGTNG", "TTRCAA"], QUICK, "cpu")
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert [row["text"] for row in rows] == [text for one in found for text in one.completions]
    assert [float(row["share"]) for row in rows] == pytest.approx([share for one in found for share in one.shares])
    assert {(row["name"], row["input_text"]) for row in rows} == {("one", "ACGTNG"), ("two", "TTRCAA")}
    marginal = list(csv.DictReader(Path("m.csv").read_text().splitlines()))
    assert [row["position"] for row in marginal if row["name"] == "two"] == ["3", "3"][: len(found[1].completions)]
    assert main(["impute", "./model", "in.fasta", "-o", "out.fasta", "--method", "importance", *WORDS]) == 0
    assert Path("out.fasta").read_text().startswith(">one\nACGT")


def test_bad_rows_stop_or_are_set_aside(here, capsys):
    Path("in.csv").write_text("id,sequence\na,ACNT\nb,ACGT\nc,AC!N\nd,NNNN\n")
    assert main(["impute", "./model", "in.csv", "-o", "out.csv", *WORDS]) == 1
    assert "in.csv:3: 'ACGT': nothing is unknown" in capsys.readouterr().err
    assert not Path("out.csv").exists()
    assert main(["impute", "./model", "in.csv", "-o", "out.csv", "--on-error", "skip", *WORDS]) == 0
    assert "3 rejected" in capsys.readouterr().err
    assert {row["id"] for row in csv.DictReader(Path("out.csv").read_text().splitlines())} == {"a"}
    reasons = Path("out.csv.rejected.csv").read_text()
    assert "everything is unknown" in reasons and "got '!'" in reasons


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("impute ./model in.fasta -o out.xyz", "are written as"),
        ("impute ./model in.fasta --marginals out.smi", "scores are written as"),
        ("impute ./model in.fasta --method guess", "unknown value 'guess'"),
        ("impute ./model in.fasta --chains 1", "chains: expected a number from 2"),
        ("impute ./model in.fasta --standardize", "needs whole molecules"),
        ("impute ./selfies in.smi", "expected a model of SMILES or sequences"),
    ],
)
def test_wrong_calls_are_one_line_and_leave_nothing(here, capsys, words, said):
    save_tiny(Path("selfies"))
    Path("in.smi").write_text("CCO\n")
    before = sorted(path.name for path in here.rglob("*"))
    assert main([*words.split(), "--device", "cpu"]) in (1, 2)
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in here.rglob("*")) == before


@pytest.mark.parametrize("method", ["gibbs", "importance"])
def test_the_same_on_any_batch_size_and_beside_any_other(method):
    codec, config = untrained(scale=1.5), replace(QUICK, method=method)
    texts = ["ACRTNNA", "?CGT"]
    first = infer.impute(codec, texts, config)
    again = infer.impute(codec, texts[1:], config, batch_size=2)
    assert first[1].completions == again[0].completions
    assert first[1].shares == pytest.approx(again[0].shares, rel=1e-4)
    assert first[1].log_p_known == pytest.approx(again[0].log_p_known, rel=1e-4)
    assert first[1].marginals == pytest.approx(again[0].marginals, rel=1e-4, abs=1e-6)


def test_a_model_of_one_length_fills_a_run_to_that_length(tmp_path):
    codec = untrained(decoder="position", scale=1.0)
    codec.model.decoder.fixed_length = True
    found = infer.impute(codec, ["ACG*" + "T" * 20], QUICK)[0]
    assert {len(text) for text in found.completions} == {codec.max_length}
    assert found.positions == list(range(4, 11))
