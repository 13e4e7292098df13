"""Join datasets of molecules to one: a share of the training molecules of each, without what any of them holds out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from seqvae.config import suggestion
from seqvae.data.datasets.cards import Card
from seqvae.data.datasets.forms import Forms, forms_of
from seqvae.errors import ConfigError

_TRAIN = "train"


def shares_of(card: Card, asked: Mapping[str, float]) -> dict[str, float]:
    """Return the share of the training molecules of each part: as asked, else as on the card.

    Raises:
        ConfigError: the card has no such part.
    """
    shares = {part.dataset: part.share for part in card.parts}
    if unknown := sorted(asked.keys() - shares):
        if not shares:
            raise ConfigError(f"data.shares: dataset {card.name} is not made of other datasets; leave it out")
        raise ConfigError(f"data.shares: {card.name} has no part {unknown[0]!r}{suggestion(unknown[0], shares)}")
    return shares | dict(asked)


def join(
    card: Card,
    shares: Mapping[str, float],
    texts: Mapping[str, Sequence[str]],
    labels: Mapping[str, Sequence[str]],
    progress: bool = True,
) -> dict[str, list[str]]:
    """Return the molecules of a dataset that is made of others, in canonical form, by split.

    No training molecule has the connectivity of one that a part holds out for any purpose, and no validation molecule
    that of a test molecule. Training molecules are in random order.

    Args:
        card: of the whole.
        shares: of the training molecules of each part.
        texts: of each part.
        labels: the published split of each text.
        progress: show bars on standard error, if that is a terminal.
    """
    aside: dict[str, dict[str, Forms]] = {}
    for part in card.parts:
        name = part.dataset
        for label in sorted({*labels[name]} - {_TRAIN}):
            chosen = [text for text, one in zip(texts[name], labels[name], strict=True) if one == label]
            aside.setdefault(label, {})[name] = forms_of(chosen, None, f"{name}: {label}", progress)
    held_out = {label: [aside[label][part.dataset] for part in card.parts if label in part.held_out] for label in aside}
    test = _first_ones(held_out.get("test", []), np.empty(0, np.uint64))
    valid = _first_ones(held_out.get("valid", []), _connectivities(held_out.get("test", [])))
    train_forms = []
    for number, part in enumerate(card.parts):
        rows = [row for row, label in enumerate(labels[part.dataset]) if label == _TRAIN]
        order = np.random.default_rng([card.seed, number]).permutation(len(rows))
        rows = [rows[i] for i in np.sort(order[: int(shares[part.dataset] * len(rows))])]
        chosen = [texts[part.dataset][row] for row in rows]
        train_forms.append(forms_of(chosen, None, f"{part.dataset}: {_TRAIN}", progress))
    train = _first_ones(train_forms, _connectivities([forms for found in aside.values() for forms in found.values()]))
    np.random.default_rng(card.seed).shuffle(train)
    return {_TRAIN: train, "valid": valid, "test": test}


def _connectivities(found: Sequence[Forms]) -> NDArray[np.uint64]:
    return np.unique(np.concatenate([np.empty(0, np.uint64), *(forms.connectivity for forms in found)]))


def _first_ones(found: Sequence[Forms], without: NDArray[np.uint64]) -> list[str]:
    """Return the different SMILES, but those of these connectivities."""
    seen: dict[str, None] = {}
    for forms in found:
        clear = ~np.isin(forms.connectivity, without)
        seen |= dict.fromkeys(smiles for smiles, free in zip(forms.smiles, clear, strict=True) if free and smiles)
    return list(seen)
