"""Constraints on designs: a scaffold or motif to keep, size, similarity, forbidden parts, positions that may vary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple, final

from rapidfuzz.distance import Levenshtein
from rdkit import Chem, rdBase

from seqvae.config import ConstraintConfig
from seqvae.errors import ConfigError, ConstraintError
from seqvae.properties import get
from seqvae.properties.molecules.alerts import NONE, alerts_of
from seqvae.properties.molecules.cache import Sheets, sharing
from seqvae.search.domain.codon_moves import CodonMoves
from seqvae.search.domain.contradictions import refuse_contradictions, refuse_contradictory_parts
from seqvae.search.domain.domain import Texts
from seqvae.search.domain.molecule_moves import MoleculeMoves
from seqvae.search.domain.plausible import AUTO, OFF, plausible
from seqvae.search.domain.projection import projected
from seqvae.search.domain.sequence_moves import SequenceMoves
from seqvae.search.proposals import Canonical

Allowed = Callable[[str], bool]
_BEFORE_ANY = 1_000  # proposals in a row that break the rules, before one has kept them, after which a search stops
_IN_A_ROW = 10_000  # the same once some have kept them: breeding near the limits of a rule breaks it often


class Rule(NamedTuple):
    """A rule of a search: the setting that it comes from, and whether a canonical form keeps it."""

    name: str
    keeps: Allowed


def constrained(texts: Texts, config: ConstraintConfig, start: Collection[str] = ()) -> Texts:
    """Return a kind of texts of which those that break a rule are invalid: they are never scored.

    Args:
        texts: the kind without rules.
        config: the rules.
        start: texts that a user gave, which are no proposals: those of them that break rules end no search.

    Raises:
        ConfigError: a rule does not apply to this kind of texts, cannot be read, or contradicts another one.
    """
    rules = list(_molecule_rules(config, texts.sheets) if texts.sheets is not None else _sequence_rules(texts, config))
    form = projected(texts, config) if config.projects else texts.canonical
    if config.indels and not isinstance(texts.moves, SequenceMoves | CodonMoves):
        raise ConfigError("constraints.indels: for sequences only: leave it out")
    if config.indels and isinstance(texts.moves, SequenceMoves | CodonMoves):
        texts = replace(texts, moves=replace(texts.moves, fixed_length=False))
    if not rules and not config.projects:
        return texts
    moves = CodonMoves(fixed_length=True, synonymous=1.0) if config.same_protein else texts.moves
    # Moves make nothing that is too large, and their own limit gives way to that of the search.
    if isinstance(moves, MoleculeMoves) and config.longest:
        moves = replace(moves, largest=config.longest)
    judged = Judged(texts.canonical, form, tuple(rules), frozenset(start))
    return replace(texts, canonical=judged, moves=moves, constrained=True, free=texts.canonical, projected=form)


@final
class Judged:
    """The canonical form of texts that obey the rules; None of others.

    Args:
        free: the canonical form without rules.
        form: the same with the letters of the reference where those are kept.
        rules: of the search.
        start: texts that are not counted.
    """

    def __init__(self, free: Canonical, form: Canonical, rules: tuple[Rule, ...], start: frozenset[str]) -> None:
        self.free, self.form, self.rules, self.start = free, form, rules, start
        self._broken = Counter[str]()  # in a row
        self._most = _BEFORE_ANY

    def __call__(self, text: str) -> str | None:
        """Return the form of a proposal.

        Raises:
            ConstraintError: so many valid proposals in a row broke the rules that no more will come.
        """
        found, broken = self.judged(text)
        if found is not None:
            self._broken.clear()
            self._most = _IN_A_ROW
        elif broken and text not in self.start:
            self._broken[broken] += 1
            if self._broken.total() >= self._most:
                stopped = "; ".join(f"{name} stopped {count:,}" for name, count in self._broken.most_common())
                raise ConstraintError(
                    f"{self._broken.total():,} valid proposals in a row broke the constraints: {stopped}. Loosen them, "
                    "or begin with designs that keep them (--start)"
                )
        return found

    @property
    def refused(self) -> int:
        """Valid proposals so far that broke the rules, as long as none has kept them."""
        return self._broken.total() if self._most == _BEFORE_ANY else 0

    def judged(self, text: str) -> tuple[str | None, str]:
        """Return the form of a text that obeys the rules, or the name of the first rule that a valid text breaks."""
        found = self.form(text)
        if found is None:
            return None, "" if self.free(text) is None else "like (another length)"
        broken = next((rule.name for rule in self.rules if not rule.keeps(found)), "")
        return (None, broken) if broken else (found, "")


def _molecule_rules(config: ConstraintConfig, sheets: Sheets) -> Iterator[Rule]:
    """Yield the rules on molecules, the quick ones first."""
    if config.projects:
        name = "positions" if config.positions else "same_protein"
        raise ConfigError(f"constraints.{name}: for sequences only; to keep a part of a molecule, use `keep`")
    if config.max_mutations:
        raise ConfigError("constraints.max_mutations: for sequences only; for molecules, use `min_similarity`")
    kept, forbidden = _patterns("keep", config.keep), _patterns("forbid", config.forbid)
    refuse_contradictions(config, kept, forbidden)

    def of(test: Callable[[Chem.Mol], bool]) -> Allowed:
        """Return a test of molecules as one of texts."""
        return lambda text: (sheet := sheets.of(text)) is not None and test(sheet.molecule)

    if config.shortest:
        yield Rule(f"shortest {config.shortest}", of(lambda found: found.GetNumHeavyAtoms() >= config.shortest))
    if config.longest:
        yield Rule(f"longest {config.longest}", of(lambda found: found.GetNumHeavyAtoms() <= config.longest))
    for smarts, pattern in zip(config.keep, kept, strict=True):
        yield Rule(f"keep {smarts}", of(partial(_matches, pattern, True)))
    for smarts, pattern in zip(config.forbid, forbidden, strict=True):
        yield Rule(f"forbid {smarts}", of(partial(_matches, pattern, False)))
    if sets := tuple(name for name in config.alerts if name != NONE):
        alerts = alerts_of(sets)
        yield Rule(f"alerts {', '.join(sets)}", of(lambda found: next(alerts.found(found), None) is None))
    if config.max_sa:
        rule = f"max_sa {config.max_sa:g}"
        yield Rule(rule, lambda text: (sheet := sheets.of(text)) is not None and sheet.sa <= config.max_sa)
    if config.plausible not in (AUTO, OFF):
        makes = plausible(config.plausible)
        yield Rule(
            f"plausible {config.plausible}", lambda text: (sheet := sheets.of(text)) is not None and makes(sheet)
        )
    if config.like:
        near = sharing(get(f"similarity:{config.similarity}:{config.like}"), sheets)
        low, high = config.min_similarity, config.max_similarity
        yield Rule(f"min_similarity {low:g}", lambda text: float(near([text])[0]) >= low)
        yield Rule(f"max_similarity {high:g}", lambda text: float(near([text])[0]) <= high)


def _matches(pattern: Chem.Mol, wanted: bool, molecule: Chem.Mol) -> bool:
    return bool(molecule.HasSubstructMatch(pattern)) == wanted


def _holds(part: str, wanted: bool, text: str) -> bool:
    return (part in text) == wanted


def _patterns(name: str, smarts: tuple[str, ...]) -> list[Chem.Mol]:
    with rdBase.BlockLogs():
        found = [Chem.MolFromSmarts(text) for text in smarts]
    for text, pattern in zip(smarts, found, strict=True):
        if pattern is None:
            raise ConfigError(f"constraints.{name}: expected a SMARTS or a SMILES, RDKit cannot read {text!r}")
    return found


def _sequence_rules(texts: Texts, config: ConstraintConfig) -> Iterator[Rule]:
    if config.limits_similarity:
        raise ConfigError("constraints.min_similarity, max_similarity: for molecules only: leave them out")
    if [name for name in config.alerts if name != NONE] or config.max_sa:
        raise ConfigError("constraints.alerts, max_sa: for molecules only: leave them out")
    if config.plausible not in (AUTO, OFF):
        raise ConfigError("constraints.plausible: for molecules only: leave it out")
    if config.like and not config.projects and not config.max_mutations:
        raise ConfigError(
            "constraints.like: for sequences, give positions too, the places where they may differ, or max_mutations, "
            "in how many, or same_protein"
        )
    kept, forbidden = _parts("keep", config.keep, texts), _parts("forbid", config.forbid, texts)
    refuse_contradictory_parts(config, kept, forbidden)
    for part in kept:
        yield Rule(f"keep {part}", partial(_holds, part, True))
    for part in forbidden:
        yield Rule(f"forbid {part}", partial(_holds, part, False))
    if config.shortest:
        yield Rule(f"shortest {config.shortest}", lambda text: len(text) >= config.shortest)
    if config.longest:
        yield Rule(f"longest {config.longest}", lambda text: len(text) <= config.longest)
    if config.max_mutations:
        parent, most = texts.canonical(config.like), config.max_mutations
        if parent is None:
            raise ConfigError(f"constraints.like: expected a sequence of this search, got {config.like!r}")
        # beyond the limit the distance is cut off at the limit and one
        yield Rule(f"max_mutations {most}", lambda text: Levenshtein.distance(text, parent, score_cutoff=most) <= most)


def _parts(name: str, parts: tuple[str, ...], texts: Texts) -> list[str]:
    """Return parts of sequences in the form that the sequences have, so that `ggatcc` is found in them."""
    found = [texts.canonical(part) for part in parts]
    for part, form in zip(parts, found, strict=True):
        if form is None or not set(form) <= set(texts.letters):
            raise ConfigError(f"constraints.{name}: expected letters of {texts.letters}, got {part!r}")
    return [form for form in found if form is not None]
