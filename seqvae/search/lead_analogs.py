"""Analogs of a lead: distinct valid designs near it, the likeliest first.

They come from three sources: substituents exchanged by how often each stands on such an atom (of molecules), small
moves of the molecular graph or of letters, and samples of the lead's posterior in latent space. Each source gives a
design a probability, and the model chooses among the pool: the score of a design is log q + WEIGHT * ELBO, where q is
the largest probability that a source gives it, times the `SHARES` of that source, and the ELBO is the model's bound on
log p(x).
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
import torch

from seqvae.config import AnalogConfig, DecodeConfig
from seqvae.data.frames import frame_of
from seqvae.errors import ConfigError, ConstraintError
from seqvae.latent.codec import Codec, load
from seqvae.properties.molecules.alerts import NONE, alerts_of
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.similarity import similarities
from seqvae.runtime.progress import phase
from seqvae.runtime.streams import ANALOG_MOVES, ANALOG_POINTS
from seqvae.search.domain.constraints import constrained
from seqvae.search.domain.domain import Texts, texts_of
from seqvae.search.domain.substituents import exchanges

if TYPE_CHECKING:
    import pandas as pd

# Nats of the model's bound count so much beside the log-probability of a change: of 0, 0.1, 0.2, 0.3 and 0.5 the second
# and third found most on the first eight of the series of lead optimisation, with `drug-smiles`.
WEIGHT = 0.15
EXCHANGE, MOVE, LATENT = "substituent", "move", "latent"
SHARES = {EXCHANGE: 0.8, MOVE: 0.1, LATENT: 0.1}  # chosen as WEIGHT was: log q of the last two less by 0 to 5 nats
_OF_POOL = {LATENT: 0.125, MOVE: 0.25}  # of which a source may fill so much; what follows fills the rest
_EXPANDED = 100  # designs of one exchange that are changed once more
_MADE = 20  # designs made for each that is wanted in the pool, after which a source ends
_MOVES = (1, 2)  # moves in a row
_DRAWS = 100  # posterior samples of each width
_WIDTHS = (1.0, 2.0)  # standard deviations of the posterior: the cloud itself, and a wider one
Proposals = Iterator[tuple[str, float]]  # canonical forms and log q


@final
@dataclass(frozen=True)
class Analog:
    """A design near a lead.

    Attributes:
        text: canonical SMILES, or the sequence.
        similarity: to the lead, as `properties.similarity` has it.
        log_likelihood: the model's ELBO, a lower bound on log p(x), nats.
        score: by which it is ranked, nats.
        proposer: the source that finds it likeliest: `substituent`, `move` or `latent`.
    """

    text: str
    similarity: float
    log_likelihood: float
    score: float
    proposer: str


@final
@dataclass(frozen=True)
class Analogs:
    """What was found around a lead.

    Attributes:
        lead: its canonical form.
        found: the analogs, the likeliest first.
        judged: distinct designs among which the model chose.
        refused: distinct designs that were proposed and left out, by reason.
    """

    lead: str
    found: tuple[Analog, ...]
    judged: int
    refused: dict[str, int]

    @property
    def columns(self) -> dict[str, list[object]]:
        """The columns of a table of the analogs, by title."""
        return {
            title: [getattr(one, title) for one in self.found]
            for title in ("similarity", "log_likelihood", "score", "proposer")
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the analogs as a data frame of pandas; raises UsageError where that is not installed."""
        return frame_of({"text": [one.text for one in self.found], **self.columns})

    @property
    def described(self) -> str:
        """One line: how many were found among how many, and what was left out."""
        left = [f"{count:,} {reason}" for reason, count in self.refused.items()]
        noun = "analog" if len(self.found) == 1 else "analogs"
        said = f"{len(self.found):,} {noun} of {self.judged:,} designs near {self.lead}"
        return "; left out ".join([said, ", ".join(left)]) if left else said


def analogs(
    model: str | Path | Codec,
    lead: str,
    config: AnalogConfig | None = None,
    device: str = "auto",
    quiet: bool = True,
) -> Analogs:
    """Return distinct valid analogs of a lead, the likeliest first; there may be fewer than were asked for.

    Args:
        model: name of a pretrained model, folder of a trained one, or the model.
        lead: SMILES, or a sequence.
        config: how many are wanted, and what counts as an analog.
        device: `auto`, `cpu` or `cuda`; of a model that is loaded here.
        quiet: do not say what is being done.

    Raises:
        InputError: the model cannot read the lead.
        ConfigError: a rule does not apply to such texts, or cannot be read.
        ConstraintError: no design near the lead keeps the rules.
    """
    config = config or AnalogConfig()
    codec = model if isinstance(model, Codec) else load(model, device)
    (form,) = codec.tokenize([lead]).forms
    free = texts_of(codec.tokenizer, ())
    lead = form if free.sheets is None else free.sheets.known(form).smiles
    pool = _Pool(lead, free, config)
    with phase("proposing designs near the lead", quiet):
        sources = {LATENT: _decoded(codec, lead, config.seed), MOVE: _moved(lead, free, config)}
        if free.sheets is not None:
            sources[EXCHANGE] = _exchanged(lead, free.sheets)
        most = 0.0
        for row, (name, proposals) in enumerate(sources.items(), 1):
            most = 1.0 if row == len(sources) else most + _OF_POOL[name]
            pool.take(name, proposals, math.ceil(most * config.size))
    forms = list(pool.likely)
    read = codec.tokenize([*forms], "skip")
    if unread := len(read.rejected):
        pool.refused["cannot be read by the model"] = unread
    if not len(read):
        said = "; ".join(f"{count:,} {reason}" for reason, count in pool.refused.items()) or "none was proposed"
        raise ConstraintError(
            f"no analog of {lead} keeps the rules: {said}; widen the similarities, or loosen the rules"
        )
    with phase(f"judging {len(read):,} designs", quiet):
        bounds = codec.bounds(read, config.seed).elbo.tolist()
    kept = [forms[row] for row in read.rows]
    near = [row[0] for row in similarities(kept, [lead], free.sheets)]
    scored = [
        Analog(text, like, bound, pool.likely[text] + WEIGHT * bound, pool.proposer[text])
        for text, like, bound in zip(kept, near, bounds, strict=True)
    ]
    scored.sort(key=lambda one: (-one.score, one.text))
    return Analogs(lead, tuple(scored[: config.number]), len(kept), dict(pool.refused))


