"""From texts to a packed token store: symbols in worker processes, a fitted tokenizer, a cache by content."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
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
from seqvae.runtime.executor import cores, run_chunks
from seqvae.runtime.files import atomic_folder, cache_folder
from seqvae.sequences.tokenizers.registry import tokenizer_from_dict
from seqvae.sequences.tokenizers.tokenizer import SPECIALS, Tokenizer

if TYPE_CHECKING:
    from tqdm import tqdm

# A worker needs about half a second to start; below this many texts per worker it is not worth that.
_TEXTS_PER_WORKER = 4000
_CHUNK = 2000  # texts sent to a worker at a time: some tenths of a second of work, so the bar moves and work is shared
_STORE, _TOKENIZER, _ROWS, _FORMS = "tokens.bin", "tokenizer.json", "rows.json", "forms.json"
# A change of one of these may change what a text becomes.
_LIBRARIES = ("seqvae", "rdkit", "selfies", "tokenizers")


@dataclass(frozen=True)
class PackedData:
    """Texts as packed token ids.

    Args:
        store: ids of the kept texts, in their order.
        tokenizer: the fitted tokenizer that made them.
        kept: int64, `(count,)`: position among the given texts of each sequence of the store.
        rejected: (position, text, reason) of each text left out.
        dropped: unknown tokens left out of kept texts, with counts; only a tokenizer with on_unknown="drop" does so.
        forms: canonical form of each of the given texts, None where it has none; empty where they were not asked for.
    """

    store: TokenStore
    tokenizer: Tokenizer
    kept: NDArray[np.int64]
    rejected: tuple[tuple[int, str, str], ...]
    dropped: Mapping[str, int]
    forms: tuple[str | None, ...] = ()

    def tokenized(self) -> TokenizedTexts:
        """Return the texts as a model takes them, without reading one again; they need to be packed with their forms.

        Raises:
            UsageError: they were packed without.
        """
        if len(self.forms) != len(self.kept) + len(self.rejected):
            raise UsageError("the texts were packed without their canonical forms: pack them with forms=True")
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

    The store lives in a folder of the cache whose name is a hash of the texts, the tokenizer and the versions of the
    libraries. An unfitted tokenizer is fitted on these texts. The tokenizer given is not changed: use the result's.

    Args:
        texts: one sequence each.
        tokenizer: fitted or not.
        cache_dir: where the stores live; by default `cache_folder("packed")`.
        workers: processes that split texts; by default as many as the machine has cores and the texts are worth;
            1 splits them in this process.
        progress: show a bar on standard error, where that is a terminal.
        on_error: "stop" raises at the first text that cannot be used; "skip" leaves such texts out and lists them.
        forms: keep the canonical forms beside the ids, for `PackedData.tokenized`.

    Returns:
        The store, the fitted tokenizer, which texts were kept, and which not and why.

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
        with atomic_folder(folder) as part:
            _Packer(texts, tokenizer, on_error, progress, forms).run(part, workers or _worker_count(len(texts)))
        packed = _load(folder)
    if packed is None:
        raise InputError(f"{folder}: the token store written there cannot be read back: is the disk full or failing?")
    if packed.rejected and on_error == "stop":
        raise _rejection(packed.rejected[0], len(texts))
    if packed.dropped:
        named = ", ".join(f"{token!r} ({count})" for token, count in list(packed.dropped.items())[:5])
        total = sum(packed.dropped.values())
        warnings.warn(f"dropped {total:,} unknown tokens, among them {named}", SeqVAEWarning, stacklevel=2)
    return packed


def content_key(texts: Sequence[str], tokenizer: Tokenizer) -> str:
    """Hash everything that the packed ids follow from: texts, tokenizer, library versions, file format.

    Returns:
        32 hexadecimal digits.
    """
    digest = hashlib.sha256()
    described = {"tokenizer": tokenizer.to_dict(), "versions": _versions(), "format": FORMAT}
    digest.update(json.dumps(described, sort_keys=True).encode())
    for start in range(0, len(texts), _CHUNK):
        # JSON escapes what stands inside a text, so that no two lists of texts give the same bytes.
        digest.update(json.dumps(list(texts[start : start + _CHUNK])).encode())
    return digest.hexdigest()[:32]


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = ""
    return found


def _worker_count(texts: int) -> int:
    return max(1, min(cores(), texts // _TEXTS_PER_WORKER))


def _rejection(row: tuple[int, str, str], count: int) -> RecordError:
    position, _, reason = row
    return RecordError(f"text {position + 1} of {count}: {reason}", line=position + 1)


def _load(folder: Path) -> PackedData | None:
    """Open a folder of the cache; None where it is not there, or is damaged (it is then removed, with a warning)."""
    if not folder.is_dir():
        return None
    try:
        store = TokenStore(folder / _STORE)
        tokenizer = tokenizer_from_dict(json.loads((folder / _TOKENIZER).read_text("utf-8")))
        rows = json.loads((folder / _ROWS).read_text("utf-8"))
        rejected = tuple((position, text, reason) for position, text, reason in rows["rejected"])
        forms = tuple(json.loads((folder / _FORMS).read_text("utf-8"))) if (folder / _FORMS).is_file() else ()
    except (SeqVAEError, OSError, ValueError, KeyError) as error:
        warnings.warn(f"packed data in the cache is damaged and is made again: {error}", SeqVAEWarning, stacklevel=3)
        shutil.rmtree(folder)
        return None
    gone = np.fromiter((p for p, _, _ in rejected), np.int64, len(rejected))
    kept = np.delete(np.arange(len(store) + len(rejected), dtype=np.int64), gone)
    return PackedData(store, tokenizer, kept, rejected, rows["dropped"], forms)


class _Packer:
    """One run of packing: carries the texts, the copy of the tokenizer, and what has been rejected so far."""

    def __init__(self, texts: Sequence[str], tokenizer: Tokenizer, on_error: str, progress: bool, forms: bool) -> None:
        self.texts, self.on_error, self.progress = texts, on_error, progress
        self.tokenizer = tokenizer_from_dict(tokenizer.to_dict())
        self.rejected: dict[int, str] = {}
        self.forms: list[str | None] | None = [] if forms else None

    def run(self, folder: Path, workers: int) -> None:
        """Fill the folder."""
        from tqdm import tqdm

        # One bar for both passes, each over all texts. disable=None shows it on a terminal only.
        with tqdm(total=2 * len(self.texts), unit="text", disable=None if self.progress else True) as bar:
            bar.set_description("splitting")
            corpus = _Corpus()
            for chunk in self._chunks(workers):
                self._note_rejected(chunk, corpus.texts)
                if self.forms is not None:
                    self.forms += chunk.forms
                corpus.add(chunk)
                bar.update(len(chunk.lengths))
            if not corpus.kept:
                raise InputError(f"none of the {len(self.texts)} texts can be used: {self._first_reason()}")
            self._fit(corpus, bar)
            self._write(folder, corpus, bar)
        rejected = [(p, self.texts[p], self.rejected[p]) for p in sorted(self.rejected)]
        rows = {"rejected": rejected, "dropped": dict(self.tokenizer.dropped.most_common())}
        (folder / _ROWS).write_text(json.dumps(rows), "utf-8")
        (folder / _TOKENIZER).write_text(json.dumps(self.tokenizer.to_dict()), "utf-8")
        if self.forms is not None:
            (folder / _FORMS).write_text(json.dumps(self.forms), "utf-8")

    def _first_reason(self) -> str:
        return self.rejected[min(self.rejected)] if self.rejected else "there are none"

    def _chunks(self, workers: int) -> Iterator[SymbolChunk]:
        parts = (list(self.texts[start : start + _CHUNK]) for start in range(0, len(self.texts), _CHUNK))
        where = ExecutorConfig("local" if workers == 1 else "processes", workers)
        with closing(run_chunks(splitting(self.tokenizer), parts, where)) as chunks:
            yield from chunks

    def _note_rejected(self, chunk: SymbolChunk, start: int) -> None:
        for position, reason in chunk.rejected:
            self._reject(start + position, reason)

    def _reject(self, position: int, reason: str) -> None:
        if self.on_error == "stop":
            raise _rejection((position, self.texts[position], reason), len(self.texts))
        self.rejected[position] = reason

    def _fit(self, corpus: _Corpus, bar: tqdm[None]) -> None:
        if not _is_fitted(self.tokenizer):
            bar.set_description("fitting the tokenizer")
            self.tokenizer.fit_symbols(corpus.symbol_lists())

    def _write(self, folder: Path, corpus: _Corpus, bar: tqdm[None]) -> None:
        bar.set_description("packing")
        lists = corpus.symbol_lists()
        with writing_store(folder / _STORE) as writer:
            positions = corpus.positions()
            for start in range(0, len(positions), _CHUNK):
                part = positions[start : start + _CHUNK]
                writer.append(self._ids(part.tolist(), [next(lists) for _ in part]))
                bar.update(len(part))

    def _ids(self, positions: list[int], symbols: list[list[str]]) -> list[list[int]]:
        with warnings.catch_warnings():
            # With on_unknown="drop" the tokenizer warns once a call; `pack` gives one warning for all texts.
            warnings.simplefilter("ignore", SeqVAEWarning)
            found = ids_or_errors(symbols, self.tokenizer)
        ids = []
        for position, one in zip(positions, found, strict=True):
            if isinstance(one, UnknownTokenError):
                self._reject(position, str(one))
            else:
                ids.append(one)
        return ids


def _is_fitted(tokenizer: Tokenizer) -> bool:
    if tokenizer.vocab_size == len(SPECIALS):
        return False
    try:  # Subwords over a fixed alphabet (DNA) have tokens before they have merges, and say so when first used.
        tokenizer.ids_batch([[]])
    except UsageError:
        return False
    return True


class _Corpus:
    """The symbols of all texts as numbers: 2 bytes a symbol, where lists of strings would take many times that."""

    def __init__(self) -> None:
        self._table: dict[str, int] = {}
        self._lengths: list[NDArray[np.int32]] = []
        self._codes: list[NDArray[np.integer]] = []
        self.texts = 0
        self.kept = 0

    def add(self, chunk: SymbolChunk) -> None:
        """Take over a chunk, its symbols renumbered."""
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
