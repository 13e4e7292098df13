"""The effect of each token of a vocabulary on an unfinished SMILES: enough to never write one that cannot be parsed.

Three rules of the notation (Weininger 1988, doi:10.1021/ci00057a005) can be checked token by token: a branch is opened
before it is closed, no branch or ring is open at the end, and each symbol follows one that it may follow. Valences and
aromaticity need the whole molecule and are not checked here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from seqvae.sequences.tokenizers.subword import SubwordTokenizer
from seqvae.sequences.tokenizers.tokenizer import EOS, SPECIALS, Tokenizer

START, ATOM, BOND, OPEN, CLOSE, RING, DOT = range(7)  # the kind of the last symbol; START where there is none
_CLOSERS = {"(": OPEN, ")": CLOSE, ".": DOT}
_BONDS = frozenset(["-", "=", "#", "$", ":", "/", "\\", "~", "->", "<-"])
_MOST_RINGS = 62  # numbers of rings that fit in the bits of an int64
# Which kinds may follow which, as RDKit writes them: ring numbers directly follow their atom.
_FOLLOWERS = {
    START: (ATOM,),
    ATOM: (ATOM, BOND, OPEN, CLOSE, RING, DOT),
    RING: (ATOM, BOND, OPEN, CLOSE, RING, DOT),
    BOND: (ATOM, RING),
    OPEN: (ATOM, BOND),
    CLOSE: (ATOM, BOND, OPEN, CLOSE, DOT),
    DOT: (ATOM,),
}
_COMPLETE = (ATOM, RING, CLOSE)  # kinds that a SMILES may end with


@dataclass(frozen=True)
class Syntax:
    """The effect of each token of a vocabulary on an unfinished SMILES.

    Attributes:
        follows: `(kinds, vocab)`, whether the token may follow a symbol of that kind; special tokens may not, except
            the end token where a SMILES may end.
        kind: `(vocab,)`, the kind of the token's last symbol.
        depth: `(vocab,)`, branches that the token opens minus those that it closes.
        lowest: `(vocab,)`, the lowest number of open branches within the token, relative to those before it.
        rings: `(vocab,)`, a bit for each ring number that the token opens or closes.
    """

    follows: NDArray[np.bool_]
    kind: NDArray[np.int64]
    depth: NDArray[np.int64]
    lowest: NDArray[np.int64]
    rings: NDArray[np.int64]


def of_smiles(tokenizer: Tokenizer) -> bool:
    """Return whether a tokenizer's base symbols are those of SMILES."""
    base = tokenizer.base if isinstance(tokenizer, SubwordTokenizer) else tokenizer
    return base.kind == "smiles"


def syntax_of(tokenizer: Tokenizer) -> Syntax | None:
    """Return the syntax of a vocabulary of SMILES symbols; None for other texts, every beginning of which is valid."""
    if not of_smiles(tokenizer):
        return None
    content = [tokenizer.symbols_of([i]) for i in range(len(SPECIALS), tokenizer.vocab_size)]
    numbers = sorted({symbol for symbols in content for symbol in symbols if symbol_kind(symbol) == RING})
    bits = {number: 1 << place for place, number in enumerate(numbers[:_MOST_RINGS])}
    follows = np.zeros((len(_FOLLOWERS), tokenizer.vocab_size), dtype=np.bool_)
    follows[list(_COMPLETE), EOS] = True
    kind, depth, lowest, rings = (np.zeros(tokenizer.vocab_size, dtype=np.int64) for _ in range(4))
    for token, symbols in enumerate(content, start=len(SPECIALS)):
        first, kind[token] = symbol_kind(symbols[0]), symbol_kind(symbols[-1])
        follows[[k for k, after in _FOLLOWERS.items() if first in after], token] = True
        steps = list(accumulate((symbol == "(") - (symbol == ")") for symbol in symbols))
        depth[token], lowest[token] = steps[-1], min(0, *steps)
        for symbol in symbols:
            rings[token] ^= bits.get(symbol, 0)
    return Syntax(follows, kind, depth, lowest, rings)


def symbol_kind(symbol: str) -> int:
    """Return the kind of a SMILES symbol: atom, bond, branch symbol, ring number or dot."""
    if symbol in _CLOSERS:
        return _CLOSERS[symbol]
    if symbol in _BONDS:
        return BOND
    return RING if symbol[0] in "%0123456789" else ATOM
