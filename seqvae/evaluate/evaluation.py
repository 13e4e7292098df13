"""Everything that one evaluation found, also as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqvae import __version__
from seqvae.evaluate.records import Generation
from seqvae.evaluate.reference_sets import Splits
from seqvae.evaluate.sequences.logo import Logo


@dataclass(frozen=True)
class Evaluation:
    """What was measured, and on what: all that `seqvae evaluate` prints, writes and draws.

    Attributes:
        source: file of the samples, or the model that they were drawn from.
        splits: the real texts that they were compared with.
        samples: as read, or drawn from the model.
        generation: metrics of the samples; None for texts over an alphabet of their own, which have none.
        model: held-out metrics of the model, a `ModelTable` as a dictionary; empty if the samples came from a file.
        bits: its bits per base beside those of counting models, a `HeldOutBits` as a dictionary; empty if not computed.
        latent: metrics of the latent space, a `LatentQuality` as a dictionary; empty if not computed.
        settings: seed, and how the model was sampled.
        logos: sequence logos of samples and reference; empty unless most sequences have one length.
    """

    source: str
    splits: Splits
    samples: Sequence[str]
    generation: Generation | None
    model: Mapping[str, Any] = field(default_factory=dict)
    bits: Mapping[str, Any] = field(default_factory=dict)
    latent: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    logos: Sequence[Logo] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return every number that was measured, ready for JSON: None for what is not finite."""
        values: dict[str, Any] = {
            "source": self.source,
            "reference": self.splits.name,
            "training": self.splits.train_name,
            "settings": dict(self.settings),
            "seqvae": __version__,
        }
        if self.generation is not None:
            values |= {
                "counts": self.generation.counts,
                "metrics": finite(self.generation.metrics),
                "intervals": {
                    key: [_number(bound) for bound in pair] for key, pair in self.generation.intervals.items()
                },
                "floors": finite(self.generation.baselines),
            }
        parts = {"model": self.model, "bits_a_base": self.bits, "latent": self.latent}
        return values | {name: finite(part) for name, part in parts.items() if part}


def finite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return numbers by name, however deep, with None in place of what is not finite, which JSON cannot express."""
    return {key: finite(value) if isinstance(value, Mapping) else _number(value) for key, value in values.items()}


def _number(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
