"""`seqvae train`: every setting is a flag, flags win over the file, the file over the defaults."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import fields
from types import ModuleType, SimpleNamespace

import pytest

from seqvae.cli import printing as metrics
from seqvae.cli.flags import RUN, attribute_docs, merged
from seqvae.cli.main import main
from seqvae.config import RunConfig
from seqvae.config.toml import run_from_dict, run_to_dict, run_toml
from seqvae.sequences.domain import DOMAINS


@pytest.fixture
def trained(monkeypatch):
    """Stand in for the training: keep what it was asked to do."""
    calls = []
    fit = ModuleType("seqvae.train.fit")

    def train(run, out, resume=False, quiet=False, named=(), say=None):
        calls.append(SimpleNamespace(run=run, out=out, resume=resume, quiet=quiet, named=set(named)))
        prepared = SimpleNamespace(test_texts=[], run=run, tokenizer=SimpleNamespace(domain=DOMAINS["dna"]))
        return SimpleNamespace(folder=out, prepared=prepared)

    fit.train = train
    monkeypatch.setitem(sys.modules, "seqvae.train.fit", fit)
    module = ModuleType("seqvae.evaluate.trained")
    module.measure_trained = module.diagnose_trained = lambda *given: None
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return calls


def words_of(value, name):
    flags = f"--{name.replace('_', '-')}"
    if isinstance(value, bool):
        return [flags if value else flags.replace("--", "--no-", 1)]
    return [flags, str(value)]


def another(value, name):
    """A value that differs from the default and passes the checks."""
    known = {
        "split": "random",
        "on_error": "skip",
        "tokenizer": "dna",
        "on_unknown": "drop",
        "encoder": "conv",
        "encoder_pooling": "attention",
        "encoder_tokens": "base",
        "decoder": "position",
        "posterior": "full",
        "model_prior": "mixture",
        "schedule": "cyclical",
        "rate_schedule": "constant",
        "prior": "flow",
        "device": "cpu",
        "lengths": "free",
        "strands": "both",
        "counts": "none",
        "beta": 0.5,
        "learning_rate": 0.5,
        "precision": "32",
        "strategy": "ddp",
        "column": "smiles",
        "format": "csv",
        "labels": "logP",
        "conditions": "logP",
        "classes": "kind",
        "inferred": "kind",
        "conditioned": "prior",
        "weights": "w",
        "shares": "chembl=0.5",
    }
    if name in known:
        return known[name]
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else value / 2 + 0.125


FLAGS = [(*one.path.split("."), one.name, one.default) for one in RUN]
# What has an effect, or is allowed, beside other settings alone.
KIND = [("data", "conditions", "kind"), ("data", "classes", "kind")]
BESIDE = {
    "cycles": [("objective", "schedule", "cyclical")],
    "spelling_share": [("data", "spellings", 2)],
    "encoder_steps": [("objective", "lagging", 0.5)],
    "condition_dropout": [("data", "conditions", "logP")],
    "conditioned": [("data", "conditions", "logP")],
    "condition": [("data", "labels", "logP")],
    "classes": [("data", "labels", "kind")],
    "inferred": KIND,
    "classification": [*KIND, ("data", "inferred", "kind")],
}
BESIDE |= {f"posterior_{size}": [("model", "posterior", "iaf")] for size in ("layers", "width", "groups")}
BESIDE |= {f"model_prior_{size}": [("model", "prior", "flow")] for size in ("layers", "width", "groups")}


def test_no_two_settings_share_a_flag():
    names, known = (
        [name for _, _, name, _ in FLAGS],
        sum(len(fields(part.default_factory)) for part in fields(RunConfig)),
    )
    # The source is an argument; the labels, conditions, classes, inferred class and ends of the model follow the data.
    assert len(set(names)) == len(names) == known - 6


@pytest.mark.parametrize(("section", "key", "name", "default"), FLAGS, ids=[f"{s}.{k}" for s, k, _, _ in FLAGS])
def test_each_setting_is_a_flag(trained, section, key, name, default, tmp_path):
    value, call = another(default, name), ["train", "moses", "--out", str(tmp_path / "out")]
    expected: dict[str, dict[str, object]] = {"data": {"source": "moses"}}
    for other_section, other, needed in BESIDE.get(name, ()):
        expected.setdefault(other_section, {})[other] = needed
        call += ["--model-prior" if (other_section, other) == ("model", "prior") else f"--{other}", str(needed)]
    assert main([*call, *words_of(value, name)]) == 0
    expected.setdefault(section, {})[key] = value
    assert trained[0].run == run_from_dict(expected)
    assert trained[0].named == {f"{part}.{one}" for part, values in expected.items() for one in values}
    # against a file that says `value`, the flag brings the default back
    (tmp_path / "run.toml").write_text(run_toml(run_from_dict(expected)))
    config = ["--config", str(tmp_path / "run.toml")]
    assert main([*call, *config, *words_of(default, name)]) == 0
    assert getattr(getattr(trained[1].run, section), key) == default
    assert main(["train", "moses", "--out", str(tmp_path / "out"), *config]) == 0
    assert getattr(getattr(trained[2].run, section), key) == value


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--cycles 3", "--cycles has no effect with schedule auto, only with cyclical: leave it out"),
        ("--schedule constant --warmup 0.2", "--warmup has no effect with schedule constant"),
        ("--prior none --prior-components 3", "--prior-components has no effect with prior none"),
        ("--prior mixture --prior-minutes 3", "--prior-minutes has no effect with prior mixture"),
        ("--prior flow --prior-components 3", "--prior-components has no effect with prior flow"),
        ("--decoder position --word-dropout 0.2", "--word-dropout has no effect with decoder position"),
        ("--tokenizer smiles --allow-gap", "--allow-gap has no effect with tokenizer smiles, only with dna"),
        ("--split published --test-fraction 0.2", "--test-fraction has no effect with split published"),
    ],
)
def test_a_flag_without_effect_is_refused(trained, words, message, tmp_path, capsys):
    assert main(["train", "moses", "--out", str(tmp_path), *words.split()]) == 2
    found = capsys.readouterr().err
    assert message in found
    assert found.count("\n") == 1
    assert not trained
    (tmp_path / "run.toml").write_text("[objective]\ncycles = 3\n")  # in a file it stands for later
    assert main(["train", "moses", "--out", str(tmp_path / "out"), "--config", str(tmp_path / "run.toml")]) == 0


def test_help_explains_every_flag_with_its_default(capsys):
    assert main(["train", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.replace("│", " ").split())
    out = re.sub(r" --no-[a-z-]+| FLOAT", "", out)  # stands in the column beside
    for one in RUN:
        assert f"--{one.name.replace('_', '-')} " in out
        shown = " ".join(one.about.replace("`", "").split())
        assert f"{shown} [default: {one.default if one.default != '' else repr('')}]" in out


def test_explanations_come_from_the_configuration(trained):
    class Sample:
        """A sample.

        Attributes:
            one: the first
                of two.
            two: the second: with a colon.
        """

    assert attribute_docs(Sample) == {"one": "the first of two.", "two": "the second: with a colon."}


def test_the_call_is_passed_on(trained, tmp_path, capsys):
    (tmp_path / "run.toml").write_text("")
    assert main(["train", "--resume", "--out", str(tmp_path), "--quiet"]) == 0
    assert trained == [SimpleNamespace(run=RunConfig(), out=tmp_path, resume=True, quiet=True, named=set())]
    assert "--test-fraction" in capsys.readouterr().err
    assert main(["train", "-", "--out", str(tmp_path / "other")]) == 0
    assert trained[1].run.data.source == "-"


def test_merging_touches_neither_its_input_nor_other_settings():
    toml = {"model": {"latent": 8}}
    given = {"latent": 9, "epochs": 3, "beta": None}
    assert merged(toml, given, RUN) == {"model": {"latent": 9}, "training": {"epochs": 3}}
    assert toml == {"model": {"latent": 8}}
    assert run_to_dict(run_from_dict(merged({}, {}, RUN))) == run_to_dict(RunConfig())


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[model]\nlatnt = 3\n", "model: unknown setting 'latnt'; did you mean 'latent'?"),
        ("[modell]\nlatent = 3\n", "unknown section [modell]; did you mean 'model'?"),
        ("[model]\nlatent = 'a'\n", "model.latent: expected int, got 'a' (str)"),
        ("model = 3\n", "model: expected a table of settings, got 3"),
        ("[model\n", "not a TOML file"),
        ("\udcff", "not a TOML file"),
    ],
)
def test_a_wrong_file_is_one_line(trained, tmp_path, capsys, toml, message):
    path = tmp_path / "run.toml"
    path.write_bytes(toml.encode(errors="surrogateescape"))
    assert main(["train", "x", "--out", str(tmp_path / "out"), "--config", str(path)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert trained == []


def test_a_missing_file_is_one_line(tmp_path, capsys):
    assert main(["train", "x", "--out", str(tmp_path / "out"), "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: cannot read the run: No such file" in capsys.readouterr().err


def test_one_of_several_processes_does_not_report(trained, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(["train", "moses", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def test_figures_are_printed_with_their_units(capsys):
    metrics.print_metrics({"elbo": -12.34567, "texts": 1000, "novelty": None, "collapse": "The verdict says it."})
    out = capsys.readouterr().out.splitlines()
    assert out == ["held-out texts  1,000", "ELBO            -12.35  nats per sequence"]
    metrics.print_json({"elbo": -1.5})
    assert json.loads(capsys.readouterr().out) == {"elbo": -1.5}
