"""Everything that one diagnosis found, also as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from seqvae import __version__
from seqvae.evaluate.diagnosis.verdict import Verdict
from seqvae.evaluate.evaluation import finite


@dataclass(frozen=True)
class Diagnosis:
    """What was measured, on what, and the verdict: all that `seqvae diagnose` prints, writes and draws.

    Attributes:
        model: its name or folder.
        held_out: the dataset or file of the held-out texts.
        training: the dataset or file of the training texts; "" where none are known.
        kind: name of the domain.
        metrics: by section and name, as in `DIAGNOSIS_METRICS`, with lists by position or dimension beside them.
        verdict: what they say.
        settings: how much work it was.
        overlap: in one line, how much of the data the model was trained on; "" where they were read as its own split.
    """

    model: str
    held_out: str
    training: str
    kind: str
    metrics: Mapping[str, Mapping[str, Any]]
    verdict: Verdict
    settings: Mapping[str, Any]
    overlap: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return every number that was measured, ready for JSON: None for what is not finite."""
        return {
            "model": self.model,
            "held_out": self.held_out,
            "training": self.training,
            "overlap": self.overlap,
            "verdict": asdict(self.verdict),
            **finite(self.metrics),
            "settings": dict(self.settings),
            "seqvae": __version__,
        }
