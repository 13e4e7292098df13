"""From texts to a packed token store: splitting in worker processes, a fitted tokenizer, a cache keyed by content."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seqvae.config import ExecutorConfig
from seqvae.data.tokens.store import FORMAT, TokenStore, writing_store
from seqvae.data.tokens.symbols import SymbolChunk, splitting
from seqvae.data.tokens.tokenized import RejectedText, TokenizedTexts, ids_or_errors
from seqvae.errors import InputError, RecordError, SeqVAEError, SeqVAEWarning, UnknownTokenError, UsageError
from seqvae.runtime import progress
from seqvae.runtime.executor import cores, run_chunks
from seqvae.runtime.files import atomic_folder, cache_folder
from seqvae.sequences.tokenizers.registry import tokenizer_from_dict
from seqvae.sequences.tokenizers.tokenizer import SPECIALS, Tokenizer

if TYPE_CHECKING:
    from tqdm import tqdm

# A worker takes about half a second to start, which is not worth it for fewer texts than this.
_TEXTS_PER_WORKER = 4000
_CHUNK = 2000  # texts per task: a few tenths of a second of work, so that the bar moves and the load is balanced
_STORE, _TOKENIZER, _ROWS, _FORMS = "tokens.bin", "tokenizer.json", "rows.json", "forms.json"
# Another version of one of these may read a text differently.
_LIBRARIES = ("seqvae", "rdkit", "selfies", "tokenizers")


@dataclass(frozen=True)
class PackedData:
    """Texts as packed token ids.

    Args:
        store: ids of the kept texts, in their order.
        tokenizer: the fitted tokenizer that made them.
        kept: int64, `(count,)`: position of each sequence of the store among the given texts.
        rejected: (position, text, reason) of each text left out.
        dropped: unknown tokens dropped from kept texts, with counts; only with a tokenizer of on_unknown="drop".
        forms: canonical form of each given text, None if it has none; empty unless requested.
    """

    store: TokenStore
    tokenizer: Tokenizer
    kept: NDArray[np.int64]
    rejected: tuple[tuple[int, str, str], ...]
    dropped: Mapping[str, int]
    forms: tuple[str | None, ...] = ()

    def tokenized(self) -> TokenizedTexts:
        """Return the texts as a model takes them, without reading any again; they must be packed with their forms.

        Raises:
            UsageError: they were packed without their forms.
        """
        if len(self.forms) != len(self.kept) + len(self.rejected):
            noun = self.tokenizer.domain.noun
            raise UsageError(f"the {noun}s were packed without their canonical forms: pack them with forms=True")
        rows = self.kept.tolist()
        forms = [self.forms[row] or "" for row in rows]
        rejected = tuple(RejectedText(row, self.forms[row], reason) for row, _, reason in self.rejected)
        return TokenizedTexts(
            self.tokenizer, forms, [self.store.ids(i).tolist() for i in range(len(rows))], rows, rejected
        )


def pack(
    texts: Sequence[str],
    tokenizer: Tokenizer,
    cache_dir: Path | str | None = None,
    workers: int | None = None,
    progress: bool = True,
    on_error: str = "stop",
    forms: bool = False,
) -> PackedData:
    """Turn texts into a token store, or find the one made earlier from the same texts.

    The store is in a folder of the cache whose name is a hash of the texts, the tokenizer and the versions of the
    libraries. An unfitted tokenizer is fitted on these texts. The given tokenizer is not changed: use the result's.

    Args:
        texts: molecules, sequences or other texts.
        tokenizer: fitted or not.
        cache_dir: folder of the stores; by default `cache_folder("packed")`.
        workers: processes that split texts; by default up to one per core, fewer for few texts; 1 splits them in this
            process.
        progress: show a bar on standard error, if that is a terminal.
        on_error: "stop" raises at the first text that cannot be used; "skip" leaves such texts out and lists them.
        forms: keep the canonical forms beside the ids, for `PackedData.tokenized`.

    Returns:
        The store, the fitted tokenizer, the texts that were kept, and the others with the reasons.

    Raises:
        RecordError: with on_error="stop", for a text that cannot be used; `line` is its number from 1.
        InputError: if no text is left.
        UsageError: if `on_error` or `workers` is out of range.
    """
    if on_error not in ("stop", "skip"):
        raise UsageError(f'on_error must be "stop" or "skip", got {on_error!r}')
    if workers is not None and workers < 1:
        raise UsageError(f"workers must be at least 1, got {workers}")
    folder = Path(cache_dir) if cache_dir is not None else cache_folder("packed")
    folder = folder / (content_key(texts, tokenizer) + ("-forms" if forms else ""))
    packed = _load(folder)
    if packed is None:
        workers = workers or max(1, min(cores(), len(texts) // _TEXTS_PER_WORKER))
        with atomic_folder(folder) as part:
            _Packer(texts, tokenizer, on_error, progress, forms).run(part, workers)
        packed = _load(folder)
    if packed is None:
        raise InputError(f"{folder}: the token store just written cannot be read: is the disk full or failing?")
    if packed.rejected and on_error == "stop":
        raise _rejection(packed.rejected[0], len(texts), tokenizer)
    if packed.dropped:
        named = ", ".join(f"{token!r} ({count})" for token, count in list(packed.dropped.items())[:5])
        total = sum(packed.dropped.values())
        warnings.warn(f"dropped {total:,} unknown tokens, among them {named}", SeqVAEWarning, stacklevel=2)
    return packed


def content_key(texts: Sequence[str], tokenizer: Tokenizer) -> str:
    """Hash everything that determines the packed ids: texts, tokenizer, library versions, file format.

    Returns:
        32 hexadecimal digits.
    """
    versions = dict.fromkeys(_LIBRARIES, "")
    for name in _LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    digest = hashlib.sha256()
    described = {"tokenizer": tokenizer.to_dict(), "versions": versions, "format": FORMAT}
    digest.update(json.dumps(described, sort_keys=True).encode())
    for start in range(0, len(texts), _CHUNK):
        # JSON escapes the texts' own delimiters, so that no two lists of texts give the same bytes.
        digest.update(json.dumps(list(texts[start : start + _CHUNK])).encode())
    return digest.hexdigest()[:32]


def _rejection(row: tuple[int, str, str], count: int, tokenizer: Tokenizer) -> RecordError:
    position, _, reason = row
    return RecordError(f"{tokenizer.domain.noun} {position + 1} of {count}: {reason}", line=position + 1)


def _load(folder: Path) -> PackedData | None:
    """Open a folder of the cache; None if it is missing, or damaged (it is then removed, with a warning)."""
    if not folder.is_dir():
        return None
    try:
        store = TokenStore(folder / _STORE)
        tokenizer = tokenizer_from_dict(json.loads((folder / _TOKENIZER).read_text("utf-8")))
        rows = json.loads((folder / _ROWS).read_text("utf-8"))
        rejected = tuple((position, text, reason) for position, text, reason in rows["rejected"])
        forms = tuple(json.loads((folder / _FORMS).read_text("utf-8"))) if (folder / _FORMS).is_file() else ()
    except (SeqVAEError, OSError, ValueError, KeyError) as error:
        warnings.warn(f"packed data in the cache is damaged and is packed anew: {error}", SeqVAEWarning, stacklevel=3)
        shutil.rmtree(folder)
        return None
    gone = np.fromiter((p for p, _, _ in rejected), np.int64, len(rejected))
    kept = np.delete(np.arange(len(store) + len(rejected), dtype=np.int64), gone)
    return PackedData(store, tokenizer, kept, rejected, rows["dropped"], forms)


class _Packer:
    """One run of packing: the texts, a copy of the tokenizer, and the texts rejected so far."""

    def __init__(self, texts: Sequence[str], tokenizer: Tokenizer, on_error: str, progress: bool, forms: bool) -> None:
        self.texts, self.on_error, self.progress = texts, on_error, progress
        self.tokenizer = tokenizer_from_dict(tokenizer.to_dict())
        self.rejected: dict[int, str] = {}
        self.forms: list[str | None] | None = [] if forms else None

    def run(self, folder: Path, workers: int) -> None:
        """Fill the folder."""
        noun = self.tokenizer.domain.noun
        # One bar for both passes, each over all texts.
        with progress.bar(2 * len(self.texts), unit=noun, quiet=not self.progress) as bar:
            bar.set_description("splitting")
            corpus = self._split(workers, bar)
            if not corpus.kept:
                reason = self.rejected[min(self.rejected)] if self.rejected else "there are none"
                raise InputError(f"none of the {len(self.texts)} {noun}s can be used: {reason}")
            if not _is_fitted(self.tokenizer):
                bar.set_description("fitting the tokenizer")
                self.tokenizer.fit_symbols(corpus.symbol_lists())
            bar.set_description("packing")
            self._write(folder, corpus, bar)
        rejected = [(p, self.texts[p], self.rejected[p]) for p in sorted(self.rejected)]
        rows = {"rejected": rejected, "dropped": dict(self.tokenizer.dropped.most_common())}
        (folder / _ROWS).write_text(json.dumps(rows), "utf-8")
        (folder / _TOKENIZER).write_text(json.dumps(self.tokenizer.to_dict()), "utf-8")
        if self.forms is not None:
            (folder / _FORMS).write_text(json.dumps(self.forms), "utf-8")

    def _reject(self, position: int, reason: str) -> None:
        if self.on_error == "stop":
            raise _rejection((position, self.texts[position], reason), len(self.texts), self.tokenizer)
        self.rejected[position] = reason

    def _split(self, workers: int, bar: tqdm[None]) -> _Corpus:
        """Split the texts into symbols, in worker processes if there are several."""
        corpus = _Corpus()
        parts = (list(self.texts[start : start + _CHUNK]) for start in range(0, len(self.texts), _CHUNK))
        where = ExecutorConfig("local" if workers == 1 else "processes", workers)
        with closing(run_chunks(splitting(self.tokenizer), parts, where)) as chunks:
            for chunk in chunks:
                for position, reason in chunk.rejected:
                    self._reject(corpus.texts + position, reason)
                if self.forms is not None:
                    self.forms += chunk.forms
                corpus.add(chunk)
                bar.update(len(chunk.lengths))
        return corpus

    def _write(self, folder: Path, corpus: _Corpus, bar: tqdm[None]) -> None:
        """Write the ids of all texts to the store, without those that have an unknown token."""
        lists, positions = corpus.symbol_lists(), corpus.positions()
        with writing_store(folder / _STORE) as writer:
            for start in range(0, len(positions), _CHUNK):
                part = positions[start : start + _CHUNK]
                with warnings.catch_warnings():
                    # With on_unknown="drop" the tokenizer warns once per call; `pack` gives one warning for all texts.
                    warnings.simplefilter("ignore", SeqVAEWarning)
                    found = ids_or_errors([next(lists) for _ in part], self.tokenizer)
                for position, one in zip(part.tolist(), found, strict=True):
                    if isinstance(one, UnknownTokenError):
                        self._reject(position, str(one))
                writer.append([one for one in found if not isinstance(one, UnknownTokenError)])
                bar.update(len(part))


def _is_fitted(tokenizer: Tokenizer) -> bool:
    if tokenizer.vocab_size == len(SPECIALS):
        return False
    try:  # Subwords over a fixed alphabet (DNA) have tokens before they have merges, and raise when first used.
        tokenizer.ids_batch([[]])
    except UsageError:
        return False
    return True


class _Corpus:
    """The symbols of all texts as integers: 2 bytes per symbol, many times less than lists of strings."""

    def __init__(self) -> None:
        self._table: dict[str, int] = {}
        self._lengths: list[NDArray[np.int32]] = []
        self._codes: list[NDArray[np.integer]] = []
        self.texts = 0
        self.kept = 0

    def add(self, chunk: SymbolChunk) -> None:
        """Add a chunk, its symbols renumbered."""
        numbers = [self._table.setdefault(s, len(self._table)) for s in chunk.symbols]
        small = len(self._table) <= np.iinfo(np.uint16).max
        renumbered: NDArray[np.integer] = np.asarray(numbers, np.uint16 if small else np.int32)
        self._codes.append(renumbered[chunk.codes])
        self._lengths.append(chunk.lengths)
        self.texts += len(chunk.lengths)
        self.kept += int((chunk.lengths >= 0).sum())

    def positions(self) -> NDArray[np.int64]:
        """Positions of the texts that were not rejected."""
        return np.flatnonzero(np.concatenate(self._lengths) >= 0)

    def symbol_lists(self) -> Iterator[list[str]]:
        """Symbols of each text that was not rejected."""
        symbols = np.asarray([*self._table, ""], object)[:-1]
        for lengths, codes in zip(self._lengths, self._codes, strict=True):
            kept = lengths[lengths >= 0]
            names = symbols[codes].tolist()
            ends = np.cumsum(kept).tolist()
            yield from (names[end - size : end] for end, size in zip(ends, kept.tolist(), strict=True))
