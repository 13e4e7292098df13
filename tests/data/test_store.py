"""Laws of the token store: what is written is read back, and a damaged file is one clear error."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvae.data.tokens.store import TokenStore, write_store, writing_store
from seqvae.errors import InputError
from seqvae.runtime.files import atomic_file, atomic_folder, cache_folder
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD

SEQUENCES = st.lists(st.lists(st.integers(0, 65535), max_size=12), max_size=20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@settings(max_examples=40, deadline=None)
@given(SEQUENCES)
def test_sequences_come_back(folder, sequences):
    store = write_store(folder / "a.bin", sequences)
    assert len(store) == len(sequences)
    assert [store.ids(i).tolist() for i in range(len(store))] == sequences
    assert store.lengths.tolist() == [len(s) for s in sequences]
    assert store.max_length == max(map(len, sequences), default=0)
    assert store.meta.max_id == max((i for s in sequences for i in s), default=-1)


@settings(max_examples=40, deadline=None)
@given(SEQUENCES.filter(bool), st.data())
def test_a_batch_is_content_then_eos_then_padding(folder, sequences, data):
    store = write_store(folder / "b.bin", sequences)
    rows = data.draw(st.lists(st.integers(0, len(sequences) - 1), min_size=1, max_size=8))
    batch = store.batch(np.asarray(rows))
    assert batch.dtype == np.int64
    assert batch.shape == (len(rows), max(len(sequences[r]) for r in rows) + 1)
    for found, row in zip(batch.tolist(), rows, strict=True):
        size = len(sequences[row])
        assert found == [*sequences[row], EOS] + [PAD] * (batch.shape[1] - size - 1)


@settings(max_examples=20, deadline=None)
@given(SEQUENCES, SEQUENCES)
def test_the_content_hash_follows_from_the_sequences_alone(folder, some, others):
    whole = write_store(folder / "c.bin", some + others)
    with writing_store(folder / "d.bin") as writer:
        writer.append(some)
        writer.append(others)
    assert TokenStore(folder / "d.bin").content_hash == whole.content_hash
    assert (write_store(folder / "e.bin", some).content_hash == whole.content_hash) == (not others)


def test_ids_are_read_only_and_indices_are_checked(tmp_path):
    store = write_store(tmp_path / "s.bin", [[3, 4], [5]])
    with pytest.raises(ValueError, match="read-only"):
        store.ids(0)[0] = 9
    assert store.ids(-1).tolist() == [5]
    with pytest.raises(IndexError, match="sequence 2 of a store that holds 2"):
        store.ids(2)


def test_a_store_travels_to_another_process_by_its_path(tmp_path):
    store = write_store(tmp_path / "s.bin", [[3] * 5000])
    message = pickle.dumps(store)
    assert len(message) < 1000
    assert pickle.loads(message).ids(0).tolist() == [3] * 5000
    assert "1 sequences" in repr(store)


@pytest.mark.parametrize("bad", [65536, -1])
def test_an_id_that_does_not_fit_leaves_no_file(tmp_path, bad):
    with pytest.raises(InputError, match=rf"0..65535 to be stored, got {bad}"):
        write_store(tmp_path / "s.bin", [[3, bad]])
    assert list(tmp_path.iterdir()) == []


def damage(kind, content):
    return {
        "truncated": content[:-1],
        "longer": content + b"\0",
        "header cut": content[:100],
        "empty": b"",
        "foreign": b"PK\3\4" + content[4:],
        "flipped id": content[:4096] + bytes([content[4096] ^ 1]) + content[4097:],
        "flipped offset": content[:-16] + bytes([content[-16] ^ 1]) + content[-15:],
        "no JSON": content[:8] + b"!" * 40 + content[48:],
        "other keys": content.replace(b'"tokens"', b'"tokenz"'),
    }[kind]


@pytest.mark.parametrize(
    "kind",
    ["truncated", "longer", "header cut", "empty", "foreign", "flipped id", "flipped offset", "no JSON", "other keys"],
)
def test_a_damaged_store_is_one_clear_error(tmp_path, kind):
    path = tmp_path / "s.bin"
    write_store(path, [[3, 4, 5], [6], [7, 8]])
    path.write_bytes(damage(kind, path.read_bytes()))
    with pytest.raises(
        InputError, match=r"s\.bin: not an intact token store: .*; delete it and pack the data again"
    ) as e:
        TokenStore(path)
    assert "\n" not in str(e.value)


def test_a_missing_store_and_a_newer_format(tmp_path):
    with pytest.raises(InputError, match=r"none\.bin: cannot open the token store: No such file"):
        TokenStore(tmp_path / "none.bin")
    path = tmp_path / "s.bin"
    write_store(path, [[3]])
    path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 9'))
    with pytest.raises(InputError, match=r"format 9, this seqvae reads up to 1: update it"):
        TokenStore(path)


def test_an_interrupted_write_leaves_the_older_file(tmp_path):
    path = tmp_path / "s.bin"
    write_store(path, [[3]])
    with pytest.raises(KeyboardInterrupt), writing_store(path) as writer:
        writer.append([[4, 5]])
        raise KeyboardInterrupt
    assert TokenStore(path).ids(0).tolist() == [3]
    assert [p.name for p in tmp_path.iterdir()] == ["s.bin"]


def test_a_full_disk_leaves_no_part(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqvae.runtime.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"), atomic_file(tmp_path / "a") as file:
        file.write(b"x")
    assert list(tmp_path.iterdir()) == []


def test_an_atomic_folder_is_whole_or_absent_and_the_first_one_stays(tmp_path):
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "f") as part:
        (part / "x").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    for text in ("first", "second"):
        with atomic_folder(tmp_path / "f") as part:
            (part / "x").write_text(text)
    assert (tmp_path / "f" / "x").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQVAE_CACHE", str(tmp_path))
    assert cache_folder("a", "b") == tmp_path / "a" / "b"
    monkeypatch.delenv("SEQVAE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "seqvae"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "seqvae"
