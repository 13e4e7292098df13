"""From file to file through a model, chunk by chunk: the verbs encode, decode and sample."""

from __future__ import annotations

import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from seqvae.config import CHUNK, DecodeConfig
from seqvae.data.files.carried import Carried, merged, rejects_beside
from seqvae.data.files.chunks import Results
from seqvae.data.files.latent_vectors import is_latent_title, latent_rows
from seqvae.data.files.open import shown_name
from seqvae.data.files.readers import ReadSettings, ReadSummary, Rejects, items_of, no_records
from seqvae.data.files.records import Flaw, Record
from seqvae.data.files.writers import NAME, WITH_LATENT, write_pieces, writer_for
from seqvae.errors import RecordError, SeqVAEWarning
from seqvae.latent.bulk import VALID, Bulk, Encoded, ToldPoints, ToldTexts
from seqvae.latent.codec import Codec
from seqvae.latent.conditions import Asked, PriorChoice, condition_rows, conditions_in, conditions_of
from seqvae.latent.encodings import AUTO
from seqvae.runtime.lock import one_writer
from seqvae.sequences.grammar.smiles_syntax import of_smiles
from seqvae.sequences.protonation import form_of, form_of_tokens, told_apart

_COUNTS = ("refined", "lost", "left")  # of `FileEncoded` and `Encoded`

Advance = Callable[[int], object]  # is told the number of rows just done


@dataclass(frozen=True)
class FileEncoded:
    """What became of a file.

    Attributes:
        read: how many records were encoded, and how many rejected.
        refined: how many of the encoded ones took gradient steps on their own posterior.
        lost: how many of these are not reconstructed even so; only `refine="auto"` finds out.
        left: how many others are not reconstructed either, and were left as the encoder has them, being too far off.
        conditions: in one line, which conditions the file has; empty for a model without any.
    """

    read: ReadSummary
    refined: int
    lost: int = 0
    left: int = 0
    conditions: str = ""


@dataclass(frozen=True)
class FileDecoded:
    """What was written to a file.

    Attributes:
        count: how many texts.
        invalid: how many of them are no molecules, where the model writes SMILES.
        conditions: in one line, which conditions the file of latent vectors has; empty for a model without any.
    """

    count: int
    invalid: int = 0
    conditions: str = ""


def encode_file(
    bulk: Bulk,
    source: str,
    out: str,
    refine: int | str = AUTO,
    settings: ReadSettings | None = None,
    advance: Advance | None = None,
) -> FileEncoded:
    """Encode the records of a file, which may be larger than memory, and write them with their latent vectors.

    Their names and all other columns are written too. The parts kept for resuming are deleted at the end.

    Args:
        bulk: the model, and how its chunks are processed.
        source: path, or `-` for standard input.
        out: .npz, .parquet, .csv or .tsv, or `-` for a CSV table on standard output.
        refine: as in `Codec.encode`.
        settings: column of the texts, and what to do with records that the model cannot encode; their list stands
            beside the output.
        advance: is told how many rows were written.

    Raises:
        InputError: the source cannot be read, holds no record that can be used, or, unless they are skipped, a record
            cannot be encoded.
        UsageError: as `writer_for` and `Bulk.encode`.
    """
    settings = settings or ReadSettings()
    work = _Encoding(source, replace(settings, reject_file=settings.reject_file or rejects_beside(out)))
    with work.rejects:
        _write(bulk, out, _with_note(bulk.codec, work.encoded(bulk, refine)), advance, latent=True)
    refined, lost, left = (work.counts[what] for what in _COUNTS)
    return FileEncoded(work.summary, refined, lost, left, work.conditions)


def _with_note(codec: Codec, pieces: Iterable[Results]) -> Iterator[Results]:
    """Yield pieces; warn where the molecules of the first are protonated otherwise than those of the model."""
    for number, piece in enumerate(pieces):
        if not number and of_smiles(codec.tokenizer):
            there, here = form_of_tokens(codec.tokenizer.tokens), form_of(piece.texts)
            if said := told_apart("these molecules", here, "those that the model was trained on", there):
                warnings.warn(said, SeqVAEWarning, stacklevel=2)
        yield piece


def decode_file(
    bulk: Bulk,
    source: str,
    out: str,
    how: DecodeConfig | None = None,
    advance: Advance | None = None,
    conditions: Asked | None = None,
) -> FileDecoded:
    """Decode a file of latent vectors, which may be larger than memory, and write the texts; return how many.

    Args:
        bulk: the model, and how its chunks are processed.
        source: .npz, .parquet or .csv as `encode_file` writes them, or `-` for a CSV table from standard input.
        out: path, or `-`; tables have the columns `log_likelihood`, log p(x|z) in nats, and `valid`, false where a
            SMILES is no molecule, and those of the source besides z, its texts as `input_text`.
        how: how a text is chosen.
        advance: is told how many rows were written.
        conditions: of all texts, in place of those in the columns of the source, for a model that reads such.

    Raises:
        InputError: the source cannot be read, or holds no vectors of the model's size.
        UsageError: as `writer_for`, `latent_chunks` and `Bulk.decode`.
    """
    waiting: deque[Mapping[str, Sequence[object]]] = deque()
    whole = writer_for(out) in WITH_LATENT.values()  # a list of texts has no room for more than names
    said, model = [], bulk.codec.run.model
    if conditions:
        bulk.codec.known(conditions, 1)  # what is wrong with them is said here, not by a worker

    def points() -> Iterator[NDArray[np.float32] | ToldPoints]:
        """Yield latent vectors; their other columns wait for the texts."""
        done = 0
        for z, columns in latent_rows(source, bulk.codec.latent):
            waiting.append({title: cells for title, cells in columns.items() if whole or title == NAME})
            found = conditions_in(columns, range(done + 1, done + len(z) + 1), model, shown_name(source))
            rows = found.rows
            if conditions:
                given = condition_rows(conditions, bulk.codec.model.prior, model, 1).numpy()
                rows = np.where(np.isnan(given), np.full_like(given, np.nan) if rows is None else rows, given)
            said.append(found.said)
            done += len(z)
            yield z if rows is None else ToldPoints(z, np.broadcast_to(rows, (len(z), rows.shape[1])).copy())

    def decoded() -> Iterator[Results]:
        """Yield texts with the columns of their vectors."""
        for results in bulk.decode(points(), how or DecodeConfig()):
            columns = {**results.columns, **merged(waiting.popleft(), results.columns)}
            yield replace(results, columns=columns)

    return replace(_write(bulk, out, decoded(), advance), conditions=said[0] if said else "")


