"""Shapes are checked in the tests only: jaxtyping annotations of the model rooms, enforced by beartype."""

import os
from collections.abc import Callable, Iterator
from functools import wraps
from types import FunctionType
from typing import Any

# Processes that test side by side, and the programs that they start, would wait for one another's threads.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import jaxtyping
import pytest
import torch
from hypothesis import settings

_jaxtyped, _test = jaxtyping.jaxtyped, [0]
# Calls of a function that are checked in each test. Thousands follow in a loop, with the shapes of the first ones: to
# check three hundred of them took two fifths of the time of the tests of searches.
_CHECKED = 8


def _sparing(typechecker: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """As `jaxtyping.jaxtyped`, but a function is checked in its first calls in a test."""

    def decorated(what: Any) -> Any:
        checked = _jaxtyped(typechecker=typechecker)(what)
        if not isinstance(what, FunctionType):
            return checked
        test = calls = 0

        @wraps(what)
        def spared(*args: Any, **kwargs: Any) -> Any:
            nonlocal test, calls
            if test != _test[0]:
                test, calls = _test[0], 0
            calls += 1
            return (checked if calls <= _CHECKED else what)(*args, **kwargs)

        return spared

    return decorated


jaxtyping.jaxtyped = _sparing
jaxtyping.install_import_hook(["seqvae.model", "seqvae.latent", "seqvae.evaluate"], "beartype.beartype")


def pytest_runtest_setup() -> None:
    """Have the calls of each test counted anew."""
    _test[0] += 1


# A loaded machine must not fail a test: no deadline. The same examples every time: a failure can be repeated.
settings.register_profile("seqvae", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("seqvae")


# The files that take longest begin first, so that no process waits for another in the end.
_LONGEST = (
    "test_scripts.py",
    "test_optimizers.py",
    "test_processes.py",
    "test_golden.py",
    "test_families.py",
    "test_shown_is_scored.py",
    "test_loop.py",
    "test_attacks.py",
    "test_signals.py",
    "test_bulk.py",
    "test_laboratory.py",
    "test_pairs.py",
    "test_targets.py",
    "test_verdict_models.py",
    "test_quickstart.py",
    "test_reading.py",
    "test_curves.py",
    "test_prior_fit.py",
    "test_conditions.py",
    "test_labels.py",
    "test_fit.py",
    "test_oracle.py",
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
