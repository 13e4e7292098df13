"""Searches that do not go far: their laws hold however well a process is fitted and however long a climb is tried."""

from collections.abc import Iterator

import pytest

from seqvae.search.optimizers import cma_es
from seqvae.search.surrogates import gp, multiple_kernels


@pytest.fixture(scope="module")
def short_fits() -> Iterator[None]:
    """Fit Gaussian processes in 6 steps of L-BFGS, and try a barren climb for 30 populations in a call of `ask`.

    The rest of 50 and of 300 takes most of a search's time: a model that was never trained writes little that is new.
    What a fit finds is tested with the surrogates, and how a climb ends with the formulas of CMA-ES.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in (gp, multiple_kernels):
            patch.setattr(module, "_STEPS", 6)
        patch.setattr(cma_es, "_ROUNDS", 30)
        yield
