"""Why a design was proposed, as far as a ledger tells, and how much the best designs differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.similarity import similarities
from seqvae.search.storage.ledger import GIVEN, OK, Entry
from seqvae.sequences.domain import MOLECULES, detect

APART = 0.75  # Tanimoto distance at which the published counts of diverse hits are taken
AMONG = 100  # best designs whose diversity is stated


@dataclass(frozen=True)
class Origin:
    """What had been scored when a design was proposed: most are bred from their nearest neighbour.

    Attributes:
        nearest: canonical form of the most similar design of earlier rounds; of equal ones that with the best score.
        similarity: to it, from 0 to 1: of molecules Tanimoto by ECFP4, 2,048 bits; of sequences one less the edit
            distance per letter.
        before: its first score.
        gain: of the design on it, in the first score.
    """

    nearest: str
    similarity: float
    before: float
    gain: float


def sheets_for(entries: Sequence[Entry]) -> Sheets | None:
    """Return a cache of molecules, where the designs are molecules; None of sequences."""
    forms = [entry.canonical for entry in entries if entry.canonical is not None]
    return Sheets(len(forms) + 1) if forms and detect(forms).name == MOLECULES else None


def origins(designs: Sequence[Entry], entries: Sequence[Entry], sheets: Sheets | None) -> list[Origin | None]:
    """Return where each design came from; None of one before which nothing had been scored.

    Args:
        designs: of the ledger.
        entries: the whole ledger.
        sheets: as `sheets_for` returns it.
    """
    scored = [entry for entry in entries if entry.status in (OK, GIVEN) and np.isfinite(entry.scores[0])]
    scored.sort(key=lambda entry: -entry.scores[0])  # of equal similarities the first is taken
    forms = [str(entry.canonical) for entry in scored]
    rounds = np.array([entry.round for entry in scored])
    found = list[Origin | None]()
    table = similarities([str(one.canonical) for one in designs], forms, sheets) if designs and forms else []
    for one, row in zip(designs, table, strict=True):
        earlier = np.flatnonzero(rounds < one.round)
        if not len(earlier):
            found.append(None)
            continue
        place = int(earlier[np.argmax(np.asarray(row)[earlier])])
        before = scored[place].scores[0]
        found.append(Origin(forms[place], float(row[place]), before, one.scores[0] - before))
    return found


@dataclass(frozen=True)
class Diversity:
    """How much the best designs of a search differ.

    Attributes:
        designs: how many they are, at most `AMONG`.
        similarity: mean over all pairs, as in `Origin`; NaN of a single one.
        apart: of molecules, how many of them, taken best first, are farther than `APART` from all taken before: a lower
            bound on #Circles (Xie et al. 2023, arXiv:2112.12542); None of sequences.
    """

    designs: int
    similarity: float
    apart: int | None

    def rows(self) -> list[tuple[str, str]]:
        """Return it as titles and values; of a single design there are none."""
        if self.designs < 2:
            return []
        found = [(f"mean similarity of the best {self.designs}", f"{self.similarity:.3g}")]
        far = [] if self.apart is None else [(f"of these farther than {APART} from each other", str(self.apart))]
        return found + far

    def to_dict(self) -> dict[str, object]:
        """Return the same in JSON's types."""
        mean = None if np.isnan(self.similarity) else self.similarity
        return {"designs": self.designs, "mean_similarity": mean, "apart": self.apart}


def diversity(best: Sequence[Entry], sheets: Sheets | None) -> Diversity | None:
    """Return how much designs differ, given the best first; None of none."""
    forms = list(dict.fromkeys(str(entry.canonical) for entry in best))[:AMONG]
    if not forms:
        return None
    table = np.array([list(row) for row in similarities(forms, forms, sheets)])
    pairs = table[np.triu_indices(len(forms), 1)]
    taken = list[int]()
    for row in range(len(forms)):
        if all(1 - table[row, other] > APART for other in taken):
            taken.append(row)
    mean = float(pairs.mean()) if len(pairs) else float("nan")
    return Diversity(len(forms), mean, None if sheets is None else len(taken))
