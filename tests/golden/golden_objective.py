"""Objectives of one's own, for the golden searches."""

from __future__ import annotations

import time


def carbons(text: str) -> float:
    """Return how many carbon atoms a SMILES has."""
    return float(text.upper().count("C"))


def slow(text: str) -> float:
    """Return how many G a sequence has, slowly enough for the search to be killed meanwhile."""
    time.sleep(0.1)
    return float(text.count("G"))
