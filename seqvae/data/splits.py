"""Split data into train, valid and test: pure functions of the data, the shares and a seed.

Splits by group (scaffold; sequence with its reverse complement) keep each group in one split. The groups are assigned
in the order of a hash of seed and group, so the order of the data does not matter.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqvae.config import ExecutorConfig
from seqvae.errors import InputError, UsageError
from seqvae.runtime.executor import Job, cores, run_chunks
from seqvae.sequences.domain import MOLECULES, domain_of
from seqvae.sequences.molecules import connectivity, scaffold

_CHUNK = 2000  # texts per task: about half a second of work
_TEXTS_PER_WORKER = 8000  # a worker takes half a second to start

# Words that published files use for the three splits.
_LABELS = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Split:
    """The positions of the training, validation and test data; no position is in two of them.

    Args:
        train: int64, ascending.
        valid: int64, ascending.
        test: int64, ascending.
    """

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return iter((self.train, self.valid, self.test))


def random_split(count: int, valid: float = 0.1, test: float = 0.1, seed: int = 0) -> Split:
    """Split positions at random.

    Args:
        count: size of the data.
        valid: share for validation.
        test: share for the final test.
        seed: of the draw.

    Returns:
        The split; `share * count` positions, rounded down, are held out for each.

    Raises:
        UsageError: if a share is negative, or nothing is left to train on.

    Examples:
        >>> [len(part) for part in random_split(10, valid=0.2, test=0.1)]
        [7, 2, 1]
    """
    sizes = _held_out(count, valid, test)
    order = np.random.default_rng(seed).permutation(count).astype(np.int64)
    parts = np.split(order, np.cumsum(sizes))
    return Split(np.sort(parts[2]), np.sort(parts[0]), np.sort(parts[1]))


def groups_of(texts: Sequence[str], split: str, kind: str) -> list[str]:
    """Return the group of each text, for `group_split`: texts of one group must be in one split.

    A text that cannot be read is a group of its own. Molecules without a ring share the empty scaffold.

    Args:
        texts: in any form of their kind.
        split: `dedup`, by identity (molecules by canonical SMILES, DNA and RNA on either strand); `connectivity`, the
            same but molecules without their stereo; `scaffold`, by their Bemis-Murcko scaffolds (1996,
            doi:10.1021/jm9602928).
        kind: of their tokenizer.

    Raises:
        InvalidMoleculeError: scaffolds of texts that are not packed as molecules, and one is no molecule.
    """
    parts = (list(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK))
    job = Job(_grouper, (split, kind), _grouper(split, kind))
    workers = max(1, min(cores(), len(texts) // _TEXTS_PER_WORKER)) if domain_of(kind).name == MOLECULES else 1
    where = ExecutorConfig("local" if workers == 1 else "processes", workers)
    with closing(run_chunks(job, parts, where)) as chunks:
        return [group for chunk in chunks for group in chunk]


def _grouper(split: str, kind: str) -> Callable[[list[str]], list[str]]:
    """Return a function from texts to their groups."""
    domain = domain_of(kind)
    molecules = {"scaffold": scaffold, "connectivity": connectivity if domain.name == MOLECULES else domain.same}
    group = molecules.get(split, domain.same)

    def groups(texts: list[str]) -> list[str]:
        """Return the group of each text; a text that cannot be read is one of its own."""
        found = []
        for text in texts:
            try:
                found.append(group(text))
            except InputError:
                if split == "scaffold" and domain.name != MOLECULES:
                    raise  # packing would accept it
                found.append(text)
        return found

    return groups


@dataclass(frozen=True)
class Duplicates:
    """Texts that are the same as others.

    Args:
        groups: the group of each text: equal texts share one, for molecules also stereo-isomers.
        count: texts whose group came earlier.
        stereo: molecules among these that are not the same as any earlier one but in stereo.
    """

    groups: tuple[str, ...]
    count: int
    stereo: int = 0


def duplicates_of(texts: Sequence[str], kind: str) -> Duplicates:
    """Find the texts that are the same as an earlier one; arguments as `groups_of`."""
    groups = groups_of(texts, "connectivity", kind)
    sizes = Counter(groups)
    repeated = [place for place, group in enumerate(groups) if sizes[group] > 1]
    count = len(groups) - len(sizes)
    if domain_of(kind).name != MOLECULES or not repeated:
        return Duplicates(tuple(groups), count)
    exact = groups_of([texts[place] for place in repeated], "dedup", kind)
    return Duplicates(tuple(groups), count, len(set(exact)) - len({groups[place] for place in repeated}))


def group_split(groups: Sequence[str], valid: float = 0.1, test: float = 0.1, seed: int = 0) -> Split:
    """Split so that each group is in one split.

    Groups are taken in the order of md5(seed, group). Each goes to test if it fits into the test share, else to valid
    if it fits, else to train; a group larger than a share is trained on, and the shares are never exceeded.

    Args:
        groups: the group of each position.
        valid: share for validation; not exceeded.
        test: share for the final test; not exceeded.
        seed: of the order of the groups.

    Raises:
        UsageError: if a share is negative, or nothing is left to train on.
    """
    room_valid, room_test = _held_out(len(groups), valid, test)
    sizes = Counter(groups)
    # Python's own hash() differs between processes; md5 serves to shuffle here, not for security.
    hashes = {group: hashlib.md5(f"{seed}:{group}".encode(), usedforsecurity=False).digest() for group in sizes}
    part: dict[str, int] = {}
    for group in sorted(sizes, key=lambda g: (hashes[g], g)):
        if sizes[group] <= room_test:
            part[group], room_test = 2, room_test - sizes[group]
        elif sizes[group] <= room_valid:
            part[group], room_valid = 1, room_valid - sizes[group]
        else:
            part[group] = 0
    splits = np.fromiter((part[g] for g in groups), np.int8, len(groups))
    return Split(*(np.flatnonzero(splits == s) for s in range(3)))


def published_split(labels: Sequence[str]) -> Split:
    """Return the split given by a column that labels each record.

    Args:
        labels: "train" or "training", "valid", "validation", "val" or "dev", "test" or "testing", in any case;
            records with another label (a second test set, say) are in no split.

    Raises:
        InputError: if no record is labelled as training data.
    """
    lower = np.asarray([label.strip().lower() for label in labels], dtype=str)
    split = Split(*(np.flatnonzero(np.isin(lower, words)) for words in _LABELS.values()))
    if not len(split.train):
        found = ", ".join(sorted(set(labels))[:5])
        raise InputError(f'a published split needs records labelled "train" or "training", found {found or "none"}')
    return split


def carve_valid(split: Split, share: float = 0.05, seed: int = 0) -> Split:
    """Take a random share of the training data for validation, if a published split has no validation data.

    Args:
        split: a split; returned unchanged if it has validation data.
        share: share of the training data.
        seed: of the draw.

    Raises:
        UsageError: if the share is out of range.
    """
    if len(split.valid):
        return split
    inner = random_split(len(split.train), share, 0.0, seed)
    return Split(split.train[inner.train], split.train[inner.valid], split.test)


def named_split(parts: Mapping[str, NDArray[np.int64]]) -> Split:
    """Make a split from its parts by name; a missing part is empty, other names are ignored."""
    return Split(*(np.asarray(parts.get(name, ()), np.int64) for name in _LABELS))


def _held_out(count: int, valid: float, test: float) -> tuple[int, int]:
    if not (valid >= 0 and test >= 0 and valid + test < 1):
        raise UsageError(f"valid and test shares must be at least 0 and sum to below 1, got {valid} and {test}")
    # Rounded down, so that something is left to train on; the tiny term corrects 0.29 * 100 == 28.999999999999996.
    return int(valid * count + 1e-9), int(test * count + 1e-9)
