"""The figures of MOSES and GuacaMol for generated molecules, in one table.

MOSES: Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644, whose names the figures have. What a figure is taken over
follows its program: `valid` all samples; `unique@k` the first k valid ones; `Novelty` the distinct valid ones; all
others the valid ones, repeated as they were sampled. The properties' figures are Wasserstein distances to the test set.

| name | what |
| --- | --- |
| `valid`, `unique@1000`, `unique@10000`, `Novelty` | shares; two samples are one if their canonical SMILES are |
| `FCD/Test`, `SNN/Test`, `Frag/Test`, `Scaf/Test` | beside the test set; `/TestSF`: the one of unseen scaffolds |
| `IntDiv`, `IntDiv2`, `Filters` | of the samples alone |
| `logP`, `SA`, `QED`, `weight` | Wasserstein distances |
| `unique@1000 without stereo`, ... | two samples are one if they differ in stereo alone |
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
from seqvae.evaluate.molecules.reference_cache import (
    Distinct,
    MoleculeReference,
    Tools,
    chemnet_gaussian,
    distinct_molecules,
    molecule_reference,
    seen_molecules,
    stereo_fingerprints,
)
from seqvae.evaluate.molecules.tanimoto import internal_diversity, mean_similarities, nearest_similarity
from seqvae.evaluate.records import Generation, GenerationSettings, References

_FIRST = (1000, 10000)  # of unique@k
_EXAMPLES = 100
_PLOTTED = 5000  # values of a property kept for plots

Metrics = dict[str, tuple[float, Metric | None]]  # each with how it is resampled, where it can be


@dataclass(frozen=True)
class SampledMolecules:
    """The valid samples and what the figures need to know of them.

    Args:
        distinct: each once, with its count.
        samples: how many samples there were.
        fingerprints: uint8 `(distinct, 128)`.
        stereo: the same with chirality.
        fragments: of each.
        scaffolds: of each; an empty list where there is none.
        properties: float64 `(distinct, 4)`.
        passes: bool `(distinct,)`: MOSES' filters.
        chemnet: of all valid samples.
    """

    distinct: Distinct
    samples: int
    fingerprints: NDArray[np.uint8]
    stereo: NDArray[np.uint8]
    fragments: list[list[str]]
    scaffolds: list[list[str]]
    properties: NDArray[np.float64]
    passes: NDArray[np.bool_]
    chemnet: Gaussian

    @property
    def shares(self) -> NDArray[np.float64]:
        """Share of each distinct sample among the valid ones."""
        return self.distinct.counts / self.distinct.counts.sum()

    def mean(self, values: NDArray[Any]) -> tuple[float, Metric | None]:
        """Return the mean over all valid samples of a value of each distinct one, and how it is resampled."""
        numbers, often = values.astype(np.float64), self.distinct.counts
        return float(often @ numbers / often.sum()), mean_metric(numbers)


def molecule_metrics(samples: Sequence[str], references: References, settings: GenerationSettings) -> Generation:
    """Compare sampled molecules with real ones.

    Args:
        samples: SMILES as generated.
        references: the test set; a second one of unseen scaffolds and the training set, where they are at hand.
        settings: how the work is done.

    Returns:
        The figures of the table above; one that is not defined (scaffolds where there are no rings) is left out. All
        have intervals but `unique@k`, `FCD`, `IntDiv2` and GuacaMol's.

    Raises:
        InputError: fewer than two samples, or texts of a reference, are molecules.
    """
    tools = Tools(settings)
    sampled = _sampled(samples, tools)
    against = {"Test": molecule_reference(references.test, tools, "test set", properties=True)}
    if references.test_scaffolds:
        texts = references.test_scaffolds
        against["TestSF"] = molecule_reference(texts, tools, "scaffold test set", properties=False)
    metrics = _shares(sampled, settings)
    for name, real in against.items():
        metrics |= _beside(sampled, real, name, tools)
    metrics |= _alone(sampled, tools)
    metrics |= _property_distances(sampled, against["Test"])
    metrics |= _against_training(sampled, references, tools)
    return Generation(
        kind="molecules",
        metrics={name: value for name, (value, _) in metrics.items()},
        intervals=_intervals(sampled, metrics, settings),
        histograms=_histograms(sampled, against["Test"]),
        examples=[sampled.distinct.smiles[row] for row in dict.fromkeys(sampled.distinct.rows.tolist())][:_EXAMPLES],
        counts=_counts(sampled, against, references),
    )


def _sampled(samples: Sequence[str], tools: Tools) -> SampledMolecules:
    distinct = distinct_molecules(samples, tools, "samples")
    if len(distinct.rows) < 2:
        raise InputError(
            f"{len(distinct.rows) or 'none'} of the {len(samples)} samples is a molecule that RDKit can read (the "
            f"first sample: {samples[0][:60]!r}): expected 2 or more; are they SMILES, one a line?"
        )
    columns = ["fingerprint", "fragments", "scaffold", "properties", "passes"]
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
        chemnet_gaussian(distinct, tools, "samples"),
    )


def _shares(sampled: SampledMolecules, settings: GenerationSettings) -> Metrics:
    """Valid and unique samples."""
    rows, flat = sampled.distinct.rows, sampled.distinct.flat
    metrics: Metrics = {"valid": (len(rows) / sampled.samples, None)}
    for k in _FIRST:
        metrics[f"unique@{k}"] = (len(np.unique(rows[:k])) / len(rows[:k]), None)
    for k in _FIRST if settings.stereo else ():
        different = {flat[row] for row in rows[:k].tolist()}
        metrics[f"unique@{k} without stereo"] = (len(different) / len(rows[:k]), None)
    return metrics


def _beside(sampled: SampledMolecules, real: MoleculeReference, name: str, tools: Tools) -> Metrics:
    """The figures that compare the samples with one reference."""
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
    """Cosine similarity of how often substructures occur; nothing where a side has none."""
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
    """The figures of the samples alone."""
    often = sampled.distinct.counts
    told = tools.told("internal diversity")
    mean, squared = mean_similarities(sampled.fingerprints, often, tools.settings.device, told)
    first, second = internal_diversity(mean, squared, often)

    def resampled(shares: NDArray[np.float64]) -> float:
        """IntDiv of these shares, to first order: a mean over pairs moves twice as far as one over their rows."""
        return 1 - (2 * float(shares @ mean) - (1 - first))

    return {
        "IntDiv": (first, resampled),
        "IntDiv2": (second, None),
        "Filters": sampled.mean(sampled.passes),
    }


def _property_distances(sampled: SampledMolecules, test: MoleculeReference) -> Metrics:
    """Wasserstein distances of the properties."""
    metrics: Metrics = {}
    for column, name in enumerate(PROPERTIES):
        compute = wasserstein_metric(sampled.properties[:, column], test.properties[:, column])
        metrics[name] = (compute(sampled.shares), compute)
    return metrics


def _against_training(sampled: SampledMolecules, references: References, tools: Tools) -> Metrics:
    """Novelty, and GuacaMol's figures: beside the training set, or the test set where that is all there is."""
    metrics: Metrics = {}
    unseen = None
    if references.training:
        seen = seen_molecules(references.training, tools)
        new = seen.unseen(sampled.distinct.smiles)
        metrics["Novelty"] = (new / len(sampled.distinct.smiles), None)
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
    return {name: _possible(name, found[name]) for name in metrics if name in found}


