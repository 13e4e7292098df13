"""How complex a text is by itself: the length of its code under a model that knows nothing but the alphabet.

A deep model gives simple inputs high likelihoods whatever it was trained on; what a universal code needs for the same
input corrects for that (Serra et al. 2020, arXiv:1909.11480). Theirs is a compressor of pictures, which is of no use on
fifty letters; this one is adaptive counting, mixed over Markov orders, without a header.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np

_ORDERS = 3  # 0, 1 and 2: fifty letters show no longer contexts twice


def code_length(symbols: Sequence[Hashable], alphabet: int) -> float:
    """Return -log p of a text in nats under adaptive Markov models of orders 0, 1 and 2, mixed in equal parts.

    Each symbol's probability after n others in its context, of which m were the same, is (m + 1/alphabet) / (n + 1):
    Dirichlet priors of total weight 1. The first symbols have shorter contexts.

    Args:
        symbols: of the text.
        alphabet: how many different symbols there are, from 1.

    Examples:
        >>> round(math.exp(-code_length("AA", 4)), 9), (1 / 4 * 5 / 8 + 1 / 4 * 1 / 4 + 1 / 4 * 1 / 4) / 3
        (0.09375, 0.09375)
    """
    totals = []
    for order in range(_ORDERS):
        seen: Counter[Hashable] = Counter()
        nats = 0.0
        for place, symbol in enumerate(symbols):
            context = tuple(symbols[max(0, place - order) : place])
            nats -= math.log((seen[context, symbol] + 1 / alphabet) / (seen[context] + 1))
            seen[context, symbol] += 1
            seen[context] += 1
        totals.append(-nats)
    return math.log(_ORDERS) - float(np.logaddexp.reduce(totals))


def is_repeat(symbols: Sequence[Hashable]) -> bool:
    """Return whether a text is one symbol again and again, at least three times."""
    return len(symbols) > 2 and len(set(symbols)) == 1
