"""Laws of batches: every sequence once per epoch, the same order for the same seed, resuming as without a stop."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvae.data.columns import Columns
from seqvae.data.tokens.batches import CHUNK_BATCHES, BatchPlan, BatchStream, plan_batches
from seqvae.data.tokens.onehot import allowed, one_hot, padding_mask, soft_one_hot
from seqvae.data.tokens.store import write_store
from seqvae.errors import UsageError
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD

LENGTHS = st.lists(st.integers(0, 30), min_size=1, max_size=200).map(lambda x: np.asarray(x, np.int32))


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(1, 17), st.integers(0, 5), st.booleans())
def test_an_epoch_holds_every_sequence_once(lengths, batch_size, epoch, shuffle):
    batches = plan_batches(lengths, BatchPlan(batch_size, seed=1, shuffle=shuffle), epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == BatchPlan(batch_size).count(len(lengths))
    sizes = sorted(map(len, batches))
    assert sizes[-1] <= batch_size
    assert all(size == batch_size for size in sizes[1:])


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.integers(1, 17), st.integers(1, 5), st.booleans())
def test_ranks_share_an_epoch_evenly(lengths, batch_size, world_size, shuffle):
    alone = plan_batches(lengths, BatchPlan(batch_size, shuffle=shuffle), 3)
    shares = [
        plan_batches(lengths, BatchPlan(batch_size, shuffle=shuffle, rank=r, world_size=world_size), 3)
        for r in range(world_size)
    ]
    assert len({len(share) for share in shares}) == 1
    taken = [b.tobytes() for step in zip(*shares, strict=True) for b in step]
    assert taken[: len(alone)] == [b.tobytes() for b in alone]
    assert set(taken) == {b.tobytes() for b in alone}


@settings(max_examples=30, deadline=None)
@given(LENGTHS, st.integers(1, 9), st.integers(0, 2**32))
def test_the_plan_is_a_pure_function_of_seed_and_epoch(lengths, batch_size, seed):
    before = np.random.get_state()[1].tobytes()
    plan = BatchPlan(batch_size, seed=seed)
    one, two = (plan_batches(lengths, plan, 4) for _ in range(2))
    assert [b.tolist() for b in one] == [b.tolist() for b in two]
    assert np.random.get_state()[1].tobytes() == before


def test_seeds_and_epochs_give_other_orders():
    lengths = np.arange(500) % 7
    orders = {
        tuple(np.concatenate(plan_batches(lengths, BatchPlan(8, seed=s), e)).tolist()) for s in (0, 1) for e in (0, 1)
    }
    assert len(orders) == 4


def test_batches_hold_like_lengths_and_padding_is_rare():
    lengths = np.random.default_rng(0).integers(5, 60, size=64 * CHUNK_BATCHES)
    batches = plan_batches(lengths, BatchPlan(64))
    padded = sum(len(b) * lengths[b].max() for b in batches)
    assert padded / lengths.sum() < 1.05
    fixed = plan_batches(lengths, BatchPlan(64, shuffle=False))
    assert np.all(np.diff(lengths[np.concatenate(fixed)]) >= 0)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 1, "rank": 2, "world_size": 2}, r"rank must lie in 0..world_size - 1 = 1, got 2"),
        ({"batch_size": 1, "seed": -1}, "seed must not be negative, got -1"),
    ],
)
def test_a_plan_out_of_range_is_refused(settings_, message):
    with pytest.raises(UsageError, match=message):
        BatchPlan(**settings_)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(0)
    sequences = [rng.integers(3, 9, size=rng.integers(1, 12)).tolist() for _ in range(103)]
    return write_store(tmp_path_factory.mktemp("batches") / "s.bin", sequences)


def test_a_stream_gives_the_store_s_batches(store):
    stream = BatchStream(store, BatchPlan(10, seed=2))
    batches = list(stream)
    assert len(batches) == len(stream) == 11
    assert stream.sequences == 103
    for indices, batch in zip(stream.plan_epoch(0), batches, strict=True):
        assert batch.targets.dtype == torch.int64
        assert batch.targets.tolist() == store.batch(indices).tolist()
        assert (batch.targets == EOS).sum(1).tolist() == [1] * len(batch)


@pytest.mark.parametrize("stop", [0, 1, 5, 10, 11])
def test_resuming_is_not_stopping(store, stop):
    whole = BatchStream(store, BatchPlan(10, seed=2))
    expected = [b.targets.tolist() for _ in range(3) for b in whole]
    first = BatchStream(store, BatchPlan(10, seed=2))
    seen = [b.targets.tolist() for b in first]  # epoch 0
    for number, batch in enumerate(first):
        if number == stop:
            break
        seen.append(batch.targets.tolist())
        state = first.state_dict()
    resumed = BatchStream(store, BatchPlan(10, seed=2))
    resumed.load_state_dict(state if stop else {"epoch": 1, "batch": 0})
    while len(seen) < len(expected):
        seen += [b.targets.tolist() for b in resumed]
    assert seen == expected


@pytest.mark.parametrize("taken", [0, 5, 11])
def test_a_pass_begins_after_the_batches_that_were_taken(store, taken):
    """Reading the last batch of an epoch is enough to start the next one."""
    stream = BatchStream(store, BatchPlan(10, seed=2))
    expected = [b.targets.tolist() for epoch in range(2) for b in stream.batches(epoch)]
    seen = [b.targets.tolist() for b in islice(stream, taken)]
    assert seen + [b.targets.tolist() for b in stream] == expected[: 22 if taken == 11 else 11]


def test_a_stream_over_a_part_of_the_store(store):
    chosen = np.arange(0, 103, 3)
    stream = BatchStream(store, BatchPlan(4), indices=chosen)
    assert sorted(np.concatenate(stream.plan_epoch(7)).tolist()) == chosen.tolist()
    whole = [b.targets.tolist() for b in stream.batches(7)]
    assert [b.targets.tolist() for b in stream.batches(7, start=2)] == whole[2:]


def test_a_position_outside_an_epoch_is_refused(store):
    stream = BatchStream(store, BatchPlan(10))
    with pytest.raises(UsageError, match=r"batch in 0..11, got epoch 0, batch 12"):
        stream.seek(0, 12)
    with pytest.raises(UsageError, match="epoch -1"):
        stream.seek(-1)


def test_ambiguity_codes_come_as_soft_one_hot(tmp_path):
    tokenizer = build_tokenizer("dna").fit(["ACGT"])
    plain = write_store(tmp_path / "plain.bin", tokenizer.encode_batch(["ACGT", "AC"]))
    coded = write_store(tmp_path / "coded.bin", tokenizer.encode_batch(["ACNT", "AC"]))
    table = tokenizer.id_table()
    (batch,) = BatchStream(plain, BatchPlan(2, shuffle=False), id_table=table)
    ids = batch.targets
    assert ids.dtype == torch.int64
    (batch,) = BatchStream(coded, BatchPlan(2, shuffle=False), id_table=table)
    soft = batch.targets
    assert soft.shape == (2, 5, tokenizer.vocab_size)
    torch.testing.assert_close(soft.sum(-1), torch.ones(2, 5))
    assert tokenizer.from_one_hot(soft.numpy()) == ["AC", "ACNT"]
    assert padding_mask(soft).tolist() == padding_mask(ids).tolist()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=1, max_size=4))
def test_one_hot_rows_are_their_ids(rows):
    ids = torch.tensor(rows)
    hot = one_hot(ids, 7)
    assert hot.shape == (*ids.shape, 7)
    assert hot.dtype == torch.float32
    assert torch.equal(hot.argmax(-1), ids)
    assert torch.equal(hot, soft_one_hot(ids, torch.eye(7)))
    assert torch.equal(allowed(ids, torch.eye(7)).sum(-1), torch.ones_like(ids))
    assert torch.equal(padding_mask(hot), ids != PAD)
    assert torch.equal(padding_mask(hot), padding_mask(ids))


def test_ids_outside_the_vocabulary_are_refused():
    with pytest.raises(UsageError, match=r"ids must lie in 0..3 of the vocabulary, got 0..4"):
        one_hot(torch.tensor([[0, 4]]), 4)
    with pytest.raises(UsageError, match=r"of the id table, got -1..0"):
        soft_one_hot(torch.tensor([[0, -1]]), torch.eye(4))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_pinned_batches(store):
    (batch, *_) = BatchStream(store, BatchPlan(10), pin_memory=True)
    assert batch.targets.is_pinned()


def test_sequences_are_drawn_by_their_weights(tmp_path):
    rows = [[3] * 4, [4] * 4, [5] * 4, [6] * 4]
    store = write_store(tmp_path / "x", rows)
    weights = np.array([8.0, 1.0, 1.0, 0.0], np.float32)
    columns = Columns((), np.zeros((4, 0), np.float32), weights)
    stream = BatchStream(store, BatchPlan(2, seed=3), columns=columns, drawn=True)
    batches = [batch for epoch in range(500) for batch in stream.batches(epoch)]
    assert all(batch.weights is None for batch in batches)
    counts = torch.bincount(torch.cat([batch.targets[:, 0] for batch in batches]), minlength=7)[3:]
    assert counts.sum() == 2000 and counts[3] == 0
    assert counts[0] == pytest.approx(1600, abs=80) and counts[1] == pytest.approx(200, abs=60)
    again = BatchStream(store, BatchPlan(2, seed=3), columns=columns, drawn=True)
    assert [b.tolist() for b in again.plan_epoch(7)] == [b.tolist() for b in stream.plan_epoch(7)]
    fixed = BatchStream(store, BatchPlan(2, shuffle=False), columns=columns, drawn=True)
    assert torch.cat([batch.weights for batch in fixed.batches(0)]).tolist() == weights.tolist()
