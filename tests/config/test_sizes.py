"""How long a training is where its settings leave that to the number of texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae.config import (
    FINETUNING,
    FOR_MANY,
    FROM_SCRATCH,
    ObjectiveConfig,
    TrainingConfig,
    sized,
    steps_of,
    told_length,
    weighted,
)


@given(st.integers(1, 2_000_000), st.booleans(), st.sampled_from([FROM_SCRATCH, FINETUNING]), st.integers(1, 4))
def test_enough_steps_or_all_the_passes_there_may_be(texts, validated, length, devices):
    found = sized(TrainingConfig(devices=devices), texts, validated, length)
    assert 16 <= found.batch_size <= length.batch
    assert length.epochs <= found.epochs <= 60
    assert found.epochs == 60 or steps_of(found, texts) >= length.steps
    assert (found.patience > 0) <= validated
    assert sized(found, texts, validated, length) == found


@given(st.integers(1, 100_000), st.integers(1, 1000), st.integers(1, 1000), st.integers(0, 50))
def test_what_is_given_wins(texts, epochs, batch_size, patience):
    asked = TrainingConfig(epochs=epochs, batch_size=batch_size, patience=patience)
    assert sized(asked, texts, True) == asked
    assert told_length(asked, asked, texts, "molecule") == ""
    assert sized(TrainingConfig(epochs=epochs), texts, True).patience == 0  # exactly as many passes as asked for
    assert sized(TrainingConfig(patience=patience), texts, True).patience == patience


@pytest.mark.parametrize(
    ("texts", "length", "expected"),
    [
        (243, FROM_SCRATCH, (16, 60, 10)),
        (900, FROM_SCRATCH, (16, 53, 10)),
        (4_500, FROM_SCRATCH, (64, 43, 10)),
        (18_000, FROM_SCRATCH, (256, 43, 10)),
        (220_011, FROM_SCRATCH, (256, 10, 0)),
        (216, FINETUNING, (16, 60, 5)),
        (4_000, FINETUNING, (64, 20, 3)),
    ],
)
def test_some_sizes(texts, length, expected):
    found = sized(TrainingConfig(), texts, True, length)
    assert (found.batch_size, found.epochs, found.patience) == expected


def test_many_texts_are_trained_on_as_ever():
    assert sized(TrainingConfig(), 1_000_000, True) == FOR_MANY


def test_what_was_chosen_is_said_in_one_line():
    found = sized(TrainingConfig(), 243, True)
    assert told_length(TrainingConfig(), found, 243, "molecule") == (
        "chosen for 243 training molecules: batches of 16, up to 60 passes, an end after 10 validations without "
        "improvement; 960 optimiser steps at most (--batch-size, --epochs, --patience to choose)"
    )
    asked = TrainingConfig(epochs=3)
    said = told_length(asked, sized(asked, 243, True), 243, "molecule")
    assert (
        said == "chosen for 243 training molecules: batches of 16; 48 optimiser steps at most (--batch-size to choose)"
    )


@pytest.mark.parametrize(
    ("beta", "sequences", "expected"), [(-1, 300, 1), (-1, 10_000, 0.1), (-1, 0, 0.1), (0.1, 300, 0.1)]
)
def test_few_sequences_are_trained_on_by_the_bound_itself(beta, sequences, expected):
    assert weighted(ObjectiveConfig(beta=float(beta)), sequences).beta == expected
    assert ObjectiveConfig().weight == 0.1
