"""Standard forms of molecules: the steps, what is kept, and the verb with its report."""

from __future__ import annotations

import csv

import pytest

from seqvae.cli.main import main
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.errors import InvalidMoleculeError, UsageError
from seqvae.sequences.standardize import STEPS, check_steps, standardized

# Written by hand: as drawn, in its standard form, and the steps that change it.
CASES = [
    ("CCO", "CCO", ()),
    ("CC(=O)[O-].[Na+]", "CC(=O)O", ("fragment", "neutralize")),
    ("C[NH+](C)CCc1ccccc1.[Cl-]", "CN(C)CCc1ccccc1", ("fragment", "neutralize")),
    ("CC(=O)O[Na]", "CC(=O)O", ("metals", "fragment", "neutralize")),
    ("CN(=O)=O", "C[N+](=O)[O-]", ()),  # RDKit reads it so
    ("CS(C)=O", "C[S+](C)[O-]", ("normalize",)),
    ("O=C([O-])c1ccc(O)cc1S(=O)(=O)O", "O=C(O)c1ccc(O)cc1S(=O)(=O)O", ("reionize", "neutralize")),
    ("C[N+](C)(C)CC(=O)[O-]", "C[N+](C)(C)CC(=O)[O-]", ()),  # a zwitterion without a proton to move
    ("[11CH3]N1CCCCC1", "CN1CCCCC1", ("isotopes",)),
    ("[2H]C([2H])([2H])O", "CO", ("isotopes",)),
    ("C[C@H](N)C(=O)O.Cl", "C[C@H](N)C(=O)O", ("fragment",)),
    ("C/C=C/C(=O)[O-].[K+]", "C/C=C/C(=O)O", ("fragment", "neutralize")),
    ("CCO.OCC", "CCO", ("fragment",)),
    ("O.O.Cl.CCN", "CCN", ("fragment",)),
]


@pytest.mark.parametrize(("text", "expected", "changes"), CASES)
def test_standard_forms(text, expected, changes):
    found = standardized(text)
    assert (found.smiles, found.changes) == (expected, changes)
    assert standardized(expected).smiles == expected


def test_steps_by_name():
    assert standardized("CC(=O)[O-].[Na+]", ["fragment"]).smiles == "CC(=O)[O-]"
    assert standardized("C[C@H](O)C=CO", ["tautomer"]).smiles == "C[C@H](O)CC=O"
    assert check_steps(["fragment", "metals"]) == ("metals", "fragment")
    for steps in (["salts"], []):
        with pytest.raises(UsageError, match=f"steps: expected some of {', '.join(STEPS)}, tautomer, got"):
            standardized("C", steps)
    with pytest.raises(InvalidMoleculeError, match=r"expected a molecule as SMILES, got 'C1CC'"):
        standardized("C1CC")


def test_the_verb_says_what_changed_in_each_row(tmp_path, capsys):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("id,smiles,y\na,CC(=O)[O-].[Na+],1\nb,CC(O)=O,2\nc,C1CC,3\nd,,4\ne,CS(C)=O,5\n")
    assert main(["data", "standardize", str(source), "--out", str(out)]) == 1
    assert "in.csv:4: " in capsys.readouterr().err
    assert main(["data", "standardize", str(source), "--out", str(out), "--on-error", "skip"]) == 0
    said = capsys.readouterr().err
    assert "3 records read, 2 rejected" in said
    assert "2 changed (fragment 1, neutralize 1, normalize 1); 1 have the standard form of an earlier one" in said
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["CC(=O)O", "CC(=O)O", "C[S+](C)[O-]"]
    assert [(row["id"], row["y"]) for row in rows] == [("a", "1"), ("b", "2"), ("e", "5")]
    assert [row["changes"] for row in rows] == ["fragment;neutralize", "", "normalize"]
    assert rows[0]["input_text"] == "CC(=O)[O-].[Na+]"
    with (tmp_path / "out.csv.rejected.csv").open(newline="") as file:
        assert [(row["line"], row["name"], row["text"]) for row in csv.DictReader(file)] == [
            ("4", "c", "C1CC"),
            ("5", "d", ""),
        ]
    assert main(["data", "standardize", str(source), "--steps", "salts", "--out", str(out)]) == 2


def test_molecules_are_standardized_where_they_are_read(tmp_path, capsys):
    (tmp_path / "in.smi").write_text("CC(=O)[O-].[Na+] acetate\n")
    (record,) = read_records(tmp_path / "in.smi", ReadSettings(standardize=True))[0]
    assert (record.text, record.name) == ("CC(=O)O", "acetate")
    words = ["properties", "score", "heavy_atoms", str(tmp_path / "in.smi"), "--standardize", "--quiet"]
    assert main(words) == 0
    assert capsys.readouterr().out == "text,name,heavy_atoms\nCC(=O)O,acetate,4\n"
