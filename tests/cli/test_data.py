"""`seqvae data list | fetch | audit`."""

from __future__ import annotations

import gzip
from pathlib import Path

from seqvae.cli.main import main
from seqvae.data.datasets.cards import list_cards


def test_list_names_every_card(capsys):
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *(card.name for card in list_cards())]


def test_fetch_prints_where_the_files_are(capsys):
    assert main(["data", "fetch", "moses-sample", "--quiet"]) == 0
    paths = capsys.readouterr().out.splitlines()
    assert paths
    assert all(Path(path).is_file() for path in paths)


def test_audit_of_a_file(capsys, tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("smiles,id\nCCO,1\nOCC,2\nC1CC,3\n[Na+].[Cl-],4\nCCN,5\n")
    assert main(["data", "audit", str(path)]) == 0
    rows = {line[:20].strip(): line[20:] for line in capsys.readouterr().out.splitlines()}
    assert "by the title of the column 'smiles'" in rows.pop("domain")
    assert {name: text.split()[0] for name, text in rows.items() if name and "length" not in name} == {
        "molecules": "5",
        "metals": "1",
        "charged": "1",
        "invalid": "1",
        "duplicates": "1",
        "salts and mixtures": "1",
    }
    assert "line 4: " in rows["invalid"]
    assert "lines 2, 3: CCO differ in id: 1 | 2" in rows["duplicates"]


def test_an_audit_stops_at_nothing_and_groups_what_it_finds(capsys, tmp_path):
    path, other = tmp_path / "in.csv", tmp_path / "other.smi"
    path.write_text(
        "id;smiles;y\na;CC(=O)[O-].[Na+];5,1\nb;CCO;6\nc;C1CC;7\nd;OCC;6,5\ne;NA;3\nf;C[C@H](N)C(=O)O;1\n"
        "g;CC(N)C(=O)O;1\nh;C(C)(C)(C)(C)C;2\ni;[U];2\nj;FC(F)(F)(F)F;1\nk;CC;1;2\nl;[CH3];[2H]C\n"
    )
    other.write_text("OCC\nbad(\n")
    assert main(["data", "audit", str(path), "--against", str(other), "--model", "zinc-smiles"]) == 0
    printed = capsys.readouterr()
    assert "note: " in printed.err
    assert "columns separated by semicolons" in printed.err
    rows = {line.rpartition("  ")[0].strip() or line: " ".join(line.split()) for line in printed.out.splitlines()}
    text = "\n".join(rows.values())
    for row in (
        "domain molecules as SMILES by the title of the column 'smiles'",
        "molecules 12",
        "empty 1 line 6",
        "Explicit valence for atom # C, 5, is greater than permitted 2 lines 9, 11",
        "unclosed ring 1 line 4",
        "3 columns expected as in the header, 4 found 1 line 12",
        "duplicates 1 lines 3, 5: CCO differ in id: b | d; y: 6 | 6,5",
        "stereo-isomers of an earlier one 1",
        "metals 2 lines 2, 10",
        "charged 1 line 2",
        "radicals",
        "undefined stereo 1 line 8",
        f"molecules that are also in {other} 2 lines 3, 5",
        "molecules that zinc-smiles cannot read",
        "unknown token '[U]' 1 line 10",
    ):
        assert row in text, row


def test_audit_counts_the_leaks_of_a_published_split(capsys):
    assert main(["data", "audit", "mpsa-sample"]) == 0
    out = capsys.readouterr().out
    assert "test sequences that are also in train" in out
    assert "reverse-complement duplicates" in out


def test_audit_of_nothing_to_read_is_one_line(capsys, tmp_path):
    (tmp_path / "binary.smi").write_bytes(bytes(range(256)))
    (tmp_path / "ok.txt").write_text("CCO\n")
    for code, words in (
        (1, [tmp_path / "binary.smi"]),
        (2, [tmp_path / "none.smi"]),
        (2, ["moses-sampl"]),
        (2, [tmp_path / "ok.txt", "--kind", "proteins"]),
    ):
        assert main(["data", "audit", *map(str, words)]) == code, words
        err = capsys.readouterr().err
        assert err.startswith("seqvae: error: ")
        assert err.count("\n") == 1


def test_datasets_that_are_made_of_others(capsys, monkeypatch, tmp_path):
    for name, splits in {
        "chembl": {"train": "CCO CCN", "valid": "CCBr", "test": "C[C@H](F)Cl"},
        "zinc250k": {"train": "OCC CCS CC(F)Cl", "valid": "CCI", "test": "CCBr"},
        "moses": {"train": "SMILES CC=O CCC=O CCCC=O CCCCC=O", "test": "SMILES CCN", "test_scaffolds": "SMILES CCP"},
    }.items():
        for split, words in splits.items():
            path = tmp_path / "mine" / name / f"{split}.{'csv' if name == 'moses' else 'smi'}.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress("\n".join(words.split()).encode()))
    monkeypatch.setenv("SEQVAE_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("SEQVAE_CACHE", str(tmp_path / "cache"))
    found = {}
    for name in ("chembl", "drug-like"):
        assert main(["data", "fetch", name, "--quiet"]) == 0
        paths = map(Path, capsys.readouterr().out.splitlines())
        found[name] = {path.name.split(".")[0]: gzip.decompress(path.read_bytes()).decode().split() for path in paths}
        assert main(["data", "audit", name]) == 0
        assert "duplicates" in capsys.readouterr().out
    assert found["chembl"] == {"train": ["CCO", "CCN"], "valid": ["CCBr"], "test": ["C[C@H](F)Cl"]}
    train, valid, test = found["drug-like"].values()
    # one of four molecules of MOSES, none that any of the three holds out
    assert sorted(train, key=lambda text: (text.endswith("=O"), text))[:2] == ["CCO", "CCS"]
    assert [text.endswith("=O") for text in sorted(train)].count(True) == len(train) - 2 == 1
    assert (valid, test) == (["CCBr", "CCI"], ["C[C@H](F)Cl"])
