"""Laws of attribute vectors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config

from seqvae.errors import UsageError
from seqvae.latent.arithmetic import apply, attribute_vector


@pytest.fixture
def shapes_unchecked():
    """Let wrong shapes through to the function, as outside the tests."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def rows(seed: int, count: int, latent: int) -> torch.Tensor:
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6), m=st.integers(1, 6), latent=st.integers(1, 5))
def test_the_vector_moves_one_mean_onto_the_other(seed, n, m, latent):
    with_, without = rows(seed, n, latent), rows(seed + 1, m, latent)
    vector = attribute_vector(with_, without)
    torch.testing.assert_close(apply(without, vector).mean(0), with_.mean(0))
    torch.testing.assert_close(attribute_vector(without, with_), -vector)
    torch.testing.assert_close(apply(apply(with_, vector, 0.7), vector, -0.7), with_)
    torch.testing.assert_close(apply(with_[0], vector, 0.0), with_[0])


def test_a_shift_common_to_both_groups_does_not_matter():
    with_, without = rows(0, 4, 3), rows(1, 5, 3)
    torch.testing.assert_close(attribute_vector(with_ + 7, without + 7), attribute_vector(with_, without))


def test_wrong_groups_say_what_is_wrong(shapes_unchecked):
    full = torch.zeros(2, 3)
    with pytest.raises(UsageError, match=r"the group with the attribute: expected rows of z, got shape \(0, 3\)"):
        attribute_vector(torch.zeros(0, 3), full)
    with pytest.raises(UsageError, match=r"the group without the attribute: expected rows of z, got shape \(3,\)"):
        attribute_vector(full, torch.zeros(3))
    with pytest.raises(UsageError, match="different latent sizes: 3 and 4"):
        attribute_vector(full, torch.zeros(2, 4))
    with pytest.raises(UsageError, match=r"of one latent size, got \(2, 3\) and \(4,\)"):
        apply(full, torch.zeros(4))
