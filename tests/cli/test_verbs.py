"""Encode, decode, sample and interpolate on a small model that was never trained, and bad input to them."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from seqvae.cli.main import main
from seqvae.errors import SeqVAEWarning

MOLECULES = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "CCN", "C1CCCCC1", "CC(C)Cl", "N#CC", "O=C1CCCO1"]
SKIP = "(--on-error skip leaves such records out)"


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """A model folder, written without training."""
    from seqvae.artifact.folder import Artifact, save_artifact
    from seqvae.config import ModelConfig, RunConfig
    from seqvae.model.build import build_model
    from seqvae.sequences.tokenizers.registry import build_tokenizer

    tokenizer = build_tokenizer("selfies").fit(MOLECULES)
    config = ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8, max_length=20)
    vae = build_model(config, tokenizer.vocab_size, seed=0)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_artifact(folder, Artifact(vae.eval(), config, tokenizer, RunConfig(model=config), {"seed": 0}))
    return folder


@pytest.fixture
def smi(tmp_path):
    path = tmp_path / "in.smi"
    path.write_text("".join(f"{text} m{i}\n" for i, text in enumerate(MOLECULES)))
    return path


@pytest.fixture
def run(capfdbinary):
    """Run a command and return its exit code, output and errors."""

    def call(*words):
        code = main([str(word) for word in words])
        captured = capfdbinary.readouterr()
        return code, captured.out.decode(), captured.err.decode()

    return call


def failed(result, *parts):
    """Check that a command failed with one line on standard error that has these parts, and wrote nothing else."""
    code, out, err = result
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith("seqvae: error: ")
    for part in parts:
        assert part in err, err
    return code


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".csv", ".csv.gz"])
def test_encode_and_decode_meet_in_every_format(run, model, smi, tmp_path, suffix):
    import seqvae

    z = tmp_path / f"z{suffix}"
    how_many = f"8 molecules encoded into 4 dimensions: {z}\n"
    assert run("encode", model, smi, "--out", z, "--refine", "0") == (0, "", how_many)
    found = seqvae.load(model, device="cpu").encodings(MOLECULES)
    refined, lost, left = found.refined.sum(), (found.lost & found.refined).sum(), (found.lost & ~found.refined).sum()
    shares = f"{refined} of 8 refined, {lost} still not reconstructed exactly"
    shares += f"; {left} more are too far off to be refined\n" if left else "\n"
    assert run("encode", model, smi, "--out", z) == (0, "", how_many + shares)
    assert run("decode", model, z, "--out", tmp_path / "back.csv", "--quiet") == (0, "", "")
    codec = seqvae.load(model)
    found = codec.generate(codec.encode(MOLECULES))
    with (tmp_path / "back.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == found.texts
    np.testing.assert_allclose([float(row["log_likelihood"]) for row in rows], found.log_likelihood, rtol=1e-5)


def test_what_encode_writes(run, model, smi, tmp_path):
    import seqvae

    z = seqvae.load(model).encode(MOLECULES).numpy()
    for name in ("z.npz", "z.csv", "z.parquet"):
        assert run("encode", model, smi, "--out", tmp_path / name, "--quiet")[0] == 0
    with np.load(tmp_path / "z.npz") as arrays:
        assert arrays["z"].dtype == np.float32
        assert np.array_equal(arrays["z"], z)
        assert arrays["text"].tolist() == MOLECULES
        assert arrays["name"].tolist() == [f"m{i}" for i in range(8)]
    header, first = (tmp_path / "z.csv").read_text().splitlines()[:2]
    assert header == "text,name,z0,z1,z2,z3"
    assert np.array_equal(np.array(first.split(",")[2:], np.float32), z[0])
    import pyarrow.parquet as pq

    table = pq.read_table(tmp_path / "z.parquet")
    assert table.column_names == ["text", "name", "z0", "z1", "z2", "z3"]
    assert np.array_equal(table.column("z2").to_numpy(), z[:, 2])


def test_pipes(run, model, smi, monkeypatch):
    def piped(data, *words):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data.encode()))))
        return run(*words)

    code, z, err = piped("\n".join(MOLECULES), "encode", model, "-", "--quiet")
    assert (code, err) == (0, "")
    assert z.startswith("text,z0,z1,z2,z3\nCCO,")
    code, texts, err = piped(z, "decode", model, "-", "--quiet")
    assert (code, err) == (0, "")
    code, other, _ = run("encode", model, smi, "--quiet")
    assert code == 0
    assert other.splitlines()[1].split(",")[2:] == z.splitlines()[1].split(",")[1:]
    import seqvae

    codec = seqvae.load(model)
    assert texts.splitlines() == codec.decode(codec.encode(MOLECULES))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npz", ".smi", ".txt", ".fasta", ".smi.gz"])
def test_sample_is_the_seed_s_in_every_format(run, model, tmp_path, suffix):
    import seqvae

    outs = [tmp_path / f"{name}{suffix}" for name in "abc"]
    for out, seed in zip(outs, (1, 1, 2), strict=True):
        code, stdout, err = run("sample", model, "-n", 5, "--seed", seed, "--temperature", 0.9, "--out", out)
        assert (code, stdout, err) == (0, "", f"5 samples drawn: {out}\n")
    assert outs[0].read_bytes() == outs[1].read_bytes()
    texts = seqvae.load(model).sample(5, temperature=0.9, seed=1)
    if suffix in (".smi", ".txt"):
        assert outs[0].read_text().splitlines() == texts
    if suffix == ".smi.gz":
        assert gzip.decompress(outs[0].read_bytes()).decode().splitlines() == texts
    if suffix == ".fasta":
        assert outs[0].read_text().startswith(">1 log_likelihood=-")
    if suffix == ".npz":
        with np.load(outs[0]) as arrays:
            assert arrays["text"].tolist() == texts
            assert arrays["log_likelihood"].shape == arrays["valid"].shape == (5,)
            assert arrays["valid"].dtype == bool
    assert not list(tmp_path.glob(".*"))


def test_interpolate(run, model):
    import seqvae

    code, out, err = run("interpolate", model, "CCO", "CCN", "--steps", 5, "--kind", "linear")
    with pytest.warns(SeqVAEWarning, match="the path does not reach it"):
        path = seqvae.load(model).interpolate("CCO", "CCN", 5, "linear")
    assert (code, out.splitlines()) == (0, path)
    assert path[0] != "CCO" and path[-1] != "CCN"
    ends = {"CCO": path[0], "CCN": path[-1]}
    said = [
        f"seqvae: warning: '{end}' comes back as '{back}': the path does not reach it" for end, back in ends.items()
    ]
    assert err.splitlines() == said
    assert failed(run("interpolate", model, "CCO", "CCN", "--kind", "liner"), "did you mean 'linear'?") == 2
    assert failed(run("interpolate", model, "CCO", "CCN", "--steps", 1), "expected at least 2") == 2
    assert failed(run("interpolate", model, "CCO", "C1CC"), "C1CC") == 1


def test_a_bad_record_is_named_or_set_aside(run, model, tmp_path):
    path = tmp_path / "in.smi"
    path.write_text("CCO\nCCN\nC1CC\nCC[Si]\n" + "C" * 30 + "\nCCCl\n")
    assert failed(run("encode", model, path, "--out", tmp_path / "z.npz"), f"{path}:3: ", "'C1CC'", SKIP) == 1
    path.write_text("CCO\nCC[Si]\n")
    assert failed(run("encode", model, path, "--out", tmp_path / "z.npz"), f"{path}:2: ", "[Si", SKIP) == 1
    path.write_text("CCO\nCCC\n" + "C" * 30 + "\nC1CC\n")
    assert failed(run("encode", model, path, "--out", tmp_path / "z.npz"), f"{path}:3: ", "at most 20", SKIP) == 1
    assert not (tmp_path / "z.npz").exists()
    code, out, err = run("encode", model, path, "--out", tmp_path / "z.npz", "--on-error", "skip")
    assert (code, out) == (0, "")
    assert "2 rejected" in err
    with np.load(tmp_path / "z.npz") as arrays:
        assert arrays["text"].tolist() == ["CCO", "CCC"]
    rejected = (tmp_path / "z.npz.rejected.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rejected[1:]] == ["3", "4"]


def test_dropped_tokens_are_told_once(run, model, tmp_path):
    dropping = tmp_path / "dropping"
    shutil.copytree(model, dropping)
    tokenizer = json.loads((dropping / "tokenizer.json").read_text())
    assert tokenizer["on_unknown"] == "error"
    (dropping / "tokenizer.json").write_text(json.dumps(tokenizer | {"on_unknown": "drop"}))
    provenance = json.loads((dropping / "provenance.json").read_text())
    provenance["sha256"]["tokenizer.json"] = hashlib.sha256((dropping / "tokenizer.json").read_bytes()).hexdigest()
    (dropping / "provenance.json").write_text(json.dumps(provenance))
    path = tmp_path / "in.smi"
    path.write_text("CCO\nCC[Si]\nCC[Se]C\n")
    code, _, err = run("encode", dropping, path, "--out", tmp_path / "z.npz", "--quiet")
    assert code == 0
    assert err.startswith("seqvae: warning: ")
    assert err.count("\n") == 1


def test_bad_files(run, model, tmp_path):
    def encode(name, content, *words):
        path = tmp_path / name
        path.write_bytes(content)
        return failed(run("encode", model, path, *words), str(path)), path

    assert encode("empty.smi", b"")[0] == 1
    assert encode("binary.smi", bytes(range(256)))[0] == 1
    assert encode("fake.csv.gz", b"smiles\nCCO\n")[0] == 1
    assert encode("unknown.docx", b"CCO\n")[0] == 2
    table = tmp_path / "table.csv"
    table.write_text("smiles,other\nCCO,1\n")
    assert failed(run("encode", model, table, "--column", "smile"), "did you mean 'smiles'?") == 1
    assert failed(run("encode", model, tmp_path / "none.smi"), "none.smi: cannot be read") == 1


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("z.npz", b"", ["z.npz: the file is empty"]),
        ("z.npz", b"no zip", ["z.npz: not a NumPy .npz file"]),
        ("z.parquet", b"no parquet", ["z.parquet: not a Parquet file"]),
        ("z.csv", b"text,z0,z1\nCCO,1,2\n", ["expected the columns z0 to z3", "got 2 of them"]),
        ("z.csv", b"text,z0,z1,z2,z3,z4\nCCO,1,2,3,4,5\n", ["expected the columns z0 to z3", "got 5 of them"]),
        ("z.csv", b"z0,z1,z2,z3\n1,2,3,4\n1,2,x,4\n", ["z.csv:3: expected a number in each of the columns"]),
        ("z.csv", b"z0,z1,z2,z3\n1,2,3,4\n1,2\n", ["z.csv:3: expected a number in each of the columns"]),
        ("z.csv", b"z0,z1,z2,z3\n1,2,3,nan\n", ["vector 1 holds NaN or an infinite number"]),
        ("z.csv", b"z0,z1,z2,z3\n", ["the file holds no latent vectors"]),
    ],
)
def test_bad_latent_vectors(run, model, tmp_path, name, content, parts):
    (tmp_path / name).write_bytes(content)
    assert failed(run("decode", model, tmp_path / name), *parts) == 1


def test_bad_arrays(run, model, tmp_path):
    path = tmp_path / "z.npz"
    np.savez(path, latent=np.zeros((2, 4), np.float32))
    assert failed(run("decode", model, path), "it has no array `z`") == 1
    np.savez(path, z=np.zeros((2, 5), np.float32))
    assert failed(run("decode", model, path), "expected latent vectors of 4 dimensions", "(2, 5)") == 1
    np.savez(path, z=np.array(["a"]))
    assert failed(run("decode", model, path), "must hold floating-point numbers") == 1
    np.savez(path, z=np.array([{"a": 1}], dtype=object))
    assert failed(run("decode", model, path), "not a NumPy .npz file") == 1
    np.save(tmp_path / "z.npy", np.zeros((2, 4), np.float32))
    assert failed(run("decode", model, tmp_path / "z.npy"), "are read from .npz, .parquet, .csv or .tsv") == 2
    shutil.copy(tmp_path / "z.npy", path)
    assert failed(run("decode", model, path), "not a NumPy .npz file") == 1
    assert failed(run("decode", model, tmp_path / "gone.parquet"), "gone.parquet: cannot be read") == 1
    assert failed(run("decode", model, tmp_path / "gone.npz"), "gone.npz: cannot be read") == 1


def test_bad_models(run, model, smi, tmp_path):
    assert failed(run("encode", tmp_path / "none", smi), "none: no such model") == 1
    for name in ("config.json", "tokenizer.json", "weights.safetensors", "provenance.json"):
        broken = tmp_path / "broken"
        shutil.copytree(model, broken)
        (broken / name).write_bytes((model / name).read_bytes()[:-40])
        assert failed(run("sample", broken, "-n", 2), "broken") == 1
        (broken / name).unlink()
        assert failed(run("sample", broken, "-n", 2), name) == 1
        shutil.rmtree(broken)


@pytest.mark.parametrize("where", ["write", "replace"])
def test_a_full_disk_leaves_the_old_file_whole(run, model, tmp_path, monkeypatch, where):
    out = tmp_path / "new.smi"
    out.write_text("the old one\n")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "write":
            patch.setitem(sys.modules["seqvae.data.files.writers"].TEXTS_ONLY, "smi", refuse)
        else:
            patch.setattr(Path, "replace", refuse)
        assert failed(run("sample", model, "-n", 3, "--out", out), f"{out}: No space left", "free some space") == 1
    assert out.read_text() == "the old one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["new.smi"]


def test_out_in_a_place_that_is_none(run, model, tmp_path):
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "new.smi"
    assert failed(run("sample", model, "-n", 3, "--out", out), "file is a file, not a folder: give another place") == 1


def test_a_closed_pipe_is_quiet(model):
    command = f"{sys.executable} -m seqvae sample {model} -n 5 --quiet | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_using_a_model_loads_torch_and_not_lightning(model, smi, tmp_path):
    code = f"""
import sys
from seqvae.cli.main import main
assert main(["encode", {str(model)!r}, {str(smi)!r}, "--out", {str(tmp_path / "z.npz")!r}]) == 0
assert main(["decode", {str(model)!r}, {str(tmp_path / "z.npz")!r}]) == 0
assert main(["sample", {str(model)!r}, "-n", "3"]) == 0
assert main(["interpolate", {str(model)!r}, "CCO", "CCN"]) == 0
assert "torch" in sys.modules
found = {{"pytorch_lightning", "lightning_fabric", "tensorboard", "torchmetrics"}} & set(sys.modules)
assert not found, found
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
