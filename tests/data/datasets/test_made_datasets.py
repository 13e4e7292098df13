"""Datasets that are made here, of published files or of other datasets: exact on small cases, and by their laws."""

from __future__ import annotations

import gzip
import hashlib
import runpy
import zipfile

import numpy as np
import pytest
from rdkit import Chem

from seqvae.config import DataConfig
from seqvae.data.corpus import read_texts
from seqvae.data.datasets import cards, forms, recipe
from seqvae.data.datasets import registry as sources
from seqvae.data.datasets.cards import Limits, find_card, parse_card
from seqvae.data.datasets.forms import forms_of, hash_of
from seqvae.data.datasets.registry import fetch, load_dataset
from seqvae.errors import ConfigError, DownloadError, InputError

LIMITS = Limits(("B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br", "I", "Se"), 5, 60, 120)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("SEQVAE_DATA", raising=False)
    monkeypatch.setenv("SEQVAE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    """A temporary folder of cards; returns a function that adds a card with some tables."""
    folder = tmp_path / "cards"
    folder.mkdir()
    for module in (cards, sources, recipe):
        monkeypatch.setattr(module, "cards_folder", lambda: folder)

    def put(name, tables, seed=0):
        about = "".join(f'{k} = "x"\n' for k in ("title", "licence", "citation", "homepage", "note"))
        text = f'name = "{name}"\nkind = "smiles"\nrecords = 1\nseed = {seed}\n{about}'
        (folder / f"{name}.toml").write_text(text + tables)
        return folder

    return put


def same_molecules(*texts):
    """Canonical forms, for comparing sets whatever RDKit writes."""
    return sorted(Chem.CanonSmiles(text) for text in texts)


def connectivity(text):
    return hash_of(Chem.MolToSmiles(Chem.MolFromSmiles(text), isomericSmiles=False))


# Canonical forms.


def test_what_is_beyond_the_limits_has_no_form():
    kept = ["C1CCCCC1O", "OC1CCCCC1", "C[C@H](N)C(=O)OC", "[O-]C(=O)CCCC", "[Se]1C=CC=C1", "C[Si](C)(C)CC"]
    dropped = ["CCC", "C" * 61, "CCCCC.C", "[13CH3]CCCC", "[2H]CCCCC", "C[CH]CCC", "CCCC[Na]", "CCCCC[As]", "C1CCC", ""]
    dropped += ["C/C=C/" * 21 + "C", "canonical_smiles"]
    found = forms_of([*kept, *dropped], LIMITS)
    assert found.smiles == [Chem.CanonSmiles(text) for text in kept] + [""] * len(dropped)
    assert found.connectivity.tolist() == [connectivity(text) for text in kept] + [0] * len(dropped)
    free = forms_of(["CCC", "CCCCC.C", "C1CCC"])
    assert free.smiles == ["CCC", "C.CCCCC", ""]


def test_stereo_isomers_share_a_connectivity_and_spellings_a_form():
    texts = ["C[C@H](N)C(=O)OC", "C[C@@H](N)C(=O)OC", "CC(N)C(=O)OC", "COC(=O)[C@H](C)N", "F/C=C/CCC", "F/C=C\\CCC"]
    found = forms_of(texts)
    assert found.smiles[0] in found.smiles[1:4:2]
    assert len(set(found.smiles)) == 5
    assert len(set(found.connectivity[:4].tolist())) == len(set(found.connectivity[4:].tolist())) == 1


def test_forms_are_kept_and_depend_on_all_that_went_in(monkeypatch, tmp_path):
    first = forms_of(["CCO", "x", "CC(=O)C"])
    monkeypatch.setattr(forms, "run_chunks", None)  # nothing is worked out a second time
    again = forms_of(["CCO", "x", "CC(=O)C"])
    assert again.smiles == first.smiles
    np.testing.assert_array_equal(again.connectivity, first.connectivity)
    for other in (["CCO", "x"], ["CCO", "x", "CC(=O)C", ""]):
        with pytest.raises(TypeError):
            forms_of(other)
    with pytest.raises(TypeError):
        forms_of(["CCO", "x", "CC(=O)C"], LIMITS)
    assert len(list((tmp_path / "cache" / "datasets" / "forms").iterdir())) == 1  # and nothing is left of the others


def test_several_processes_give_what_one_gives(monkeypatch):
    texts = [f"{'C' * n}O{'C' * m}" for n in range(1, 20) for m in range(1, 10)]
    one = forms_of(texts)
    monkeypatch.setattr(forms, "_CHUNK", 20)
    monkeypatch.setattr(forms, "rdkit_version", lambda: "another")
    many = forms_of(texts)
    assert many.smiles == one.smiles
    np.testing.assert_array_equal(many.connectivity, one.connectivity)


# Recipes.

FILES = """
[[files]]
name = "train.smi.gz"
split = "train"
local = ["mine/train.smi.gz"]
[[files]]
name = "valid.smi.gz"
split = "valid"
[[files]]
name = "test.smi.gz"
split = "test"
"""
RECIPE = """
[recipe]
held_out = "held.npz"
[recipe.limits]
elements = ["C", "N", "O", "F", "Cl"]
smallest = 5
largest = 60
longest = 120
"""


@pytest.fixture
def published(shelf, tmp_path):
    """A card `made` of three published files: a table, lines of words, and a zip archive."""
    web = tmp_path / "web"
    web.mkdir()
    (web / "a.csv.gz").write_bytes(gzip.compress(b"id,smiles\n1,OCCCCC\n2,C[C@H](N)C(=O)OC\n3,CCCCC.Cl\n4,CCCCCN\n"))
    (web / "b.txt").write_text("name canonical_smiles other\nx CC(N)C(=O)OC CCCCCF\ny CCCCCO CCCCCCl\nz\n")
    with zipfile.ZipFile(web / "c.zip", "w") as archive:
        archive.writestr("c", "C[C@@H](N)C(=O)OC\nNC1CCCCC1\nCCCC(C)=O\n[2H]CCCCC\n")
    tables = FILES + RECIPE
    for name, columns in (("a.csv.gz", '["smiles"]'), ("b.txt", '["2", "3"]'), ("c.zip", '["1"]')):
        total = hashlib.sha256((web / name).read_bytes()).hexdigest()
        tables += f'[[recipe.sources]]\nbase = "file://{tmp_path}/"\ncolumns = {columns}\n'
        tables += f'[recipe.sources.sha256]\n"web/{name}" = "{total}"\n'
    folder = shelf("made", tables)
    test = np.array([connectivity("NC1CCCCC1"), connectivity("CCCCCF")], np.uint64)
    valid = np.array([connectivity("COC(=O)C(C)N")], np.uint64)
    # the form of one is unknown, as with another RDKit
    drawn = {"valid.form": [0], "test.form": [recipe.form_hash(Chem.CanonSmiles("NC1CCCCC1")), 0], "series.form": [0]}
    drawn = {name: np.array(hashes, np.uint32) for name, hashes in drawn.items()}
    np.savez(
        folder / "held.npz", valid=valid, test=test, series=np.array([connectivity("CCCCCCl")], np.uint64), **drawn
    )
    return web


def sides(data):
    return {
        name: [data.texts[i] for i in rows] for name, rows in zip(("train", "valid", "test"), data.split, strict=True)
    }


def test_a_recipe_is_exact_on_a_small_case(published):
    found = sides(load_dataset("made"))
    # the order of the sources; one of two spellings, none of the salt, of the isotope and of a split without a file
    assert found["train"] == [Chem.CanonSmiles(text) for text in ("OCCCCC", "CCCCCN", "CCCC(C)=O")]
    # all forms of the held-out connectivity, since none has the hash of the one that was drawn
    assert sorted(found["valid"]) == same_molecules("C[C@H](N)C(=O)OC", "C[C@@H](N)C(=O)OC", "CC(N)C(=O)OC")
    # the order of the hashes
    assert found["test"] == [Chem.CanonSmiles(text) for text in ("NC1CCCCC1", "CCCCCF")]


def test_what_is_made_is_kept_and_needs_no_source(published):
    first = fetch("made")
    for path in published.iterdir():
        path.unlink()
    assert fetch("made") == first
    assert {path.parent for path in first.values()} == {first["test.smi.gz"].parent}


def test_a_stopped_recipe_goes_on_where_it_was(published, monkeypatch, tmp_path):
    (published / "c.zip").rename(published / "away")
    with pytest.raises(DownloadError, match=r"web/c.zip: cannot be reached"):
        fetch("made")
    (published / "away").rename(published / "c.zip")
    for name in ("a.csv.gz", "b.txt"):
        (published / name).unlink()  # downloaded before
    assert len(load_dataset("made").texts) == 8
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name.endswith(".part")]


def test_a_source_that_changed_is_refused(published):
    (published / "b.txt").write_text("CCCCCC")
    with pytest.raises(DownloadError, match=r"web/b.txt: not the file the card describes"):
        fetch("made")


def test_sources_and_results_in_a_folder_of_one_s_own(published, monkeypatch, tmp_path):
    mine = tmp_path / "mine"
    (mine / "made").mkdir(parents=True)
    for path in published.iterdir():
        path.rename(mine / "made" / path.name)
    monkeypatch.setenv("SEQVAE_DATA", str(mine))
    assert len(load_dataset("made").texts) == 8
    for name in ("mine/train.smi.gz", "made/valid.smi.gz", "test.smi.gz"):  # as they stand, by any of the usual paths
        (mine / name).parent.mkdir(exist_ok=True)
        (mine / name).write_bytes(gzip.compress(b"C\n"))
    assert load_dataset("made").texts == ["C", "C", "C"]


def test_a_source_without_the_column(published, shelf, tmp_path):
    path = tmp_path / "cards" / "made.toml"
    path.write_text(path.read_text().replace('columns = ["smiles"]', 'columns = ["SMILES"]'))
    with pytest.raises(InputError, match=r"a\.csv\.gz: expected a column 'SMILES', found id, smiles"):
        fetch("made")


def test_the_hashes_of_held_out_molecules_are_made_again(published, tmp_path):
    script = runpy.run_module("scripts.training.packaged.make_held_out")
    (tmp_path / "test.smi").write_text("NC1CCCCC1\nC1CCCCC1N\nCCCCCF\n")
    (tmp_path / "valid.csv").write_text("id,smiles\n0,FCCCCC\n1,C[C@H](N)C(=O)OC\n2,C[C@@H](N)C(=O)OC\n")
    path = tmp_path / "made.npz"
    script["main"]([str(path), *(f"{p.stem}={p}" for p in (tmp_path / "test.smi", tmp_path / "valid.csv"))])
    test, valid = ["NC1CCCCC1", "CCCCCF"], ["C[C@H](N)C(=O)OC"]
    with np.load(path) as made:
        assert {name: made[name].tolist() for name in made.files} == {
            "test": [connectivity(text) for text in test],
            "test.form": [recipe.form_hash(Chem.CanonSmiles(text)) for text in test],
            "valid": [connectivity(text) for text in valid],
            "valid.form": [recipe.form_hash(Chem.CanonSmiles(text)) for text in valid],
        }
    path.rename(tmp_path / "cards" / "held.npz")
    assert sides(load_dataset("made"))["valid"] == [Chem.CanonSmiles(text) for text in valid]  # the drawn one alone


def test_the_held_out_molecules_of_chembl_are_known():
    held_out = recipe.read_held_out(find_card("chembl").recipe)
    assert {name: len(forms) for name, (_, forms) in held_out.items()} == {
        "valid": 10_000,
        "test": 10_000,
        "lead_series": 4_536,
        "reserved": 7_273,
    }
    every = np.concatenate([hashes for hashes, _ in held_out.values()])
    assert len(np.unique(every)) == len(every)
    assert held_out["test"][0][0] == connectivity("Cc1cccc(Cl)c1NC(=O)c1cnc(NC2CC2)s1")


# Datasets made of others.


def write_parts(mine, **parts):
    for name, splits in parts.items():
        (mine / name).mkdir(parents=True, exist_ok=True)
        for split, texts in splits.items():
            (mine / name / f"{split}.smi").write_text("\n".join(texts) + "\n")


@pytest.fixture
def two(shelf, monkeypatch, tmp_path):
    """A card `both` that joins `first` and half of `second`; returns a function that sets their molecules."""
    mine = tmp_path / "mine"
    mine.mkdir()
    monkeypatch.setenv("SEQVAE_DATA", str(mine))
    for name in ("first", "second"):
        splits = ("train", "valid", "test", *(("test_scaffolds",) if name == "second" else ()))
        shelf(name, "".join(f'[[files]]\nname = "{s}.smi"\nsplit = "{s}"\nurl = "file:///none"\n' for s in splits))
    tables = '[[parts]]\ndataset = "first"\nheld_out = ["valid", "test"]\n'
    tables += '[[parts]]\ndataset = "second"\nshare = 0.5\nheld_out = ["valid"]\n'
    shelf("both", FILES.replace('local = ["mine/train.smi.gz"]\n', "") + tables, seed=3)
    return lambda first, second: write_parts(mine, first=first, second=second)


def chains(start, stop, end):
    return [f"{'C' * n}{end}" for n in range(start, stop)]


def test_a_join_is_exact_on_a_small_case(two):
    first = {"train": ["OCC", "CCO", "CCN", "C[C@H](F)Cl", "CCl"], "valid": ["CCBr", "CCS"], "test": ["CC(F)Cl", "CCI"]}
    second = {"train": ["CCS", "NCC", "CCP", "CC#N"], "valid": ["CCI", "SCC", "CCCl"], "test": ["CC#N"]}
    two(first, second | {"test_scaffolds": ["CCl"]})
    whole = sides(load_dataset("both", shares={"second": 1.0}))
    # CCS and CC#N are held out, C[C@H](F)Cl has the connectivity of a test molecule, CCl is in a second test set
    assert sorted(whole["train"]) == same_molecules("CCO", "CCN", "CCP")
    assert whole["valid"] == [Chem.CanonSmiles(text) for text in ("CCBr", "CCS", "CCCl")]  # CCI is a test molecule
    assert whole["test"] == [Chem.CanonSmiles(text) for text in ("CC(F)Cl", "CCI")]


def test_the_laws_of_a_join(two):
    first = {"train": chains(1, 60, "O"), "valid": chains(60, 64, "O"), "test": chains(64, 68, "O")}
    second = {
        "train": chains(30, 90, "O") + chains(1, 41, "N"),
        "valid": chains(70, 74, "O"),
        "test": chains(9, 12, "N"),
    }
    two(first, second | {"test_scaffolds": chains(20, 22, "O")})
    made = {share: sides(load_dataset("both", shares={"second": share})) for share in (0.0, 0.25, 0.5, 1.0)}
    held = {text for part in (first, second) for label, texts in part.items() if label != "train" for text in texts}
    held |= set(chains(20, 22, "O"))
    for share, found in made.items():
        train = found["train"]
        assert len(train) == len(set(train))
        assert not set(train) & held
        assert set(train) >= set(chains(1, 60, "O")) - held  # all of the first part, whatever the share of the other
        assert (found["valid"], found["test"]) == (made[1.0]["valid"], made[1.0]["test"])
        assert len(set(train) - set(first["train"])) <= share * 100
        assert train != sorted(train, key=[*chains(1, 90, "O"), *chains(1, 41, "N")].index) or share == 0
    assert set(made[0.0]["train"]) < set(made[0.25]["train"]) < set(made[0.5]["train"]) < set(made[1.0]["train"])
    assert set(made[1.0]["train"]) == (set(first["train"]) | set(second["train"])) - held
    assert sides(load_dataset("both")) == made[0.5]  # as the card has it


def test_a_join_is_made_anew_for_other_parts_or_shares_alone(two, monkeypatch):
    first = {"train": chains(1, 9, "O"), "valid": ["CCBr"], "test": ["CCI"]}
    second = {"train": chains(1, 9, "N"), "valid": ["CCBr"], "test": ["CCI"], "test_scaffolds": ["CCI"]}
    two(first, second)
    paths = fetch("both")
    join = sources.join
    monkeypatch.setattr(sources, "join", None)
    assert fetch("both") == fetch("both", shares={"second": 0.5}) == fetch("both", shares={"first": 1.0}) == paths
    monkeypatch.setattr(sources, "join", join)
    assert fetch("both", shares={"second": 0.25}) != paths
    two(first, second | {"train": chains(1, 10, "N")})
    assert fetch("both") != paths


def test_a_join_that_is_at_hand_is_taken_unless_shares_are_asked_for(two, tmp_path):
    two(
        {"train": chains(1, 9, "O"), "valid": ["CCBr"], "test": ["CCI"]},
        {"train": chains(1, 9, "N"), "valid": ["CCBr"], "test": ["CCI"], "test_scaffolds": ["CCI"]},
    )
    folder = tmp_path / "mine" / "both"
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.smi.gz").write_bytes(gzip.compress(b"CS\n"))
    assert load_dataset("both").texts == ["CS"] * 3
    assert "CS" not in load_dataset("both", shares={"second": 0.5}).texts


def test_shares_are_a_setting_of_a_training(two, tmp_path):
    two(
        {"train": chains(1, 9, "O"), "valid": ["CCBr"], "test": ["CCI"]},
        {"train": chains(1, 9, "N"), "valid": ["CCBr"], "test": ["CCI"], "test_scaffolds": ["CCI"]},
    )
    count = {shares: len(read_texts(DataConfig("both", shares=shares)).texts) for shares in ("", "first=0, second=.25")}
    assert count == {"": 8 + 4 + 2, "first=0, second=.25": 2 + 2}
    assert len(read_texts(DataConfig("both", limit=5)).texts) == 5
    (tmp_path / "x.smi").write_text("CCO\n")
    for source, shares, message in (
        ("both", "third=1", "data.shares: both has no part 'third'; known: first, second"),
        ("first", "second=1", "data.shares: dataset first is not made of other datasets; leave it out"),
        (str(tmp_path / "x.smi"), "a=1", "data.shares: .*x.smi is a file, not a dataset made of others; leave it out"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_texts(DataConfig(source, shares=shares))
    for shares, message in (
        ("first", "data.shares: expected DATASET=SHARE, got 'first'"),
        ("first=many", "data.shares: expected DATASET=SHARE, got 'first=many'"),
        ("first=1.5", "data.shares: first: expected a number from 0 to 1, got 1.5"),
        ("first=nan", "data.shares: first: expected a number from 0 to 1, got nan"),
    ):
        with pytest.raises(ConfigError, match=message):
            DataConfig("both", shares=shares)


# Cards.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": {}}, r"\[recipe\]: a recipe needs at least one \[\[recipe.sources\]\] table"),
        ({"recipe": {"sources": [{"base": "b"}]}}, r"\[\[recipe.sources\]\] 1: missing key 'columns'"),
        ({"recipe": {"sources": []}}, r"\[recipe\]: a recipe needs at least one"),
        (
            {"recipe": {"sources": [{"base": "b", "columns": ["1"], "sha256": {"a": 1}}]}},
            "sha256: a must be text, got 1",
        ),
        (
            {"recipe": {"sources": [{"base": "b", "columns": ["1"], "sha256": {}}]}},
            r"\[recipe.limits\]: missing key 'elements'",
        ),
        ({"parts": [{"dataset": "a", "share": "b"}]}, r"\[\[parts\]\]: share must be a number, got 'b'"),
        ({"parts": [{"dataset": "a"}], "files": [{"name": "a", "url": "u"}]}, "file 'a' is made here: it has no url"),
        ({"parts": [{"dataset": "a"}], "files": [{"name": "../a"}]}, r"must be a relative path without"),
    ],
)
def test_cards_of_made_datasets_are_strict(changes, message):
    about = dict.fromkeys(("name", "title", "licence", "citation", "homepage", "note"), "x")
    with pytest.raises(ConfigError, match=message):
        parse_card(about | {"kind": "smiles", "records": 1, "files": [{"name": "a"}]} | changes, "x.toml")
