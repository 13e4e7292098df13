"""Shapes are checked in the tests only: jaxtyping annotations of the model rooms, enforced by beartype."""

import os
from collections.abc import Iterator

# Processes that test side by side, and the programs that they start, would wait for one another's threads.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

install_import_hook(["seqvae.model", "seqvae.latent", "seqvae.evaluate"], "beartype.beartype")

# A loaded machine must not fail a test: no deadline. The same examples every time: a failure can be repeated.
settings.register_profile("seqvae", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("seqvae")


# The files that take longest begin first, so that no process waits for another in the end.
_LONGEST = (
    "test_scripts.py",
    "test_optimizers.py",
    "test_processes.py",
    "test_loop.py",
    "test_oracle.py",
    "test_golden.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the longest files first."""
    places = {name: place for place, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep packed data out of the user's cache, also those of fixtures that are shared, and let tests share them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQVAE_CACHE", str(tmp_path_factory.getbasetemp() / f"cache-{os.getpid()}"))
        patch.delenv("SEQVAE_DATA", raising=False)
        yield


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute on one thread: numbers that are compared to the last bit must be added in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
