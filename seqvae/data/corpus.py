"""The texts of a run: read from a file or a named dataset, with their domain and split."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from seqvae.config import DataConfig, RunConfig
from seqvae.data.audit import Audit, Beside, Finding, audit
from seqvae.data.classes import class_numbers, classes_of
from seqvae.data.columns import Columns
from seqvae.data.datasets.cards import check_source
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.family import Family, family_of, neighbour_weights
from seqvae.data.files.alignments import ALIGNED
from seqvae.data.files.formats import is_alignment
from seqvae.data.files.open import note
from seqvae.data.files.readers import ReadSettings, RecordReader, items_of, standard_record
from seqvae.data.files.records import MISSING_TEXTS, Flaw, Record
from seqvae.data.numbers import censored_note, numbers
from seqvae.data.splits import Duplicates, Split, carve_valid, duplicates_of, group_split, groups_of, random_split
from seqvae.errors import ConfigError, InputError, ReadingNote, RecordError, SeqVAEWarning, UsageError
from seqvae.sequences.alphabet import GAP
from seqvae.sequences.domain import MOLECULES, Domain, detected, domain_of
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

_LOOKED_AT = 200  # texts that decide whether all are SELFIES, or of another kind than a model


@dataclass(frozen=True)
class Texts:
    """Texts as read, with their lines.

    Attributes:
        texts: as in the source.
        lines: line (or record) of each in its file.
        source: name of the file or dataset.
        domain: of the texts.
        published: the dataset's own split, if it has one.
        columns: labels, weights and conditions of each text.
        names: name or id of each in its file; empty where there are none.
        why: why they are taken to be of this domain.
        distinct: molecules of which no two are the same, as is known without looking.
        classes: the classes of each column that holds some.
        family: what the alignment is that the texts are rows of; None where they are not aligned.
    """

    texts: list[str]
    lines: list[int]
    source: str
    domain: Domain
    published: Split | None
    columns: Columns
    names: list[str] = field(default_factory=list)
    why: str = ""
    distinct: bool = False
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    family: Family | None = None


def read_texts(
    config: DataConfig, reject_file: Path | None = None, classes: Mapping[str, tuple[str, ...]] | None = None
) -> Texts:
    """Read a dataset by name, or a file.

    Args:
        config: the source, its columns, and the handling of invalid records.
        reject_file: list of the invalid records; None: beside the source.
        classes: the classes of columns that a model knows already; those of others are what is found.

    Raises:
        ConfigError: no source is named, a column is missing from a dataset, or shares of parts that it does not have.
        UsageError: there is neither such a file nor such a dataset.
        InputError: it cannot be read.
    """
    check_source(config.source)
    if config.source != "-" and not Path(config.source).is_file():
        return _read_dataset(config, classes or {})
    if config.shares:
        raise ConfigError(f"data.shares: {config.source} is a file, not a dataset made of others; leave it out")
    wanted, aligned = _columns(config), is_alignment(config.source, config.format)
    settings = ReadSettings(
        config.column,
        (*wanted, *([ALIGNED] if aligned else [])),
        format=config.format,
        on_error=config.on_error,
        reject_file=reject_file,
        standardize=config.standardize,
        max_characters=config.max_characters,
    )
    reader = RecordReader(config.source, settings)
    texts, lines, names, rows, title = [], [], [], [], ""
    cells: dict[str, list[str]] = {name: [] for name in wanted}
    for record in reader:
        texts.append(record.text)
        lines.append(record.line)
        names.append(record.name)
        title = record.title
        rows.append(record.fields.get(ALIGNED, ""))
        for name, column in cells.items():
            column.append(record.fields[name])
        if len(texts) == config.limit:
            break
    if reader.summary.rejected:
        where = reader.summary.reject_file
        warnings.warn(f"{reader.summary.rejected} invalid records left out, see {where}", SeqVAEWarning, stacklevel=2)
    table = _class_table(cells, config, classes or {})
    values = {}
    for name, column in cells.items():
        if name in table:
            values[name] = class_numbers(column, table[name], name, config.source, lines)
            continue
        try:
            values[name], censored = numbers(column, name, config.source, lines)
        except RecordError as error:
            said = f"{error.reason} (--classes {name}: if its values are classes)"
            raise RecordError(said, file=error.file, line=error.line) from error
        if censored:
            note(f"{config.source}: {censored_note(name, censored)}")
    columns = Columns.of(len(texts), values, config.label_names, config.weights, config.condition_names)
    found = detected([text.replace(GAP, "") for text in texts] if aligned else texts, config.source, title)
    if aligned:
        weights = neighbour_weights(texts, config.identity, found.domain)
        family = family_of(rows, names[0], weights, config.identity)
        columns = replace(columns, weights=weights if columns.weights is None else weights * columns.weights)
        return Texts(texts, lines, config.source, found.domain, None, columns, names, found.why, family=family)
    texts = as_smiles(texts, found.domain)
    return Texts(texts, lines, config.source, found.domain, None, columns, names, found.why, classes=table)


def first_records(config: DataConfig) -> list[str]:
    """Return the texts of the first records of a file, to look at before all is read.

    None of a dataset, and of standard input, which can be read but once; nor where nothing can be read: `read_texts`
    says what is wrong.
    """
    if config.source == "-" or not Path(config.source).is_file():
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadingNote)  # said when all is read
        try:
            settings = ReadSettings(config.column, format=config.format, max_characters=config.max_characters)
            items = islice(items_of(config.source, settings), _LOOKED_AT)
            return [item.text for item in items if isinstance(item, Record)]
        except InputError:
            return []


def _class_table(
    cells: Mapping[str, Sequence[object]], config: DataConfig, known: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return the classes of each column of classes: those that a model knows, or else those that are there."""
    return {
        name: known.get(name) or classes_of(column, name, config.source)
        for name, column in cells.items()
        if name in known or name in config.class_names
    }


