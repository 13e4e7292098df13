"""What imputation is measured against: counts of both sides, and scaffolds with their attachment points."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from scripts.benchmarks.uses.imputation import Gap, Ngrams, scaffold_of
from scripts.benchmarks.uses.sequences import conditional, transitions
from seqvae.evaluate.sequences.markov_baselines import models
from seqvae.sequences.integer_codes import letters

TEXTS = [[0, 1, 2], [0, 1, 2], [0, 2, 2], [1, 0]]


def test_a_token_between_two_by_hand():
    """Between 0 and 2 stood 1 twice and 2 once; a prior of nothing leaves these counts alone."""
    rare = Ngrams(TEXTS, 3, 1e-9)
    assert rare.given(0, 2) == pytest.approx([0, 2 / 3, 1 / 3], abs=1e-6)
    # after 0: 1 twice, 2 once, out of single tokens (0: 4.5, 1: 3.5, 2: 4.5 of 12.5 with half a count each)
    pair = Ngrams(TEXTS, 3, 1.0)
    single = np.array([4.5, 3.5, 4.5]) / 12.5
    assert pair.given(0, None) == pytest.approx((np.array([0, 2, 1]) + single) / 4)


def test_pairs_stand_in_for_what_was_never_seen():
    """Between 2 and 0 nothing stood: p(t | 2) p(t | 0 behind) / p(t), normalised."""
    made = Ngrams(TEXTS, 3, 1.0)
    single = np.array([4.5, 3.5, 4.5]) / 12.5
    after = (np.array([0, 0, 1]) + single) / 2
    before = (np.array([0, 1, 0]) + single) / 2
    product = after * before / single
    assert made.given(2, 0) == pytest.approx(product / product.sum())


def test_a_hidden_neighbour_is_left_out():
    made = Ngrams(TEXTS, 3, 1.0)
    rows = made.fill(Gap((0, 1, 2), (1, 2), ""))
    assert rows[0] == pytest.approx(made.given(0, None))
    assert rows[1] == pytest.approx(made.given(None, 3))  # before the end
    assert rows.sum(1) == pytest.approx(1.0)


def test_scaffolds_by_hand():
    text, core = scaffold_of("Cc1ccc(O)cc1")
    assert text.count("*") == 2
    assert core.GetNumAtoms() == 6
    assert scaffold_of("c1ccccc1") is None  # nothing was cut off
    assert scaffold_of("CCO") is None  # no ring
    assert scaffold_of("Cc1c(C)c(C)c(C)cc1") is None  # more than three side chains


COUNTED = {name: model for name, model in models(one_length=True).items() if model.order <= 3}


@pytest.mark.parametrize("model", COUNTED.values(), ids=COUNTED)
def test_forward_backward_is_what_enumeration_gives(model):
    rng = np.random.default_rng(1)
    train, test = (["".join(rng.choice(list("ACGT"), 7, p=[0.4, 0.3, 0.2, 0.1])) for _ in range(n)] for n in (50, 4))
    hidden = np.array([[0, 1, 2], [4, 5, 6], [0, 3, 6], [2, 3, 5]])
    found = conditional(transitions(model, letters(train), 7, 0.5), test, hidden)
    fillings = list(product("ACGT", repeat=3))
    for row, text in enumerate(test):
        every = []
        for filling in fillings:
            whole = list(text)
            for place, letter in zip(hidden[row].tolist(), filling, strict=True):
                whole[place] = letter
            every.append("".join(whole))
        shares = np.exp2(-model.bits(letters(train), letters(every), 0.5))
        for place, letter in product(range(3), range(4)):
            holds = np.array([filling[place] == "ACGT"[letter] for filling in fillings])
            assert found[row, place, letter] == pytest.approx(shares[holds].sum() / shares.sum(), abs=1e-6)
