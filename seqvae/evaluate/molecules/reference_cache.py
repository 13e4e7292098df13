"""Statistics of real molecules, computed once from their SMILES and cached under a hash of these.

Nothing in the cache is a pickle: it holds `.npz` files, read with `allow_pickle=False`, and counts are JSON in one of
the arrays.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqvae.data.files.open import DAMAGED_ARCHIVE
from seqvae.errors import InputError
from seqvae.evaluate.molecules.descriptors import PROPERTIES, Column
from seqvae.evaluate.molecules.fcd import Gaussian, fit_gaussian
from seqvae.evaluate.molecules.parallel import facts_of
from seqvae.evaluate.records import GenerationSettings
from seqvae.runtime.files import atomic_file, cache_folder

Arrays = dict[str, NDArray[Any]]

_FORMAT = 1  # of the files; raise it when what they hold changes
_HASHED_AT_A_TIME = 10_000


@dataclass(frozen=True)
class Tools:
    """What every step of the work needs: the settings, and what follows from them."""

    settings: GenerationSettings

    def told(self, what: str) -> Callable[[int, int], object]:
        """Return a callback that reports progress under a name."""
        tell = self.settings.progress
        return (lambda done, total: tell(what, done, total)) if tell is not None else (lambda done, total: None)

    def facts(self, texts: Sequence[str], columns: Sequence[str], what: str) -> dict[str, Column]:
        """Return facts about single molecules, and report progress under a name."""
        return facts_of(texts, columns, self.settings.workers, self.told(what))

    def cached(self, texts: Sequence[str], what: str, make: Callable[[], Arrays]) -> Arrays:
        """Return arrays computed from texts: from the cache, or made and stored there.

        Raises:
            InputError: the cache cannot be written.
        """
        path = (self.settings.cache_dir or cache_folder("references")) / f"{what}-{content_key(texts)}.npz"
        try:
            with path.open("rb") as kept, np.load(kept, allow_pickle=False) as arrays:
                return dict(arrays)
        except (OSError, *DAMAGED_ARCHIVE):
            made = make()  # there is no such file yet, or it is damaged
        try:
            with atomic_file(path) as file:
                np.savez(file, **made)  # type: ignore[arg-type]
        except OSError as error:
            raise InputError(
                f"cannot keep the statistics of the reference in {path.parent}: {error.strerror}; "
                "set SEQVAE_CACHE to a folder that can be written"
            ) from error
        return made


@dataclass(frozen=True)
class Distinct:
    """Valid molecules, each of them once, sorted.

    Attributes:
        smiles: canonical, with stereo.
        flat: canonical, without stereo.
        counts: float64 `(distinct,)`: how often each occurs.
        rows: int64 `(valid,)`: index of each valid text's molecule, in the order of the texts.
    """

    smiles: list[str]
    flat: list[str]
    counts: NDArray[np.float64]
    rows: NDArray[np.int64]

    @property
    def stereo(self) -> bool:
        """Whether any molecule has stereo marks or isotopes."""
        return self.smiles != self.flat


@dataclass(frozen=True)
class MoleculeReference:
    """What samples are compared with.

    Attributes:
        count: valid molecules.
        chemnet: the Gaussian of ChemNet's activations.
        fingerprints: uint8 `(distinct, 128)`, packed.
        stereo: the same with chirality.
        fragments: how often each BRICS fragment occurs.
        scaffolds: how often each scaffold of two rings or more occurs.
        properties: float64 `(count, 4)`, logP, SA, QED and g/mol; no rows if they were not asked for.
    """

    count: int
    chemnet: Gaussian
    fingerprints: NDArray[np.uint8]
    stereo: NDArray[np.uint8]
    fragments: dict[str, int]
    scaffolds: dict[str, int]
    properties: NDArray[np.float64]


def content_key(texts: Sequence[str]) -> str:
    """Hash texts and the versions of the libraries that the statistics depend on; 32 hexadecimal digits."""
    versions = {name: version(name) for name in ("rdkit", "fcd_torch")}
    digest = hashlib.sha256(json.dumps({"format": _FORMAT, "versions": versions}).encode())
    for start in range(0, len(texts), _HASHED_AT_A_TIME):
        digest.update(json.dumps(list(texts[start : start + _HASHED_AT_A_TIME])).encode())
    return digest.hexdigest()[:32]


def distinct_molecules(texts: Sequence[str], tools: Tools, what: str) -> Distinct:
    """Read texts as molecules, and count them."""
    different = sorted(set(texts))
    found: Any = tools.facts(different, ["forms"], f"reading the {what}")["forms"]
    forms = dict(zip(different, found, strict=True))
    flat = dict(form for form in found if form)
    smiles = sorted(flat)
    numbers = {form: number for number, form in enumerate(smiles)}
    rows = np.asarray([numbers[forms[text][0]] for text in texts if forms[text]], np.int64)
    return Distinct(
        smiles, [flat[form] for form in smiles], np.bincount(rows, minlength=len(smiles)).astype(float), rows
    )


def total_counts(lists: Iterable[Sequence[str]], often: NDArray[np.float64]) -> dict[str, int]:
    """Sum up how often each name occurs, given the names and the number of occurrences of each molecule."""
    counts: Counter[str] = Counter()
    for names, times in zip(lists, often.astype(int).tolist(), strict=True):
        for name in names:
            counts[name] += times
    return dict(counts)


def stereo_fingerprints(distinct: Distinct, plain: NDArray[np.uint8], tools: Tools, what: str) -> NDArray[np.uint8]:
    """Return fingerprints with chirality; the plain ones if no molecule has any stereo."""
    if not distinct.stereo:
        return plain
    found = tools.facts(distinct.smiles, ["stereo fingerprint"], f"stereo of the {what}")
    return np.asarray(found["stereo fingerprint"])


def chemnet_gaussian(distinct: Distinct, tools: Tools, what: str) -> Gaussian:
    """Fit the Gaussian of ChemNet's activations, and report progress."""
    told, done = tools.told(f"ChemNet of the {what}"), 0

    def progress(count: int) -> None:
        """Add up the batches."""
        nonlocal done
        done += count
        told(done, len(distinct.smiles))

    often = dict(zip(distinct.smiles, distinct.counts.astype(int).tolist(), strict=True))
    return fit_gaussian(often, tools.settings.device, progress)


