"""Search of the latent space for better designs.

    from seqvae import search

    found = search.run("qed", out="runs/qed")

and where the oracle is a laboratory, in a folder that remembers everything between plates:

    search.begin(None, "runs/plates")
    plate = search.ask("runs/plates", 96)
    search.tell("runs/plates", [search.Measurement(one.text, (score,)) for one, score in zip(plate, measured)])
"""

from __future__ import annotations

from seqvae.runtime.lazy import parts_of

# The modules of the public functions; imported on first use, since they import torch.
_HOMES = {
    "analogs": "lead_analogs",
    "Analog": "lead_analogs",
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

__all__ = [
    "Analog",
    "Measurement",
    "analogs",
    "ask",
    "begin",
    "last_batch",
    "opened_results",
    "read_measurements",
    "resume",
    "run",
    "tell",
]

__getattr__, __dir__ = parts_of(__name__, _HOMES)
