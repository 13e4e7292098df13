"""The settings of optimisers by flags and by TOML, and flags that have no effect."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from search_cases import dna_model, start

from seqvae.cli.flags import search_flags
from seqvae.cli.main import main
from seqvae.config import OPTIMIZERS
from seqvae.config.optimizers import settings_of
from seqvae.config.toml import flat

SETTINGS = {(name, key): value for name, row in OPTIMIZERS.items() for key, value in flat(asdict(row.config)).items()}
SWITCHES = {"guide": "guided", "retraining": "retrained"}


@pytest.fixture
def begun(capfd, tmp_path, monkeypatch):
    """Run `seqvae ask` in a folder with a model; return what it says, and the optimiser's settings that were kept."""
    monkeypatch.chdir(tmp_path)
    dna_model(tmp_path / "model")
    (tmp_path / "start.txt").write_text("\n".join(start()) + "\n")

    def call(*words):
        code = main(["ask", "run", "-n", "4", "--model", "./model", "--start", "start.txt", *words])
        err = capfd.readouterr().err
        kept = tmp_path / "run" / "search.json"
        return code, err, json.loads(kept.read_text())["config"]["optimizer"] if kept.exists() else None

    return call


def another(key, value):
    """Return another value that passes the checks."""
    words = {"acquisition": "logei", "form": "full", "moves": "selfies" if value == "graph" else "graph"}
    words["operators.elements"] = "chembl"
    if key in words:
        return words[key]
    if key == "subspace":
        return 3
    if key == "population":
        return 50
    if isinstance(value, bool):
        return not value
    return value + 20 if isinstance(value, int) else value / 2 + 0.1


@pytest.mark.parametrize(("name", "key"), SETTINGS)
def test_every_setting_is_a_flag_and_a_key_of_toml(name, key, monkeypatch, tmp_path):
    from seqvae.cli.verbs.search import optimize
    from seqvae.search import api

    found = []
    monkeypatch.setattr(api, "begin", lambda objective, out, config, *_: found.append(config.optimizer))
    monkeypatch.setattr(optimize, "_go_on", lambda *_, **__: None)
    value, flag = another(key, SETTINGS[name, key]), f"--optimizer.{key.replace('_', '-')}"
    expected = {**flat(asdict(OPTIMIZERS[name].config)), key: value}
    group = key.partition(".")[0]
    switch = {SWITCHES[group]: True} if group in SWITCHES else {}
    expected |= switch
    call = ["optimize", "--objective", "qed", "--out", str(tmp_path / "run")]
    place, _, last = flag.rpartition(".")
    words = [flag, str(value)] if not isinstance(value, bool) else [flag if value else f"{place}.no-{last}"]
    assert main([*call, "--optimizer", name, *words, *(f"--optimizer.{one}" for one in switch)]) == 0
    tables = [f'[optimizer]\nname = "{name}"', *(f"{one} = true" for one in switch)]
    tables += ["" if "." not in key else f"[optimizer.{group}]", f"{key.split('.')[-1]} = {json.dumps(value)}"]
    (tmp_path / "search.toml").write_text("\n".join(tables) + "\n")
    assert main([*call, "--config", str(tmp_path / "search.toml")]) == 0
    assert [flat(asdict(settings_of(one))) for one in found] == [expected, expected]


def test_a_setting_of_one_name_has_one_type_in_all_optimisers():
    types = {}
    for (_, key), value in SETTINGS.items():
        assert types.setdefault(key, type(value)) is type(value)
    flags = search_flags()["optimizer"]
    assert {one.path.removeprefix("optimizer.") for one in flags} == set(types)
    every = [one for section in search_flags().values() for one in section]
    assert len({one.key for one in every}) == len(every)


