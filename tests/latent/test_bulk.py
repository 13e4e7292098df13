"""Laws of bulk work: what the codec gives, whatever the executor, and after a kill the bytes of an unbroken run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bulk_cases import MOLECULES, save_tiny, tiny_artifact, tiny_codec

from seqvae.cli.main import main
from seqvae.config import DecodeConfig, ExecutorConfig
from seqvae.data.files.chunks import Parts, Results
from seqvae.data.files.writers import write_pieces
from seqvae.errors import InputError, UsageError
from seqvae.latent.bulk import Bulk, BulkSettings
from seqvae.latent.chunks import chunk_seed
from seqvae.latent.codec import Codec
from seqvae.runtime.executor import run_chunks
from seqvae.sequences.tokenizers.registry import build_tokenizer

HOW = DecodeConfig("sample", seed=5)
LOCAL, PROCESSES = ExecutorConfig("local"), ExecutorConfig("processes", workers=2)


@pytest.fixture(scope="module")
def codec():
    return tiny_codec()


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    for module in (
        "latent.bulk",
        "latent.chunks",
        "latent.decoding.points",
        "latent.files",
        "data.files.latent_vectors",
    ):
        monkeypatch.setattr(f"seqvae.{module}.CHUNK", 8)


@pytest.fixture
def model(tmp_path):
    return save_tiny(tmp_path / "model")


def local(codec):
    """Work in this process: for four chunks or more, the default starts workers, which import torch."""
    return Bulk(codec, BulkSettings(LOCAL))


def texts_of(pieces):
    return [text for piece in pieces for text in piece.texts]


def test_samples_are_those_of_the_codec_whatever_the_executor(codec):
    expected = codec.sample(26, seed=5)
    for config in (LOCAL, PROCESSES):
        pieces = list(Bulk(codec, BulkSettings(config)).sample(26, HOW))
        assert [len(piece.texts) for piece in pieces] == [8, 8, 8, 2]
        assert texts_of(pieces) == expected
    found = codec.generate(codec.draw(26, seed=5), HOW, insist=True)
    likelihoods = [value for piece in pieces for value in piece.columns["log_likelihood"]]
    assert likelihoods == found.log_likelihood.tolist()


def test_a_chunk_is_sampled_by_its_own_seed(codec):
    later = texts_of(list(local(codec).sample(26, HOW))[1:2])
    assert later == codec.sample(8, seed=chunk_seed(5, 1)) != codec.sample(8, seed=5)
    assert chunk_seed(5, 0) == 5


def test_points_of_a_gpu_are_decoded_here_and_spelled_elsewhere(codec, monkeypatch):
    expected = texts_of(local(codec).sample(26, HOW))
    other = tiny_codec()
    monkeypatch.setattr(other, "device", torch.device("meta"))
    monkeypatch.setattr(other, "generate_ids", codec.generate_ids)
    assert texts_of(Bulk(other, BulkSettings(LOCAL)).sample(26, HOW)) == expected


@pytest.mark.parametrize("kind", ["selfies", "smiles"])
def test_with_a_gpu_all_is_as_the_codec_does_it_and_its_model_stays_in_this_process(kind, monkeypatch):
    codec, other, used = tiny_codec(kind), tiny_codec(kind), []

    def spied(job, chunks, config):
        used.append((config.executor, any(isinstance(argument, Codec) for argument in job.arguments)))
        return run_chunks(job, chunks, LOCAL)

    monkeypatch.setattr("seqvae.latent.bulk.run_chunks", spied)
    monkeypatch.setattr(other, "device", torch.device("meta"))
    for name in ("generate_ids", "encodings"):
        monkeypatch.setattr(other, name, getattr(codec, name))
    bulk, z = Bulk(other, BulkSettings(PROCESSES)), codec.draw(20, seed=1).numpy()
    assert texts_of(bulk.sample(26, HOW)) == codec.sample(26, seed=5)
    for how in (HOW, DecodeConfig(), DecodeConfig("beam", beam=3)):
        assert texts_of(bulk.decode([z[:8], z[8:16], z[16:]], how)) == codec.decode(z, how)
    (found,) = bulk.encode([MOLECULES[:2]])
    assert np.array_equal(found.z, codec.encode(MOLECULES[:2]).numpy())
    assert len(used) == 5
    assert {where for where, has_model in used if has_model} == {"local"}
    assert {where for where, has_model in used if not has_model} <= {"processes"}


def test_decoding_is_the_codec_s(codec):
    z = codec.draw(20, seed=1).numpy()
    chunks = [z[:8], z[8:16], z[16:]]
    for how in (HOW, DecodeConfig()):
        assert texts_of(local(codec).decode(chunks, how)) == codec.decode(z, how)


def test_encoding_lists_what_cannot_be_encoded(codec):
    chunks = [MOLECULES, ["CCO", "C1CC", "CCN", "CC[Si]"], ["C1CC"], ["C" * 30]]
    found = list(Bulk(codec, BulkSettings(LOCAL)).encode(chunks))
    assert np.array_equal(found[0].z, codec.encode(MOLECULES).numpy())
    assert np.array_equal(found[1].z, codec.encode(["CCO", "CCN"]).numpy())
    assert [sorted(one.rejected) for one in found] == [[], [1, 3], [0], [0]]
    assert "C1CC" in found[2].rejected[0]
    assert "at most 20" in found[3].rejected[0]
    assert found[2].z.shape == (0, 4)


def test_texts_read_already_are_encoded_as_texts_are(codec, tmp_path):
    chunks = [["CCO", "C1CC", "OCC", "CC[Si]"], MOLECULES, ["C" * 30]]
    expected = list(local(codec).encode(chunks))
    read = [codec.tokenize(chunk, on_error="skip") for chunk in chunks]
    for settings in (BulkSettings(), BulkSettings(PROCESSES), *[BulkSettings(LOCAL, parts=tmp_path / "parts")] * 2):
        found = list(Bulk(codec, settings).encode(read))
        assert all(np.array_equal(one.z, other.z) for one, other in zip(found, expected, strict=True))
        assert [one.rejected for one in found] == [one.rejected for one in expected]
    with pytest.raises(UsageError, match="made from other input"):
        list(Bulk(codec, BulkSettings(LOCAL, parts=tmp_path / "parts")).encode([read[1], *read[1:]]))


def test_tokens_left_out_are_counted_once_beside_texts_that_cannot_be_encoded():
    artifact = tiny_artifact("smiles")
    tokenizer = build_tokenizer("smiles", on_unknown="drop").fit(MOLECULES)
    codec = Codec(replace(artifact, tokenizer=tokenizer), "cpu")
    (found,) = local(codec).encode([["CCS", "C1CC", "C" * 30]])
    assert (sorted(found.rejected), found.dropped) == ([1, 2], {"S": 1})


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_a_stopped_work_goes_on_with_the_chunks_left(codec, tmp_path, stop):
    whole = [(list(piece.texts), dict(piece.columns)) for piece in local(codec).sample(30, HOW)]
    settings = BulkSettings(LOCAL, parts=tmp_path / "parts")
    results = Bulk(codec, settings).sample(30, HOW)
    for _ in range(stop):
        next(results)
    results.close()
    assert len(list(tmp_path.glob("parts/*.arrow"))) == stop
    again = Bulk(codec, settings)
    again.codec = tiny_codec()
    assert [(list(piece.texts), dict(piece.columns)) for piece in again.sample(30, HOW)] == whole
    again.finish()
    assert not (tmp_path / "parts").exists()


def test_parts_hold_what_was_saved(tmp_path):
    parts = Parts(tmp_path / "parts", {"verb": "test"})
    z = np.arange(6, dtype=np.float32).reshape(3, 2)
    parts.save(Results(["a", "", "é\n"], {"score": [0.1, float("inf"), -1.5], "name": ["", "x", "y"]}, z, {"n": [1]}))
    parts.save(Results([], notes={"n": []}))
    parts = Parts(tmp_path / "parts", {"verb": "test"})
    assert parts.count == 2
    first, second = parts.load(0), parts.load(1)
    assert (list(first.texts), first.notes) == (["a", "", "é\n"], {"n": [1]})
    assert first.columns == {"score": [0.1, float("inf"), -1.5], "name": ["", "x", "y"]}
    assert np.array_equal(first.z, z)
    assert (list(second.texts), second.z, second.notes) == ([], None, {"n": []})


def test_parts_of_another_work_are_not_taken(codec, tmp_path):
    folder = tmp_path / "parts"
    settings = BulkSettings(LOCAL, parts=folder)
    next(Bulk(codec, settings).sample(20, HOW))
    with pytest.raises(UsageError, match=r"parts of another job \(seed 5 there, 6 here\)"):
        next(Bulk(codec, settings).sample(20, DecodeConfig("sample", seed=6)))
    with pytest.raises(UsageError, match="model"):
        next(Bulk(tiny_codec("smiles"), settings).sample(20, HOW))
    list(Bulk(codec, BulkSettings(LOCAL, parts=tmp_path / "other")).encode([MOLECULES]))
    with pytest.raises(UsageError, match="made from other input"):
        list(Bulk(codec, BulkSettings(LOCAL, parts=tmp_path / "other")).encode([MOLECULES[:3]]))
    with pytest.raises(UsageError, match="made from other input"):
        list(Bulk(codec, BulkSettings(LOCAL, parts=tmp_path / "other")).encode([]))
    (folder / "00000000.arrow").write_bytes(b"no table")
    with pytest.raises(InputError, match="a damaged part"):
        next(Bulk(codec, settings).sample(20, HOW))
    (folder / "manifest.json").unlink()
    with pytest.raises(UsageError, match="found something else"):
        next(Bulk(codec, settings).sample(20, HOW))


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet", ".csv.gz"])
def test_encode_and_decode_in_chunks(model, tmp_path, suffix, capsys):
    source = tmp_path / "in.smi"
    source.write_text("".join(f"{text} m{i}\n" for i, text in enumerate(MOLECULES * 3)))
    z, back = tmp_path / f"z{suffix}", tmp_path / "back.smi"
    assert main(["encode", str(model), str(source), "--out", str(z), "--resume", "--quiet"]) == 0
    assert main(["decode", str(model), str(z), "--out", str(back), "--quiet"]) == 0
    codec = tiny_codec()
    expected = codec.decode(codec.encode(MOLECULES)) * 3
    assert back.read_text().splitlines() == [f"{text} m{i}" for i, text in enumerate(expected)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["model", "in.smi", z.name, "back.smi"])
    assert capsys.readouterr() == ("", "")


def test_bad_records_in_later_chunks(model, tmp_path, capsys):
    source, z = tmp_path / "in.smi", tmp_path / "z.npz"
    source.write_text("\n".join([*MOLECULES * 3, "C1CC", *MOLECULES, "CC[Si]"]))
    words = ["encode", str(model), str(source), "--out", str(z), "--executor", "local"]
    assert main(words) == 1
    assert "in.smi:25: " in capsys.readouterr().err
    assert not z.exists()
    assert main([*words, "--on-error", "skip"]) == 0
    assert "32 records read, 2 rejected" in capsys.readouterr().err
    rejected = (tmp_path / "z.npz.rejected.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in rejected[1:]] == ["25", "34"]
    assert len(np.load(z)["z"]) == 32


def test_resuming_wants_a_file(model, capsys):
    assert main(["sample", str(model), "-n", "3", "--resume"]) == 2
    assert "--resume keeps finished chunks beside the output" in capsys.readouterr().err


SLOW = """
import sys, time
import seqvae.data.files.latent_vectors, seqvae.latent.files, seqvae.latent.bulk, seqvae.latent.codec
from seqvae.data.files.chunks import Parts
from seqvae.cli.main import main
from seqvae.data.files.writers import write_pieces
latent = seqvae.latent
for module in (latent.bulk, latent.chunks, latent.decoding.points, latent.files, seqvae.data.files.latent_vectors):
    module.CHUNK = 8
