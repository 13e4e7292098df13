"""The stack of an asymmetric numeral system (Duda 2009, arXiv:0902.0271), by `constriction`."""

from __future__ import annotations

import hashlib
from typing import Any, final

import constriction
import numpy as np
from numpy.typing import NDArray

from seqvae.infer.coding.exact import Numbers

_ANY: Any = constriction.stream.model.Categorical(perfect=False)
_WORD = np.dtype("<u4")


@final
class Stack:
    """Symbols are pushed and popped, last in first out; popping from other data draws symbols by their weights.

    The weights are whole numbers of at most 31 bits, so that the coder's sums of them are exact.

    Args:
        data: what `to_bytes` returned; empty for an empty stack.

    Raises:
        ValueError: no stack has these bytes.
    """

    def __init__(self, data: bytes = b"") -> None:
        words = np.frombuffer(data + bytes(-len(data) % _WORD.itemsize), _WORD).astype(np.uint32)
        self._coder: Any = (
            constriction.stream.stack.AnsCoder(words) if len(words) else constriction.stream.stack.AnsCoder()
        )

    @classmethod
    def filled(cls, size: int) -> Stack:
        """Return a stack of so many bytes of noise, the same every time."""
        return cls(hashlib.shake_256(b"seqvae").digest(4 * (size // 4)) + b"\x01\x00\x00\x00")

    @property
    def bits(self) -> int:
        """How much is on the stack, to the word of 32 bits."""
        return int(self._coder.num_bits())

    def push(self, symbols: NDArray[np.int64], weights: Numbers) -> None:
        """Push symbols so that they are popped in their order; one row of weights for each."""
        if len(symbols):
            self._coder.encode_reverse(symbols.astype(np.int32), _ANY, weights)

    def pop(self, weights: Numbers) -> NDArray[np.int64]:
        """Pop one symbol for each row of weights."""
        if not len(weights):
            return np.zeros(0, np.int64)
        return np.asarray(self._coder.decode(_ANY, weights), np.int64)

    def copy(self) -> Stack:
        """Return a stack with the same content."""
        other = Stack()
        other._coder = self._coder.clone()
        return other

    def become(self, other: Stack) -> None:
        """Take the content of another stack."""
        self._coder = other._coder

    def to_bytes(self) -> bytes:
        """Return the content; the highest bytes of the last word, if they are zero, are left out."""
        return np.asarray(self._coder.get_compressed()).astype(_WORD).tobytes().rstrip(b"\0")
