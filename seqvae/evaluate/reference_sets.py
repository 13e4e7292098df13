"""The real texts that samples are compared with: splits of a named dataset, or whole files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.config import DataConfig, ModelConfig, RunConfig, TokenizerConfig
from seqvae.data.corpus import as_smiles, read_texts, resolved_split, split_texts
from seqvae.data.datasets.cards import unknown_source
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.files.formats import kind_of
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.data.files.records import Record
from seqvae.errors import InputError
from seqvae.evaluate.records import References
from seqvae.latent.conditions import ReadConditions, conditions_of
from seqvae.sequences.alphabet import Alphabet
from seqvae.sequences.domain import LETTERS, detected, domain_of

SCAFFOLDS = "test_scaffolds"  # the split of MOSES whose scaffolds are in no other


@dataclass(frozen=True)
class Splits:
    """Real texts that samples are compared with.

    Attributes:
        name: the dataset or file of the test texts.
        kind: name of their domain.
        test: held-out texts.
        test_scaffolds: a second test set, of scaffolds that training lacks; empty if there is none.
        train: texts that novelty is counted against; empty if none are known.
        train_name: the dataset or file of these; "" if none are known.
        why: why the test texts are taken to be of this kind; "" for a dataset.
        conditions: of the test texts, in the order of the model that they were read for; None: none are known.
        conditions_said: in one line, which of the model's conditions the data have; empty for a model without any.
    """

    name: str
    kind: str
    test: list[str]
    test_scaffolds: list[str] = field(default_factory=list)
    train: list[str] = field(default_factory=list)
    train_name: str = ""
    why: str = ""
    conditions: NDArray[np.float32] | None = None
    conditions_said: str = ""

    @property
    def generates(self) -> bool:
        """Whether there are metrics of samples for this kind."""
        return self.kind != LETTERS

    @property
    def references(self) -> References:
        """These texts as `generation` takes them.

        Raises:
            InputError: they are neither molecules nor sequences of a known alphabet.
        """
        if not self.generates:
            raise InputError(
                f"{self.name}: holds neither molecules nor DNA, RNA or proteins, the only kinds that samples can be "
                "compared with"
            )
        return References(self.kind, self.test, self.test_scaffolds, self.train)


def read_splits(
    reference: str,
    train: str = "",
    column: str | ReadSettings = "",
    run: RunConfig | None = None,
    progress: bool = True,
) -> Splits:
    """Read the texts to compare with.

    The test split of a dataset is the published one, or else the one that `seqvae train` holds out, with the settings
    of `run` if these name the same dataset, and the default ones otherwise.

    Args:
        reference: name of a dataset, or a file, all of which is then test texts.
        train: name of a dataset, whose training split is taken, or a file; by default that of the reference's dataset.
        column: column of the texts in a file that is a table, by default the only one that fits; or all settings of
            reading.
        run: settings of the model that made the samples, if known.
        progress: show a bar for downloads, where standard error is a terminal.

    Raises:
        InputError: there is no such file or dataset, it has no test texts, or they are of another kind.
        DownloadError: the dataset is not on this machine and cannot be downloaded.
    """
    splits = _read(reference, column, run, progress)
    if not splits.test:
        raise InputError(f"{reference}: the dataset has no test split; give a file of held-out texts instead")
    if train and train != reference:
        other = _read(train, column, run, progress)
        if other.kind != splits.kind:
            raise InputError(
                f"{train} holds {other.kind}, the reference {reference} {splits.kind}: give training texts of its kind"
            )
        splits = replace(splits, train=other.train or other.test, train_name=train)
    elif train:
        splits = replace(splits, train=splits.train or splits.test, train_name=train)
    return splits


def _read(name: str, column: str | ReadSettings, run: RunConfig | None, progress: bool) -> Splits:
    if name == "-" or Path(name).is_file():
        records = _records(name, column, every=run is not None and bool(run.model.conditions))
        texts = _texts(records, name)
        kind = detected(texts, name)
        known = conditions_of(records, run.model, name) if run else ReadConditions()
        return Splits(name, kind.domain.name, texts, why=kind.why, conditions=known.rows, conditions_said=known.said)
    if reason := unknown_source(name):
        raise InputError(reason)
    model = run.model if run else ModelConfig()
    if run is not None and run.data.source != name:
        run = None
    data = load_dataset(name, shares=run.data.share_of if run else None, progress=progress)
    domain = domain_of(data.card.kind)
    if data.card.published and (run is None or run.data.split in ("published", "auto")):
        split = data.split
        scaffolds = [text for text, label in zip(data.texts, data.labels, strict=True) if label == SCAFFOLDS]
        texts = data.texts
    else:
        if run is None:  # what `seqvae train` does with a dataset that has no published split
            run = RunConfig(DataConfig(source=name), TokenizerConfig(kind=domain.tokenizers[0]))
        found = read_texts(run.data)
        chosen, duplicates = resolved_split(found, run.data.split, run.tokenizer.kind)
        run = replace(run, data=replace(run.data, split=chosen))
        split, scaffolds, texts = split_texts(found, run, duplicates), [], found.texts
    test, train = ([texts[i] for i in rows.tolist()] for rows in (split.test, split.train))
    known = ReadConditions()
    if model.conditions:
        records = [Record(texts[i], "", i + 1, {n: f"{v[i]}" for n, v in data.values.items()}) for i in split.test]
        known = conditions_of(records, model, name)
    return Splits(name, domain.name, test, scaffolds, train, name, conditions=known.rows, conditions_said=known.said)


def read_file(source: str, column: str | ReadSettings = "") -> list[str]:
    """Read the texts of a file, or one per line from standard input (`-`).

    Args:
        source: path, or `-`.
        column: column of the texts in a table, or all settings of reading.

    Raises:
        InputError: it is missing, empty, binary or cut short, or lacks the column.
    """
    return _texts(_records(source, column), source)


def _texts(records: Sequence[Record], source: str) -> list[str]:
    texts = [record.text for record in records]
    return as_smiles(texts, detected(texts, source).domain)


def _records(source: str, column: str | ReadSettings, every: bool = False) -> list[Record]:
    """Read the records of a file, with all their columns if asked for; arguments and errors as `read_file`."""
    settings = ReadSettings(column) if isinstance(column, str) else column
    settings = replace(settings, all=True) if every else settings
    try:
        records, _ = read_records(source, settings)
    except InputError:
        if not settings.column or kind_of(source, settings.format) not in ("smi", "txt"):
            raise
        records, _ = read_records(source, replace(settings, column=""))  # a list beside a table: the column is its
    return records


def certain(texts: Sequence[str], alphabet: Alphabet) -> list[str]:
    """Return the sequences without ambiguity codes, in canonical form; all others are left out."""
    return [form for form in map(alphabet.certain, texts) if form is not None]
