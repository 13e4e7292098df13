"""What became of a target that beta was moved for: where beta ended, and whether the target was met."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

from seqvae.errors import SeqVAEWarning
from seqvae.model.objective import HIGHEST_BETA, LOWEST_BETA, Target, target_of
from seqvae.train.checkpoint import Progress
from seqvae.train.prepare import Prepared

# The largest relative miss of a target that is met: single batches differ by some hundredths of a rate or distortion.
MET = 0.15
_MISSED = {
    "rate": "the decoder finds no use for more: give it word_dropout, a smaller target, or texts with more to encode",
    "distortion": "the model cannot tell its texts apart so well: a larger model or latent space, more --epochs, or a "
    "larger target",
    "reconstruction": "the encoder does not get there: more data or --epochs, a larger model, or a smaller target",
}


def settled(prepared: Prepared, progress: Progress, say: Callable[[str], object] | None = None) -> Prepared:
    """Return the data of a training with beta as a target left it, and tell how far the target was met.

    Warns:
        SeqVAEWarning: the target was not met, with what to do.
    """
    run = prepared.run
    target = target_of(run.objective)
    if target is None or progress.reached is None:
        return prepared
    line = f"target {target.quantity} {shown(target, target.value)}: {shown(target, progress.reached)} reached"
    line += f" at beta {progress.beta:.4g}"
    missed = target.misses(progress.reached)
    if abs(missed) > MET:
        if progress.beta <= LOWEST_BETA * 1.01:
            why = _MISSED[target.quantity]
        elif progress.beta >= HIGHEST_BETA * 0.99:
            why = "even the largest beta leaves more than that: the target is too easy for these texts"
        else:
            direction = "falling" if missed < 0 else "rising"
            why = f"beta was still {direction}: more --epochs, or begin nearer to it with --beta"
        warnings.warn(f"{line}; {why}", SeqVAEWarning, stacklevel=2)
    elif say is not None:
        say(line)
    return replace(prepared, run=replace(run, objective=replace(run.objective, beta=progress.beta)))


def shown(target: Target, value: float) -> str:
    """Return a value of a target's quantity with its unit."""
    return f"{value:.1%}" if target.quantity == "reconstruction" else f"{value:.2f} nats"
