"""The record of what a model was trained on: everything in it is found, next to nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae.artifact.seen import Filter, Seen, seen_of
from seqvae.data.datasets.registry import load_dataset
from seqvae.sequences.tokenizers.registry import build_tokenizer

DNA = build_tokenizer("dna").fit(["ACGT"])
SMILES = build_tokenizer("smiles").fit(["CCO", "c1ccccc1O"])


@given(st.lists(st.text(max_size=9), max_size=40))
def test_what_was_put_in_is_found(texts):
    assert Filter.of(texts).has(texts).all()
    again = Seen.from_bytes(Seen((Filter.of(texts),)).to_bytes())
    assert again.filters[0].has(texts).all()
    assert again.filters[0].texts == len(texts)


@pytest.mark.parametrize("count", [0, 1, 100, 20_000])
def test_what_was_not_is_seldom_taken_for_it_and_the_record_is_small(count):
    made = Filter.of([f"in {number}" for number in range(count)])
    assert made.has([f"out {number}" for number in range(20_000)]).mean() < 2e-4
    assert len(Seen((made,)).to_bytes()) <= 20 * count / 8 + 240


def test_notation_does_not_matter():
    seen = seen_of(["ACGTT", "GGGA"], DNA)
    assert seen.has(["acgtt", "AACGT", "TCCC", "GGGG", "ACXT", ""], DNA).tolist() == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]
    seen = seen_of(["CCO", "Oc1ccccc1"], SMILES)
    assert seen.has(["OCC", "C1=CC=CC=C1O", "CCN", "no molecule"], SMILES).tolist() == [True, True, False, False]


def test_ancestors_are_remembered():
    first = seen_of(["CCO"], SMILES, whole=False)
    second = Seen.from_bytes(seen_of(["CCN"], SMILES, first).to_bytes())
    assert second.has(["CCO", "CCN", "CCC"], SMILES).tolist() == [True, True, False]
    assert not second.whole
    assert seen_of(["CCN"], SMILES).whole


def test_what_an_ancestor_was_trained_on_is_not_put_down_twice():
    first = seen_of(["CCO", "CCC"], SMILES)
    second = seen_of(["CCC", "CCN"], SMILES, first)
    assert [one.texts for one in second.filters] == [1, 2]
    assert second.has(["CCO", "CCC", "CCN"], SMILES).all()


def test_real_molecules():
    texts = load_dataset("moses-sample").texts[:4000]
    seen = seen_of(texts[:2000], SMILES)
    assert seen.has(texts[:300], SMILES).all()
    assert seen.has(texts[2000:2500], SMILES).sum() == len(set(texts[:2000]) & set(texts[2000:2500]))


@pytest.mark.parametrize(
    "change", [lambda data: b"x" + data, lambda data: data[:-2], lambda data: data.replace(b": 1", b": 9")]
)
def test_a_damaged_record_is_refused(change):
    data = Seen((Filter.of(["a", "b"]),)).to_bytes()
    with pytest.raises(ValueError, match="it "):
        Seen.from_bytes(change(data))


def test_the_places_do_not_depend_on_the_machine():
    """Two texts, whose places were written down once."""
    found = np.flatnonzero(Filter.of(["CCO", "CCN"]).bits)
    assert found.tolist() == PLACES


PLACES = [
    35,
    41,
    64,
    93,
    110,
    122,
    151,
    179,
    248,
    317,
    386,
    415,
    444,
    455,
    473,
    524,
    651,
    708,
    720,
    737,
    766,
    789,
    795,
    824,
    858,
    927,
    996,
]
