"""The models that ship: small, whole, described by their own metrics; and how a name finds its model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from run_cases import dna_file, small_run
from safetensors.torch import load_file

import seqvae
from scripts.benchmarks import benchmark_models
from scripts.page.sections.models import pretrained as page_models
from scripts.training.packaged import make_pretrained as ship_model
from seqvae.artifact.pretrained import (
    is_pretrained,
    list_models,
    models_folder,
    parse_card,
    pretrained_folder,
    pretrained_names,
    read_card,
    resolve,
    size_of,
)
from seqvae.artifact.weights import parameters
from seqvae.cli.main import main
from seqvae.config import DataConfig, TokenizerConfig
from seqvae.data.datasets.cards import find_card
from seqvae.errors import ArtifactError, UsageError
from seqvae.report.model_card import card_text
from seqvae.report.tables import labelled_rows
from seqvae.train.fit import train

MOST_BYTES = 45_000_000  # what the package may weigh more for its models
SHIPPED = pretrained_names()


def test_there_are_models_and_all_of_them_are_small_together():
    assert "splice-dna" in SHIPPED
    assert size_of(models_folder()) <= MOST_BYTES
    assert [card.name for card in list_models()] == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_is_what_its_card_says(name):
    codec, card, folder = seqvae.load(name, device="cpu"), read_card(pretrained_folder(name)), models_folder() / name
    data = find_card(card.data)
    assert card.name == name
    assert card.kind == codec.run.tokenizer.kind
    assert card.parameters == parameters(codec.model)
    assert (card.data, card.data_licence) == (codec.run.data.source, data.licence)
    assert card.licence
    assert card.limits
    assert str(codec.run.model.latent) in card.settings.get("model.latent", str(codec.run.model.latent))
    assert {tensor.dtype.itemsize for tensor in load_file(folder / "weights.safetensors").values()} == {2}
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".toml", ".safetensors", ".bin"}
    samples = codec.sample(20, seed=1)
    assert len(set(samples)) > 5
    readable = [text for text in samples if codec.tokenizer.normalize_or_none(text)]  # a sample may be no molecule
    assert len(readable) > 5
    assert codec.encode(readable[:1]).shape == (1, codec.latent)
    assert name in card_text(card, folder)


@pytest.mark.parametrize("name", SHIPPED)
def test_no_metric_on_a_card_was_typed(name):
    """The first table is what `provenance.json` has, the headline is made of the same numbers."""
    folder = pretrained_folder(name)
    card, metrics = read_card(folder), json.loads((folder / "provenance.json").read_text())["metrics"]
    assert [list(row) for row in card.tables[0].rows] == [list(row) for row in labelled_rows(metrics)]
    values = [value for table in card.tables for _, value, _ in table.rows] + list(metrics.values())
    shown = {
        f"{float(v):{spec}}" for v in values if isinstance(v, int | float) for spec in (".4f", ".3f", ".2f", ".1%")
    }
    words = [word.strip(",;()") for word in card.headline.split() if "." in word and any(map(str.isdigit, word))]
    assert words
    assert set(words) <= shown


def test_names_and_folders_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve("splice-dna") == models_folder() / "splice-dna"
    assert resolve("./splice-dna") == resolve(Path("splice-dna")) == Path("splice-dna")
    (tmp_path / "splice-dna").mkdir()
    assert resolve("splice-dna") == models_folder() / "splice-dna", "an empty folder is no model"
    (tmp_path / "splice-dna" / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"'splice-dna' is a pretrained model and also a model folder here: "):
        resolve("splice-dna")
    (tmp_path / "mine").mkdir()
    assert resolve("mine") == Path("mine")
    with pytest.raises(ArtifactError, match=r"splice-dn: no such model folder, .* did you mean 'splice-dna'\?"):
        seqvae.load("splice-dn")
    with pytest.raises(ArtifactError, match="no such model folder"):
        seqvae.load(tmp_path / "nothing")


def test_the_list_and_the_card_on_the_command_line(capsys):
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "kind", "data", "parameters", "size", "metrics", "licence"]
    assert [line.split()[0] for line in lines[1:-1]] == SHIPPED
    assert lines[-1] == "mpsa-dna is the former name of splice-dna, and goes on working"
    assert main(["models", "show", "splice-dna"]) == 0
    shown = capsys.readouterr().out
    for word in ("licence of the data", "split", "training", "intended use", "limits", "collapsed", "Held-out metrics"):
        assert word in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert main(["models", "show", "splice"]) == 2
    assert "did you mean 'splice-dna'?" in capsys.readouterr().err
    assert main(["sample", "splice-dan", "-n", "1"]) == 1
    assert "did you mean 'splice-dna'?" in capsys.readouterr().err


def test_a_former_name_goes_on_working(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = models_folder() / "splice-dna"
    assert pretrained_folder("mpsa-dna") == resolve("mpsa-dna") == folder
    assert is_pretrained("mpsa-dna") and not is_pretrained(Path("mpsa-dna"))
    assert seqvae.load("mpsa-dna", device="cpu").sample(2, seed=0) == seqvae.load(folder, device="cpu").sample(
        2, seed=0
    )
    (tmp_path / "mpsa-dna").mkdir()
    (tmp_path / "mpsa-dna" / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"'mpsa-dna' is a pretrained model and also a model folder here: "):
        resolve("mpsa-dna")


def test_a_name_serves_where_a_folder_does(capsys):
    assert main(["sample", "splice-dna", "-n", "3", "--device", "cpu", "--quiet"]) == 0
    assert [len(line) for line in capsys.readouterr().out.splitlines()] == [9, 9, 9]


def test_listing_needs_no_torch():
    code = "import sys; from seqvae.cli.main import main; main(['models', 'list']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


CARD = {
    "name": "x",
    "title": "t",
    "kind": "dna",
    "data": "d",
    "data_title": "",
    "data_licence": "",
    "citation": "",
    "licence": "MIT",
    "split": "",
    "training": "",
    "use": "",
    "parameters": 3,
    "settings": {"a": 1},
    "limits": ["none"],
    "headline": "",
    "tables": [{"title": "t", "rows": [["a", 1.5, "nats"]]}],
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": ""}, "unknown key 'titel'; did you mean 'title'"),
        ({"title": 3}, "title must be text, got 3"),
        ({"tables": [{"title": "t", "rows": [["a", 1.5]]}]}, "not a model card"),
        ({"tables": 3}, "not a model card"),
        ({"settings": 3}, "not a model card"),
    ],
)
def test_a_malformed_card_says_what_is_wrong(change, message):
    assert parse_card(CARD, "card.toml").tables[0].rows == (("a", 1.5, "nats"),)
    with pytest.raises(ArtifactError, match=rf"^card.toml: {message}"):
        parse_card({**CARD, **change}, "card.toml")
    with pytest.raises(ArtifactError, match=r"missing key 'licence'"):
        parse_card({name: value for name, value in CARD.items() if name != "licence"}, "card.toml")


def test_a_missing_or_broken_card_is_named(tmp_path):
    with pytest.raises(ArtifactError, match=r"card.toml: cannot read the model card"):
        read_card(tmp_path)
    (tmp_path / "card.toml").write_text("name = ")
    with pytest.raises(ArtifactError, match=r"card.toml: not readable as TOML"):
        read_card(tmp_path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of a named dataset that ships."""
    folder = tmp_path_factory.mktemp("ship") / "run"
    run = small_run(dna_file(folder.parent))
    data = DataConfig(source="mpsa-sample", limit=200, valid_fraction=0.2, test_fraction=0.2)
    train(
        type(run)(data, TokenizerConfig("dna"), run.model, run.objective, run.training, run.prior), folder, quiet=True
    )
    return folder


