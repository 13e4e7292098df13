"""How good a model and its samples are, on held-out data.

from seqvae import evaluate

found = evaluate.run("zinc-smiles", "zinc250k")  # everything that `seqvae evaluate` shows
found = evaluate.generation(samples, evaluate.References("molecules", test))  # samples alone
"""

from __future__ import annotations

from seqvae.runtime.lazy import parts_of

# The module of each name that users call, imported on first use, since it imports torch and RDKit. No module has the
# name of something it offers, which would hide it.
_HOMES = {
    "run": "api",
    "Evaluation": "evaluation",
    "generation": "compare",
    "Generation": "records",
    "GenerationSettings": "records",
    "References": "records",
    "Splits": "reference_sets",
    "read_splits": "reference_sets",
}

__all__ = ["Evaluation", "Generation", "GenerationSettings", "References", "Splits", "generation", "read_splits", "run"]

__getattr__, __dir__ = parts_of(__name__, _HOMES)