def molecule_reference(texts: Sequence[str], tools: Tools, what: str, properties: bool) -> MoleculeReference:
    """Return the statistics of reference texts, from the cache if they have been computed before.

    They are cached in three pieces, so that an interruption loses at most one of them.

    Args:
        texts: SMILES; what RDKit cannot read is left out.
        tools: settings and processes.
        what: name of the reference, for messages.
        properties: whether the molecules' properties are needed as well.

    Raises:
        InputError: fewer than two of the texts are molecules, or the cache cannot be written.
    """

    @functools.cache
    def distinct() -> Distinct:
        """The molecules, read when a piece is missing."""
        found = distinct_molecules(texts, tools, what)
        if len(found.rows) < 2:
            raise InputError(
                f"expected at least 2 molecules in the {what}, got {len(found.rows)} among {len(texts)} texts: give "
                "SMILES that RDKit can read"
            )
        return found

    def measured() -> Arrays:
        """The properties of each valid text."""
        found: Any = tools.facts(distinct().smiles, ["properties"], f"properties of the {what}")["properties"]
        return {"properties": found[np.sort(distinct().rows)]}

    parts = tools.cached(texts, "substructures", lambda: _substructures(distinct(), tools, what))
    plain, counts = parts["fingerprints"], json.loads(parts["counts"].tobytes())
    return MoleculeReference(
        counts["count"],
        gaussian_of(tools.cached(texts, "chemnet", lambda: arrays_of(chemnet_gaussian(distinct(), tools, what)))),
        plain,
        parts.get("stereo", plain),
        counts["fragments"],
        counts["scaffolds"],
        tools.cached(texts, "properties", measured)["properties"] if properties else np.empty((0, len(PROPERTIES))),
    )


def _substructures(distinct: Distinct, tools: Tools, what: str) -> Arrays:
    columns = ["fingerprint", "fragments", "scaffold"]
    found: dict[str, Any] = tools.facts(distinct.smiles, columns, f"substructures of the {what}")
    scaffolds = ([name] if name else [] for name in found["scaffold"])
    counts = {
        "count": len(distinct.rows),
        "fragments": total_counts(found["fragments"], distinct.counts),
        "scaffolds": total_counts(scaffolds, distinct.counts),
    }
    arrays = {"fingerprints": found["fingerprint"], "counts": np.frombuffer(json.dumps(counts).encode(), np.uint8)}
    stereo = stereo_fingerprints(distinct, found["fingerprint"], tools, what)
    return arrays if stereo is found["fingerprint"] else {**arrays, "stereo": stereo}


def arrays_of(gaussian: Gaussian) -> Arrays:
    """Return a Gaussian as arrays for the cache."""
    return {"mean": gaussian.mean, "covariance": gaussian.covariance, "count": np.asarray(gaussian.count)}


def gaussian_of(arrays: Arrays) -> Gaussian:
    """Return the Gaussian that arrays from the cache hold."""
    return Gaussian(arrays["mean"], arrays["covariance"], int(arrays["count"]))


@dataclass(frozen=True)
class SeenMolecules:
    """Which molecules training has seen, as sorted 64-bit hashes of their canonical SMILES, with and without stereo.

    A million molecules take 16 MB. The probability that one of 10,000 unseen molecules is mistaken for one of two
    million seen ones is 1e-9.
    """

    smiles: NDArray[np.uint64]
    flat: NDArray[np.uint64]

    def unseen(self, texts: Sequence[str], flat: bool = False) -> int:
        """Return how many of these canonical, distinct SMILES training has not seen."""
        return int((~np.isin(hashes(texts), self.flat if flat else self.smiles)).sum())


def seen_ring_systems(texts: Sequence[str], tools: Tools) -> NDArray[np.uint64]:
    """Return the hash of each ring system of the training texts, sorted; later calls read the cache."""

    def make() -> Arrays:
        """Compute what is cached."""
        smiles = distinct_molecules(texts, tools, "training set").smiles
        found: Any = tools.facts(smiles, ["ring systems"], "ring systems of the training set")["ring systems"]
        return {"systems": np.unique(hashes({system for systems in found for system in systems}))}

    return tools.cached(texts, "rings", make)["systems"]


def hashes(texts: Iterable[str]) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each text."""
    joined = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts)
    return np.frombuffer(joined, np.uint64)


def seen_molecules(texts: Sequence[str], tools: Tools) -> SeenMolecules:
    """Make training texts canonical with the installed RDKit and hash them; later calls read the cache."""

    def make() -> Arrays:
        """Compute what is cached."""
        distinct = distinct_molecules(texts, tools, "training set")
        return {"smiles": np.unique(hashes(distinct.smiles)), "flat": np.unique(hashes(distinct.flat))}

    return SeenMolecules(**tools.cached(texts, "seen", make))