@final
class _Pool:
    """Distinct designs that count as analogs, each with the largest log q that a source gives it."""

    def __init__(self, lead: str, free: Texts, config: AnalogConfig) -> None:
        self.lead, self.free, self.config = lead, free, config
        self.likely: dict[str, float] = {}
        self.proposer: dict[str, str] = {}
        self.refused = Counter[str]()
        self._rules = _rules(lead, free, config)
        self._seen = {lead}

    def take(self, proposer: str, proposals: Proposals, most: int) -> None:
        """Take the designs of a source until `most` are in the pool, or too many were made in vain."""
        share = math.log(SHARES[proposer])
        for text, log_q in itertools.islice(proposals, _MADE * self.config.size):
            if len(self.likely) >= most:
                return
            form = self.free.canonical(text)
            if form is None:
                continue
            if form not in self._seen:  # what is no analog is counted once
                self._seen.add(form)
                broken = next((name for name, keeps in self._rules if not keeps(form)), "")
                if broken:
                    self.refused[broken] += 1
                else:
                    self.likely[form] = -math.inf
            if form in self.likely and log_q + share > self.likely[form]:
                self.likely[form], self.proposer[form] = log_q + share, proposer


def _rules(lead: str, free: Texts, config: AnalogConfig) -> list[tuple[str, Callable[[str], bool]]]:
    """Return what every analog must keep, by the words that say of how many it was broken, the quick ones first."""
    sheets, low, high, bound = (
        free.sheets,
        config.min_similarity,
        config.max_similarity,
        constrained(free, config.constraints),
    )
    rules: list[tuple[str, Callable[[str], bool]]] = [
        (
            f"with a similarity outside {low:g} to {high:g}",
            lambda text: low <= similarities([text], [lead], sheets)[0][0] <= high,
        )
    ]
    if bound.constrained:
        rules.append(("breaking a constraint", lambda text: bound.allowed(text) is not None))
    if sheets is None:
        if config.scaffold or config.alerts not in (AnalogConfig.alerts, (NONE,)):
            raise ConfigError("analogs.scaffold, alerts: for molecules only: leave them out")
        return rules
    start = sheets.known(lead)
    if config.scaffold:
        rules.append(("with another scaffold", lambda text: sheets.known(text).scaffold == start.scaffold))
    if sets := tuple(name for name in config.alerts if name != NONE):
        alerts = alerts_of(sets)
        known = set(alerts.found(start.molecule))  # those of the lead itself are no reason
        rules.append(
            ("with a structural alert", lambda text: known.issuperset(alerts.found(sheets.known(text).molecule)))
        )
    return rules


def _decoded(codec: Codec, lead: str, seed: int) -> Proposals:
    """Yield what samples of the lead's posterior decode to, as `_counted`; invalid ones are left to the pool."""
    posterior, rng = codec.posterior([lead]), ANALOG_POINTS.generator(seed)
    with torch.no_grad():
        away = posterior.rsample(_DRAWS * len(_WIDTHS), rng)[:, 0] - posterior.mean
    wide = torch.tensor(_WIDTHS).repeat_interleave(_DRAWS).unsqueeze(1)
    return _counted(codec.generate(posterior.mean + wide * away, DecodeConfig("sample", seed=seed)).texts)


def _moved(lead: str, free: Texts, config: AnalogConfig) -> Proposals:
    """Yield what one or two random moves make of the lead, as `_counted`."""
    rng, made = np.random.default_rng(ANALOG_MOVES.seed(config.seed)), []
    for draw in range(config.size):
        text: str | None = lead
        for _ in range(_MOVES[draw % len(_MOVES)]):
            text = None if text is None else free.moves.mutate(text, rng)
        made.append(text or lead)
    return _counted(made)


def _counted(texts: list[str]) -> Proposals:
    """Yield distinct texts with the logarithm of their share of all, the most frequent first."""
    return ((text, math.log(count / len(texts))) for text, count in Counter(texts).most_common())


def _exchanged(lead: str, sheets: Sheets) -> Proposals:
    """Yield molecules with one or two substituents of the lead exchanged, the likeliest first."""
    waiting: list[tuple[float, int, str, float, Proposals]] = []
    numbers, expanded = itertools.count(), {lead}

    def offer(source: Proposals, before: float) -> None:
        """Put the next design of a source, which begins at log q `before`, among those that wait."""
        for text, likely in source:
            heapq.heappush(waiting, (-before - likely, next(numbers), text, before, source))
            return

    offer(exchanges(lead, sheets), 0.0)
    while waiting:
        unlikely, _, text, before, source = heapq.heappop(waiting)
        yield text, -unlikely
        offer(source, before)
        if before == 0.0 and text not in expanded and len(expanded) <= _EXPANDED:
            expanded.add(text)
            offer(exchanges(text, sheets), -unlikely)
