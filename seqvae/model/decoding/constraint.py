"""Decoding under rules: which tokens may come next, row by row.

The syntax is tables on the model's device; the chemistry checks each row on the host, and only the tokens that were
chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, final, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from seqvae.model.encoders import EOS


@runtime_checkable
class Rules(Protocol):
    """The arrays of `sequences.grammar.smiles_syntax.Syntax`, which describes them; this room knows no texts."""

    @property
    def follows(self) -> NDArray[Any]:
        """`(kinds, vocab)`, true where a token may follow."""

    @property
    def kind(self) -> NDArray[Any]:
        """`(vocab,)`."""

    @property
    def depth(self) -> NDArray[Any]:
        """`(vocab,)`."""

    @property
    def lowest(self) -> NDArray[Any]:
        """`(vocab,)`."""

    @property
    def rings(self) -> NDArray[Any]:
        """`(vocab,)`."""


@runtime_checkable
class Chemistry(Protocol):
    """The methods of `seqvae.sequences.grammar.valence.Valences`; this room knows no molecules."""

    def begin(self) -> Any:  # noqa: ANN401 - the rules choose how they represent a molecule
        """Return the state before the first token."""

    def after(self, written: Any, token: int) -> Any | None:  # noqa: ANN401
        """Return the state after one more token; None if the token is refused."""


@dataclass(frozen=True)
class Unfinished:
    """The state of each row under the rules.

    Attributes:
        kind: `(batch,)`, kind of the last symbol; 0 before the first.
        depth: `(batch,)`, open branches.
        rings: `(batch,)`, one bit per open ring.
        molecules: each row's state in the chemistry, updated in place; None: the row is no longer checked.
    """

    kind: Int[Tensor, " batch"]
    depth: Int[Tensor, " batch"]
    rings: Int[Tensor, " batch"]
    molecules: list[Any] = field(default_factory=list)

    def select(self, rows: Int[Tensor, " kept"]) -> Unfinished:
        """Return these rows only, in this order; a row may come twice."""
        molecules = [self.molecules[row] for row in rows.tolist()] if self.molecules else []
        return Unfinished(self.kind[rows], self.depth[rows], self.rings[rows], molecules)


@final
class Constraint:
    """Rules that keep a text readable: branches closed after they were opened, none and no ring open at the end.

    Args:
        rules: what each token does to a text, from `syntax_of`.
        device: where decoding runs.
        chemistry: what can still become a molecule, from `valences_of`; None: the syntax alone decides.
    """

    def __init__(self, rules: Rules, device: torch.device | str = "cpu", chemistry: Chemistry | None = None) -> None:
        self.chemistry = chemistry
        effects = (rules.kind, rules.depth, rules.rings)
        self._kind, self._depth, self._rings = (torch.from_numpy(effect).to(device) for effect in effects)
        # One table per number of open branches, up to the number at which every token is possible.
        self._deepest = int(-rules.lowest.min())
        open_branches = torch.arange(self._deepest + 1).view(-1, 1, 1)
        allowed = torch.from_numpy(rules.follows) & (open_branches + torch.from_numpy(rules.lowest) >= 0)
        self._forbidden = (~allowed).to(device)

    def begin(self, batch: int) -> Unfinished:
        """Return empty rows."""
        zero = torch.zeros(batch, dtype=torch.long, device=self._kind.device)
        return Unfinished(zero, zero, zero, [self.chemistry.begin()] * batch if self.chemistry else [])

    def forbidden(self, written: Unfinished) -> Bool[Tensor, "batch vocab"]:
        """Return which tokens may not come next."""
        # Only discarded hypotheses of a beam fall below 0: what may follow them does not matter.
        forbidden = self._forbidden[written.depth.clamp(0, self._deepest), written.kind]
        forbidden[:, EOS] |= (written.depth > 0) | (written.rings != 0)
        return forbidden

    def mask(self, logits: Float[Tensor, "batch vocab"], written: Unfinished) -> Float[Tensor, "batch vocab"]:
        """Return logits with minus infinity where a token may not come next."""
        return logits.masked_fill(self.forbidden(written), float("-inf"))

    def refused(
        self, written: Unfinished, tokens: Int[Tensor, " batch"], rows: Sequence[int] | None = None
    ) -> list[int]:
        """Add one token to the molecules of some rows (default: all), and return the rows that refuse it.

        A row that refuses stays as it was; one that has ended is not checked again.
        """
        refused: list[int] = []
        if self.chemistry is None:
            return refused
        chosen = tokens.tolist()
        for row in range(len(chosen)) if rows is None else rows:
            if written.molecules[row] is None:
                continue
            later = self.chemistry.after(written.molecules[row], chosen[row])
            if later is None:
                refused.append(row)
            else:
                written.molecules[row] = None if chosen[row] == EOS else later
        return refused

    def advance(self, written: Unfinished, tokens: Int[Tensor, " batch"]) -> Unfinished:
        """Return the rows after one more token each, by the syntax alone."""
        depth, rings = written.depth + self._depth[tokens], written.rings ^ self._rings[tokens]
        return Unfinished(self._kind[tokens], depth, rings, written.molecules)
