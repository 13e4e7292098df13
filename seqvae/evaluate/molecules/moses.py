"""The metrics of MOSES and GuacaMol for generated molecules, in one table.

MOSES: Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644, from which the metrics have their names. What each is
taken over follows its program: `valid` all samples; `unique@k` the first k valid ones; `Novelty` the distinct valid
ones; all others the valid ones, repeated as they were sampled. Properties are compared with the test set by
Wasserstein distance.

| name | what |
| --- | --- |
| `valid`, `unique@1000`, `unique@10000`, `Novelty` | shares; samples with one canonical SMILES are the same |
| `FCD/Test`, `SNN/Test`, `Frag/Test`, `Scaf/Test` | against the test set; `/TestSF`: that of unseen scaffolds |
| `IntDiv`, `IntDiv2`, `Filters` | of the samples alone |
| `radicals`, `rings above 8 atoms`, `anti-Bredt bonds`, `four-membered heterocycles` | shares of samples |
| `unseen ring systems` | share of samples with a ring system that no training molecule has |
| `logP`, `SA`, `QED`, `weight` | Wasserstein distances |
| `unique@1000 without stereo`, ... | samples that differ in stereo alone are the same |
| `SNN/Test with stereo`, ... | fingerprints with chirality |
| `guacamol/validity`, `.../uniqueness`, `.../novelty`, `.../KL`, `.../FCD` | GuacaMol's five, up to 1 each |
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from seqvae.errors import InputError
from seqvae.evaluate.bootstrap import (
    Interval,
    Metric,
    bootstrap_intervals,
    cosine_metric,
    mean_metric,
    share_interval,
    wasserstein_metric,
)
from seqvae.evaluate.molecules import guacamol
from seqvae.evaluate.molecules.descriptors import PROPERTIES
from seqvae.evaluate.molecules.fcd import Gaussian, frechet
from seqvae.evaluate.molecules.oddities import ODDITIES
from seqvae.evaluate.molecules.reference_cache import (
    Distinct,
    MoleculeReference,
    Tools,
    chemnet_gaussian,
    distinct_molecules,
    hashes,
    molecule_reference,
    seen_molecules,
    seen_ring_systems,
    stereo_fingerprints,
)
from seqvae.evaluate.molecules.tanimoto import internal_diversity, mean_similarities, nearest_similarity
from seqvae.evaluate.records import Generation, GenerationSettings, References

_FIRST = (1000, 10000)  # samples of unique@k
_EXAMPLES = 100
_PLOTTED = 5000  # values of a property kept for plots

Metrics = dict[str, tuple[float, Metric | None]]  # each with how it is resampled, where it can be


@dataclass(frozen=True)
class SampledMolecules:
    """The valid samples and what the metrics need to know about them.

    Attributes:
        distinct: each once, with its count.
        samples: how many samples there were.
        fingerprints: uint8 `(distinct, 128)`.
        stereo: the same with chirality.
        fragments: BRICS fragments of each.
        scaffolds: the scaffold of each, as a list; empty where there is none.
        properties: float64 `(distinct, 4)`, logP, SA, QED and g/mol.
        passes: bool `(distinct,)`: whether each passes MOSES' filters.
        oddities: bool `(distinct, 4)`, in the order of `ODDITIES`.
        ring_systems: of each.
        chemnet: the Gaussian of the activations of all valid samples.
    """

    distinct: Distinct
    samples: int
    fingerprints: NDArray[np.uint8]
    stereo: NDArray[np.uint8]
    fragments: list[list[str]]
    scaffolds: list[list[str]]
    properties: NDArray[np.float64]
    passes: NDArray[np.bool_]
    oddities: NDArray[np.bool_]
    ring_systems: list[list[str]]
    chemnet: Gaussian

    @property
    def shares(self) -> NDArray[np.float64]:
        """The share of each distinct sample among the valid ones."""
        return self.distinct.counts / self.distinct.counts.sum()

    def mean(self, values: NDArray[Any]) -> tuple[float, Metric | None]:
        """Return the mean over all valid samples of a value of each distinct one, and how it is resampled."""
        numbers, often = values.astype(np.float64), self.distinct.counts
        return float(often @ numbers / often.sum()), mean_metric(numbers)


def molecule_metrics(samples: Sequence[str], references: References, settings: GenerationSettings) -> Generation:
    """Compare sampled molecules with real ones.

    Args:
        samples: SMILES as generated.
        references: the test set, and, where available, a second one of unseen scaffolds and the training set.
        settings: how the work is done.

    Returns:
        The metrics of the table above; one that is not defined (scaffolds where there are no rings) is left out. All
        have intervals except `unique@k`, `FCD`, `IntDiv2` and GuacaMol's.

    Raises:
        InputError: fewer than two samples, or texts of a reference, are molecules.
    """
    tools = Tools(settings)
    sampled = _sampled(samples, tools)
    test = molecule_reference(references.test, tools, "test set", properties=True)
    against = {"Test": test}
    if references.test_scaffolds:
        texts = references.test_scaffolds
        against["TestSF"] = molecule_reference(texts, tools, "scaffold test set", properties=False)
    rows, flat, smiles = sampled.distinct.rows, sampled.distinct.flat, sampled.distinct.smiles
    metrics: Metrics = {"valid": (len(rows) / len(samples), None)}
    metrics |= {f"unique@{k}": (len(np.unique(rows[:k])) / len(rows[:k]), None) for k in _FIRST}
    for k in _FIRST if settings.stereo else ():
        different = {flat[row] for row in rows[:k].tolist()}
        metrics[f"unique@{k} without stereo"] = (len(different) / len(rows[:k]), None)
    for name, real in against.items():
        metrics |= _beside(sampled, real, name, tools)
    metrics |= _alone(sampled, tools)
    pairs = {name: (sampled.properties[:, i], test.properties[:, i]) for i, name in enumerate(PROPERTIES)}
    for name, (ours, theirs) in pairs.items():
        compute = wasserstein_metric(ours, theirs)
        metrics[name] = (compute(sampled.shares), compute)
    metrics |= _against_training(sampled, references, tools)
    counts = {"samples": len(samples), "valid": len(rows), "distinct": len(smiles), "reference": test.count}
    counts |= {"scaffold reference": against["TestSF"].count} if "TestSF" in against else {}
    counts |= {"training": len(references.training)} if references.training else {}
    return Generation(
        kind="molecules",
        metrics={name: value for name, (value, _) in metrics.items()},
        intervals=_intervals(sampled, metrics, settings),
        histograms={name: (_picked(ours[rows]), _picked(theirs)) for name, (ours, theirs) in pairs.items()},
        examples=[smiles[row] for row in dict.fromkeys(rows.tolist())][:_EXAMPLES],
        counts=counts,
    )


def _sampled(samples: Sequence[str], tools: Tools) -> SampledMolecules:
    distinct = distinct_molecules(samples, tools, "samples")
    if len(distinct.rows) < 2:
        raise InputError(
            f"expected at least 2 samples that RDKit can read as molecules, got {len(distinct.rows)} among "
            f"{len(samples)} (the first sample: {samples[0][:60]!r}): give SMILES, one per line"
        )
    columns = ["fingerprint", "fragments", "scaffold", "properties", "passes", "oddities", "ring systems"]
    found: dict[str, Any] = tools.facts(distinct.smiles, columns, "statistics of the samples")
    return SampledMolecules(
        distinct,
        len(samples),
        found["fingerprint"],
        stereo_fingerprints(distinct, found["fingerprint"], tools, "samples"),
        found["fragments"],
        [[name] if name else [] for name in found["scaffold"]],
        found["properties"],
        found["passes"],
        found["oddities"],
        found["ring systems"],
        chemnet_gaussian(distinct, tools, "samples"),
    )


def _beside(sampled: SampledMolecules, real: MoleculeReference, name: str, tools: Tools) -> Metrics:
    """The metrics that compare the samples with one reference."""
    device, told = tools.settings.device, tools.told(f"nearest neighbours, {name}")
    metrics: Metrics = {f"FCD/{name}": (frechet(sampled.chemnet, real.chemnet), None)}
    plain = sampled.mean(nearest_similarity(sampled.fingerprints, real.fingerprints, device, told))
    metrics[f"SNN/{name}"] = plain
    metrics |= _alike(sampled, sampled.fragments, real.fragments, f"Frag/{name}")
    metrics |= _alike(sampled, sampled.scaffolds, real.scaffolds, f"Scaf/{name}")
    if tools.settings.stereo:
        same = sampled.stereo is sampled.fingerprints and real.stereo is real.fingerprints
        metrics[f"SNN/{name} with stereo"] = (
            plain if same else sampled.mean(nearest_similarity(sampled.stereo, real.stereo, device, told))
        )
    return metrics


def _alike(sampled: SampledMolecules, lists: list[list[str]], reference: dict[str, int], name: str) -> Metrics:
    """The cosine similarity of how often substructures occur; nothing where samples or reference have none."""
    names = {part: number for number, part in enumerate(dict.fromkeys(part for parts in lists for part in parts))}
    if not names or not reference:
        return {}
    columns = [names[part] for parts in lists for part in parts]
    starts = np.cumsum([0, *map(len, lists)])
    table = csr_array((np.ones(len(columns)), np.asarray(columns), starts), shape=(len(lists), len(names)))
    compute = cosine_metric(
        table, np.asarray([reference.get(part, 0) for part in names], float), math.hypot(*reference.values())
    )
    return {name: (compute(sampled.shares), compute)}


def _alone(sampled: SampledMolecules, tools: Tools) -> Metrics:
    """The metrics of the samples alone."""
    often = sampled.distinct.counts
    told = tools.told("internal diversity")
    mean, squared = mean_similarities(sampled.fingerprints, often, tools.settings.device, told)
    first, second = internal_diversity(mean, squared, often)

    def resampled(shares: NDArray[np.float64]) -> float:
        """IntDiv of these shares, to first order: a mean over pairs moves twice as far as one over rows."""
        return 1 - (2 * float(shares @ mean) - (1 - first))

    odd = {name: sampled.mean(sampled.oddities[:, i]) for i, name in enumerate(ODDITIES)}
    return {"IntDiv": (first, resampled), "IntDiv2": (second, None), "Filters": sampled.mean(sampled.passes), **odd}


def _against_training(sampled: SampledMolecules, references: References, tools: Tools) -> Metrics:
    """Novelty, and GuacaMol's metrics: against the training set, or the test set where that is all there is."""
    metrics: Metrics = {}
    unseen = None
    if references.training:
        seen = seen_molecules(references.training, tools)
        new = seen.unseen(sampled.distinct.smiles)
        metrics["Novelty"] = (new / len(sampled.distinct.smiles), None)
        known = seen_ring_systems(references.training, tools)
        strange = [not bool(np.isin(hashes(systems), known).all()) for systems in sampled.ring_systems]
        metrics["unseen ring systems"] = sampled.mean(np.array(strange))
        unseen = seen.unseen(guacamol.first_distinct(sampled.distinct, sampled.samples), flat=True)
    if tools.settings.guacamol:
        real = guacamol.baseline(references.training or references.test, tools)
        found = guacamol.guacamol_metrics(sampled.distinct, sampled.samples, unseen, real, tools)
        found["FCD"] = guacamol.fcd_score(sampled.distinct, sampled.chemnet, real, tools)
        metrics |= {f"guacamol/{name}": (value, None) for name, value in found.items()}
    return metrics


def _intervals(sampled: SampledMolecules, metrics: Metrics, settings: GenerationSettings) -> dict[str, Interval]:
    if not settings.bootstrap:
        return {}
    resampled = {name: (value, compute) for name, (value, compute) in metrics.items() if compute is not None}
    found = bootstrap_intervals(resampled, sampled.distinct.counts, settings.bootstrap, settings.seed)
    for name, total in (("valid", sampled.samples), ("Novelty", len(sampled.distinct.smiles))):
        if name in metrics:
            hits = round(metrics[name][0] * total)
            found[name] = share_interval(hits, total, settings.bootstrap, settings.seed)
    # An interval ends where its metric does: no distance is below 0, and no share or similarity above 1.
    ends = {name: math.inf if name in PROPERTIES else 1.0 for name in metrics}
    return {name: (max(0.0, found[name][0]), min(end, found[name][1])) for name, end in ends.items() if name in found}


def _picked(values: NDArray[np.float64]) -> list[float]:
    """The values in order, evenly thinned out if there are very many: the distribution stays the same."""
    ordered = np.sort(values)
    picks = np.linspace(0, len(ordered) - 1, min(_PLOTTED, len(ordered))).round().astype(int)
    return ordered[picks].tolist()
