"""Other spellings for the encoder: each is of the molecule that it stands for, and draws follow from the seed."""

from dataclasses import replace

import numpy as np
import pytest
from run_cases import small_run, with_model

from seqvae.config import DataConfig, TokenizerConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.pack import pack
from seqvae.data.tokens.spellings import Spellings, pack_spellings
from seqvae.data.tokens.store import write_store
from seqvae.errors import ConfigError, UsageError
from seqvae.sequences.molecules import canonical_or_none
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD
from seqvae.train.fit import train
from seqvae.train.prepare import prepare

EACH = 3


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    texts = load_dataset("moses-sample").texts[:200]
    return pack(texts, build_tokenizer("smiles", 60), tmp_path_factory.mktemp("packed"))


def spelt(packed, store, row):
    return "".join(packed.tokenizer.symbols_of(store.ids(row).tolist()))


def test_a_spelling_is_of_its_own_molecule(packed):
    pool = pack_spellings(packed.store, packed.tokenizer, EACH, seed=1)
    assert len(pool) == EACH * len(packed.store)
    others = 0
    for row in range(len(packed.store)):
        canonical = spelt(packed, packed.store, row)
        for text in {spelt(packed, pool, EACH * row + i) for i in range(EACH)}:
            assert canonical_or_none(text) == canonical
            others += text != canonical
    assert others > len(packed.store)  # most are not the canonical one


def test_spellings_follow_from_the_seed_and_are_found_again(packed):
    first = pack_spellings(packed.store, packed.tokenizer, EACH, seed=1)
    assert pack_spellings(packed.store, packed.tokenizer, EACH, seed=1).path == first.path
    other = pack_spellings(packed.store, packed.tokenizer, EACH, seed=2)
    assert other.content_hash != first.content_hash
    first.path.unlink()
    assert pack_spellings(packed.store, packed.tokenizer, EACH, seed=1).content_hash == first.content_hash
    with pytest.raises(UsageError, match="expected at least 1 spelling"):
        pack_spellings(packed.store, packed.tokenizer, 0, seed=1)


def test_an_unknown_token_in_a_spelling_leaves_the_canonical_one(tmp_path):
    texts = ["CCO", "CCN"]
    packed = pack(texts, build_tokenizer("smiles", 0), tmp_path)  # knows no branch, which other spellings need
    pool = pack_spellings(packed.store, packed.tokenizer, 20, seed=0)
    seen = {spelt(packed, pool, row) for row in range(len(pool))}
    assert seen == {"CCO", "OCC", "CCN", "NCC"}


def test_the_share_of_spellings_is_the_one_asked_for(tmp_path):
    store = write_store(tmp_path / "s.bin", [[3, 4]] * 2000)
    pool = write_store(tmp_path / "o.bin", [[5], [6, 6, 6]] * 2000)
    stream = BatchStream(store, BatchPlan(500), spellings=Spellings(pool, 2, 0.3, 0))
    inputs = np.concatenate(
        [np.pad(batch.inputs, ((0, 0), (0, 4 - batch.inputs.shape[1]))) for batch in stream.batches(0)]
    )
    counts = [int((inputs == row).all(1).sum()) for row in ([3, 4, EOS, PAD], [5, EOS, PAD, PAD], [6, 6, 6, EOS])]
    assert sum(counts) == 2000
    assert counts[0] == pytest.approx(1400, abs=80)
    assert counts[1] == pytest.approx(300, abs=60)
    for epoch in (0, 1):
        again = [batch.inputs.tolist() for batch in stream.batches(epoch)]
        assert again == [batch.inputs.tolist() for batch in stream.batches(epoch)]
    assert [batch.inputs.tolist() for batch in stream.batches(0)] != again


def test_training_reads_spellings_and_validation_does_not(tmp_path):
    (tmp_path / "mine.smi").write_text("\n".join(load_dataset("moses-sample").texts[:120]))
    run = with_model(small_run(tmp_path / "mine.smi", epochs=1), encoder="gru", decoder="gru")
    run = replace(run, tokenizer=TokenizerConfig("smiles", 60), data=replace(run.data, spellings=2, spelling_share=1.0))
    prepared = prepare(run, tmp_path / "rejected.csv", progress=False)
    assert prepared.spellings.each == 2
    assert len(prepared.spellings.store) == 2 * len(prepared.train)
    assert train(run, tmp_path / "run", quiet=True).progress.step > 0
    with pytest.raises(
        ConfigError, match=r"data.spellings: only a SMILES has other spellings, the tokenizer is selfies"
    ):
        prepare(replace(run, tokenizer=TokenizerConfig("selfies")), tmp_path / "rejected.csv", progress=False)
    assert DataConfig().spellings == 0
