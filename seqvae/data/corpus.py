"""The texts of a run: read from a file or a named dataset, with their domain and split."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from seqvae.config import DataConfig, RunConfig, suggestion
from seqvae.data.audit import Audit, audit
from seqvae.data.columns import Columns, number
from seqvae.data.datasets.registry import list_cards, load_dataset
from seqvae.data.files.readers import ReadSettings, RecordReader
from seqvae.data.splits import Split, carve_valid, group_split, groups_of, random_split
from seqvae.errors import ConfigError, InputError, SeqVAEWarning, UsageError
from seqvae.sequences.domain import MOLECULES, Domain, detect, domain_of

_LOOKED_AT = 200  # texts that decide whether all are SELFIES


@dataclass(frozen=True)
class Texts:
    """Texts as read, with their lines.

    Attributes:
        texts: as in the source.
        lines: line (or record) of each in its file.
        source: name of the file or dataset.
        domain: of the texts.
        published: the dataset's own split, if it has one.
        columns: labels and weights of each text.
    """

    texts: list[str]
    lines: list[int]
    source: str
    domain: Domain
    published: Split | None
    columns: Columns


def read_texts(config: DataConfig) -> Texts:
    """Read a dataset by name, or a file.

    Raises:
        ConfigError: no source is named, a column is missing from a dataset, or shares of parts that it does not have.
        UsageError: there is neither such a file nor such a dataset.
        InputError: it cannot be read.
    """
    if not config.source:
        raise ConfigError("data.source: expected a dataset's name (seqvae data list) or a file, got nothing")
    if config.source != "-" and not Path(config.source).is_file():
        return _read_dataset(config)
    if config.shares:
        raise ConfigError(f"data.shares: {config.source} is a file, not a dataset made of others; leave it out")
    wanted = [*config.label_names, *([config.weights] if config.weights else [])]
    settings = ReadSettings(column=config.column, on_error=config.on_error, keep=tuple(wanted))
    reader = RecordReader(config.source, settings)
    texts, lines = [], []
    values: dict[str, list[float]] = {name: [] for name in wanted}
    for record in reader:
        texts.append(record.text)
        lines.append(record.line)
        for name, column in values.items():
            column.append(number(record.fields[name], name, config.source, record.line))
        if len(texts) == config.limit:
            break
    if reader.summary.rejected:
        where = reader.summary.reject_file
        warnings.warn(f"{reader.summary.rejected} invalid records left out, see {where}", SeqVAEWarning, stacklevel=2)
    columns = Columns.of(len(texts), values, config.label_names, config.weights)
    domain = detect(texts, config.source)
    return Texts(as_smiles(texts, domain), lines, config.source, domain, None, columns)


def _read_dataset(config: DataConfig) -> Texts:
    names = [card.name for card in list_cards()]
    if config.source not in names:
        looks_like_a_file = "/" in config.source or "." in config.source
        reason = "no such file" if looks_like_a_file else f"no such file or dataset{suggestion(config.source, names)}"
        raise UsageError(f"{config.source}: {reason}")
    data = load_dataset(config.source, shares=config.share_of)
    texts = data.texts[: config.limit or None]
    published = data.split if data.card.published and not config.limit else None
    wanted = [*config.label_names, *([config.weights] if config.weights else [])]
    for name in wanted:
        if name not in data.values:
            known = ", ".join(data.values) or "none"
            raise ConfigError(f"data.labels, data.weights: dataset {config.source} has no {name!r}; it has {known}")
    values = {name: data.values[name][: len(texts)].tolist() for name in wanted}
    columns = Columns.of(len(texts), values, config.label_names, config.weights)
    lines = list(range(1, len(texts) + 1))
    return Texts(texts, lines, config.source, domain_of(data.card.kind), published, columns)


def as_smiles(texts: list[str], domain: Domain) -> list[str]:
    """Return molecules written in SELFIES as SMILES, and any other texts unchanged.

    An invalid SELFIES among valid ones is left unchanged: the next reader reports what is wrong with it.
    """
    if domain.name != MOLECULES:
        return texts
    from seqvae.sequences.molecules import selfies_to_smiles, written_in_selfies  # RDKit: only for molecules

    if not written_in_selfies(texts[:_LOOKED_AT]):
        return texts
    found = []
    for text in texts:
        try:
            found.append(selfies_to_smiles(text))
        except InputError:
            found.append(text)
    return found


def split_texts(found: Texts, run: RunConfig) -> Split:
    """Return which texts are for training, validation and testing.

    A text that cannot be read is in some split like any other: packing reports what is wrong with it.

    Raises:
        ConfigError: the published split of a source without one.
        InvalidMoleculeError: a scaffold split of texts that are not packed as molecules, and one is no molecule.
    """
    data, seed, kind = run.data, run.training.seed, run.tokenizer.kind
    if data.split == "published":
        if found.published is None:
            raise ConfigError(f"data.split: {found.source} has no published split; use random, scaffold or dedup")
        return carve_valid(found.published, data.valid_fraction, seed)
    if data.split in ("scaffold", "dedup"):
        groups = groups_of(found.texts, data.split, kind)
        return group_split(groups, data.valid_fraction, data.test_fraction, seed)
    return random_split(len(found.texts), data.valid_fraction, data.test_fraction, seed)


def audit_source(source: str, column: str = "", kind: str = "auto") -> Audit:
    """Read a dataset by name, or a file, and audit it; leaks are counted by the dataset's published split.

    Args:
        source: as `DataConfig.source`.
        column: of the texts in a table; by default the only obvious column.
        kind: `smiles`, `dna`, `rna`, `protein`, `char`, or `auto`.

    Raises:
        UsageError: an unknown kind, or neither such a file nor such a dataset.
        InputError: it cannot be read.
    """
    found = read_texts(DataConfig(source=source, column=column))
    guessed = found.domain.tokenizers[-1] if kind == "auto" else kind  # `smiles`, which can represent any molecule
    return audit(found.texts, guessed, split=found.published, lines=found.lines)
