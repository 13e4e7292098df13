"""What a model was trained on, as Bloom filters of canonical forms: whether a text was there, in 20 bits a text.

Bloom 1970, doi:10.1145/362686.362692. With 20 bits a text and 14 hashes, one unseen text in 15,000 is taken for a seen
one; a seen one is never taken for unseen. No text can be read out of a filter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.sequences.domain import DNA
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

FORMAT = 1
_FEWEST_BYTES = 128  # the smallest filters are wrong more often than their size says
_MAGIC = b"seqvae seen\n"
_BITS, _HASHES = 20, 14  # per text; the best number of hashes is bits * ln 2


@final
@dataclass(frozen=True)
class Filter:
    """A Bloom filter.

    Attributes:
        texts: how many texts were put in, repeats counted.
        bits: one byte each, 0 or 1.
    """

    texts: int
    bits: NDArray[np.uint8]

    @classmethod
    def of(cls, keys: Sequence[str]) -> Filter:
        """Return the filter of some texts."""
        bits = np.zeros(8 * max(_BITS * len(keys) // 8, _FEWEST_BYTES), np.uint8)
        places = _places(keys, len(bits))
        bits[places.ravel()] = 1
        return cls(len(keys), bits)

    def has(self, keys: Sequence[str]) -> NDArray[np.bool_]:
        """Return whether each text was put in, `(texts,)`."""
        return np.asarray(self.bits[_places(keys, len(self.bits))].all(axis=1), np.bool_)


@final
@dataclass(frozen=True)
class Seen:
    """The texts that a model was trained on, and those that its ancestors were trained on.

    Attributes:
        filters: of the model itself first, without what its ancestors were trained on.
        whole: whether all ancestors' texts are among them; false where one of them has no record.
    """

    filters: tuple[Filter, ...]
    whole: bool = True

    def has(self, texts: Sequence[str], tokenizer: Tokenizer) -> NDArray[np.bool_]:
        """Return whether each text was there, in whatever notation, DNA also as its reverse complement, `(texts,)`.

        Args:
            texts: as read; what is no text of the tokenizer's kind was not there.
            tokenizer: the model's.
        """
        return self.has_forms([tokenizer.normalize_or_none(text) for text in texts], tokenizer)

    def has_forms(self, forms: Sequence[str | None], tokenizer: Tokenizer) -> NDArray[np.bool_]:
        """Return the same of canonical forms; None was not there."""
        keys = [key_of(form, tokenizer) for form in forms]
        known = [row for row, key in enumerate(keys) if key is not None]
        found = np.zeros(len(keys), np.bool_)
        there = [one.has([str(keys[row]) for row in known]) for one in self.filters]
        if known and there:
            found[known] = np.any(there, axis=0)
        return found

    def to_bytes(self) -> bytes:
        """Return it as a file holds it."""
        head: dict[str, Any] = {"format": FORMAT, "whole": self.whole}
        head["filters"] = [[one.texts, len(one.bits)] for one in self.filters]
        bits = b"".join(np.packbits(one.bits).tobytes() for one in self.filters)
        return _MAGIC + json.dumps(head).encode() + b"\n" + bits

    @classmethod
    def from_bytes(cls, data: bytes) -> Seen:
        """Return what `to_bytes` wrote; raises ValueError of anything else."""
        if not data.startswith(_MAGIC):
            raise ValueError("it does not start as a record of training data")
        line, _, rest = data[len(_MAGIC) :].partition(b"\n")
        head = json.loads(line)
        if head["format"] != FORMAT:
            raise ValueError(f"it has format {head['format']}, this seqvae reads {FORMAT}: update seqvae")
        filters = []
        for texts, bits in head["filters"]:
            size = int(bits) // 8
            if size < 1 or len(rest) < size:
                raise ValueError("it is cut short")
            filters.append(Filter(int(texts), np.unpackbits(np.frombuffer(rest[:size], np.uint8))))
            rest = rest[size:]
        return cls(tuple(filters), bool(head["whole"]))


def key_of(form: str | None, tokenizer: Tokenizer) -> str | None:
    """Return what stands for a canonical form: DNA and its reverse complement have the same."""
    domain = tokenizer.domain
    if form is None or domain.name != DNA or domain.alphabet is None:
        return form
    return domain.alphabet.representative(form)


def seen_of(forms: Iterable[str], tokenizer: Tokenizer, before: Seen | None = None, whole: bool = True) -> Seen:
    """Return the record of a training.

    Args:
        forms: canonical forms of the texts.
        tokenizer: the model's.
        before: that of the model that the training began with; what stands there is not put down twice.
        whole: false where that model has no record.
    """
    keys = [str(key_of(form, tokenizer)) for form in forms]
    if before and keys:
        there = np.any([one.has(keys) for one in before.filters], axis=0)
        keys = [key for key, known in zip(keys, there, strict=True) if not known]
    return Seen((Filter.of(keys), *(before.filters if before else ())), before.whole if before else whole)


def _places(keys: Sequence[str], bits: int) -> NDArray[np.int64]:
    """Return the places of each text in a filter, `(texts, hashes)`: double hashing (Kirsch & Mitzenmacher 2006)."""
    digests = b"".join(hashlib.blake2b(key.encode(), digest_size=16).digest() for key in keys)
    pairs = np.frombuffer(digests, "<u8").reshape(len(keys), 2)
    steps = np.arange(_HASHES, dtype=np.uint64)
    with np.errstate(over="ignore"):  # modulo 2**64
        return ((pairs[:, :1] + steps * (pairs[:, 1:] | np.uint64(1))) % np.uint64(bits)).astype(np.int64)
