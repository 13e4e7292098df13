"""How much work it is to measure a model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelSettings:
    """How much work a model table is.

    Attributes:
        texts: number of held-out texts, at most; the first ones.
        iwae_samples: samples of the importance-weighted bound; each costs one pass over the texts.
        protocol_texts: texts of the 10 x 10 protocol, at most; each costs 100 decodings. 0: leave the protocol out.
        refined_texts: texts, at most, that are decoded by beam search and whose posteriors are refined; each costs
            about `REFINE_STEPS` training steps. 0: leave both out.
        seed: seed of all draws.
    """

    texts: int = 5000
    iwae_samples: int = 10
    protocol_texts: int = 100
    refined_texts: int = 500
    seed: int = 0