save = Parts.save
def slowly(self, results):
    save(self, results)
    time.sleep(0.2)
Parts.save = slowly
sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_run_goes_on_to_the_same_bytes(model, tmp_path):
    """SIGKILL in the middle of sampling; the same command again ends with the file of an unbroken run."""
    out, other = tmp_path / "new.csv", tmp_path / "other.csv"
    words = ["sample", str(model), "-n", "240", "--seed", "2", "--executor", "local", "--quiet", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", SLOW, *words, str(out), "--resume"], env=environment)
    while len(list(tmp_path.glob("new.csv.parts/*.arrow"))) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("new.csv.parts/*.arrow")}
    assert 3 <= len(kept) < 30
    assert main([*words, str(out), "--resume"]) == 0
    assert main([*words, str(other)]) == 0
    assert out.read_bytes() == other.read_bytes()
    assert not (tmp_path / "new.csv.parts").exists()


@pytest.mark.parametrize("suffix", [".csv", ".smi", ".npz"])
@pytest.mark.parametrize("resume", [False, True])
def test_few_chunks_are_in_memory(codec, tmp_path, suffix, resume):
    """However much is sampled, written chunks are let go."""
    bulk = Bulk(codec, BulkSettings(LOCAL, parts=tmp_path / "parts" if resume else None))
    made: list[weakref.ref[Results]] = []
    most = []

    def watched():
        for results in bulk.sample(80, HOW):
            made.append(weakref.ref(results))
            most.append(sum(one() is not None for one in made))
            yield results

    write_pieces(str(tmp_path / f"new{suffix}"), watched(), parts=bulk.settings.parts)
    assert len(made) == 10
    assert max(most) <= 3
