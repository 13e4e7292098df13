"""Everything that one evaluation found, also as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from seqvae import __version__
from seqvae.evaluate.maps.chart import LatentMap
from seqvae.evaluate.records import Generation
from seqvae.evaluate.reference_sets import Splits
from seqvae.evaluate.sequences.logo import Logo


@dataclass(frozen=True)
class Overlap:
    """How much of a reference a model has been trained on.

    Attributes:
        texts: in the reference.
        seen: of these, texts that were in its training or validation data; None: it has no record of them.
        whole: whether the record reaches back to the first training; false: a model that it was tuned from has none.
        few: whether the others were too few to measure anything on, so that the metrics are of all texts.
    """

    texts: int
    seen: int | None
    whole: bool = True
    few: bool = False

    @property
    def trained_on(self) -> bool:
        """Whether the metrics are of texts that the model was trained on."""
        return self.few or self.seen == self.texts

    def describe(self, noun: str) -> str:
        """Return it in one line, which says what the held-out metrics are of."""
        if self.seen is None:
            return f"whether the model was trained on these {noun}s is not known: its folder has no record of its data"
        rest = "" if self.whole else "; the data of the model that it was tuned from are not known"
        share = f"{self.seen:,} of {self.texts:,} reference {noun}s were in the model's training data"
        if self.seen == self.texts:
            return f"{share}: nothing here is held out, the metrics are those of training data{rest}"
        if self.few:
            others = f"the other {self.texts - self.seen:,} are too few to measure on"
            return f"{share}: {others}, the metrics are of all, which is training data{rest}"
        if not self.seen:
            return f"none of {self.texts:,} reference {noun}s was in the model's training data{rest}"
        return f"{share}: held-out metrics are of the other {self.texts - self.seen:,}{rest}"


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
        map: of real texts in the model's latent space; None if not made.
        overlap: what the model has seen of the reference; `splits` has the rest. None if the samples came from a file.
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
    map: LatentMap | None = None
    overlap: Overlap | None = None

    def named(self, rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
        """Return rows of a table of the model, which call nothing held out where all was trained on."""
        if self.overlap is None or not self.overlap.trained_on:
            return [list(row) for row in rows]
        for old, new in (("held-out", "training"), ("has not been trained on", "has been trained on")):
            rows = [[cell.replace(old, new) if isinstance(cell, str) else cell for cell in row] for row in rows]
        return [list(row) for row in rows]

    def to_dict(self) -> dict[str, Any]:
        """Return every number that was measured, ready for JSON: None for what is not finite."""
        values: dict[str, Any] = {
            "source": self.source,
            "reference": self.splits.name,
            "training": self.splits.train_name,
            "settings": dict(self.settings),
            "seqvae": __version__,
        }
        if self.overlap is not None:
            values["overlap"] = asdict(self.overlap)
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
