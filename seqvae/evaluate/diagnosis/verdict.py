"""The verdict of a diagnosis: one kind, the numbers that it rests on, and the setting to change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from seqvae.evaluate.model.diagnostics import COLLAPSED

HEALTHY = "healthy"
PARTLY = "partly collapsed"
NOTHING = "collapsed because nothing is there to encode"
OBJECTIVE = "collapsed by the objective"
ENCODER = "encoder does not generalise"
PRIOR = "prior does not fit"
UNDERTRAINED = "under-trained (worse than a baseline)"
LOST = "nothing comes back from the latent space"
BROKEN = "samples are broken"
KINDS = (UNDERTRAINED, NOTHING, OBJECTIVE, LOST, BROKEN, PARTLY, ENCODER, PRIOR, HEALTHY)  # what is worse comes first


@dataclass(frozen=True)
class Thresholds:
    """Where a metric begins to speak; each with its reason.

    Attributes:
        errors: standard errors by which a difference must differ from 0: one chance in twenty otherwise.
        worse: share of a counting model's nats that a model must cost more, to be called worse: optimisation ends with
            some noise, and the end of a sequence, which counting models do not code, costs a little.
        collapsed: nats of rate, or of gain by the own z over another's, below which z says nothing of its text: a tenth
            of a nat tells fewer than one text in nine from the others.
        little: nats of rate below which z says little: it cannot tell three texts apart.
        units: share of active units below which most of the latent space is unused.
        dependence: share of the nats of independent positions that anything has been seen to gain on these, below which
            nothing is there to encode: a decoder that sees the letters before has that little without z. Splice sites
            lie below .1 %, promoters of E. coli at 2 to 3 %, drug-like molecules far above.
        encoder_exact: share of texts that the encoder loses of unseen ones more than of training ones: one in twenty is
            seen by whoever uses the model.
        encoder_objective: the same in nats, as a share of the held-out objective, for texts too long to come back.
        prior_nats: nats that q(z) lies from the prior at least, from which on samples show it: at one nat, the prior
            gives latent points a third of the density that they have.
        dark: share of prior draws that decode to nothing valid or to something that encodes elsewhere, from which on
            most of what is drawn is not what the latent point stood for.
        broken: share of samples that are no molecules after the usual draws, or empty, from which on whoever uses them
            has to look at each.
    """

    errors: float = 2.0
    worse: float = 0.01
    collapsed: float = COLLAPSED
    little: float = 1.0
    units: float = 0.1
    dependence: float = 0.05
    encoder_exact: float = 0.05
    encoder_objective: float = 0.05
    prior_nats: float = 1.0
    dark: float = 0.5
    broken: float = 0.2


THRESHOLDS = Thresholds()
Metrics = Mapping[str, Any]  # all metrics of a diagnosis by name; None or missing: not measured


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: one of `KINDS`.
        because: the numbers that it rests on, as one or two sentences.
        change: the setting to change, as one sentence.
    """

    kind: str
    because: str
    change: str


@dataclass(frozen=True)
class Verdict:
    """What a model is worth.

    Attributes:
        kind: one of `KINDS`: the first thing that is wrong, or that nothing is.
        paragraph: the kind, its numbers and the setting to change, and the same of whatever else is wrong.
        also: the kinds of what else is wrong.
    """

    kind: str
    paragraph: str
    also: tuple[str, ...] = ()


def judged(metrics: Mapping[str, Mapping[str, Any]], noun: str = "text", unit: str = "") -> Verdict:
    """Return the verdict on the metrics of a diagnosis.

    Args:
        metrics: by section. At the end of a training there is one more, `training`, see `evaluate.trained`.
        noun: what one text is called.
        unit: what one letter is called, such as `base`; empty: texts are not counted by letters.
    """
    known = {name: value for part in metrics.values() for name, value in part.items()} | {"noun": noun, "unit": unit}
    findings = [found for test in _TESTS if (found := test(known)) is not None]
    findings.sort(key=lambda one: KINDS.index(one.kind))
    if not findings:
        return Verdict(HEALTHY, f"Healthy: {_strengths(known)}")
    said: list[str] = []
    changes: set[str] = set()
    for one in findings:
        kind = f"Also: {one.kind}" if said else f"{one.kind[0].upper()}{one.kind[1:]}"
        said.append(f"{kind}: {one.because}" + ("" if one.change in changes else f" {one.change}"))
        changes.add(one.change)
    return Verdict(findings[0].kind, " ".join(said), tuple(one.kind for one in findings[1:]))