TEMPLATE = """
title = "a test"
licence = "MIT"
use = "none"
headline = "{bits_per_character:.4f} bits, {loss} of loss"
limits = ["at most {max_length} letters", 'quotes "and" more']
"""


@pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")
def test_shipping_makes_a_folder_with_a_card_of_measured_figures(trained, tmp_path, capsys):
    template, metrics, models = tmp_path / "t.toml", tmp_path / "f.json", tmp_path / "models"
    template.write_text(TEMPLATE)
    metrics.write_text(json.dumps({"deep": {"loss": 2.5, "name": "text"}}))
    words = [str(trained), "tiny", "--models", str(models), "--template", str(template), "--small", "--threads", "1"]
    for _ in range(2):  # the second time it replaces the first
        ship_model.main([*words, "--table", f"more figures={metrics}#deep"])
        capsys.readouterr()
    card, provenance = read_card(models / "tiny"), json.loads((models / "tiny" / "provenance.json").read_text())
    assert [list(row) for row in card.tables[0].rows] == [list(row) for row in labelled_rows(provenance["metrics"])]
    assert (card.tables[1].title, card.tables[1].rows) == ("more figures", (("loss", 2.5, ""),))
    assert card.headline == f"{provenance['metrics']['bits_per_character']:.4f} bits, 2.5 of loss"
    assert card.limits == ("at most 9 letters", 'quotes "and" more')
    assert card.settings["model.latent"] == "4"
    assert size_of(models / "tiny") < size_of(trained)
    assert [path.name for path in models.iterdir()] == ["tiny"]
    text = "".join(path.read_text() for path in (models / "tiny").glob("*.toml"))
    assert str(tmp_path) not in text
    half, whole = seqvae.load(models / "tiny", device="cpu"), seqvae.load(trained, device="cpu")
    site = ["ACGGTAAGT"]
    assert (half.encode(site, refine=0) - whole.encode(site, refine=0)).abs().max() < 0.01


@pytest.mark.parametrize(
    ("table", "message"),
    [("x.json", "expected title="), ("t=f.json#no", "has no 'no'"), ("t=f.json#text", "no numbers")],
)
def test_a_wrong_table_is_named(table, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("f.json").write_text(json.dumps({"text": {"a": "b"}}))
    with pytest.raises(UsageError, match=message):
        ship_model.read_table(table)


@pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")
def test_the_benchmark_measures_a_card_again(tmp_path, capsys):
    out = tmp_path / "models.json"
    benchmark_models.main(["--small", "--threads", "1", "--out", str(out)])
    capsys.readouterr()
    result = json.loads(out.read_text())
    ((name, found),) = result["figures"]["models"].items()
    assert found["bytes"] == size_of(models_folder() / name)
    assert found["load_seconds"] > 0
    assert f"| {name} | {found['data']} | {found['parameters']:,} |" in page_models.section(result, {})


def test_deviations_are_relative():
    assert benchmark_models.deviation({"a": 1.1, "b": "x", "c": 0}, {"a": 1.0, "b": "x", "c": 0}) == {
        "a": pytest.approx(0.1),
        "c": 0,
    }
