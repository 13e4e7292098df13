"""Laws of splits: disjoint, complete, repeatable; no group in two splits."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvae.data.datasets.registry import load_dataset
from seqvae.data.splits import (
    Split,
    carve_valid,
    group_split,
    groups_of,
    named_split,
    published_split,
    random_split,
)
from seqvae.errors import InputError, InvalidMoleculeError, UsageError
from seqvae.sequences.dna import DNA_ALPHABET, reverse_complement
from seqvae.sequences.molecules import scaffold

SHARES = st.tuples(st.floats(0, 0.6), st.floats(0, 0.39))
SEEDS = st.integers(0, 1000)
DNA = st.lists(st.text(alphabet="ACGT", min_size=1, max_size=4), max_size=60)
MOLECULES = load_dataset("moses-sample").texts[:120]


def check(split, count):
    """Disjoint, complete and ascending."""
    assert sorted(np.concatenate(list(split)).tolist()) == list(range(count))
    for side in split:
        assert side.dtype == np.int64
        assert np.all(np.diff(side) > 0)


def splits(split, keys):
    return [{keys[i] for i in side} for side in split]


def disjoint(sets):
    return sum(map(len, sets)) == len(set().union(*sets))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 200), SHARES, SEEDS)
def test_a_random_split_has_the_shares_asked_for(count, shares, seed):
    split = random_split(count, *shares, seed)
    check(split, count)
    assert abs(len(split.valid) - shares[0] * count) <= 1
    assert abs(len(split.test) - shares[1] * count) <= 1
    assert count == 0 or len(split.train)


@settings(max_examples=80, deadline=None)
@given(DNA, SHARES, SEEDS)
def test_no_sequence_and_no_reverse_complement_crosses(texts, shares, seed):
    split = group_split(groups_of(texts, "dedup", "dna"), *shares, seed)
    check(split, len(texts))
    assert disjoint(splits(split, texts))
    found = splits(split, texts)
    for i, side in enumerate(found):
        others = set().union(*(s for j, s in enumerate(found) if j != i))
        assert not {reverse_complement(t) for t in side} & others
    assert len(split.valid) <= shares[0] * len(texts) + 1e-6
    assert len(split.test) <= shares[1] * len(texts) + 1e-6


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=2), max_size=40), SHARES, SEEDS, st.randoms())
def test_a_group_split_does_not_depend_on_the_order(groups, shares, seed, random):
    order = list(range(len(groups)))
    random.shuffle(order)
    split = group_split(groups, *shares, seed)
    moved = group_split([groups[i] for i in order], *shares, seed)
    check(split, len(groups))
    for side, other in zip(split, moved, strict=True):
        assert sorted(order[i] for i in other.tolist()) == side.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_no_scaffold_crosses(seed):
    split = group_split(groups_of(MOLECULES, "scaffold", "smiles"), 0.2, 0.2, seed)
    check(split, len(MOLECULES))
    assert disjoint(splits(split, [scaffold(t) for t in MOLECULES]))
    assert len(split.valid) > 15
    assert len(split.test) > 15


def test_a_group_larger_than_a_share_is_trained_on():
    split = group_split(["big"] * 50 + [f"small {i}" for i in range(50)], 0.2, 0.2)
    assert set(range(50)) <= set(split.train.tolist())
    assert (len(split.valid), len(split.test)) == (20, 20)


@settings(max_examples=30, deadline=None)
@given(st.text(alphabet="ACGTRYKMSWBDHVN", max_size=8))
def test_both_strands_have_one_representative(text):
    representative = DNA_ALPHABET.representative
    assert representative(text) == representative(reverse_complement(text)) in (text, reverse_complement(text))


def test_seeds_differ_and_repeat():
    texts = [f"{i:b}".replace("0", "A").replace("1", "C") for i in range(100)]
    for cut in (lambda s: random_split(100, seed=s), lambda s: group_split(texts, seed=s)):
        assert len({tuple(cut(s).test.tolist()) for s in range(4)}) == 4
        assert cut(3).test.tolist() == cut(3).test.tolist()


def test_another_process_makes_the_same_split():
    code = (
        "from seqvae.data.splits import *;"
        "print(group_split([str(i) for i in range(50)], seed=7).test.tolist(), random_split(50, seed=7).test.tolist())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=None).stdout
    here = group_split([str(i) for i in range(50)], seed=7).test.tolist(), random_split(50, seed=7).test.tolist()
    assert found.strip() == f"{here[0]} {here[1]}"


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.1), (0.1, -0.1), (1.0, 0.0), (float("nan"), 0.1)])
def test_shares_out_of_range(shares):
    for cut in (lambda: random_split(10, *shares), lambda: group_split(["a"] * 10, *shares)):
        with pytest.raises(UsageError, match=r"valid and test shares must be at least 0 and sum to below 1, got"):
            cut()


def test_a_published_split_is_read_off_its_labels():
    split = published_split(["training", "Test", "validation", "train", "test_scaffolds", "dev", ""])
    assert [side.tolist() for side in split] == [[0, 3], [2, 5], [1]]
    with pytest.raises(InputError, match=r'labelled "train" or "training", found a, b'):
        published_split(["b", "a"])
    with pytest.raises(InputError, match="found none"):
        published_split([])


def test_validation_is_carved_out_of_training_only_where_it_lacks():
    split = named_split({"train": np.arange(100), "test": np.arange(100, 120), "other": np.arange(3)})
    carved = carve_valid(split, 0.1, seed=1)
    check(carved, 120)
    assert (len(carved.train), len(carved.valid), carved.test.tolist()) == (90, 10, split.test.tolist())
    assert carve_valid(carved) is carved


def test_scaffolds_need_molecules():
    with pytest.raises(InvalidMoleculeError):
        groups_of(["CCO", "?"], "scaffold", "char")
    assert groups_of(["CCO", "?"], "scaffold", "smiles") == ["", "?"]


def test_a_split_unpacks_in_order():
    split = Split(np.arange(3), np.arange(2), np.arange(1))
    assert [len(side) for side in split] == [3, 2, 1]
