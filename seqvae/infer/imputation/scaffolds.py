"""Scaffolds with attachment points, completed: which substituents the model finds likely at them.

A pool of completions is drawn from how often chemists put each substituent on such an atom, the likeliest combinations
first (`search.domain.substituents`); within the pool the probability of a completion given the scaffold is p(x) over
the sum of p(x), with p(x) of the whole molecule by importance sampling. The counts thus choose what is considered, and
nothing else: what is left out of the pool is missing from the sum, so log p of the scaffold is a lower bound.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from rdkit import Chem, rdBase

from seqvae.config import INFERENCE_BATCH, SCORE_SAMPLES, ImputeConfig
from seqvae.errors import InputError, UsageError, quoted
from seqvae.infer.imputation.masked import Imputed
from seqvae.infer.likelihood import weigh
from seqvae.latent.codec import Codec
from seqvae.search.domain.substituents import HYDROGEN, Place, substituents

MOST_POINTS = 6  # attachment points of a scaffold
_POINT = re.compile(r"\[\d*\*(?::\d+)?\]")
_TRIES = 20  # combinations tried for each that is a molecule the model can read


def is_scaffold(text: str) -> bool:
    """Return whether a text has attachment points: `[*]`, `[*:1]`, or `[1*]`; a plain `*` is a run of tokens."""
    return _POINT.search(text) is not None


def read_scaffold(text: str) -> Chem.Mol:
    """Return a scaffold; its attachment points are dummy atoms, numbered by their atom maps from 1 as they stand.

    Raises:
        InputError: it is no molecule, has too many attachment points, or one that is not at the end of a single bond.
    """
    with rdBase.BlockLogs():
        scaffold = Chem.MolFromSmiles(text)
    if scaffold is None:
        raise InputError(f"{quoted(text)}: no molecule with attachment points; write these as [*:1], [*:2]")
    points = [atom for atom in scaffold.GetAtoms() if atom.GetAtomicNum() == 0]
    if len(points) > MOST_POINTS:
        raise InputError(f"{quoted(text)}: expected at most {MOST_POINTS} attachment points, got {len(points)}")
    for number, atom in enumerate(points, 1):
        (bond,) = atom.GetBonds() if atom.GetDegree() == 1 else (None,)
        if bond is None or bond.GetBondType() != Chem.BondType.SINGLE or _other(atom).GetAtomicNum() == 0:
            raise InputError(f"{quoted(text)}: expected each attachment point at the end of one single bond")
        atom.SetIsotope(0)
        atom.SetAtomMapNum(number)
    return scaffold


def complete(codec: Codec, text: str, config: ImputeConfig, batch_size: int = INFERENCE_BATCH) -> Imputed:
    """Return the likeliest completions of a scaffold.

    Args:
        codec: a model of SMILES.
        text: SMILES of the scaffold, with attachment points.
        config: `samples` is the size of the pool, `completions` how many are kept.
        batch_size: molecules at a time.

    Returns:
        As for a text with unknown positions: these are the attachment points, and the tokens the substituents of the
        pool, as SMILES with `*` for the scaffold.

    Raises:
        InputError: it is no scaffold, or no completion is a molecule that the model can read.
        UsageError: the model is not one of molecules.
    """
    if not codec.tokenizer.molecular:
        raise UsageError("attachment points: expected a model of molecules")
    scaffold = read_scaffold(text)
    pool: dict[str, tuple[str, ...]] = {}
    for groups in islice(_combinations(scaffold), _TRIES * config.samples):
        if len(pool) >= config.samples:
            break
        form = _joined(codec, scaffold, groups)
        if form is not None:
            pool.setdefault(form, groups)
    read = codec.tokenize([*pool], "skip")
    if not len(read):
        raise InputError(f"{quoted(text)}: the model can read no completion of it; finetune teaches it the tokens")
    found = weigh(codec, read, SCORE_SAMPLES, 0, config.seed, batch_size)
    shares = found.log_p.double().softmax(0)
    order = torch.argsort(shares, descending=True, stable=True)[: config.completions].tolist()
    groups_of = [pool[form] for form in read.forms]
    tokens = sorted({group for groups in groups_of for group in groups})
    marginals = np.zeros((len(groups_of[0]), len(tokens)))
    for groups, share in zip(groups_of, shares.tolist(), strict=True):
        for point, group in enumerate(groups):
            marginals[point, tokens.index(group)] += share
    return Imputed(
        text=text,
        completions=[read.forms[row] for row in order],
        valid=[True] * len(order),
        shares=[float(shares[row]) for row in order],
        log_p=[float(found.log_p[row]) for row in order],
        log_p_known=float(found.log_p.double().logsumexp(0)),
        log_p_known_error=float((shares * found.error.double()).square().sum().sqrt()),
        positions=list(range(1, len(groups_of[0]) + 1)),
        tokens=tokens,
        marginals=marginals,
        draws=math.nan,
        r_hat=math.nan,
        acceptance=math.nan,
        invalid=0.0,
        changed=[0] * len(order),
    )


def _other(point: Chem.Atom) -> Chem.Atom:
    return point.GetNeighbors()[0]


def _combinations(scaffold: Chem.Mol) -> Iterator[tuple[str, ...]]:
    """Yield a substituent for each attachment point, the likeliest combinations first, never a hydrogen."""
    points = [atom for atom in scaffold.GetAtoms() if atom.GetAtomicNum() == 0]
    offers = []
    for atom in points:
        kind = Place(scaffold, _other(atom).GetIdx(), (atom.GetIdx(),), "*").kind
        offers.append([one for one in substituents().get(kind, ()) if one[0] != HYDROGEN])
    first = (0,) * len(offers)
    if not all(offers):
        return
    waiting = [(-sum(offer[0][1] for offer in offers), first)]
    seen = {first}
    while waiting:
        unlikely, places = heapq.heappop(waiting)
        yield tuple(offer[place][0] for offer, place in zip(offers, places, strict=True))
        for row, place in enumerate(places):
            further = (*places[:row], place + 1, *places[row + 1 :])
            if place + 1 < len(offers[row]) and further not in seen:
                seen.add(further)
                step = offers[row][place][1] - offers[row][place + 1][1]
                heapq.heappush(waiting, (unlikely + step, further))


def _joined(codec: Codec, scaffold: Chem.Mol, groups: Sequence[str]) -> str | None:
    """Return the canonical SMILES of a scaffold with a substituent at each attachment point; None if there is none."""
    made = scaffold
    with rdBase.BlockLogs():
        for number, group in enumerate(groups, 1):
            point = next(atom for atom in made.GetAtoms() if atom.GetAtomMapNum() == number)
            smiles = Place(made, _other(point).GetIdx(), (point.GetIdx(),), "*").with_substituent(group)
            joined = Chem.MolFromSmiles(smiles) if smiles else None
            if joined is None:
                return None
            made = joined
        return codec.canonical(Chem.MolToSmiles(made))
