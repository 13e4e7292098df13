"""The effect of each token of a vocabulary of codons: after a stop a coding sequence ends."""

from __future__ import annotations

import numpy as np

from seqvae.sequences.codons import STOP, genetic_code
from seqvae.sequences.grammar.smiles_syntax import ATOM, CLOSE, START, Syntax, syntax_of
from seqvae.sequences.tokenizers.codons import of_codons
from seqvae.sequences.tokenizers.tokenizer import EOS, SPECIALS, Tokenizer

_GOES_ON, _ENDS = ATOM, CLOSE  # kinds after which a text may end: codons, and stops


def rules_of(tokenizer: Tokenizer) -> Syntax | None:
    """Return the rules of what a vocabulary writes, SMILES or codons; None where every beginning is valid.

    A coding sequence may end anywhere, and ends after a stop. Merged tokens that go on after one may not come at all.
    """
    if not of_codons(tokenizer):
        return syntax_of(tokenizer)
    code = genetic_code()
    follows = np.zeros((CLOSE + 1, tokenizer.vocab_size), dtype=np.bool_)
    follows[:, EOS] = True
    kind, nothing = (np.zeros(tokenizer.vocab_size, dtype=np.int64) for _ in range(2))
    for token in range(len(SPECIALS), tokenizer.vocab_size):
        stops = [code[codon] == STOP for codon in tokenizer.symbols_of([token])]
        follows[[START, _GOES_ON], token] = not any(stops[:-1])
        kind[token] = _ENDS if stops[-1] else _GOES_ON
    return Syntax(follows, kind, nothing, nothing, nothing)
