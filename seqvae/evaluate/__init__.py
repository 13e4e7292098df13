"""How good a model and its samples are, on held-out data.

from seqvae import evaluate

found = evaluate.run("zinc-smiles", "zinc250k")  # everything that `seqvae evaluate` shows
found = evaluate.diagnose("zinc-smiles", "zinc250k")  # what its latent space is worth, and a verdict
found = evaluate.rate_distortion("runs/mine", "curve")  # rate and distortion over the KL weight
found = evaluate.generation(samples, evaluate.References("molecules", test))  # samples alone
"""

from __future__ import annotations

from seqvae.runtime.lazy import parts_of

# The module of each name that users call, imported on first use, since it imports torch and RDKit. No module has the
# name of something it offers, which would hide it.
_HOMES = {
    "run": "api",
    "diagnose": "diagnosing",
    "diagnose_texts": "diagnosing",
    "Diagnosis": "diagnosis.record",
    "rate_distortion": "curves.tracing",
    "RateDistortion": "curves.record",
    "Evaluation": "evaluation",
    "generation": "compare",
    "Generation": "records",
    "GenerationSettings": "records",
    "References": "records",
    "Splits": "reference_sets",
    "read_splits": "reference_sets",
}

__all__ = [
    "Diagnosis",
    "Evaluation",
    "Generation",
    "GenerationSettings",
    "RateDistortion",
    "References",
    "Splits",
    "diagnose",
    "diagnose_texts",
    "generation",
    "rate_distortion",
    "read_splits",
    "run",
]

__getattr__, __dir__ = parts_of(__name__, _HOMES)
