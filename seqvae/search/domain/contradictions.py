"""Constraints that no design can keep, refused before a search looks for one."""

from __future__ import annotations

from collections.abc import Sequence

from rdkit import Chem

from seqvae.config import ConstraintConfig
from seqvae.errors import ConfigError

# Without brackets a pattern names elements and bonds alone, which stay as they are inside a larger molecule.
_BEYOND_ELEMENTS = set("[]*~@")


def refuse_contradictions(config: ConstraintConfig, kept: Sequence[Chem.Mol], forbidden: Sequence[Chem.Mol]) -> None:
    """Raise ConfigError where every molecule with a part to keep has a forbidden part, or is too large.

    Args:
        config: the constraints on molecules.
        kept: the patterns of `config.keep`.
        forbidden: the patterns of `config.forbid`.
    """
    for keep, part in zip(config.keep, kept, strict=True):
        for forbid, other in zip(config.forbid, forbidden, strict=True):
            plain = not _BEYOND_ELEMENTS & {*keep, *forbid}
            if Chem.MolToSmarts(part) == Chem.MolToSmarts(other) or (plain and part.HasSubstructMatch(other)):
                raise _contradiction(keep, forbid)
        _check_size(config, keep, sum(atom.GetAtomicNum() > 1 for atom in part.GetAtoms()), "atoms")


def refuse_contradictory_parts(config: ConstraintConfig, kept: Sequence[str], forbidden: Sequence[str]) -> None:
    """Raise ConfigError where every sequence with a part to keep has a forbidden part, or is too long.

    Args:
        config: the constraints on sequences.
        kept: the parts of `config.keep`, in canonical form.
        forbidden: those of `config.forbid`.
    """
    for part in kept:
        for other in forbidden:
            if other in part:
                raise _contradiction(part, other)
        _check_size(config, part, len(part), "letters")
    size = len(config.like)
    if config.projects and not config.shortest <= size <= (config.longest or size):
        raise ConfigError(
            f"constraints.shortest, longest: the sequence of constraints.like has {size} letters, as all designs have"
        )


def _contradiction(keep: str, forbid: str) -> ConfigError:
    same = "" if keep == forbid else f", and whatever has {keep!r} has that"
    return ConfigError(f"constraints.keep has {keep!r}, constraints.forbid has {forbid!r}{same}: leave out one of them")


def _check_size(config: ConstraintConfig, part: str, size: int, unit: str) -> None:
    if config.longest and size > config.longest:
        raise ConfigError(f"constraints.longest: {config.longest} {unit}, and {part!r} of constraints.keep has {size}")