def test_flags_win_over_the_file_and_the_folder_keeps_them(begun, tmp_path):
    (tmp_path / "search.toml").write_text('[optimizer]\nname = "turbo"\nregions = 3\npoints = 77\n')
    code, err, kept = begun("--config", "search.toml", "--optimizer.regions", "2")
    assert code == 0, err
    assert (kept["name"], kept["regions"], kept["points"], kept["decodes"]) == ("turbo", 2, 77, 3)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        (
            'optimizer = "turbo"\n[oracle]\nbudgt = 3\n',
            "search.oracle: unknown setting 'budgt'; did you mean 'budget'?",
        ),
        ("[optimiser]\n", "search: unknown setting 'optimiser'; did you mean 'optimizer'?"),
        (
            '[optimizer]\nname = "turbo"\n[optimizer.guide]\npoints = 3\n',
            "'turbo' has no setting 'guide.points'; it has",
        ),
        ("[optimizer\n", "not a TOML file"),
        ("[constraints]\nkeep = 3\n", "search.constraints.keep: expected a list, got 3"),
    ],
)
def test_a_wrong_file_is_one_line(begun, tmp_path, toml, words):
    (tmp_path / "search.toml").write_text(toml)
    code, err, kept = begun("--config", "search.toml")
    assert (code, kept, err.count("\n")) == (2, None, 1)
    assert words in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--optimizer ga --optimizer.regions 3", "'ga' has no setting 'regions'; it has moves, evolution.population"),
        ("--optimizer ga --optimizer.guide.points 30", "--optimizer.guide.points has no effect where guided is off"),
        ("--optimizer.no-retrained --optimizer.retraining.every 3", "has no effect where retrained is off"),
        ("--optimizer sampling --initial 20", "--initial has no effect with the optimizer sampling"),
        ("--optimizer turbo --optimizer.start 9 --initial 20", "--initial has no effect beside optimizer.start"),
        ("--optimizer.guide.pints 3", "Did you mean --optimizer.guide.points?"),
    ],
)
def test_a_setting_without_effect_is_refused(begun, words, message):
    code, err, kept = begun(*words.split())
    assert (code, kept, err.count("\n")) == (2, None, 1)
    assert message in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("optimize --objective qed --out run --timeout 3", "--timeout has no effect without workers"),
        ("optimize --objective qed --out run --retries 3", "--retries has no effect without workers"),
        ("optimize --objective qed --out run --model none --device cpu", "--device has no effect without a model"),
        ("decode splice-dna z.csv --tries 3", "--tries has no effect on given latent points: it would draw new ones"),
        ("decode splice-dna z.csv --beam 3", "--beam has no effect with method greedy, only with beam"),
        ("decode splice-dna z.csv --temperature 1", "--temperature has no effect with method greedy, only with sample"),
        ("decode splice-dna z.csv --method beam --top-p 1", "--top-p has no effect with method beam, only with sample"),
        ("decode splice-dna z.csv --seed 1", "--seed has no effect with method greedy, only with sample"),
        (
            "decode splice-dna z.csv --rules none",
            "--rules has no effect on splice-dna, which writes neither SMILES nor codons",
        ),
        ("sample splice-dna --tries 3", "--tries has no effect on splice-dna, which writes no SMILES"),
        (
            "sample splice-dna --rules none",
            "--rules has no effect on splice-dna, which writes neither SMILES nor codons",
        ),
        (
            "sample splice-dna --executor local --workers 3",
            "expected executor auto, processes or ray with it, got local",
        ),
        ("sample splice-dna --ray-address auto", "expected executor ray with it, got auto"),
        ("encode splice-dna x.fa --column text", "--column has no effect on x.fa, which is no table"),
        ("properties score qed x.sdf --column smiles", "--column has no effect on x.sdf, which is no table"),
        ("evaluate x.smi --reference moses --number 3", "--number has no effect on a file of samples, only on a model"),
        ("evaluate x.smi --reference moses --prior normal", "--prior has no effect on a file of samples"),
        ("evaluate x.smi --reference moses --on-error skip", "--on-error has no effect on samples"),
        (
            "finetune zinc-smiles x.smi --out run --prior none --prior-steps 3",
            "--prior-steps has no effect with prior none",
        ),
    ],
)
def test_a_flag_without_effect_is_one_line(words, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "z.csv").write_text("z1,z2\n0,0\n")
    code, captured = main(words.split()), capsys.readouterr()
    assert (code, captured.out, captured.err.count("\n")) == (2, "", 1)
    assert message in captured.err
    assert captured.err.rstrip().endswith("leave it out") or "expected executor" in captured.err
    assert not (tmp_path / "run").exists()


def test_the_settings_of_optimisers_have_a_page_of_their_own(capsys):
    assert main(["optimize", "--help-optimizer"]) == 0
    page = capsys.readouterr().out
    assert all(f"--optimizer {name}: {row.about}\n" in page for name, row in OPTIMIZERS.items())
    assert all(f"    {one.flag} " in page for one in search_flags()["optimizer"])
    assert main(["optimize", "--help-optimizer", "--optimizer", "prior"]) == 0
    assert capsys.readouterr().out == "--optimizer sampling: a baseline: draws from the model\n\n"
    assert main(["optimize", "--help"]) == 0
    assert "--optimizer." not in capsys.readouterr().out.split("Examples")[0]


def test_old_words_are_still_read(begun, tmp_path):
    from seqvae.properties.scoring import read_scoring

    assert begun("--optimizer", "prior")[2] == {"name": "sampling"}
    (tmp_path / "both.toml").write_text('join = "apart"\n[[term]]\nproperty = "qed"\n[[term]]\nproperty = "sa"\n')
    assert read_scoring(tmp_path / "both.toml").to_dict()["join"] == "pareto"
