"""The verdict that a training ends with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from seqvae.cli.printing import print_verdict
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    from seqvae.evaluate.model.summary import Summary
    from seqvae.train.finetune import Finetuned
    from seqvae.train.fit import Trained


def give_verdict(trained: Trained | Finetuned, found: Summary | None, quiet: bool) -> None:
    """Print what a model is worth that was just trained, or why nobody can say.

    Args:
        trained: what `train` or `finetune` returned.
        found: its held-out metrics; None: nothing was held out.
        quiet: show no progress.
    """
    from seqvae.evaluate.diagnosing import FEWEST
    from seqvae.evaluate.trained import diagnose_trained

    with phase("judging what the model is worth", quiet):
        diagnosis = diagnose_trained(trained, found)
    if diagnosis is not None:
        print_verdict(diagnosis.verdict)
    elif found is not None:
        print(f"no verdict on the model: it takes {FEWEST} held-out texts, see --test-fraction", file=sys.stderr)
