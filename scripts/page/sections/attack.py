"""The section of BENCHMARKS.md on damaged input, kills and full disks: how many were tried, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.page.tables import table

Values = Mapping[str, Any]

_TITLES = ("inputs", "done", "refused", "traceback", "hang", "not one line")


def section(result: Values, published: Values) -> str:
    """Return the section.

    Args:
        result: result of `together.py`.
        published: not used; nobody publishes the like.
    """
    attacks, states = result["figures"]["attacks"], result["figures"]["states"]
    rows = [
        [name, str(one["kinds"]), *(f"{one.get(title, 0):,}" for title in _TITLES)] for name, one in attacks.items()
    ]
    whole = ["all", "", *(f"{sum(one.get(title, 0) for one in attacks.values()):,}" for title in _TITLES)]
    said = (
        f"{states['states']} states of the calling process (random generators, threads, precision, environment "
        f"and others) were compared before and after {states['calls']} public calls; {states['faults']} calls changed "
        "one.\n"
        if states
        else ""
    )
    return (
        "Damaged files and folders, wrong arguments, and runs that were killed, interrupted or starved of disk and run "
        "again. Done: the verb ended well, and wrote what an unbroken run writes. Refused: one line said why; where a "
        "run was broken, the next one wrote what an unbroken run writes. Anything else is a fault, "
        "of the package or of the harness (a busy machine makes hangs).\n\n"
        + table(["attack", "kinds", *_TITLES], [*rows, whole])
        + f"\n{said}"
    )
