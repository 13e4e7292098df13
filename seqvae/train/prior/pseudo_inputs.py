"""Where the pseudo-inputs of a model's own prior begin: at some of its training texts."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from seqvae.data.tokens.batches import BatchPlan, BatchStream
from seqvae.data.tokens.store import TokenStore
from seqvae.model.priors.vamp import VampPrior
from seqvae.runtime.streams import PSEUDO_INPUTS


def begin_at_texts(prior: VampPrior, store: TokenStore, id_table: NDArray[np.float32], seed: int) -> None:
    """Let the pseudo-inputs begin at random training texts; what is more than there are texts stays random.

    Begun at random, all would be read as much the same text, and would have to find their places by small steps.

    Args:
        prior: of a model that has not been trained.
        store: the training texts.
        id_table: the tokenizer's table of ids, for texts with ambiguity codes.
        seed: chooses the texts.
    """
    rows = torch.randperm(len(store), generator=PSEUDO_INPUTS.generator(seed))[: len(prior.lengths)]
    plan = BatchPlan(len(prior.lengths), 0, shuffle=False)
    for batch in BatchStream(store, plan, indices=rows.numpy(), id_table=id_table).batches(0):
        prior.begin_at(batch.targets)
