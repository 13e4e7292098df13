"""Search of the latent space for better designs.

    from seqvae import search

    found = search.run("qed", out="runs/qed")

and where the oracle is a laboratory, in a folder that remembers everything between plates:

    search.begin(None, "runs/plates")
    plate = search.ask("runs/plates", 96)
    search.tell("runs/plates", [search.Measurement(one.text, (score,)) for one, score in zip(plate, measured)])
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# The modules of the public functions; imported on first use, since they import torch.
_HOMES = {
    "run": "api",
    "begin": "api",
    "resume": "api",
    "ask": "laboratory",
    "last_batch": "laboratory",
    "tell": "laboratory",
    "Measurement": "oracle.measurements",
    "read_measurements": "oracle.measurements",
    "opened_results": "results",
}

__all__ = ["Measurement", "ask", "begin", "last_batch", "opened_results", "read_measurements", "resume", "run", "tell"]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
