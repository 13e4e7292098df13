"""The call and the verb that fill unknown positions: what is read, what is written, what is refused."""

import csv
import itertools
import math
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
from seqvae.errors import ConfigError, InputError, UsageError
from seqvae.infer.imputation.evidence import misread, reading_errors
from seqvae.infer.imputation.masked import read_masked
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


def test_evidence_of_a_reading_by_hand():
    letters = (3, 4, 5, 6)
    read = misread((4,), 0.03, letters)
    assert [math.exp(read[one]) for one in letters] == pytest.approx([0.01, 0.97, 0.01, 0.01])
    two = misread((3, 5), 0.03, letters)  # R: an A or a G was read
    assert [math.exp(two[one]) for one in letters] == pytest.approx([0.98, 0.02, 0.98, 0.02])
    assert misread(letters, 0.03, letters) == dict.fromkeys(letters, 0.0)  # N
    assert misread((9,), 0.03, letters) == {9: 0.0}  # a gap
    assert misread((4,), 0.0, letters) == {4: 0.0}


def test_qualities_are_error_probabilities():
    tokenizer = untrained().tokenizer
    # 0, 10, 20, 40, 93: of the first, the letter would be the least likely one, and is as likely as the others.
    assert reading_errors(tokenizer, "ACGTA", "!+5I~", None) == pytest.approx([0.75, 0.1, 0.01, 1e-4, 10**-9.3])
    assert reading_errors(tokenizer, "ACG", "III", 0.02) == [0.02] * 3
    assert reading_errors(tokenizer, "ACG", "III", 0.0) is None
    assert reading_errors(tokenizer, "ACG", "", None) is None
    assert reading_errors(untrained(molecules=True).tokenizer, "CCO", "III", None) is None


@pytest.mark.parametrize("decoder", ["gru", "position"])
def test_letters_read_with_errors_have_the_posterior_of_all_sequences(decoder):
    codec, config = untrained(decoder=decoder, scale=1.0), ImputeConfig("importance", samples=1500, completions=16)
    codec.max_length = 4
    every = ["".join(letters) for letters in itertools.product("ACGT", repeat=2)]
    log_p = codec.iwae(every, 600).double().numpy()
    for text, quality, rate, errors in (("AC", "", 0.3, (0.3, 0.3)), ("GT", "+$", None, (0.1, 10**-0.3))):
        read = [
            sum(math.log(1 - e if a == b else e / 3) for a, b, e in zip(text, one, errors, strict=True))
            for one in every
        ]
        joint = log_p + np.array(read)
        exact = dict(zip(every, np.exp(joint - joint.max()) / np.exp(joint - joint.max()).sum(), strict=True))
        (found,) = infer.impute(codec, [text], replace(config, error_rate=rate), qualities=[quality])
        assert found.log_p_known == pytest.approx(float(np.logaddexp.reduce(joint)), abs=0.15)
        assert found.positions == [1, 2]
        for one, share, changed in zip(found.completions, found.shares, found.changed, strict=True):
            assert share == pytest.approx(exact[one], abs=0.05)
            assert changed == sum(a != b for a, b in zip(text, one, strict=True))


def test_a_high_quality_keeps_a_letter_and_a_low_one_says_nothing():
    codec = untrained(scale=1.5)
    (found,) = infer.impute(codec, ["ACGT"], WEIGHTS, qualities=["~~!~"])
    assert {text[:2] + text[3:] for text in found.completions} == {"ACT"}
    (masked,) = infer.impute(codec, ["AC?T"], WEIGHTS)
    assert dict(zip(found.completions, found.shares, strict=True)) == pytest.approx(
        dict(zip(masked.completions, masked.shares, strict=True)), abs=0.02
    )


def test_runs_and_codes_beside_reading_errors():
    codec = untrained(scale=1.5)
    (found,) = infer.impute(codec, ["ARN*T"], replace(WEIGHTS, error_rate=1e-6, samples=100))
    assert all(text[0] == "A" and text[1] in "AG" and text[-1] == "T" for text in found.completions)
    assert found.changed == [0] * len(found.completions)


