"""The columns of a map's rows: those of the file, properties, likelihood, and groups in latent space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.config import INFERENCE_BATCH, MapConfig
from seqvae.data.files.carried import Carried
from seqvae.data.files.records import Record
from seqvae.data.files.writers import NAME
from seqvae.data.numbers import numbers
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.errors import RecordError
from seqvae.infer.likelihood import Progress, weigh
from seqvae.latent.codec import Codec
from seqvae.properties.columns import Columns
from seqvae.runtime.streams import MAP_CLUSTERS

LIKELIHOOD, UNFAMILIARITY, CLUSTER, OFF_PLANE = "log_p", "unfamiliarity", "cluster", "distance_from_plane"
_MOLECULAR = ("qed", "logp", "molecular_weight")
_CATEGORIES = 30  # different texts of a column that is shown as groups
_ABOUT = {
    LIKELIHOOD: "log p(x) by importance sampling, a lower bound on average, nats",
    UNFAMILIARITY: "reconstruction loss from the encoder's point, nats a token; low: familiar",
    CLUSTER: "group by k-means of z, the largest first",
    OFF_PLANE: "how far the point lies from the plane of the slice, in units of z",
}


@final
@dataclass(frozen=True, eq=False)
class Column:
    """A column of a map.

    Attributes:
        title: its name.
        values: `(rows,)` float64 with NaN where a value is missing, or a text per row.
        about: what it is, for readers; empty for columns of the file.
    """

    title: str
    values: NDArray[np.float64] | list[str]
    about: str = ""

    @property
    def numeric(self) -> bool:
        """Whether it holds numbers."""
        return isinstance(self.values, np.ndarray)

    @property
    def colours(self) -> bool:
        """Whether points can be coloured by it: numbers, or texts in few groups."""
        return self.numeric or self.groups

    @property
    def groups(self) -> bool:
        """Whether its texts form groups: few, and on average of two rows or more."""
        return not self.numeric and 1 < len(set(self.values)) <= min(_CATEGORIES, len(self.values) // 2)

    def cell(self, row: int) -> str:
        """Return a cell as text; numbers with four significant digits, a missing one empty."""
        value = self.values[row]
        return value if isinstance(value, str) else "" if np.isnan(value) else f"{value:.4g}"


def file_columns(records: Sequence[Record]) -> list[Column]:
    """Return the columns of the records but their names; those that hold numbers throughout as numbers."""
    found = []
    for title, cells in Carried((LIKELIHOOD, UNFAMILIARITY, CLUSTER, OFF_PLANE)).of(records).items():
        if title == NAME:
            continue
        try:
            values, _ = numbers(cells, title, "", [one.line for one in records])
        except RecordError:
            found.append(Column(title, cells))
            continue
        known = np.asarray(values, np.float64)
        found.append(Column(title, cells) if np.isnan(known).all() else Column(title, known))
    return found


def property_columns(codec: Codec, forms: Sequence[str], names: Sequence[str], taken: Sequence[str]) -> list[Column]:
    """Return properties of the rows; by default those of the model's domain that the file does not have.

    Raises:
        UsageError: as `properties.get`.
    """
    chosen = list(names)
    if not chosen:
        alphabet = codec.tokenizer.domain.alphabet
        pairs = alphabet is not None and alphabet.complements
        chosen = list(_MOLECULAR) if codec.tokenizer.molecular else ["dna:gc"] if pairs else []
        there = {title.lower() for title in taken}
        chosen = [name for name in chosen if name.lower() not in there]
    compute = Columns(chosen)
    about = {one.name: one.about for one in compute.properties}
    return [Column(title, values, about.get(title, "")) for title, values in compute(forms).items()]


def encoded(
    codec: Codec, read: TokenizedTexts, config: MapConfig, progress: Progress | None, batch_size: int = INFERENCE_BATCH
) -> tuple[NDArray[np.float32], list[Column]]:
    """Return the posterior mean of each row, and what the row costs the model, if that is asked for."""
    if not config.samples:
        means = []
        for start in range(0, len(read), 4 * batch_size):
            part = read.take(range(start, min(start + 4 * batch_size, len(read))))
            means.append(codec.encode(part, batch_size, refine=0).numpy())
            if progress is not None:
                progress(start + len(part), len(read))
        return np.concatenate(means), []
    found = weigh(codec, read, config.samples, 0, config.seed, batch_size, progress)
    ends = np.array([len(ids) + 1 for ids in read.ids])  # the end is a token too
    columns = {LIKELIHOOD: found.log_p.numpy(), UNFAMILIARITY: found.loss.numpy() / ends}
    return found.posterior.mean.numpy(), [Column(title, values, _ABOUT[title]) for title, values in columns.items()]


def cluster_column(z: NDArray[np.float32], count: int, seed: int) -> list[Column]:
    """Return the groups of the rows in latent space, `1` the largest; nothing where none or too many are wanted."""
    if not 1 < count < len(z):
        return []
    from sklearn.cluster import MiniBatchKMeans

    labels = MiniBatchKMeans(count, random_state=MAP_CLUSTERS.seed(seed) % 2**32, n_init=3).fit_predict(z)
    order = np.argsort(-np.bincount(labels, minlength=count), kind="stable")
    ranks = np.empty(count, int)
    ranks[order] = np.arange(1, count + 1)
    return [Column(CLUSTER, [str(rank) for rank in ranks[labels].tolist()], _ABOUT[CLUSTER])]


def off_plane_column(distances: NDArray[np.float64]) -> Column:
    """Return how far each row lies from the plane of a slice."""
    return Column(OFF_PLANE, distances, _ABOUT[OFF_PLANE])
