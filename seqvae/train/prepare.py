"""From settings to packed data: read the source, split it, fit the tokenizer on the training split, pack each split."""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seqvae.config import FINETUNING, FROM_SCRATCH, DataConfig, ModelConfig, RunConfig
from seqvae.data.classes import written
from seqvae.data.columns import Columns
from seqvae.data.corpus import Texts, read_texts, resolved_split, split_texts, told
from seqvae.data.family import Family
from seqvae.data.files.readers import REJECTED
from seqvae.data.splits import Duplicates
from seqvae.data.tokens.pack import PackedData, pack
from seqvae.data.tokens.spellings import Spellings, pack_spellings
from seqvae.data.tokens.store import TokenStore
from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts
from seqvae.errors import ConfigError, InputError, RecordError, SeqVAEWarning, quoted
from seqvae.runtime.files import atomic_file
from seqvae.runtime.progress import on_terminal, phase
from seqvae.sequences.domain import MOLECULES, domain_of
from seqvae.sequences.grammar.smiles_syntax import of_smiles
from seqvae.sequences.tokenizers.registry import build_tokenizer, check_kind
from seqvae.sequences.tokenizers.tokenizer import Tokenizer
from seqvae.train.suited import suited
from seqvae.train.vocabulary import covering

_MERGED = 512  # see TokenizerConfig.vocab_size


@dataclass(frozen=True)
class Prepared:
    """The data of a training.

    Attributes:
        run: the settings, with every `auto` resolved.
        tokenizer: fitted on the training texts.
        train: packed training texts.
        valid: packed validation texts; None where there are none.
        test_texts: held-out texts, as read.
        columns: labels, weights and conditions of the training texts, and of the validation texts.
        data_hash: sha256 over the packed splits and their columns.
        test: the held-out texts as they were packed; None if they were not, as those of a published split.
        spellings: other spellings of the training texts; None where none were asked for.
        family: what the alignment is that the texts are rows of, if they are aligned.
    """

    run: RunConfig
    tokenizer: Tokenizer
    train: TokenStore
    valid: TokenStore | None
    test_texts: list[str]
    columns: tuple[Columns, ...]
    data_hash: str
    test: TokenizedTexts | None = None
    spellings: Spellings | None = None
    family: Family | None = None

    @property
    def held_out(self) -> AnyTexts:
        """The held-out texts, for a model with this tokenizer: as packed if they were, else as read."""
        return self.test_texts if self.test is None else self.test

    def trained_on(self) -> Iterator[str]:
        """Yield the canonical forms that weights or settings were chosen by: of training and of validation texts."""
        # What is packed is canonical: only SELFIES have to be turned into the SMILES that stands for them.
        plain = of_smiles(self.tokenizer) or not self.tokenizer.molecular
        for store in (self.train, *([self.valid] if self.valid else [])):
            for ids in map(store.ids, range(len(store))):
                yield "".join(self.tokenizer.written(ids)) if plain else self.tokenizer.decode(ids)


def prepare(
    run: RunConfig,
    reject_file: Path,
    progress: bool = True,
    tokenizer: Tokenizer | None = None,
    say: Callable[[str], object] | None = None,
) -> Prepared:
    """Read, split, tokenise and pack the data of a run.

    Args:
        run: settings; the source must be named.
        reject_file: where skipped texts are listed; an older file is deleted.
        progress: show progress bars.
        tokenizer: a fitted one, to be extended by the symbols that the training texts need; None: fit a new one.
        say: is told, a line at a time, what was read and how it is split.

    Raises:
        ConfigError: no source, or settings that do not fit it.
        InputError: the source cannot be read; with `on_error="stop"`, also a text that cannot be used.
    """
    if run.tokenizer.kind != "auto":
        check_kind(run.tokenizer.kind)
    reject_file.unlink(missing_ok=True)
    if run.data.on_error == "skip":
        reject_file.parent.mkdir(parents=True, exist_ok=True)
    with phase(f"reading {run.data.source}", not progress):
        found = read_texts(run.data, reject_file, run.model.class_table)
    with phase("looking for duplicates, and splitting", not progress):
        run, duplicates = _resolve(run, found)
        split = split_texts(found, run, duplicates)
    if say is not None:
        for line in told(found, run.tokenizer.kind, run.data.split, split, duplicates):
            say(line)
    packer = _SplitPacker(found, run.data.on_error, reject_file, progress)
    rows = split.train.tolist()
    fitted = tokenizer is not None
    if tokenizer is not None:
        tokenizer = covering([found.texts[i] for i in rows], tokenizer, progress)
    else:
        blank = run.tokenizer
        tokenizer = build_tokenizer(
            blank.kind, blank.vocab_size, allow_gap=blank.allow_gap, on_unknown=blank.on_unknown
        )
    train = packer.pack(rows, tokenizer)
    valid = packer.pack(split.valid.tolist(), train.tokenizer, held_out=True) if len(split.valid) else None
    test = None
    if len(split.test) and found.published is None:  # an unusable record is found now, not after training
        test = packer.pack(split.test.tolist(), train.tokenizer, held_out=True, forms=True).tokenized()
        test = test.told(found.columns.rows(split.test).conditions)
    stores = (train.store, valid.store if valid else None)
    columns = tuple(
        found.columns.rows(rows[packed.kept] if packed else rows[:0])
        for rows, packed in ((split.train, train), (split.valid, valid))
    )
    _check_columns(columns[0], run.data.condition_names, found, say)
    run = replace(run, model=_with_columns(run.model, run.data, found))
    run = suited(run, train, valid, FINETUNING if fitted else FROM_SCRATCH, say, found.family)
    test_texts = [found.texts[i] for i in split.test]
    spellings = None
    if run.data.spellings:
        pool = pack_spellings(train.store, train.tokenizer, run.data.spellings, run.training.seed, progress)
        spellings = Spellings(pool, run.data.spellings, run.data.spelling_share, run.training.seed)
    hashed = data_hash(*stores, columns)
    return Prepared(run, train.tokenizer, *stores, test_texts, columns, hashed, test, spellings, found.family)


