"""What a trained model is for besides sampling: likelihood and familiarity, unknown positions, coding.

from seqvae import infer

found = infer.score("drug-smiles", ["CCO", "c1ccccc1O"])  # everything that `seqvae score` shows
found.log_p, found.status, found.reason
"""

from __future__ import annotations

from seqvae.runtime.lazy import parts_of

# The module of each name that users call, imported on first use, since it imports torch.
# No module has the name of something it offers, which would hide it.
_HOMES = {
    "score": "scoring",
    "Scores": "scoring",
    "calibrate": "calibrating",
    "Calibration": "familiarity",
    "positions": "by_position",
    "Positions": "by_position",
    "mutations": "substitutions",
    "Mutations": "substitutions",
    "alleles": "substitutions",
    "Alleles": "substitutions",
    "familiar": "designs",
    "Familiar": "designs",
    "variants": "family.effects",
    "Variants": "family.effects",
    "impute": "imputation.imputing",
    "Imputed": "imputation.imputing",
    "phred": "imputation.qualities",
}

__all__ = [
    "Alleles",
    "Calibration",
    "Familiar",
    "Imputed",
    "Mutations",
    "Positions",
    "Scores",
    "Variants",
    "alleles",
    "calibrate",
    "familiar",
    "impute",
    "mutations",
    "phred",
    "positions",
    "score",
    "variants",
]

__getattr__, __dir__ = parts_of(__name__, _HOMES)