def _collapses(known: Metrics) -> bool:
    """Return whether z says nothing of its text."""
    least = min(known["rate"], known["gain_over_shuffled"])
    return bool(least < THRESHOLDS.collapsed or not known["active_units"])


def _beyond(known: Metrics, name: str) -> bool:
    """Return whether a metric is above 0 by more than its standard error leaves open; False where it is unknown."""
    value = known.get(name)
    return value is not None and bool(value > THRESHOLDS.errors * known[f"{name}_error"])


def _worse(known: Metrics, name: str, nll: str) -> bool:
    """Return whether an excess over a counting model is beyond its error and beyond a trifle of its nats."""
    return _beyond(known, name) and bool(known[name] > THRESHOLDS.worse * known[nll])


def _undertrained(known: Metrics) -> Finding | None:
    """Worse than counting by its own objective and by its tightest bound.

    A model that has given z up can do no better than independent positions where its decoder sees no other token: it is
    then judged beside these, and by the collapse.
    """
    collapsed = _collapses(known)
    worse = _worse(known, "excess", "baseline_nll") and _worse(known, "objective_excess", "baseline_nll")
    if not worse or (collapsed and not _worse(known, "independent_excess", "independent_nll")):
        return None
    noun, needs = known["noun"], min(known["model_nll"], known["baseline_nll"] + known["objective_excess"])
    because = (
        f"held-out {noun}s cost {needs:.1f} nats each{_bits(known, needs)}, {known['baseline']}, which only counts, "
        f"needs {known['baseline_nll']:.1f}{_bits(known, known['baseline_nll'])}."
    )
    training = known.get("training_distortion")
    if training is not None and training + known["beta"] * known["training_rate"] < known["baseline_nll"]:
        seen = training + known["beta"] * known["training_rate"]
        because += f" Training {noun}s cost {seen:.1f}: these are known by heart."
        return Finding(
            UNDERTRAINED, because, "Use more data, fewer --epochs (--patience 3), --dropout 0.2 or less width."
        )
    return Finding(UNDERTRAINED, because, _longer(known))


def _bits(known: Metrics, nats: float) -> str:
    """Return, in brackets, what so many nats of a text are in bits per base or residue; empty for molecules."""
    if not known["unit"] or not known.get("characters"):
        return ""
    return f" ({nats * known['texts'] / known['characters'] / math.log(2):.3f} bits per {known['unit']})"


def _longer(known: Metrics) -> str:
    """Return how to train a model more."""
    if few := known.get("few_steps"):
        return f"{few}."
    return f"Train longer: {known.get('advice') or 'more --epochs, or a higher --learning-rate'}."


def _lost(known: Metrics) -> Finding | None:
    if known["noun"] != "molecule" or known.get("held_out_exact") != 0 or _collapses(known):
        return None
    because = f"none of {known['texts']:,} held-out molecules is decoded exactly."
    return Finding(LOST, because, _longer(known))


def _broken(known: Metrics) -> Finding | None:
    """Samples that are no molecules, or empty; a molecule that is none is drawn again, which leaves a user fewer."""
    validity, draws = known.get("validity"), known.get("draws", 1)
    if validity is None or validity > 1 - THRESHOLDS.broken ** (1 / draws):
        return None
    broken, what = 1 - validity, "no molecules" if known["noun"] == "molecule" else "empty"
    again = f", and {broken**draws:.0%} after {draws} draws" if draws > 1 else ""
    return Finding(BROKEN, f"{broken:.0%} of {known['samples_drawn']:,} samples are {what}{again}.", _longer(known))


def _collapsed(known: Metrics) -> Finding | None:
    if not _collapses(known):
        return None
    because = (
        f"z carries {known['rate']:.3f} nats, {known['active_units']} of {known['latent']} units are active, and the "
        f"own z saves {max(0.0, known['gain_over_shuffled']):.3f} nats on another's."
    )
    dependence, noun = known.get("dependence"), known["noun"]
    if dependence is None:
        because += f" Whether there is something to encode is not known: too few {noun}s to count."
    else:
        independent = known["independent_nll"]
        least = max(THRESHOLDS.collapsed, THRESHOLDS.dependence * independent)
        because += (
            f" Whatever was tried gains {dependence:.2f} of {independent:.1f} nats on positions that do not depend on "
            "each other"
        )
        if dependence < least:
            change = f"Change nothing: use the likelihoods, or {noun}s that vary together."
            return Finding(NOTHING, f"{because}: no more could be in z.", change)
        because += ": there is something to encode."
    change = f"Lower --beta (it is {known['beta']:g}), set --free-bits, or raise --word-dropout."
    return Finding(OBJECTIVE, because, change)


