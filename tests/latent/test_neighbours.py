"""The neighbour search against the plain definition."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import config

from seqvae.errors import UsageError
from seqvae.latent import neighbours
from seqvae.latent.neighbours import METRICS, nearest

metrics = pytest.mark.parametrize("metric", METRICS)


@pytest.fixture
def shapes_unchecked():
    """Let wrong shapes through to the function, as outside the tests."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)


def rows(seed: int, count: int, latent: int) -> torch.Tensor:
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(seed))


def by_definition(queries: torch.Tensor, points: torch.Tensor, metric: str) -> torch.Tensor:
    q, p = queries.double()[:, None], points.double()[None]
    if metric == "euclidean":
        return (q - p).norm(dim=2)
    return 1 - (q * p).sum(2) / (q.norm(dim=2) * p.norm(dim=2))


@metrics
@pytest.mark.parametrize("entries", [1, 7, 1 << 22])
@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    queries=st.integers(1, 6),
    points=st.integers(1, 30),
    latent=st.integers(1, 5),
    k=st.integers(1, 30),
)
def test_distances_and_indices_are_those_of_the_definition(metric, entries, seed, queries, points, latent, k):
    k = min(k, points)
    q, p = rows(seed, queries, latent), rows(seed + 1, points, latent)
    with pytest.MonkeyPatch.context() as patch:  # any block size gives the same answer
        patch.setattr(neighbours, "_ENTRIES", entries)
        found = nearest(q, p, k, metric)
    table = by_definition(q, p, metric)
    torch.testing.assert_close(found.distances, table.sort(dim=1).values[:, :k].float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.distances, table.gather(1, found.indices).float(), rtol=1e-5, atol=1e-6)
    assert all(len(set(row)) == k for row in found.indices.tolist())


@metrics
def test_a_point_is_its_own_neighbour_at_distance_exactly_zero(metric):
    p = rows(3, 50, 8) + 1000  # far from the origin, where the product form alone would lose the small distances
    found = nearest(p, p, 2, metric)
    assert found.distances[:, 0].tolist() == [0.0] * 50
    assert found.indices[:, 0].tolist() == list(range(50))


def test_cosine_does_not_see_the_norm():
    p = rows(5, 20, 4)
    scaled = p * torch.linspace(0.1, 10, 20)[:, None]
    assert torch.equal(nearest(p[:3], p, 5, "cosine").indices, nearest(p[:3] * 7, scaled, 5, "cosine").indices)


def test_wrong_calls_say_what_is_wrong(shapes_unchecked):
    p = torch.ones(3, 2)
    with pytest.raises(UsageError, match="unknown metric 'cosinus'; did you mean 'cosine'"):
        nearest(p, p, 1, "cosinus")
    with pytest.raises(UsageError, match="k: expected 1 to 3, the number of points, got 4"):
        nearest(p, p, 4)
    with pytest.raises(UsageError, match=r"one latent size, got \(3, 2\) and \(3, 5\)"):
        nearest(p, torch.ones(3, 5), 1)
    with pytest.raises(UsageError, match="cosine distance: point 1 is the zero vector"):
        nearest(p, torch.tensor([[1.0, 0.0], [0.0, 0.0]]), 1, "cosine")
