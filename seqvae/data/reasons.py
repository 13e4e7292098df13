"""Reasons why texts cannot be read, grouped: the commonest is what a user must see where nothing was read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from seqvae.errors import InputError
from seqvae.sequences.domain import DOMAINS

_LOOKED_AT = 1000  # texts


def kind_of_reason(reason: str) -> str:
    """Return a reason without what is of one text alone: the text itself, places, atom numbers, advice."""
    reason = re.sub(r"^expected a molecule as SMILES, got .*?(?:'|\"|characters\)): ", "", reason)
    if letter := re.search(r"^expected (\w+) .*got ('.'|\".\") at column", reason):
        return f"the letter {letter[2]} is not of {letter[1]}"
    reason = re.sub(r"(?: at column \d+| at position \d+| on line \d+|, this one has [\d,]+)", "", reason)
    reason = re.sub(r"# \d+", "#", re.sub(r":? ?'[^']*'", "", reason)) if "token" not in reason else reason
    return re.split(r"; (?:correct it|leave it)", reason)[0]


def commonest(reasons: Iterable[str]) -> str:
    """Return the commonest of some reasons with its number, in the words of the first of its kind; "" for none."""
    kinds: dict[str, list[str]] = {}
    for reason in reasons:
        kinds.setdefault(kind_of_reason(reason), []).append(reason)
    most = max(kinds.values(), key=len, default=[])
    return f"most often ({len(most):,}): {most[0]}" if most else ""


def unreadable(texts: Sequence[str], domains: Iterable[str]) -> str:
    """Return the commonest reason why texts belong to none of some domains, by their names; "" where most do."""
    reasons, first = list[str](), ""
    for text in texts[:_LOOKED_AT]:
        for place, name in enumerate(domains):
            try:
                DOMAINS[name].normalize(text)
                break
            except InputError as error:
                if not place:
                    first = str(error)
        else:
            reasons.append(first)
    return commonest(reasons) if 2 * len(reasons) >= min(len(texts), _LOOKED_AT) else ""
