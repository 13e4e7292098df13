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
    assert {name: text.split()[0] for name, text in rows.items() if name and "length" not in name} == {
        "molecules": "5",
        "invalid": "1",
        "duplicates": "1",
        "salts and mixtures": "1",
    }
    assert "line 4: " in rows["invalid"]


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
