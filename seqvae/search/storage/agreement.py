"""State and ledger of a search name each other's counts: what was measured is never lost without a word.

The state says how many rounds it has learned, and how many rows they have in the ledger; the ledger counts its rows,
and the rounds and plates of the state that was saved last. A ledger may be ahead of the state, after a kill; a state
that is ahead of the ledger has learned what is no longer there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from seqvae.errors import InputError
from seqvae.search.storage.ledger import LEARNED, PLATES, Ledger
from seqvae.search.storage.rows import RESTORE
from seqvae.search.storage.state import State, load_state, save_state

_LEDGER = "ledger"  # in the state: rounds that it has learned, and their rows
_OR_ANEW = "or begin another search with what is left: seqvae results FOLDER --out measured.csv"


def save_with(path: Path, ledger: Ledger, learned: int, state: Mapping[str, Any], plates: int = 0) -> None:
    """Save the state of a search that has learned so many rounds of the ledger, and counted so many plates."""
    save_state(path, {**state, _LEDGER: {"rounds": learned, "rows": ledger.rows(learned)}})
    ledger.count(**{LEARNED: learned, PLATES: plates})  # only then: a kill between leaves a state that is ahead


def load_with(path: Path, ledger: Ledger, learned_of: Callable[[State], int]) -> State:
    """Return a saved state; `learned_of` returns the rounds that it has learned.

    Raises:
        InputError: the state cannot be read, or has learned rows that the ledger no longer has.
    """
    state = load_state(path)
    try:
        learned = learned_of(state)
        # earlier versions did not write how many rows they have learned
        rounds, rows = (state[_LEDGER][key] for key in ("rounds", "rows")) if _LEDGER in state else (learned, 0)
        if not all(type(one) is int and one >= 0 for one in (learned, rounds, rows)) or rounds != learned:
            raise ValueError(f"it counts {learned!r} rounds, {rounds!r} rounds and {rows!r} rows")
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"{path}: expected the state of a search, cannot read it ({error}): {RESTORE}") from error
    if ledger.rounds() < learned or ledger.rows(learned) < rows:
        raise InputError(
            f"{ledger.path}: measurements are missing: {path.name} has learned {max(rows, learned):,} "
            f"{'evaluations' if rows else 'rounds'}, the ledger has "
            f"{ledger.rows(learned) if rows else ledger.rounds():,} of them: restore both from one copy of the folder, "
            f"{_OR_ANEW}"
        )
    return state


def check_plates(path: Path, ledger: Ledger, plates: int) -> None:
    """Raise InputError where the ledger has counted more plates than the state: designs that wait would be lost."""
    counted = ledger.counts().get(PLATES, 0)
    if plates < counted:
        given = f"it knows {plates:,}" if path.exists() else "it is missing"
        raise InputError(
            f"{path}: {counted:,} plates were asked for, {given}: restore it from a copy of the folder, {_OR_ANEW}"
        )
