"""Edits of texts along an attribute: from its absence to its presence, by a stated strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch

from seqvae.config import INFERENCE_BATCH
from seqvae.data.tokens.tokenized import AnyTexts
from seqvae.errors import UsageError
from seqvae.latent.arithmetic import apply, attribute_vector, orthogonal
from seqvae.latent.codec import Codec
from seqvae.latent.encodings import AUTO
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.similarity import similarities

Groups = tuple[AnyTexts, AnyTexts]  # texts with an attribute, and without it


@final
@dataclass(frozen=True)
class Edit:
    """A text moved along an attribute.

    Attributes:
        row: of the text among those that were given.
        strength: how far it was moved; 1 is the whole difference between the groups.
        text: what the point there decodes to.
        similarity: of that to the text itself; 0 where it is no molecule.
        valid: whether it is a molecule, or a sequence.
    """

    row: int
    strength: float
    text: str
    similarity: float
    valid: bool


def edit(
    codec: Codec,
    texts: AnyTexts,
    groups: Groups,
    strengths: Sequence[float] = (1.0,),
    fixed: Sequence[Groups] = (),
    refine: int | str = AUTO,
    batch_size: int = INFERENCE_BATCH,
) -> list[Edit]:
    """Move texts along the attribute that sets two groups apart, and decode them.

    The vector is the difference of the groups' mean latent points (Larsen et al. 2016, arXiv:1512.09300), without its
    parts along the attributes that are to stay as they are (`arithmetic.orthogonal`).

    Args:
        codec: the model.
        texts: what is edited.
        groups: texts with the attribute, and texts without it.
        strengths: 1 adds the whole difference between the groups, 0 nothing; a negative one removes the attribute.
        fixed: for each attribute that is to stay as it is, texts with it and without it.
        refine: gradient steps on the posteriors of the texts that are edited, as in `Codec.encode`.
        batch_size: texts at a time.

    Returns:
        One row per text and strength, the strengths of a text together.

    Raises:
        InputError: the model cannot read a text.
        UsageError: a group is empty, no strength is given, or nothing is left of the attribute.
    """
    if not strengths:
        raise UsageError("expected at least one strength, got none")
    read = codec.tokenize(texts)
    vectors = []
    for with_, without in (groups, *fixed):
        means = [codec.encode(group, batch_size, refine=0) for group in (with_, without)]
        vectors.append(attribute_vector(*means))
    vector = orthogonal(vectors[0], *vectors[1:])
    points = codec.encode(read, batch_size, refine)
    moved = torch.stack([apply(points, vector, strength) for strength in strengths], 1).flatten(0, 1)
    made = codec.generate(moved, None, batch_size, insist=True)
    sheets = Sheets() if codec.tokenizer.molecular else None
    starts = read.forms if sheets is None else [sheets.known(form).smiles for form in read.forms]
    found = []
    for place, text in enumerate(made.texts):
        row, step = divmod(place, len(strengths))
        valid = bool(text) and (sheets is None or sheets.of(text) is not None)  # SELFIES may be of no atom at all
        near = similarities([text], [starts[row]], sheets)[0][0] if valid else 0.0
        found.append(Edit(row, float(strengths[step]), text, float(near), valid))
    return found
