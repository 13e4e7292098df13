"""Whether amines and acids are written in their neutral forms or as they are charged in water: sets of data differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from rdkit import Chem

from seqvae.sequences.molecules import read_molecule

CHARGED, NEUTRAL = "charged", "neutral"
_SYMBOL = re.compile(r"\[[^\]]*\]|<.*>|%\d\d|Br|Cl|.?")  # one symbol of a SMILES, or a special token
_LOOKED_AT = 500  # molecules, the first ones
_FEWEST = 10  # molecules with such a group, below which nothing is said
_MOST = 3  # times as many of one form as of the other: else both are there
# Protonated amines and carboxylates; aliphatic amines and carboxylic acids, nearly all of which are charged at pH 7.
_CHARGED_GROUPS = ("[#7X4+;!H0]", "[CX3](=O)[O-]")
_NEUTRAL_GROUPS = ("[NX3;!$(N~[!#6;!#1]);!$(N-[#6]=,:,#[*])]", "[CX3](=O)[OX2H1]")
_pattern = cache(Chem.MolFromSmarts)


def form_of(texts: Sequence[str]) -> str:
    """Return in which form most amines and acids of molecules are, `charged` or `neutral`; empty where neither is.

    >>> form_of(["CC[NH+](C)C"] * 10), form_of(["CCN(C)C"] * 10), form_of(["CCO"] * 10)
    ('charged', 'neutral', '')
    """
    found = {CHARGED: 0, NEUTRAL: 0}
    for molecule in filter(None, map(read_molecule, texts[:_LOOKED_AT])):
        charged, neutral = (
            any(molecule.HasSubstructMatch(_pattern(group)) for group in groups)
            for groups in (_CHARGED_GROUPS, _NEUTRAL_GROUPS)
        )
        found[CHARGED] += charged
        found[NEUTRAL] += neutral and not charged  # of a piperazine one nitrogen alone is protonated
    most = max(found, key=found.__getitem__)
    return most if found[most] >= max(_FEWEST, _MOST * min(found.values())) else ""


def form_of_tokens(tokens: Sequence[str]) -> str:
    """Return the same of what a vocabulary of merged SMILES tokens was learned from; empty where nothing is merged.

    A protonated nitrogen is part of merged tokens only where the data had many of them.

    >>> form_of_tokens(["C", "[NH+]", "CC", "C[NH+]"]), form_of_tokens(["C", "[NH+]", "CC"]), form_of_tokens(["C", "N"])
    ('charged', 'neutral', '')
    """
    merged = [token for token in tokens if not _SYMBOL.fullmatch(token)]
    if not merged:
        return ""
    return CHARGED if any(re.search(r"\[NH\d?\+\]", token) for token in merged) else NEUTRAL


def told_apart(what: str, form: str, other: str, other_form: str) -> str:
    """Return one line on molecules that meet others of the other form; empty where they do not.

    Args:
        what: the molecules, and whether `form` says something of them, as of `form_of`.
        form: theirs.
        other: what they meet.
        other_form: the same of these.
    """
    if not form or not other_form or form == other_form:
        return ""
    advice = "seqvae data standardize writes neutral forms"
    if form == NEUTRAL:
        advice += ": standardize the others too, or write yours as they are at pH 7"
    return f"{what} have amines and acids in {form} forms, {other} in {other_form} ones: they differ for that; {advice}"