def sample_file(
    bulk: Bulk, count: int, out: str, how: DecodeConfig, prior: PriorChoice = "auto", advance: Advance | None = None
) -> FileDecoded:
    """Draw texts as `Bulk.sample` does, and write them as `decode_file` does; return how many.

    Raises:
        UsageError: as `writer_for` and `Bulk.sample`.
    """
    return _write(bulk, out, bulk.sample(count, how, prior), advance)


def valid(codec: Codec, texts: Sequence[str]) -> list[bool]:
    """Return whether each decoded text is a molecule; true of all where the model does not write SMILES."""
    return [not codec.may_be_invalid or codec.canonical(text) is not None for text in texts]


def _write(
    bulk: Bulk, out: str, pieces: Iterable[Results], advance: Advance | None, latent: bool = False
) -> FileDecoded:
    """Write pieces as they come, delete the parts kept for resuming, and return the number of rows."""
    count = invalid = 0
    columns = latent or writer_for(out) in WITH_LATENT.values()

    def counted() -> Iterator[Results]:
        """Yield what is written, and count it."""
        nonlocal count, invalid
        for results in pieces:
            count += len(results.texts)
            shown = dict(results.columns)
            if not latent:
                if VALID not in shown:  # a part that was kept by an earlier version
                    shown[VALID] = valid(bulk.codec, results.texts)
                invalid += list(shown[VALID]).count(False)
                if not columns:
                    del shown[VALID]
            yield replace(results, columns=shown)
            if advance is not None:
                advance(len(results.texts))

    parts = bulk.settings.parts
    with nullcontext() if parts is None else one_writer(parts, "a run with --resume"):
        write_pieces(out, counted(), latent, parts)
        bulk.finish()
    return FileDecoded(count, invalid)


class _Encoding:
    """The records of a source on their way through a model."""

    def __init__(self, source: str, settings: ReadSettings) -> None:
        self.source, self.stop = source, settings.on_error == "stop"
        self._items = items_of(source, replace(settings, all=True))
        self._under_way: deque[list[Record | Flaw]] = deque()
        self.rejects = Rejects(source, settings.reject_file)
        self._dropped: Counter[str] = Counter()
        self._kept = 0
        self._carried = Carried()
        self.counts: Counter[str] = Counter()
        self.conditions = ""

    @property
    def summary(self) -> ReadSummary:
        """How many records were encoded and rejected so far."""
        count = self.rejects.count
        return ReadSummary(shown_name(self.source), self._kept, count, self.rejects.path if count else None)

    def encoded(self, bulk: Bulk, refine: int | str) -> Iterator[Results]:
        """Yield texts with their latent vectors; raise InputError at the end if there were none."""

        def texts() -> Iterator[list[str] | ToldTexts]:
            """Yield the texts of each chunk."""
            while items := list(islice(self._items, CHUNK)):
                self._under_way.append(items)
                records = [item for item in items if isinstance(item, Record)]
                found = conditions_of(records, bulk.codec.run.model, shown_name(self.source))
                self.conditions = self.conditions or found.said
                plain = [record.text for record in records]
                yield plain if found.rows is None else ToldTexts(plain, found.rows)

        for found in bulk.encode(texts(), refine):
            if results := self._settled(found):
                yield results
        if not self._kept:
            raise no_records(shown_name(self.source), self.rejects)
        if self._dropped:
            named = ", ".join(f"{token!r} ({count})" for token, count in self._dropped.most_common(5))
            total = self._dropped.total()
            warnings.warn(f"dropped {total:,} unknown tokens, among them {named}", SeqVAEWarning, stacklevel=2)

    def _settled(self, found: Encoded) -> Results | None:
        """Reject the records of the next chunk that could not be encoded, and return the others, if any."""
        kept: list[Record] = []
        place = -1
        for item in self._under_way.popleft():
            place += isinstance(item, Record)
            reason = found.rejected.get(place) if isinstance(item, Record) else item.reason
            if isinstance(item, Record) and reason is None:
                kept.append(item)
            elif self.stop:
                reason = f"{reason} (--on-error skip leaves such records out)"
                raise RecordError(reason, file=shown_name(self.source), line=item.line)
            else:
                self.rejects.add(shown_name(self.source), Flaw(item.text, item.line, reason or "", item.name))
        self._dropped.update(found.dropped)
        self.counts.update({what: getattr(found, what) for what in _COUNTS})
        self._kept += len(kept)
        if not kept:
            return None
        columns = {title: cells for title, cells in self._carried.of(kept).items() if not is_latent_title(title)}
        return Results([record.text for record in kept], columns, found.z)
