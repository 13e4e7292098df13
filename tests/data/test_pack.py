"""Packing: the store has the tokenizer's ids for any number of workers, and is taken from the cache the second time."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import selfies
from hypothesis import given, settings
from hypothesis import strategies as st

import seqvae
from seqvae.config import ExecutorConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.tokens import pack as pack_module
from seqvae.data.tokens.pack import content_key, pack
from seqvae.data.tokens.symbols import split_texts, splitting
from seqvae.errors import InputError, RecordError, SeqVAEWarning, UsageError
from seqvae.runtime.executor import run_chunks
from seqvae.sequences.tokenizers.registry import build_tokenizer

MOLECULES = ["CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "[NH4+].[Cl-]", "F/C=C/F"]
KINDS = [("smiles", 0), ("selfies", 0), ("selfies", 30), ("dna", 0), ("dna", 9), ("char", 0), ("char", 30)]


def texts_for(kind):
    return ["ACGTACGT", "NNAC", "acgu", "TTTTACGT"] * 3 if kind == "dna" else MOLECULES * 3


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.mark.filterwarnings("ignore:too few repeated pairs")
@pytest.mark.parametrize(("kind", "size"), KINDS)
def test_the_store_holds_what_the_tokenizer_encodes(cache, kind, size):
    texts = texts_for(kind)
    packed = pack(texts, build_tokenizer(kind, size), cache, workers=1)
    assert [packed.store.ids(i).tolist() for i in range(len(texts))] == packed.tokenizer.encode_batch(texts)
    assert packed.kept.tolist() == list(range(len(texts)))
    assert packed.rejected == ()
    fitted = build_tokenizer(kind, size).fit(texts)
    assert packed.tokenizer.to_dict() == fitted.to_dict()
    again = pack(texts, fitted, cache / "other", workers=1)
    assert again.store.content_hash == packed.store.content_hash


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(alphabet="ACGTNRYXacgtux-", max_size=9), min_size=1, max_size=15))
def test_kept_and_rejected_share_the_texts(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("pack")
    texts = ["ACGT", *texts]
    packed = pack(texts, build_tokenizer("dna"), folder, workers=1, on_error="skip")
    assert sorted([*packed.kept.tolist(), *(p for p, _, _ in packed.rejected)]) == list(range(len(texts)))
    assert all(texts[p] == text and reason for p, text, reason in packed.rejected)
    assert packed.tokenizer.encode_batch([texts[i] for i in packed.kept]) == [
        packed.store.ids(i).tolist() for i in range(len(packed.store))
    ]


def test_workers_give_the_same_store(cache, monkeypatch):
    monkeypatch.setattr(pack_module, "_CHUNK", 7)
    texts = load_dataset("moses-sample").texts[:60]
    alone = pack(texts, build_tokenizer("selfies"), cache / "1", workers=1)
    helped = pack(texts, build_tokenizer("selfies"), cache / "2", workers=2)
    assert helped.store.content_hash == alone.store.content_hash
    assert helped.tokenizer.to_dict() == alone.tokenizer.to_dict()


def test_the_second_time_comes_from_the_cache(cache, monkeypatch):
    first = pack(MOLECULES, build_tokenizer("selfies"), cache, workers=1)
    monkeypatch.setattr(pack_module, "splitting", None)  # a call would fail
    second = pack(MOLECULES, build_tokenizer("selfies"), cache, workers=1)
    assert second.store.content_hash == first.store.content_hash
    assert second.tokenizer.to_dict() == first.tokenizer.to_dict()
    assert len(list(cache.iterdir())) == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=3), max_size=4), st.lists(st.text(max_size=3), max_size=4))
def test_the_key_tells_texts_apart(some, others):
    tokenizer = build_tokenizer("char")
    assert (content_key(some, tokenizer) == content_key(others, tokenizer)) == (some == others)


def test_the_key_tells_tokenizers_apart():
    dropping = build_tokenizer("char", on_unknown="drop")
    kinds = [build_tokenizer("char"), build_tokenizer("char", 20), build_tokenizer("smiles"), dropping]
    keys = {content_key(["CC"], t) for t in kinds} | {content_key(["CC"], build_tokenizer("char").fit(["CC"]))}
    assert len(keys) == 5


def test_stop_names_the_text_and_skip_lists_it(cache):
    texts = ["CCO", "C1CC", "CC"]
    with pytest.raises(RecordError, match=r"molecule 2 of 3: .*C1CC") as error:
        pack(texts, build_tokenizer("smiles"), cache, workers=1)
    assert error.value.line == 2
    assert list(cache.iterdir()) == []
    packed = pack(texts, build_tokenizer("smiles"), cache, workers=1, on_error="skip")
    assert packed.kept.tolist() == [0, 2]
    assert [(p, t) for p, t, _ in packed.rejected] == [(1, "C1CC")]
    with pytest.raises(RecordError, match=r"molecule 2 of 3"):
        pack(texts, build_tokenizer("smiles"), cache, workers=1)


def test_an_unseen_token_is_rejected_like_a_bad_text(cache):
    fitted = build_tokenizer("char").fit(["abc"])
    with pytest.raises(RecordError, match=r"text 2 of 3: unknown token 'x'"):
        pack(["ab", "xa", "c"], fitted, cache, workers=1)
    packed = pack(["ab", "xa", "c"], fitted, cache, workers=1, on_error="skip")
    assert packed.kept.tolist() == [0, 2]
    assert packed.rejected[0][:2] == (1, "xa")


def test_dropped_tokens_are_reported_each_time(cache):
    dropping = build_tokenizer("char", on_unknown="drop").fit(["abc"])
    for _ in range(2):
        with pytest.warns(SeqVAEWarning, match=r"dropped 3 unknown tokens, among them 'x' \(2\), 'y' \(1\)") as caught:
            packed = pack(["ab", "xa", "xy"], dropping, cache, workers=1)
        assert len(caught) == 1
        assert packed.dropped == {"x": 2, "y": 1}
        assert packed.store.lengths.tolist() == [2, 1, 0]
    assert not dropping.dropped


def test_the_given_tokenizer_is_left_as_it_was(cache):
    given_one = build_tokenizer("selfies")
    pack(MOLECULES, given_one, cache, workers=1)
    assert given_one.vocab_size == 3


def test_nothing_usable_is_an_error(cache):
    with pytest.raises(InputError, match=r"none of the 2 molecules can be used: .*\?!"):
        pack(["?!", "?!"], build_tokenizer("smiles"), cache, workers=1, on_error="skip")
    with pytest.raises(InputError, match="none of the 0 molecules"):
        pack([], build_tokenizer("smiles"), cache)


def test_misuse(cache):
    with pytest.raises(UsageError, match='on_error must be "stop" or "skip", got \'halt\''):
        pack(["C"], build_tokenizer("smiles"), cache, on_error="halt")
    with pytest.raises(UsageError, match="workers must be at least 1, got 0"):
        pack(["C"], build_tokenizer("smiles"), cache, workers=0)


@pytest.mark.parametrize("name", ["tokens.bin", "tokenizer.json", "rows.json"])
def test_a_damaged_cache_is_made_again(cache, name):
    first = pack(MOLECULES, build_tokenizer("smiles"), cache, workers=1)
    path = next(cache.iterdir()) / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.warns(SeqVAEWarning, match="packed data in the cache is damaged and is packed anew"):
        second = pack(MOLECULES, build_tokenizer("smiles"), cache, workers=1)
    assert second.store.content_hash == first.store.content_hash


def test_a_worker_obeys_the_selfies_constraints_in_force():
    before = selfies.get_semantic_constraints()
    try:
        selfies.set_semantic_constraints("hypervalent")
        tokenizer = build_tokenizer("selfies")
        (there,) = run_chunks(splitting(tokenizer), [["O=I(=O)O", "C1CC"]], ExecutorConfig("processes", 1))
        here = split_texts(tokenizer, ["O=I(=O)O", "C1CC"])
    finally:
        selfies.set_semantic_constraints(before)
    assert there.symbols == here.symbols
    assert there.codes.tolist() == here.codes.tolist()
    assert there.lengths.tolist() == here.lengths.tolist() == [len(here.codes), -1]
    assert there.rejected == here.rejected


SCRIPT = """
import sys
from seqvae.data.tokens.pack import pack
from seqvae.sequences.tokenizers.registry import build_tokenizer
print("started", flush=True)
packed = pack(["abc"] * 30, build_tokenizer("char"), sys.argv[1], workers=2)
print(len(packed.store))
"""


def run_script(tmp_path, code, *arguments, **options):
    script = tmp_path / "script.py"
    script.write_text(code)
    root = Path(seqvae.__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def test_a_script_needs_no_main_guard(tmp_path):
    process = run_script(tmp_path, SCRIPT, str(tmp_path / "cache"))
    out, _ = process.communicate(timeout=120)
    assert out.split() == ["started", "30"]


def test_no_warning_on_a_plain_run(cache):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pack(MOLECULES, build_tokenizer("smiles"), cache, workers=1, progress=False)