def data_hash(train: TokenStore, valid: TokenStore | None, columns: Sequence[Columns] = ()) -> str:
    """Return the sha256 over the packed splits and their columns, in hexadecimal."""
    hashes = [train.content_hash, valid.content_hash if valid else ""]
    hashes += [part.content_hash for part in columns if part]
    return hashlib.sha256(":".join(hashes).encode()).hexdigest()


def _with_columns(model: ModelConfig, data: DataConfig, found: Texts) -> ModelConfig:
    """Return the settings of a model with its labels and conditions, and what reads these."""
    model = replace(model, labels=",".join(data.label_names), classes=written(found.classes) or model.classes)
    if not data.condition_names:
        return model
    read = "all" if model.conditioned == "auto" else model.conditioned
    names, inferred = ",".join(data.condition_names), data.inferred or model.inferred
    return replace(model, conditions=names, prior="conditional", conditioned=read, inferred=inferred)


def _check_columns(
    known: Columns, conditions: Sequence[str], found: Texts, say: Callable[[str], object] | None
) -> None:
    """Refuse labels and conditions that no training text has, and classes of which there is one alone.

    A column of numbers that never varies is said.

    Raises:
        InputError: a column has no number in the training split, or one class only.
    """
    source = found.source
    given = known.labels if known.conditions is None else np.concatenate([known.labels, known.conditions], 1)
    for name, values in zip([*known.names, *conditions], given.T, strict=False):
        there = values[~np.isnan(values)]
        if not there.size:
            what = "class" if name in found.classes else "number"
            raise InputError(
                f"{source}: column {name!r} has no {what} for any of the {len(values):,} training records: fill some "
                "in, or leave the column out"
            )
        if name in found.classes and there.min() == there.max():
            only = found.classes[name][int(there[0])]
            raise InputError(
                f"{source}: column {name!r} has one class only, {only!r}, in the training records: expected two or "
                "more; leave the column out"
            )
        if say is not None and there.min() == there.max():
            say(f"column {name!r} is {there[0]:g} in all training records that have it: nothing can be learned of it")


def _resolve(run: RunConfig, found: Texts) -> tuple[RunConfig, Duplicates | None]:
    """Replace every `auto` by what suits the data; return also the duplicates, where they were looked for."""
    kind = found.domain.tokenizers[0] if run.tokenizer.kind == "auto" else run.tokenizer.kind
    domain = domain_of(kind)
    merged = _MERGED if domain.name == MOLECULES else 0
    size = merged if run.tokenizer.vocab_size < 0 else run.tokenizer.vocab_size
    if run.data.spellings and kind != "smiles":
        raise ConfigError(f"data.spellings: only a SMILES has other spellings, the tokenizer is {kind}; leave it 0")
    split, duplicates = resolved_split(found, run.data.split, kind)
    gaps = run.tokenizer.allow_gap or found.family is not None
    tokens, data = replace(run.tokenizer, kind=kind, vocab_size=size, allow_gap=gaps), replace(run.data, split=split)
    return replace(run, tokenizer=tokens, data=data), duplicates


@dataclass(frozen=True)
class _SplitPacker:
    """Packs the splits one by one, and handles texts that cannot be used."""

    found: Texts
    on_error: str
    reject_file: Path
    progress: bool

    def pack(self, rows: list[int], tokenizer: Tokenizer, held_out: bool = False, forms: bool = False) -> PackedData:
        """Pack the texts of these rows.

        Args:
            rows: which texts.
            tokenizer: fitted or not.
            held_out: leave out texts with tokens that are not in the training split, without an error.
            forms: keep the canonical forms.

        Raises:
            RecordError: a text cannot be used, with `on_error="stop"`.
        """
        texts = [self.found.texts[i] for i in rows]
        with phase(f"reading {len(texts):,} texts as tokens", not self.progress or on_terminal()):  # has a bar there
            packed = pack(texts, tokenizer, progress=self.progress, on_error="skip", forms=forms)
        names = self.found.names or [""] * len(self.found.texts)
        bad = [
            (self.found.lines[rows[position]], names[rows[position]], text, reason)
            for position, text, reason in packed.rejected
        ]
        if self.on_error == "stop":
            for line, _, text, reason in bad:
                if not held_out or tokenizer.normalize_or_none(text) is None:
                    raise RecordError(
                        f"{quoted(text)} cannot be used: {reason} (--on-error skip leaves such records out)",
                        file=self.found.source,
                        line=line,
                    )
        if bad:
            titles = ",".join(REJECTED) + "\n"
            older = self.reject_file.read_text("utf-8") if self.reject_file.is_file() else titles
            lines = io.StringIO(newline="")
            csv.writer(lines).writerows((self.found.source, *row) for row in bad)
            with atomic_file(self.reject_file) as file:
                file.write((older + lines.getvalue()).encode())
            message = f"{len(bad)} texts cannot be used and are left out, see {self.reject_file}"
            warnings.warn(message, SeqVAEWarning, stacklevel=3)
        return packed
