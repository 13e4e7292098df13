"""Properties by name: seqvae's, those of installed packages, and the user's own."""

from __future__ import annotations

import doctest
import importlib.metadata
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from property_cases import ASPIRIN, molecules
from rdkit import Chem

import seqvae
from seqvae.errors import InputError, SeqVAEWarning, UsageError
from seqvae.properties import Property, forms, get, listed, registry, score
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.user import PerText
from seqvae.sequences.domain import DNA, LETTERS, MOLECULES

OWN = '''"""A module of a user's own."""
import numpy as np
from seqvae.properties import Property

def length(text):
    """Letters of a text.

    More words.
    """
    return len(text)

def some(text):
    return None if "N" in text else np.float32(len(text))

def word(text):
    return "many"

def broken(text):
    raise ValueError("no license\\nfor this")

batch = Property("batch", "molecules", "in batches", lambda texts: np.arange(len(texts)))
short = Property("short", "molecules", "one too few", lambda texts: [0.0] * (len(texts) - 1))
NUMBER = 3
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with modules of the user's own."""
    (tmp_path / "seqvae_own.py").write_text(OWN)
    (tmp_path / "seqvae_failing.py").write_text("import json\nraise RuntimeError('no key')\n")
    (tmp_path / "seqvae_lacking.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("seqvae_own", "seqvae_failing", "seqvae_lacking"):
        sys.modules.pop(name, None)


@pytest.fixture
def installed(monkeypatch):
    """Install entry points temporarily."""

    def install(**points):
        found = [importlib.metadata.EntryPoint(name, value, registry.GROUP) for name, value in points.items()]
        monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: found if group == registry.GROUP else [])

    return install


def test_every_listed_name_brings_its_property():
    names = [found.name for found in listed()]
    assert len(set(names)) == len(names)
    assert [get(name).name for name in names] == names
    for found in listed():
        assert found.kind in (MOLECULES, DNA, LETTERS)
        assert found.about
        assert "\n" not in found.about


def test_names_with_something_to_fill_in_are_listed():
    found = {name: (kind, about) for name, kind, about in forms()}
    assert {"similarity:KIND:SMILES", "smarts:PATTERN", "scaffold:SMILES", "MODULE:FUNCTION"} <= set(found)
    assert all(kind and about for kind, about in found.values())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("qedd", "unknown property 'qedd'; did you mean 'qed'?"),
        ("deco_hop", "unknown property 'deco_hop'; did you mean 'pmo:deco_hop'?"),
        ("pom:deco_hop", "there is no family or module 'pom'; did you mean 'pmo:deco_hop'?"),
        ("zzz:yyy", "there is no family or module 'zzz'; `seqvae properties list` shows the names"),
        ("no_such_package.part:f", "there is no family or module 'no_such_package.part'"),
        (":x", "unknown property 'x'"),
        ("C=O:x", "there is no family or module 'C=O'"),
        ("", "unknown property ''; known: "),
    ],
)
def test_an_unknown_name_gets_a_suggestion(name, words):
    with pytest.raises(UsageError) as error:
        get(name)
    assert words in str(error.value)


def test_a_function_of_the_users_own(own):
    found = get("seqvae_own:length")
    assert found(["CCO", "C"]).tolist() == [3, 1]
    assert (found.name, found.kind, found.about) == ("seqvae_own:length", LETTERS, "Letters of a text.")
    some = get("seqvae_own:some")(["CC", "CN"])
    assert some[0] == 2
    assert math.isnan(some[1])


def test_a_property_of_the_users_own_is_called_in_batches(own):
    found = get("seqvae_own:batch")
    assert (found.name, found.kind) == ("seqvae_own:batch", MOLECULES)
    assert found(["C", "CC", "CCC"]).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seqvae_own:lenght", "seqvae_own:lenght: module 'seqvae_own' has no 'lenght'; did you mean 'length'?"),
        ("seqvae_own:NUMBER", "expected a function from a text to a number, or a seqvae Property, got int"),
        ("seqvae_failing:f", "module 'seqvae_failing' cannot be imported: RuntimeError: no key"),
        ("seqvae_lacking:f", "cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"),
    ],
)
def test_what_is_no_function_is_named(own, name, words):
    with pytest.raises(UsageError) as error:
        get(name)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("seqvae_own:word", "seqvae_own:word: expected a number for 'CCO', got 'many'"),
        ("seqvae_own:broken", "seqvae_own:broken fails on 'CCO': ValueError: no license"),
        ("seqvae_own:short", r"property seqvae_own:short: expected 1 numbers, got an array of \(0,\)"),
    ],
)
def test_a_function_that_fails_names_the_text(own, name, words):
    with pytest.raises(InputError, match=words) as error:
        get(name)(["CCO"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "value", [3.5, np.float32(3.5), np.array(3.5), np.array([3.5]), np.array([[3.5]]), torch.tensor(3.5), [3.5]]
)
def test_whatever_holds_one_number_is_a_number(value):
    assert PerText("mine:score", lambda text: value)(["CCO"]) == [3.5]


def test_a_tensor_with_a_gradient_is_a_number():
    assert PerText("mine:score", lambda text: torch.ones(1, requires_grad=True) * 2)(["CCO"]) == [2.0]


@pytest.mark.parametrize("value", ["3.5", b"3", np.array(["3.5"]), np.ones(2), torch.ones(2), [], [1, 2], 1j, object()])
def test_what_is_not_one_number_is_named(value):
    with pytest.raises(InputError, match="mine:score: expected a number for 'CCO', got"):
        PerText("mine:score", lambda text: value)(["CCO"])


def test_a_function_that_ends_the_program_has_failed():
    with pytest.raises(InputError, match="mine:score fails on 'CCO': SystemExit: 3"):
        PerText("mine:score", lambda text: sys.exit(3))(["CCO"])


def test_entry_points_of_installed_packages(own, installed):
    installed(docking="seqvae_own:length", batched="seqvae_own:batch")
    assert get("docking")(["CCO"]).tolist() == [3]
    assert [found.name for found in listed()][-2:] == ["docking", "batched"]
    with pytest.raises(UsageError, match="unknown property 'dockin'; did you mean 'docking'"):
        get("dockin")


def test_an_entry_point_that_cannot_be_had_is_left_out(own, installed):
    installed(qed="seqvae_own:length", missing="seqvae_own:nothing", number="seqvae_own:NUMBER")
    with pytest.warns(SeqVAEWarning, match="is left out") as warned:
        names = [found.name for found in listed()]
    assert names.count("qed") == 1
    assert not {"missing", "number"} & set(names)
    assert len(warned) == 3
    assert get("qed")(["CCO"])[0] < 1  # ours
    with pytest.raises(UsageError, match="missing: cannot be loaded: AttributeError"):
        get("missing")


def test_several_properties_of_the_same_texts(own):
    texts = [*molecules(600), "C("]
    names = ["logp", "heavy_atoms", "seqvae_own:length"]
    found = score(names, texts)
    assert list(found) == names
    for name in names:
        assert np.array_equal(found[name], get(name)(texts), equal_nan=True)
    assert {name: column.shape for name, column in score(["logp", get("sa")], []).items()} == {"logp": (0,), "sa": (0,)}


def test_a_molecule_is_read_once_for_all_properties(monkeypatch):
    texts = molecules(500)
    read, parse = [], Chem.MolFromSmiles
    monkeypatch.setattr(Chem, "MolFromSmiles", lambda text: read.append(text) or parse(text))
    sheets = Sheets(300)
    score(["logp", "qed", "penalised_logp", "heavy_atoms"], texts, sheets)
    assert sorted(read) == sorted(set(texts))
    assert sheets.kept == 300


def test_one_text_is_not_taken_for_many():
    with pytest.raises(UsageError, match=r"expected a list of molecules, got the string 'CCO': give a list"):
        get("qed")("CCO")


def test_doctests():
    assert doctest.testmod(registry).failed == 0


def test_the_front_door():
    assert seqvae.properties.get("pmo:deco_hop")([ASPIRIN]).shape == (1,)
    assert isinstance(seqvae.properties.get("qed"), Property)


def test_a_family_is_imported_when_it_is_asked_for():
    code = "import sys; from seqvae.properties import get; print('rdkit' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
