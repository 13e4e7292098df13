"""Every stream of random numbers, in one table: no two users draw from one stream.

The numbers of a draw follow from the run's seed, the stream, and the place in the run (a step, a chunk), so that a
resumed run finds the numbers of any place without those before it. Seeds made from (21) and from (21, 0) are equal:
each stream therefore names its places, and takes a number for each of them.

Draws with a seed of their own are not in the table: a search draws one for each of its parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch

from seqvae.errors import UsageError
from seqvae.runtime.device import derived_seed, generator


@final
@dataclass(frozen=True)
class Stream:
    """One use of random numbers.

    Attributes:
        number: identifies the stream; it never changes, or the same seed would give other results.
        places: what distinguishes the draws of the stream.
    """

    number: int
    places: tuple[str, ...] = ()

    def seed(self, seed: int, *at: int) -> int:
        """Return a 63-bit seed for a place; raises UsageError for a negative seed or another number of places."""
        if len(at) != len(self.places):
            raise UsageError(f"expected {len(self.places)} numbers ({', '.join(self.places)}), got {len(at)}")
        return derived_seed(seed, self.number, *at)

    def generator(self, seed: int, *at: int, device: torch.device | str = "cpu") -> torch.Generator:
        """Return a fresh generator for a place, on a device; global state is not touched; raises as `seed`."""
        if len(at) != len(self.places):
            raise UsageError(f"expected {len(self.places)} numbers ({', '.join(self.places)}), got {len(at)}")
        return generator(seed, self.number, *at, device=device)


# Training.
TRAINING_NOISE = Stream(1, ("step", "rank"))
TRAINING_DROPOUT = Stream(2, ("step", "rank"))
VALIDATION_NOISE = Stream(3, ("batch",))
ADAPTERS = Stream(82)
SPELLINGS = Stream(83, ("molecule",))
SPELLING_CHOICE = Stream(84, ("epoch", "first sequence"))
PSEUDO_INPUTS = Stream(85)
ANEW = Stream(86)
# The fitted prior.
PRIOR_TEXTS = Stream(81)
FLOW_BATCHES = Stream(31)
MIXTURE_POINTS = Stream(41)
EARLY_STOPPING_POINTS = Stream(42)
JUDGED_POINTS = Stream(43)
# The codec.
PRIOR_POINTS = Stream(11)
DECODING = Stream(12)
BOUNDS_NOISE = Stream(13)
LATER_CHUNKS = Stream(14, ("chunk",))
LATER_TRIES = Stream(15, ("attempt",))
REFINEMENT_NOISE = Stream(51, ("step",))
POSTERIOR_POINTS = Stream(53)
# Metrics of a model.
PROTOCOL_ENCODINGS = Stream(21)
PROTOCOL_DECODINGS = Stream(22, ("start",))
TEACHER_FORCED_POINTS = Stream(23)
INFORMATION_POINTS = Stream(24)
REFINED_POINTS = Stream(25)
PATH_ENDS = Stream(26)
FOLDS = Stream(27)
# The diagnosis of a model.
DIAGNOSIS_POINTS = Stream(101, ("sample",))
DIAGNOSIS_INFORMATION = Stream(102)
DIAGNOSIS_PRIOR = Stream(103)
DIAGNOSIS_REFINED = Stream(104)
DIAGNOSIS_OTHERS = Stream(105)
DIAGNOSIS_STEPS = Stream(106, ("family", "step"))
DIAGNOSIS_GAP = Stream(107)
DIAGNOSIS_DARK = Stream(108)
DIAGNOSIS_SPELLINGS = Stream(109, ("molecule",))
DIAGNOSIS_PAIRS = Stream(110)
# The rate-distortion curve.
CURVE_INFORMATION = Stream(141)
CURVE_ANNEALING = Stream(142, ("batch",))
# Inference with a trained model.
SCORE_POINTS = Stream(121, ("sample",))
IMPUTED_POINTS = Stream(123, ("sweep",))
IMPUTED_TOKENS = Stream(124, ("sweep",))
# Searches.
ENSEMBLE_WEIGHTS = Stream(61)
ENSEMBLE_ROWS = Stream(62)
ENSEMBLE_BATCHES = Stream(63)
RETRAINING_TEXTS = Stream(71, ("step",))
RETRAINING_REPLAY = Stream(72, ("step",))
RETRAINING_SPELLING = Stream(73, ("step",))
RETRAINING_NOISE = Stream(74, ("step",))
RETRAINING_DROPOUT = Stream(75, ("step",))
LIBRARY_BATCH = Stream(76, ("plate",))
# Analogs of a lead.
ANALOG_POINTS = Stream(131)
ANALOG_MOVES = Stream(132)
# Maps.
PROJECTED_ROWS = Stream(151)
MAP_DARK = Stream(152)
MAP_CLUSTERS = Stream(153)
