"""Constraints on designs: a scaffold or motif to keep, size, similarity, forbidden parts, positions that may vary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

from rdkit import Chem, rdBase

from seqvae.config import ConstraintConfig
from seqvae.errors import ConfigError, UsageError
from seqvae.properties import get
from seqvae.properties.molecules.cache import Sheets, sharing
from seqvae.search.domain.domain import Texts
from seqvae.search.domain.molecule_moves import MoleculeMoves
from seqvae.search.proposals import Canonical

Allowed = Callable[[str], bool]


def constrained(texts: Texts, config: ConstraintConfig) -> Texts:
    """Return a kind of texts of which those that break a rule are invalid: they are never scored.

    Raises:
        ConfigError: a rule does not apply to this kind of texts, or cannot be read.
    """
    form = _projected(texts, config) if config.positions else texts.canonical
    rules = list(_molecule_rules(config, texts.sheets) if texts.sheets is not None else _sequence_rules(texts, config))
    if not rules and not config.positions:
        return texts
    # Moves make nothing that is too large, and their own limit gives way to that of the search.
    moves = texts.moves
    if isinstance(moves, MoleculeMoves) and config.longest:
        moves = replace(moves, largest=config.longest)
    return replace(texts, canonical=_Judged(form, tuple(rules)), moves=moves, constrained=True)


@final
@dataclass(frozen=True)
class _Judged:
    """The canonical form of texts that obey the rules; None of others."""

    form: Canonical
    rules: tuple[Allowed, ...]

    def __call__(self, text: str) -> str | None:
        found = self.form(text)
        return found if found is not None and all(rule(found) for rule in self.rules) else None


def _molecule_rules(config: ConstraintConfig, sheets: Sheets) -> list[Allowed]:
    if config.positions:
        raise ConfigError("constraints.positions: for sequences only; to keep a part of a molecule, use `keep`")
    kept, forbidden = _patterns("keep", config.keep), _patterns("forbid", config.forbid)
    rules: list[Allowed] = []
    if kept or forbidden or config.shortest or config.longest:

        def fits(text: str) -> bool:
            """Return whether a molecule has an allowed size and the right parts."""
            sheet = sheets.of(text)
            if sheet is None:
                return False
            molecule, size = sheet.molecule, sheet.molecule.GetNumHeavyAtoms()
            return (
                config.shortest <= size <= (config.longest or size)
                and all(molecule.HasSubstructMatch(pattern) for pattern in kept)
                and not any(molecule.HasSubstructMatch(pattern) for pattern in forbidden)
            )

        rules.append(fits)
    if config.like:
        near = sharing(get(f"similarity:ecfp4:{config.like}"), sheets)
        rules.append(lambda text: config.least_alike <= float(near([text])[0]) <= config.most_alike)
    return rules


def _patterns(name: str, smarts: tuple[str, ...]) -> list[Chem.Mol]:
    with rdBase.BlockLogs():
        found = [Chem.MolFromSmarts(text) for text in smarts]
    for text, pattern in zip(smarts, found, strict=True):
        if pattern is None:
            raise ConfigError(f"constraints.{name}: expected a SMARTS or a SMILES, RDKit cannot read {text!r}")
    return found


def _sequence_rules(texts: Texts, config: ConstraintConfig) -> list[Allowed]:
    if config.alikeness:
        raise ConfigError("constraints.least_alike, most_alike: for molecules only: leave them out")
    if config.like and not config.positions:
        raise ConfigError("constraints.like: for sequences, give positions too, the places where they may differ")
    kept, forbidden = _parts("keep", config.keep, texts), _parts("forbid", config.forbid, texts)
    rules: list[Allowed] = [lambda text, part=part: part in text for part in kept]  # type: ignore[misc]
    rules += [lambda text, part=part: part not in text for part in forbidden]  # type: ignore[misc]
    if config.shortest or config.longest:
        rules.append(lambda text: config.shortest <= len(text) <= (config.longest or len(text)))
    return rules


def _parts(name: str, parts: tuple[str, ...], texts: Texts) -> list[str]:
    """Return parts of sequences in the form that the sequences have, so that `ggatcc` is found in them."""
    found = [texts.canonical(part) for part in parts]
    for part, form in zip(parts, found, strict=True):
        if form is None or not set(form) <= set(texts.letters):
            raise ConfigError(f"constraints.{name}: expected letters of {texts.letters}, got {part!r}")
    return [form for form in found if form is not None]


def _projected(texts: Texts, config: ConstraintConfig) -> Canonical:
    """Return what puts a text's letters at the free positions of the sequence that designs must resemble.

    A proposal then stands for that sequence with these letters changed, whoever made it; one of another length is
    invalid.
    """
    whole = texts.canonical(config.like)
    if whole is None:
        raise ConfigError(f"constraints.like: expected a sequence of this search, got {config.like!r}")
    free: set[int] = set()  # places from 0; positions are written from 1: `3-8,12`
    for part in config.positions.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise UsageError(
                f"constraints.positions: expected numbers and ranges such as 3-8,12, got {config.positions!r}"
            )
        ends = int(first), int(last if dash else first)
        if not 1 <= ends[0] <= ends[1] <= len(whole):
            raise UsageError(f"constraints.positions: {part.strip()} lies outside 1 to {len(whole)}, or runs backwards")
        free.update(range(ends[0] - 1, ends[1]))

    def form(text: str) -> str | None:
        """Return the reference with the text's letters at the free positions."""
        found = texts.canonical(text)
        if found is None or len(found) != len(whole):
            return None
        return "".join(new if place in free else old for place, (old, new) in enumerate(zip(whole, found, strict=True)))

    return form