def _columns(config: DataConfig) -> list[str]:
    """Return the columns of numbers and classes that are read, each once."""
    weights = [config.weights] if config.weights else []
    return list(dict.fromkeys([*config.label_names, *weights, *config.condition_names]))


def _read_dataset(config: DataConfig, classes: Mapping[str, tuple[str, ...]]) -> Texts:
    data = load_dataset(config.source, shares=config.share_of)
    texts = data.texts[: config.limit or None]
    published = data.split if data.card.published and not config.limit else None
    wanted = _columns(config)
    for name in wanted:
        if name not in data.values:
            known = ", ".join(data.values) or "none"
            raise ConfigError(
                f"data.labels, data.weights, data.conditions: dataset {config.source} has no {name!r}; it has {known}"
            )
    values = {name: data.values[name][: len(texts)].tolist() for name in wanted}
    lines = list(range(1, len(texts) + 1))
    table = _class_table(values, config, classes)
    for name, names in table.items():
        values[name] = class_numbers(values[name], names, name, config.source, lines)
    columns = Columns.of(len(texts), values, config.label_names, config.weights, config.condition_names)
    domain = domain_of(data.card.kind)
    if config.standardize:
        if domain.name != MOLECULES:
            raise ConfigError(f"data.standardize: dataset {config.source} holds no molecules: leave it out")
        texts = [standard_record(Record(text, "", 0)).text for text in texts]  # packing reports those without
    distinct = data.card.distinct and not config.standardize
    return Texts(
        texts,
        lines,
        config.source,
        domain,
        published,
        columns,
        why="by the dataset's card",
        distinct=distinct,
        classes=table,
    )


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


def resolved_split(found: Texts, split: str, kind: str) -> tuple[str, Duplicates | None]:
    """Return the split that `auto` stands for, and the duplicates where the split was chosen by them.

    Args:
        found: the texts.
        split: as in `DataConfig`; anything but `auto` is returned.
        kind: of the tokenizer.
    """
    if split != "auto":
        return split, None
    if found.published is not None:
        return "published", None
    if found.distinct and domain_of(kind).name == MOLECULES:
        return "random", None
    duplicates = duplicates_of(found.texts, kind)
    if domain_of(kind).alphabet:
        return "dedup", duplicates
    if not duplicates.count:
        return "random", duplicates
    return "connectivity" if domain_of(kind).name == MOLECULES else "dedup", duplicates


def split_texts(found: Texts, run: RunConfig, duplicates: Duplicates | None = None) -> Split:
    """Return which texts are for training, validation and testing.

    A text that cannot be read is in some split like any other: packing reports what is wrong with it.

    Args:
        found: the texts.
        run: settings, in which the split is named.
        duplicates: as `resolved_split` found them, so that they are not looked for again.

    Raises:
        ConfigError: the published split of a source without one.
        InvalidMoleculeError: a scaffold split of texts that are not packed as molecules, and one is no molecule.
    """
    data, seed, kind = run.data, run.training.seed, run.tokenizer.kind
    if data.split == "published":
        if found.published is None:
            raise ConfigError(f"data.split: {found.source} has no published split; use random, scaffold or dedup")
        return carve_valid(found.published, data.valid_fraction, seed)
    if data.split in ("scaffold", "dedup", "connectivity"):
        known = duplicates is not None and (data.split == "connectivity" or domain_of(kind).name != MOLECULES)
        groups = duplicates.groups if known and duplicates else groups_of(found.texts, data.split, kind)
        return group_split(groups, data.valid_fraction, data.test_fraction, seed)
    return random_split(len(found.texts), data.valid_fraction, data.test_fraction, seed)