def _partly(known: Metrics) -> Finding | None:
    few = known["active_units"] < THRESHOLDS.units * known["latent"]
    if _collapses(known) or not (few or known["rate"] < THRESHOLDS.little):
        return None
    because = f"z carries {known['rate']:.2f} nats, and {known['active_units']} of {known['latent']} units are active."
    return Finding(
        PARTLY, because, f"Lower --beta (it is {known['beta']:g}), set --free-bits, or take a smaller --latent."
    )


def _encoder(known: Metrics) -> Finding | None:
    gap, nats = known.get("encoder_gap"), known.get("encoder_objective_gap")
    if gap is None or nats is None or _collapses(known):
        return None
    exact = gap > THRESHOLDS.encoder_exact and _beyond(known, "encoder_gap") and gap > known["decoder_gap"]
    share = THRESHOLDS.encoder_objective * (known["distortion"] + known["beta"] * known["rate"])
    costly = nats > share and _beyond(known, "encoder_objective_gap") and nats > known["decoder_objective_gap"]
    if not exact and not costly:
        return None
    noun = known["noun"]
    because = (
        f"it brings back {known['training_exact']:.1%} of training {noun}s and {known['held_out_exact']:.1%} of "
        f"held-out ones; from refined posteriors {known['training_refined_exact']:.1%} and "
        f"{known['held_out_refined_exact']:.1%}: {nats:.2f} of {known['objective_gap']:.2f} nats of the gap are the "
        "encoder's, and the decoder could have them."
    )
    spelling = " or --spellings 8" if noun == "molecule" else ""
    change = f"Train on more data, or with --encoder-pooling attention{spelling}; until then encode with refinement."
    return Finding(ENCODER, because, change)


def _prior(known: Metrics) -> Finding | None:
    if _collapses(known):
        return None
    least, dark = max(known["marginal_kl_low"], known.get("moments_kl") or 0.0), known.get("dark")
    far = known.get("default_prior") != "fitted" and least > THRESHOLDS.prior_nats
    if not far and (dark is None or dark < THRESHOLDS.dark):
        return None
    because = f"the latent points lie at least {least:.1f} nats from the model's own prior" if far else ""
    if dark is not None and dark >= THRESHOLDS.dark:
        because += " and " if because else ""
        because += f"{dark:.0%} of its draws decode to nothing valid or to a {known['noun']} that encodes elsewhere"
    fitted = "" if known.get("default_prior") == "fitted" else "fit one (--prior flow), or "
    change = f"For samples, {fitted}train with a higher --beta (it is {known['beta']:g})."
    return Finding(PRIOR, f"{because}.", change)


_TESTS: tuple[Callable[[Metrics], Finding | None], ...] = (
    _undertrained,
    _collapsed,
    _lost,
    _broken,
    _partly,
    _encoder,
    _prior,
)


def _strengths(known: Metrics) -> str:
    """Return what is good about a model, in numbers."""
    noun = known["noun"]
    said = (
        f"z carries {known['rate']:.1f} nats in {known['active_units']} of {known['latent']} units, and the decoder "
        f"uses it: another {noun}'s z costs {known['gain_over_shuffled']:.1f} nats more."
    )
    if known.get("held_out_exact"):
        said += f" {known['held_out_exact']:.1%} of held-out {noun}s come back exactly."
    if known.get("objective_excess") is not None:
        excess, objective = known["excess"], known["objective_excess"]
        side = "fewer" if excess < 0 else "more"
        said += f" They cost {abs(excess):.1f} nats {side} than by the best counting model ({known['baseline']})."
        if excess > 0 > objective:
            said += f" By its own objective it is {-objective:.1f} nats better: beta buys reconstruction with bits."
    if known.get("encoder_gap") is not None:
        said += f" Of what does not come back the encoder loses {known['encoder_gap']:.1%} more of unseen ones."
    return said + " Nothing needs to be changed."
