"""How far the designs of a search are from what its model was trained on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from seqvae.artifact.calibration import Calibration
from seqvae.artifact.weights import weights_hash
from seqvae.errors import SeqVAEError, visible
from seqvae.infer.familiarity import IN_DOMAIN, OUTLIER, UNFAMILIAR
from seqvae.infer.scoring import score
from seqvae.latent.codec import load


@dataclass(frozen=True)
class Familiar:
    """Designs, and how familiar each is to the model of a search.

    Attributes:
        model: its folder, or the name of a pretrained one.
        designs: the texts.
        status: of each, as of `seqvae score`, false discoveries being controlled over these designs; empty where the
            model is gone or not calibrated.
        p: of each, the p-value of its least familiar score among held-out texts; NaN of one that the model cannot read;
            empty as `status`.
        reason: of each, what makes it unfamiliar; empty as `status`.
        seen: of each, whether it is in the training data (DNA: either strand); empty where there is no record of these.
        calibrated: the calibration that gave the p-values; None: there is none.
        notes: what cannot be said, and why, a sentence each.
    """

    model: str
    designs: list[str]
    status: list[str]
    p: list[float]
    reason: list[str]
    seen: list[bool]
    calibrated: Calibration | None
    notes: tuple[str, ...]

    def sentences(self) -> list[str]:
        """Return what was found of all designs together, and the notes."""
        said, count = [], len(self.designs)
        if self.status and self.calibrated is not None:
            counts = Counter(self.status)
            shares = ", ".join(f"{counts[state]:,} {state}" for state in (IN_DOMAIN, UNFAMILIAR, OUTLIER))
            held_out = f"{self.calibrated.texts:,} of {self.calibrated.source} that it was not trained on"
            said.append(f"{self.model}, calibrated with {held_out}, finds of {count:,} designs: {shares}.")
        if self.seen:
            said.append(f"In the training data: {sum(self.seen):,} of {count:,}.")
        return [*said, *self.notes]

    def to_dict(self) -> dict[str, object]:
        """Return the same in JSON's types: the NaN of what the model cannot read becomes None."""
        rows: list[dict[str, object]] = [{"text": one} for one in self.designs]
        for row, state, p, reason in zip(rows, self.status, self.p, self.reason, strict=False):
            row |= {"status": state, "p": None if math.isnan(p) else p, "reason": reason}
        for row, seen in zip(rows, self.seen, strict=False):
            row["in_training_data"] = seen
        return {"model": self.model, "notes": list(self.notes), "designs": rows}


def familiar(model: str, designs: Sequence[str], weights: str = "", device: str = "cpu") -> Familiar:
    """Return how familiar designs are to a model, by its calibration and by the record of its training data.

    A model that cannot be loaded, is another one, or lacks one of the two is a note, not an error. Nothing in its
    folder is executed.

    Args:
        model: its folder, or the name of a pretrained one.
        designs: texts, in any notation that the model reads.
        weights: the hash of the weights that the search began with; "" where it does not matter.
        device: `auto`, `cpu` or `cuda`; the CPU has the same numbers everywhere, and may be free while a search runs.
    """
    texts, name = list(designs), visible(model)  # the settings of a search may be a stranger's

    def unknown(why: str) -> Familiar:
        """Return that nothing can be said."""
        note = f"How familiar the designs are to the model of the search is not known: {why}."
        return Familiar(name, texts, [], [], [], [], None, (note,))

    try:
        codec = load(model, device=device)
    except (SeqVAEError, OSError) as error:
        return unknown(visible(str(error)))
    if weights and weights_hash(codec.model) != weights:
        return unknown(f"{name} is another model now than the one that the search began with")
    notes, seen = [], list[bool]()
    if codec.seen is None:
        notes.append(f"Which designs are in the training data is not known: {name} has no record of these.")
    else:
        seen = codec.seen.has(texts, codec.tokenizer).tolist()
        if not codec.seen.whole:
            notes.append("The training data of the model that it was tuned from are not known.")
    if codec.calibration is None:
        notes.append(f"{name} is not calibrated, so there are no p-values: seqvae score {name} --calibrate")
        return Familiar(name, texts, [], [], [], seen, None, tuple(notes))
    found = score(codec, texts)
    p = found.p.tolist() if "p" in found.columns else [math.nan] * len(texts)  # the model can read none of them
    return Familiar(name, texts, list(found.status), p, list(found.reason), seen, found.calibrated, tuple(notes))