def told(found: Texts, kind: str, split: str, sides: Split, duplicates: Duplicates | None) -> list[str]:
    """Return what was read and how it is split, one line for each, for the user."""
    domain, count = domain_of(kind), len(found.texts)
    why = f" ({found.why})" if domain is found.domain and found.why else ""
    lines = [f"{found.source}: {count:,} records, {domain.title}{why}"]
    sizes = ", ".join(f"{len(rows):,} {name}" for name, rows in zip(("train", "valid", "test"), sides, strict=True))
    same = ""
    if duplicates is not None and duplicates.count:
        strands = " (or their reverse complements)" if domain.alphabet and domain.alphabet.complements else ""
        stereo = f", {duplicates.stereo:,} of them by all but stereo" if duplicates.stereo else ""
        same = f"; {duplicates.count:,} {domain.noun}s stand there before{strands}{stereo}: they stay on one side"
    if found.family is not None:
        lines.append(found.family.told())
    return [*lines, f"split {split}: {sizes}{same}"]


def audit_source(
    source: str,
    column: str | ReadSettings = "",
    kind: str = "auto",
    *,
    format: str = "",
    against: str = "",
    tokenizer: Tokenizer | None = None,
    max_length: int = 0,
    model: str = "",
) -> Audit:
    """Read a dataset by name, or a file, and audit it; leaks are counted by the dataset's published split.

    Records that cannot be read are findings like others: nothing but a file that cannot be opened stops an audit.

    Args:
        source: as `DataConfig.source`.
        column: of the texts in a table; by default the only obvious column. Or all settings of how a file is read, in
            which `format` has no effect then.
        kind: `smiles`, `dna`, `rna`, `protein`, `char`, or `auto`.
        format: as `DataConfig.format`.
        against: another file or dataset, whose texts the audited ones must not repeat; empty: none.
        tokenizer: of a model: what it cannot read is reported.
        max_length: most tokens that the model takes; 0: no limit.
        model: the model's name.

    Raises:
        UsageError: an unknown kind, or neither such a file nor such a dataset.
        InputError: it cannot be read.
    """
    other = _with_flaws(against, ReadSettings())[0].texts if against else []
    settings = column if isinstance(column, ReadSettings) else ReadSettings(column, format=format)
    found, beside = _with_flaws(source, replace(settings, all=True))
    beside = replace(beside, other=other, other_name=against, max_length=max_length, model=model)
    guessed = found.domain.tokenizers[0] if kind == "auto" else kind
    if kind != "auto":
        beside = replace(beside, why="")
    return audit(found.texts, guessed, split=found.published, tokenizer=tokenizer, lines=found.lines, beside=beside)


def _with_flaws(source: str, settings: ReadSettings) -> tuple[Texts, Beside]:
    """Return the texts of a file or dataset that can be read, and what stands in a file besides."""
    if source != "-" and not Path(source).is_file():
        known = read_texts(DataConfig(source=source))
        if settings.max_characters:
            raise UsageError(f"{source}: a dataset, on which --max-characters has no effect: leave it out")
        return known, Beside(known.why)
    records: list[Record] = []
    flaws: list[Flaw] = []
    try:
        for item in items_of(source, settings):
            if isinstance(item, Record):
                records.append(item)
            else:
                flaws.append(item)
    except InputError as error:
        if not records:
            raise
        flaws.append(Flaw("", records[-1].line + 1, f"the file cannot be read from here on: {error}"))
    if not records and not flaws:
        raise InputError(f"{source}: the file holds no records")
    found = detected([record.text for record in records], source, records[0].title if records else "")
    texts = as_smiles([record.text for record in records], found.domain)
    empty = tuple(one.line for one in flaws if one.text.lower() in MISSING_TEXTS and "is empty" in one.reason)
    unread = tuple(Finding(one.line, one.text, one.reason) for one in flaws if one.line not in set(empty))
    beside = Beside(found.why, empty, unread, [record.fields for record in records])
    lines, columns = [record.line for record in records], Columns.of(len(texts), {}, ())
    return Texts(texts, lines, source, found.domain, None, columns), beside
