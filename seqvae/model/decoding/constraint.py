"""Decoding under rules: which tokens may come next, row by row.

The syntax is tables on the model's device; the chemistry checks each row on the host, and only the tokens that were
chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, final, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from seqvae.model.encoders import EOS

# What led nowhere, as a tree of tokens: each to what is barred after it, or to None if it is barred itself.
Bars: TypeAlias = "dict[int, Bars | None]"
_NOTHING_BARRED: Bars = {}
# Tokens that an open ring may still take near the longest length: an atom or two that can be bonded, and its number.
_TOKENS_PER_RING = 3
_UNENDED = [0, 2, 3, 6]  # kinds of symbols that an atom has to follow: none yet, bond, opened branch, dot


def bar(bars: Bars, tokens: Sequence[int]) -> None:
    """Bar a beginning, given as at least one token, of which all but the last are not barred yet."""
    *before, last = tokens
    for token in before:
        bars = bars.setdefault(token, {}) or {}
    bars[last] = None


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

    def reads(self, tokens: Sequence[int]) -> bool:
        """Return whether the tokens, without an end token, are a molecule."""


@dataclass(frozen=True)
class Unfinished:
    """The state of each row under the rules.

    Attributes:
        kind: `(batch,)`, kind of the last symbol; 0 before the first.
        depth: `(batch,)`, open branches.
        rings: `(batch,)`, one bit per open ring.
        molecules: each row's state in the chemistry, updated in place; None: the row is no longer checked.
        bars: what is barred after each row's tokens, updated in place; empty if nothing is in any row.
    """

    kind: Int[Tensor, " batch"]
    depth: Int[Tensor, " batch"]
    rings: Int[Tensor, " batch"]
    molecules: list[Any] = field(default_factory=list)
    bars: list[Bars] = field(default_factory=list)

    def select(self, rows: Int[Tensor, " kept"]) -> Unfinished:
        """Return these rows only, in this order; a row may come twice."""
        order = rows.tolist() if self.molecules or self.bars else []
        molecules = [self.molecules[row] for row in order] if self.molecules else []
        bars = [self.bars[row] for row in order] if self.bars else []
        return Unfinished(self.kind[rows], self.depth[rows], self.rings[rows], molecules, bars)

    def at_bar(self) -> Bool[Tensor, " batch"]:
        """Return where a next token is barred."""
        barred = [None in bars.values() for bars in self.bars] or [False] * len(self.kind)
        return torch.tensor(barred, dtype=torch.bool, device=self.kind.device)


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
        # Tokens after which a text can only end.
        self._last = torch.from_numpy(~rules.follows[rules.kind].any(1, where=np.arange(len(rules.kind)) != EOS)).to(
            device
        )
        self._places = torch.arange(max(1, int(rules.rings.max()).bit_length()), device=device)
        self._ring_places = (self._rings >> self._places.unsqueeze(1) & 1).float()
        self._unended = torch.isin(self._kind, torch.tensor(_UNENDED, device=device)).long()

    def begin(self, batch: int, bars: Sequence[Bars] | None = None, filling: int = 0) -> Unfinished:
        """Return empty rows.

        Args:
            batch: how many.
            bars: what each must not become; None: nothing is barred.
            filling: how many more rows follow that are not checked.
        """
        zero = torch.zeros(batch + filling, dtype=torch.long, device=self._kind.device)
        checked = self.chemistry is not None or bars is not None
        molecules = [self.chemistry.begin() if self.chemistry else ()] * batch + [None] * filling if checked else []
        return Unfinished(zero, zero, zero, molecules, [] if bars is None else [*bars, *[_NOTHING_BARRED] * filling])

    def forbidden(self, written: Unfinished) -> Bool[Tensor, "batch vocab"]:
        """Return which tokens may not come next."""
        # Only discarded hypotheses of a beam fall below 0: what may follow them does not matter.
        forbidden = self._forbidden[written.depth.clamp(0, self._deepest), written.kind]
        forbidden[:, EOS] |= (written.depth > 0) | (written.rings != 0)
        return forbidden

    def mask(
        self,
        logits: Float[Tensor, "batch vocab"],
        written: Unfinished,
        left: int | None = None,
        goes_on: bool = False,
    ) -> Float[Tensor, "batch vocab"]:
        """Return logits with minus infinity where a token may not come next.

        With `goes_on`, one more token at least has to follow the next: none is written after which a text can only end.
        With `left`, how many more tokens may follow the next, tokens after which these would hardly be enough to close
        every branch and ring are forbidden too, where there are others.
        """
        forbidden = self.forbidden(written) | self._last if goes_on else self.forbidden(written)
        if left is not None:
            opened = (written.rings.unsqueeze(1) >> self._places & 1).float()
            both = opened @ self._ring_places  # rings that the token closes
            rings = opened.sum(1, keepdim=True) + self._ring_places.sum(0) - 2 * both
            # about how many tokens it takes to end each text after each next token
            needed = written.depth.unsqueeze(1) + self._depth + self._unended + _TOKENS_PER_RING * rings.long()
            needed[:, EOS] = 0
            closing = forbidden | (needed > left)
            forbidden = torch.where(closing.all(1, keepdim=True), forbidden, closing)
        return logits.masked_fill(forbidden, float("-inf"))

    def may_end(self, written: Unfinished) -> Bool[Tensor, " batch"]:
        """Return which texts may end; those no longer checked may, as far as the syntax goes."""
        fine = ~self.forbidden(written)[:, EOS]
        if self.chemistry is not None:
            for row in fine.nonzero().flatten().tolist():
                molecule = written.molecules[row]
                fine[row] = molecule is None or self.chemistry.after(molecule, EOS) is not None
        return fine

    def reads(self, tokens: Sequence[int]) -> bool:
        """Return whether a whole text, without its end token, is a molecule; true where no chemistry decides."""
        return self.chemistry is None or self.chemistry.reads(tokens)

    def refused(
        self, written: Unfinished, tokens: Int[Tensor, " batch"], rows: Sequence[int] | None = None
    ) -> list[int]:
        """Add one token to the molecules of some rows (default: all), and return the rows that refuse it.

        A row that refuses stays as it was; one that has ended is not checked again.
        """
        refused: list[int] = []
        if not written.molecules:
            return refused
        chosen = tokens.tolist()
        for row in range(len(chosen)) if rows is None else rows:
            token, molecule = chosen[row], written.molecules[row]
            if molecule is None:
                continue
            bars = written.bars[row].get(token, _NOTHING_BARRED) if written.bars else _NOTHING_BARRED
            later = None
            if bars is not None:
                later = self.chemistry.after(molecule, token) if self.chemistry else molecule
            if later is None or bars is None:
                refused.append(row)
                continue
            written.molecules[row] = None if token == EOS else later
            if written.bars:
                written.bars[row] = bars
        return refused

    def advance(self, written: Unfinished, tokens: Int[Tensor, " batch"]) -> Unfinished:
        """Return the rows after one more token each, by the syntax alone."""
        depth, rings = written.depth + self._depth[tokens], written.rings ^ self._rings[tokens]
        return Unfinished(self._kind[tokens], depth, rings, written.molecules, written.bars)
