"""The next batch from a list: compounds that can be bought, or variants that were enumerated.

The list is read in chunks, so that memory does not grow with it: a surrogate of what has been measured screens all of
it, and posterior draws choose the batch among the best, each draw its own best design, so that the batch is spread over
what may be best. Before anything has been measured the batch is spread over the list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, final

import numpy as np
from rapidfuzz.distance import Levenshtein
from rdkit.SimDivFilters import rdSimDivPickers

from seqvae.data.files.records import Record
from seqvae.errors import InputError
from seqvae.properties.similarity import FINGERPRINT
from seqvae.search.domain.domain import Texts

if TYPE_CHECKING:
    from seqvae.search.surrogates.multiple_kernels import MultipleKernels, Similarity

LIBRARY = "library"  # proposer of designs that come from a list
_FEWEST = 5  # measured designs from which a surrogate is made
_CHUNK = 1_000  # designs that are screened at a time
_FINALISTS, _PER_DESIGN = 300, 3  # with the highest bounds, among which draws choose; at least so many per design
_SPREAD = 5_000  # designs of the list, drawn at random, among which a first batch is spread
_READ, _KNOWN = "break a constraint or cannot be read", "are measured, on a plate, or repeated"
Rows = Iterable[Record | str]
Design = tuple[str, Record]  # canonical form, and the row that it comes from


@final
class Library:
    """A list of designs, read once and in chunks.

    Args:
        rows: records or texts; as many as there are.
        texts: the kind of the search's texts, with its rules.
        known: designs that are measured or on a plate; of molecules those of the same connectivity are left out too.

    Attributes:
        counts: rows that were left out, by the reason.
    """

    def __init__(self, rows: Rows, texts: Texts, known: Iterable[str]) -> None:
        self.rows, self.texts, self.counts = rows, texts, Counter[str]()
        self._seen = {self._identity(form) for form in known}

    def __iter__(self) -> Iterator[list[Design]]:
        """Yield the designs that may be chosen, each once."""
        rows = iter(self.rows)
        while some := list(islice(rows, _CHUNK)):
            chosen: list[Design] = []
            for row in some:
                record = Record(row, "", 0) if isinstance(row, str) else row
                form = self.texts.allowed(record.text)
                identity = "" if form is None else self._identity(form)
                if form is None or identity in self._seen:
                    self.counts[_READ if form is None else _KNOWN] += 1
                    continue
                self._seen.add(identity)
                chosen.append((form, record))
            yield chosen

    def _identity(self, form: str) -> str:
        sheet = None if self.texts.sheets is None else self.texts.sheets.of(form)
        return form if sheet is None else sheet.connectivity


def batch_from(
    library: Library,
    count: int,
    scores: Mapping[str, float],
    seed: int,
    errors: Mapping[str, float] | None = None,
    likenesses: Sequence[Similarity] | None = None,
) -> list[Design]:
    """Return the next batch of a list; fewer if the list has no more.

    Args:
        library: the list.
        count: how many designs are wanted.
        scores: of the designs that have been measured.
        seed: one seed, one batch.
        errors: standard errors of the scores; None: unknown.
        likenesses: of designs, where several batches are chosen and share them; None: new ones.

    Raises:
        InputError: nothing of the list is left to choose from.
    """
    learns = len(scores) >= _FEWEST and len({*scores.values()}) > 1
    if learns:
        from seqvae.search.surrogates.multiple_kernels import likenesses_of, surrogate_of  # import SciPy's optimisers

        shared = likenesses_of(library.texts.sheets) if likenesses is None else likenesses
        surrogate = surrogate_of(scores, shared, seed, errors)
        found = _screened(library, count, surrogate, np.random.default_rng(seed))
    else:
        found = _spread(library, count, np.random.default_rng(seed))
    if not found:
        said = "; ".join(f"{rows:,} {reason}" for reason, rows in library.counts.items()) or "it has no rows"
        raise InputError(f"nothing of the list is left to choose from: {said}")
    return found


def _screened(library: Library, count: int, surrogate: MultipleKernels, rng: np.random.Generator) -> list[Design]:
    """Return the designs that posterior draws of a surrogate choose among those with the highest bounds."""
    best: list[tuple[float, str, Record]] = []
    finalists = max(_FINALISTS, _PER_DESIGN * count)
    for chunk in library:
        bounds = surrogate.bounds([form for form, _ in chunk]).tolist()
        best += [(bound, *design) for bound, design in zip(bounds, chunk, strict=True)]
        best = sorted(best, key=lambda one: (-one[0], one[1]))[:finalists]
        surrogate.forget()
    rows = {form: record for _, form, record in best}
    return [(form, rows[form]) for form in surrogate.choose({form: bound for bound, form, _ in best}, count, rng)]


def _spread(library: Library, count: int, rng: np.random.Generator) -> list[Design]:
    """Return designs far from each other: the first at random, each next one the farthest from those before."""
    drawn: list[Design] = []
    for number, design in enumerate(design for chunk in library for design in chunk):
        place = number if number < _SPREAD else int(rng.integers(number + 1))  # Vitter's algorithm R
        if place < _SPREAD:
            drawn[place : place + 1] = [design]
    count = min(count, len(drawn))
    if not count:
        return []
    first = int(rng.integers(len(drawn)))
    if (sheets := library.texts.sheets) is None:
        forms = [form for form, _ in drawn]

        def distance(one: int, other: int) -> float:
            """Return the edit distance per letter."""
            return float(Levenshtein.normalized_distance(forms[one], forms[other]))

        picked = rdSimDivPickers.MaxMinPicker().LazyPick(distance, len(drawn), count, [first])
    else:
        prints = [sheets.known(form).fingerprint(FINGERPRINT) for form, _ in drawn]
        picked = rdSimDivPickers.MaxMinPicker().LazyBitVectorPick(prints, len(prints), count, [first])
    return [drawn[row] for row in picked]
