"""What a trained model is for besides sampling: scores of likelihood and familiarity.

from seqvae import infer

found = infer.score("drug-smiles", ["CCO", "c1ccccc1O"])  # everything that `seqvae score` shows
found.log_p, found.status, found.reason
"""

from __future__ import annotations

from seqvae.runtime.lazy import parts_of

# The module of each name that users call, imported on first use, since it imports torch.
_HOMES = {"score": "scoring", "calibrate": "calibrating", "Scores": "scoring", "Calibration": "familiarity"}

__all__ = ["Calibration", "Scores", "calibrate", "score"]

__getattr__, __dir__ = parts_of(__name__, _HOMES)