@pytest.mark.parametrize(
    ("text", "quality", "rate", "error", "said"),
    [
        ("ACGT", "III", None, InputError, "expected one quality for each of 4 letters, got 3"),
        ("ACGT", "II I", None, InputError, r"expected qualities from ! \(0\) to ~ \(93\), got ' '"),
        ("ACGT", "!!!!", None, InputError, "everything is unknown"),
        ("ACGT", "", 0.75, UsageError, "error_rate: expected less than 0.75, at which a letter of 4 says nothing"),
        ("ACGT", "IIII", 0.0, InputError, "nothing is unknown"),
        ("AC GT", "IIIII", None, InputError, "the model cannot read it"),
    ],
)
def test_wrong_qualities_and_rates_are_refused(text, quality, rate, error, said):
    with pytest.raises(error, match=said):
        infer.impute(untrained(), [text], replace(QUICK, error_rate=rate), qualities=[quality])


def test_error_rates_of_other_models_are_refused():
    with pytest.raises(UsageError, match="expected a model that reads a sequence letter by letter, got one of molecul"):
        infer.impute(untrained(molecules=True), ["CC?"], replace(QUICK, error_rate=0.1))
    with pytest.raises(UsageError, match="qualities: expected one text for each of 1, got 2"):
        infer.impute(untrained(), ["ACNT"], QUICK, qualities=["IIII", "II"])
    with pytest.raises(ConfigError, match="error_rate: expected a number from 0 to 1, got 2"):
        replace(QUICK, error_rate=2.0)


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


def test_the_verb_uses_the_qualities_of_fastq(here, capsys):
    Path("in.fastq").write_text("@r1 lane 1\nACGTTG\n+\nII$III\n@r2\nTTNCAA\n+\nII!III\n")
    assert main(["impute", "./model", "in.fastq", "-o", "out.csv", *WORDS]) == 0
    said = capsys.readouterr().err
    assert "in.fastq: letters may be wrong as often as its qualities say; --error-rate 0: none is" in said
    found = infer.impute("./model", ["ACGTTG", "TTNCAA"], QUICK, "cpu", qualities=["II$III", "II!III"])
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert [row["text"] for row in rows] == [text for one in found for text in one.completions]
    assert [int(row["changed"]) for row in rows] == [count for one in found for count in one.changed]
    assert "quality" not in rows[0]
    changed = sum(one.changed[0] for one in found)
    assert ("letters that are not as they were read" in said) == (changed > 0)
    assert main(["impute", "./model", "in.fastq", "-o", "out.csv", "--error-rate", "0", *WORDS]) == 1
    assert "in.fastq:1: 'ACGTTG': nothing is unknown" in capsys.readouterr().err
    assert main(["impute", "./model", "in.fasta", "-o", "out.csv", "--error-rate", ".1", *WORDS]) == 0
    assert "qualities" not in capsys.readouterr().err
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    found = infer.impute("./model", ["ACGTNG", "TTRCAA"], replace(QUICK, error_rate=0.1), "cpu")
    assert [row["text"] for row in rows] == [text for one in found for text in one.completions]


def test_qualities_of_wrong_length_name_the_record(here, capsys):
    Path("in.fq").write_text("@r1\nACNT\n+\nIIII\n@r2\nTTNCAA\n+\nIII\n")
    assert main(["impute", "./model", "in.fq", "-o", "out.csv", *WORDS]) == 1
    assert "in.fq:5: FASTQ record with 6 letters and 3 qualities" in capsys.readouterr().err
    assert main(["impute", "./model", "in.fq", "-o", "out.csv", "--on-error", "skip", *WORDS]) == 0
    assert "1 rejected" in capsys.readouterr().err


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
        ("impute ./model in.fasta --error-rate 0.8", "error_rate: expected less than 0.75"),
        ("impute ./model in.fasta --error-rate -1", "error_rate: expected a number from 0 to 1"),
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