def _possible(name: str, interval: Interval) -> Interval:
    """Cut an interval where its figure ends: no distance is below 0, and no share or similarity above 1."""
    low, high = interval
    return max(0.0, low), high if name in PROPERTIES else min(1.0, high)


def _histograms(sampled: SampledMolecules, test: MoleculeReference) -> dict[str, tuple[list[float], list[float]]]:
    ours = sampled.properties[sampled.distinct.rows]
    return {
        name: (_picked(ours[:, column]), _picked(test.properties[:, column])) for column, name in enumerate(PROPERTIES)
    }


def _picked(values: NDArray[np.float64]) -> list[float]:
    """The values in order, or evenly picked ones of very many: the distribution stays as it is."""
    ordered = np.sort(values)
    picks = np.linspace(0, len(ordered) - 1, min(_PLOTTED, len(ordered))).round().astype(int)
    return ordered[picks].tolist()


def _counts(sampled: SampledMolecules, against: dict[str, MoleculeReference], references: References) -> dict[str, int]:
    found = {
        "samples": sampled.samples,
        "valid": len(sampled.distinct.rows),
        "distinct": len(sampled.distinct.smiles),
        "reference": against["Test"].count,
    }
    if "TestSF" in against:
        found["scaffold reference"] = against["TestSF"].count
    if references.training:
        found["training"] = len(references.training)
    return found
