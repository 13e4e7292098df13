"""Laws of paths in a latent space, for every kind of path."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config

from seqvae.errors import UsageError
from seqvae.latent.interpolate import linear, slerp

kinds = pytest.mark.parametrize("path", [linear, slerp])


@pytest.fixture
def shapes_unchecked():
    """Let wrong shapes through to the function, as outside the tests."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def points(seed: int, shape: tuple[int, ...], scale: float = 1.0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


shapes = st.lists(st.integers(1, 4), min_size=0, max_size=2).map(tuple)


@kinds
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), batch=shapes, latent=st.integers(1, 9), steps=st.integers(2, 9))
def test_a_path_has_its_shape_exact_ends_and_runs_backwards(path, seed, batch, latent, steps):
    a, b = points(seed, (*batch, latent)), points(seed + 1, (*batch, latent), 3.0)
    z = path(a, b, steps)
    assert z.shape == (steps, *batch, latent)
    assert z.dtype == a.dtype
    assert torch.equal(z[0], a)
    assert torch.equal(z[-1], b)
    torch.testing.assert_close(path(b, a, steps).flip(0), z, rtol=1e-4, atol=1e-4)


@kinds
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), latent=st.integers(2, 9), steps=st.integers(2, 7))
def test_a_batch_is_its_rows(path, seed, latent, steps):
    a, b = points(seed, (3, latent)), points(seed + 1, (3, latent))
    rows = [path(a[i], b[i], steps) for i in range(3)]
    torch.testing.assert_close(path(a, b, steps), torch.stack(rows, dim=1))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), latent=st.integers(2, 32), steps=st.integers(3, 12))
def test_slerp_turns_at_a_constant_rate_with_a_linear_norm(seed, latent, steps):
    a = points(seed, (latent,), dtype=torch.float64)
    b = points(seed + 1, (latent,), 2.0, torch.float64)
    z = slerp(a, b, steps)
    norms = z.norm(dim=1)
    torch.testing.assert_close(
        norms, torch.linspace(0, 1, steps, dtype=torch.float64) * (b.norm() - a.norm()) + a.norm()
    )
    units = z / norms[:, None]
    angles = (units[1:] * units[:-1]).sum(1).clamp(-1, 1).arccos()
    torch.testing.assert_close(angles, angles[:1].expand_as(angles), rtol=1e-4, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0, 1 + 1e-6]))
def test_slerp_is_the_straight_line_where_there_is_no_arc(seed, factor):
    a = points(seed, (6,))
    torch.testing.assert_close(slerp(a, factor * a, 5), linear(a, factor * a, 5))
    torch.testing.assert_close(slerp(torch.zeros(6), a, 5), linear(torch.zeros(6), a, 5))


def test_slerp_mixes_rows_with_and_without_an_arc():
    a = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    b = torch.tensor([[0.0, 1.0], [-1.0, 0.0], [0.0, 1.0]])
    middle = slerp(a, b, 3)[1]
    half = 2**-0.5
    torch.testing.assert_close(middle, torch.tensor([[half, half], [0.0, 0.0], [0.0, 0.5]]))


def test_slerp_stays_continuous_where_it_falls_back():
    a = torch.tensor([1.0, 0.0])
    angles = torch.linspace(0.9e-3, 1.1e-3, 21)
    b = torch.stack([angles.cos(), angles.sin()], dim=1)
    middle = slerp(a.expand(21, 2), b, 3)[1]
    assert (middle[1:] - middle[:-1]).norm(dim=1).max() < 1e-4


@kinds
def test_gradients_flow_even_at_a_zero_end(path):
    a = torch.zeros(4, requires_grad=True)
    b = torch.ones(4, requires_grad=True)
    path(a, b, 4).sum().backward()
    assert torch.isfinite(a.grad).all()
    assert torch.isfinite(b.grad).all()


@kinds
def test_wrong_calls_say_what_is_wrong(shapes_unchecked, path):
    a = torch.zeros(3)
    with pytest.raises(UsageError, match=r"^steps: expected at least 2 \(the two ends\), got 1$"):
        path(a, a, 1)
    with pytest.raises(UsageError, match=r"need one shape, got \(3,\) and \(4,\)"):
        path(a, torch.zeros(4), 3)
