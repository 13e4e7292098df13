"""Every setting of a search's optimisers and its default, as `config.py` has those of everything else."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config import _HUGE, _between, _one_of


@dataclass(frozen=True)
class CmaConfig:
    """How CMA-ES searches a latent space.

    Attributes:
        form: `full`, a whole covariance matrix; or `separable`, a variance a dimension (Ros & Hansen 2008,
            doi:10.1007/978-3-540-87700-4_30), which some hundred scores are enough for.
        subspace: search so many random directions through the start alone (Wang et al. 2016, doi:10.1613/jair.4806);
            0: the whole space.
        sigma: standard deviation around the start at first; 1 is the prior's.
        population: points a generation; 0: 4 + 3 ln(dimensions), or the batch that is asked for where that is larger.
        start: texts that must have a score before it begins; until then the prior is sampled.
    """

    form: str = "separable"
    subspace: int = 0
    sigma: float = 0.5
    population: int = 0
    start: int = 100

    def __post_init__(self) -> None:
        _one_of("cma.form", self.form, ("full", "separable"))
        _between("cma.sigma", self.sigma, 1e-6, 1e3)
        # a single direction has no separable form, and a generation of three no second parent
        _between("cma.subspace", self.subspace, 2 if self.subspace else 0, 100_000)
        _between("cma.population", self.population, 4 if self.population else 0, 100_000)
        _between("cma.start", self.start, 1, _HUGE)


@dataclass(frozen=True)
class TurboConfig:
    """How trust regions search a latent space (Eriksson et al. 2019, arXiv:1910.01739).

    Lengths are shares of the box that the Gaussian process sees as the unit cube.

    Attributes:
        acquisition: `thompson`, draws of the posterior over points of the regions; `logei` or `lognei`, the logarithm
            of the batch's expected improvement, over the best score or over the noisy ones (Ament et al. 2023,
            arXiv:2310.20708).
        regions: trust regions at a time.
        length: side of a region at first.
        shortest: side below which a region begins elsewhere.
        longest: longest side.
        successes: rounds in a row that find something better, after which a region doubles.
        failures: rounds in a row that do not, after which it halves; 0: dimensions over the batch, at least 4 over it.
        candidates: points among which Thompson sampling chooses.
        decodes: texts that are tried at a point before it counts as one that brings nothing new.
        points: most scores that the Gaussian process is fitted to.
        start: texts that must have a score before it begins; until then the prior is sampled.
    """

    acquisition: str = "thompson"
    regions: int = 1
    length: float = 0.8
    shortest: float = 0.5**7
    longest: float = 1.6
    successes: int = 3
    failures: int = 0
    candidates: int = 2000
    decodes: int = 3
    points: int = 2000
    start: int = 100

    def __post_init__(self) -> None:
        _one_of("turbo.acquisition", self.acquisition, ("thompson", "logei", "lognei"))
        _between("turbo.shortest", self.shortest, 1e-9, self.longest)
        _between("turbo.length", self.length, self.shortest, self.longest)
        _between("turbo.longest", self.longest, 1e-9, 1e3)
        _between("turbo.failures", self.failures, 0, _HUGE)
        _between("turbo.start", self.start, 2, _HUGE)
        # joint draws of more candidates, and fits to more points, take more than minutes and gigabytes each
        _between("turbo.candidates", self.candidates, 10, 20_000)
        _between("turbo.points", self.points, 10, 20_000)
        for name in ("regions", "successes", "decodes"):
            _between(f"turbo.{name}", getattr(self, name), 1, 1000)


@dataclass(frozen=True)
class TanimotoConfig:
    """How a Gaussian process over texts chooses among bred ones.

    Attributes:
        acquisition: `thompson`, draws of the posterior; or `ucb`, an upper confidence bound, each round with another
            weight of the uncertainty.
        population: texts that may be parents, known and bred ones together.
        greed: how evenly parents are chosen: a text's share is 1 / (greed * texts + its rank).
        generations: rounds of breeding before a batch is chosen.
        offspring: texts bred in each.
        points: most scores that the Gaussian process is fitted to.
        start: texts that must have a score before any are bred.
    """

    acquisition: str = "thompson"
    population: int = 200
    greed: float = 0.01
    generations: int = 5
    offspring: int = 200
    points: int = 2000
    start: int = 100

    def __post_init__(self) -> None:
        _one_of("tanimoto.acquisition", self.acquisition, ("thompson", "ucb"))
        _between("tanimoto.greed", self.greed, 0.0, _HUGE)
        _between("tanimoto.points", self.points, 10, 20_000)
        _between("tanimoto.generations", self.generations, 1, 1000)
        for name in ("population", "start"):
            _between(f"tanimoto.{name}", getattr(self, name), 2, _HUGE)
        _between("tanimoto.offspring", self.offspring, 2, 20_000)


@dataclass(frozen=True)
class AscentConfig:
    """How gradients of learned heads are followed in a latent space.

    Attributes:
        heads: networks of the ensemble.
        width: hidden units of each of their two layers.
        training: optimiser steps in which they learn, anew in each round.
        population: best texts that may be starts.
        greed: how evenly starts are chosen: a text's share is 1 / (greed * texts + its rank).
        radius: farthest from its start that a point may go; 1 is the prior's standard deviation in one dimension.
        steps: of the ascent.
        caution: standard deviations of the ensemble that are taken off its mean.
        penalty: standard deviations of the score that a nat of prior log-density lost on the way costs.
        decodes: texts that are tried at a point before it counts as one that brings nothing new.
        start: texts that must have a score before it begins; until then the prior is sampled.
    """

    heads: int = 5
    width: int = 64
    training: int = 300
    population: int = 100
    greed: float = 0.01
    radius: float = 2.0
    steps: int = 20
    caution: float = 0.5
    penalty: float = 0.1
    decodes: int = 3
    start: int = 100

    def __post_init__(self) -> None:
        _between("ascent.heads", self.heads, 2, 1000)  # of one there is no deviation
        _between("ascent.radius", self.radius, 1e-6, 1e3)
        for name in ("caution", "penalty", "greed"):
            _between(f"ascent.{name}", getattr(self, name), 0.0, _HUGE)
        for name in ("width", "training", "steps", "decodes"):
            _between(f"ascent.{name}", getattr(self, name), 1, 100_000)
        for name in ("population", "start"):
            _between(f"ascent.{name}", getattr(self, name), 2, _HUGE)
