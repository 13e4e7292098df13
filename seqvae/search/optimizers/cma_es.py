"""CMA-ES in a latent space, whole or in random directions of it (Hansen 2016, arXiv:1604.00772)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from cmaes import CMA, SepCMA

from seqvae.config import INITIAL, CmaConfig
from seqvae.config.toml import checked
from seqvae.errors import ConfigError, InputError
from seqvae.runtime.device import derived_seed
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.initial_design import FromPrior, InitialDesign, fill
from seqvae.search.memory.latent_archive import remember
from seqvae.search.memory.latent_space import Points, Space
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.optimizer import Material
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.storage.state import State, array_of

_FORMS: dict[str, type[CMA] | type[SepCMA]] = {"full": CMA, "separable": SepCMA}
# Populations in a row without a new text after which a climb ends: what is left to find lies elsewhere.
_BARREN = 5
_AMONG, _GREED = 20, 0.01  # best texts at which a climb may begin, and the greed: nearly always one of the first ten
_LARGEST, _MOST = 1e18, 1_000_000  # numbers and populations of a climb that was saved, lest it has no end
_CHANGING = ("_g", "_sigma")  # numbers of `cmaes` that change while it climbs: its generation and its step size
_ROUNDS = 300  # of points in one call of `ask`: enough for a climb to end as barren and the next to begin


def build(config: CmaConfig, material: Material) -> CmaEs:
    """Return the optimiser over the latent space of the model; raises UsageError where there is none."""
    config = replace(config, start=config.start or material.initial)
    return CmaEs(material.space(), config, material.seed, material.initial_designs())


@final
class CmaEs:
    """Climbs from the best known text; after a climb has ended, from another of the best.

    A point is paired with the score of the text that it decodes to. Where that text is known, the climb learns its
    score at once and no call is spent; an invalid text, or one without a score, ranks last in its generation. A
    generation ends as soon as a whole population has scores: surplus ones count in the next generation.

    Args:
        space: where it climbs.
        config: form, subspace, population.
        seed: of all draws.
        initial: designs for texts before there are enough scores, and where nothing is new, in this order; none: the
            prior.
    """

    def __init__(
        self, space: Space, config: CmaConfig | None = None, seed: int = 0, initial: Sequence[InitialDesign] = ()
    ) -> None:
        self.initial = initial or (FromPrior(space.codec),)
        self.space, self.config, self.archive = space, config or CmaConfig(), Archive()
        self._rng = np.random.default_rng(seed)
        self._climb: _Climb | None = None
        self._begun = 0  # climbs

    def ask(self, count: int) -> list[Candidate]:
        """Return new texts of the next points, or of the initial designs until enough have scores."""
        novel = NoveltyFilter(count, self.space.canonical, self.archive)
        rounds = _ROUNDS if len(self.archive) >= (self.config.start or INITIAL) else 0
        for _ in range(rounds):
            if novel.lacking == 0:
                break
            climb = self._climb = self._climb or self._new_climb(count)
            steps = climb.sample(novel.lacking)
            name = "cma-es" if climb.whole else "cma-es-subspace"
            decoded = self.space.decode(climb.points(steps), int(self._rng.integers(2**31)), name)
            for step, one in zip(steps, decoded, strict=True):
                form = self.space.canonical(one.text)
                climb.barren = 0 if novel.take(one, form) else climb.barren + 1
                climb.add(step, form)
            self._settle(climb)  # known and invalid texts are learned from at once
        fill(novel, self.initial, self._rng)
        return novel.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the latest score of each valid text; the climb learns those that it is waiting for."""
        remember(self.archive, scores)
        if self._climb is not None:
            self._settle(self._climb)

    def state_dict(self) -> State:
        """Return the texts, their scores, the generator, and the climb."""
        state = {**self.archive.state_dict(), "rng": self._rng.bit_generator.state, "begun": self._begun}
        return {**state, "climb": self._climb.state_dict() if self._climb else None}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state.

        Raises:
            InputError: it was written with another version of `cmaes`, or by a search of another form.
        """
        self.archive, self._begun = Archive.of(state), checked("begun", state["begun"], int)
        self._rng.bit_generator.state = state["rng"]
        self._climb = _Climb.of(state["climb"], self.config) if state["climb"] else None

    def _settle(self, climb: _Climb) -> None:
        """Let the climb learn the scores that have come, and drop it where it has ended."""
        climb.settle(self.archive)
        if climb.ended():
            self._climb = None

    def _new_climb(self, batch: int) -> _Climb:
        """Begin at the best text, later at one of the best: the first that the model can read, or else a prior draw."""
        best = (
            self.archive.best(_AMONG) if self._begun == 0 else self.archive.parents(_AMONG, self._rng, _AMONG, _GREED)
        )
        seed = int(self._rng.integers(2**31))
        # Each is encoded by itself: the last bits of a point depend on the texts that it is computed with, which would
        # be others in a resumed search.
        encoded = (self.space.encode([text]) for text in best)
        found = next((points for points, readable in encoded if readable[0]), None)
        origin = self.space.draw(1, seed)[0] if found is None else found[0]
        self._begun += 1
        directions = min(self.config.subspace or self.space.latent, self.space.latent)
        basis = np.eye(self.space.latent)
        if directions < self.space.latent:
            basis = np.linalg.qr(self._rng.standard_normal((self.space.latent, directions)))[0]
        population = self.config.population or max(4 + int(3 * math.log(directions)), batch)
        return _Climb(origin, basis, _optimizer(self.config, directions, population), seed)


@dataclass(frozen=True)
class _Waiting:
    """A step whose text has no score yet: its canonical form, None if invalid, and its generation."""

    step: Points
    form: str | None
    generation: int


class _Climb:
    """One run of CMA-ES: over steps y from an origin, along the columns of a basis; points are origin + basis y.

    Args:
        origin: `(latent,)`.
        basis: `(latent, directions)`, orthonormal columns.
        optimiser: CMA-ES over the steps.
        seed: of its draws.
    """

    def __init__(self, origin: Points, basis: Points, optimizer: CMA | SepCMA, seed: int) -> None:
        self.origin, self.basis, self.optimizer, self.seed = origin, basis, optimizer, seed
        self.asked, self.barren = 0, 0
        self._waiting: list[_Waiting] = []
        self._scored: list[tuple[Points, float]] = []

    @property
    def whole(self) -> bool:
        """Whether it climbs in all directions of the space."""
        return self.basis.shape[0] == self.basis.shape[1]

    def sample(self, count: int) -> Points:
        """Draw steps, `(count, directions)`."""
        steps = []
        for _ in range(count):
            # Each draw has a seed of its own: the state of the generator of `cmaes` cannot be saved.
            self.optimizer.reseed_rng(derived_seed(self.seed, self.asked) % 2**32)
            self.asked += 1
            steps.append(self.optimizer.ask())
        return np.array(steps)

    def points(self, steps: Points) -> Points:
        """Return the latent points of steps."""
        return np.asarray(self.origin + steps @ self.basis.T)

    def add(self, step: Points, form: str | None) -> None:
        """Wait for the score of the text that a step decodes to."""
        self._waiting.append(_Waiting(step, form, self.optimizer.generation))

    def settle(self, archive: Archive) -> None:
        """Learn the scores that have come, generation by generation."""
        waiting = []
        for one in self._waiting:
            if one.form is not None and one.form not in archive:
                waiting.append(one)
                continue
            score = math.nan if one.form is None else archive.score(one.form)
            self._scored.append((one.step, math.inf if math.isnan(score) else -score))  # CMA-ES minimises
        size = self.optimizer.population_size
        while len(self._scored) >= size:
            self.optimizer.tell(self._scored[:size])
            self._scored = self._scored[size:]
        # A text that was proposed two generations ago and has no score will not get one.
        self._waiting = [one for one in waiting if one.generation >= self.optimizer.generation - 1]

    def ended(self) -> bool:
        """Whether it has converged, or no longer finds anything new."""
        with np.errstate(all="ignore"):  # the losses of texts without a score are infinite
            return self.barren >= _BARREN * self.optimizer.population_size or bool(self.optimizer.should_stop())

    def state_dict(self) -> State:
        """Return everything that determines the next draws."""
        directions = self.basis.shape[1]
        return {
            "origin": self.origin,
            "basis": self.basis,
            "seed": self.seed,
            "asked": self.asked,
            "barren": self.barren,
            "population": self.optimizer.population_size,
            "optimiser": _fields(self.optimizer),
            "waiting": np.array([one.step for one in self._waiting], np.float64).reshape(-1, directions),
            "forms": [one.form for one in self._waiting],
            "generations": [one.generation for one in self._waiting],
            "scored": np.array([step for step, _ in self._scored], np.float64).reshape(-1, directions),
            "losses": np.array([loss for _, loss in self._scored], np.float64),
        }

    @staticmethod
    def of(state: State, config: CmaConfig) -> _Climb:
        """Return the climb in that state; raises as `CmaEs.load_state_dict`."""
        basis, count = state["basis"], len(state["forms"])
        population = checked("population", state["population"], int)
        if not isinstance(basis, np.ndarray) or basis.ndim != 2 or not 1 < population <= _MOST:
            raise ConfigError(f"expected a basis and a population of a climb, got {population}")
        latent, directions = basis.shape
        optimizer = _optimizer(config, directions, population)
        saved = checked("optimiser", state["optimiser"], dict[str, Any])
        if set(saved) != set(_fields(optimizer)):
            raise InputError(
                f"the saved search is of another form than {config.form!r}, or of another version of cmaes than is "
                "installed: resume it with the settings and the version that it was begun with"
            )
        new = _fields(optimizer)
        vars(optimizer).update({name: _alike(name, value, new[name], directions) for name, value in saved.items()})
        origin = array_of("origin", state["origin"], (latent,))
        climb = _Climb(origin, array_of("basis", basis, basis.shape), optimizer, checked("seed", state["seed"], int))
        climb.asked, climb.barren = (checked(name, state[name], int) for name in ("asked", "barren"))
        waiting = array_of("waiting", state["waiting"], (count, directions))
        forms = checked("forms", state["forms"], list[str | None])
        generations = checked("generations", state["generations"], list[int])
        climb._waiting = [_Waiting(*row) for row in zip(waiting, forms, generations, strict=True)]
        losses = np.asarray(state["losses"], np.float64)
        scored = array_of("scored", state["scored"], (len(losses), directions))
        climb._scored = list(zip(scored, map(float, losses), strict=True))
        return climb


def _optimizer(config: CmaConfig, directions: int, population: int) -> CMA | SepCMA:
    form = config.form if directions > 1 else "full"  # in one direction the two forms are the same
    return _FORMS[form](np.zeros(directions), config.sigma, population_size=population, seed=0)


def _fields(optimizer: CMA | SepCMA) -> State:
    """Return the numbers and arrays that an optimiser of `cmaes` consists of, without its generator.

    Its own way of saving is made for pickle, and keeps half of the covariance matrix, which is symmetric except in the
    last bits: a search resumed from there would differ.
    """
    held = {name: value for name, value in vars(optimizer).items() if name != "_rng"}
    return {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in held.items()}


def _alike(name: str, value: Any, new: Any, directions: int) -> Any:  # noqa: ANN401
    """Return a saved field of an optimiser; raises ConfigError where it is not as that of a new one."""
    if isinstance(value, np.ndarray):
        # `cmaes` computes two of its arrays when it first needs them; the losses it remembers are infinite at times
        same = value.shape == new.shape if isinstance(new, np.ndarray) else new is None
        if same and value.dtype == np.float64 and (new is not None or set(value.shape) == {directions}):
            return value.copy()
    elif value is None or isinstance(value, bool):
        if value is new:
            return value
    elif isinstance(value, (int, float)) and isinstance(new, (int, float)) and not isinstance(new, bool):
        # NumPy's numbers are saved as Python's. Most follow from the settings, and others would be of another climb
        kinds = int if type(new) is int else (int, float)
        known = 0 <= value < _LARGEST if name in _CHANGING else math.isclose(value, new, rel_tol=1e-9)
        if isinstance(value, kinds) and known:
            return value
    raise ConfigError(f"{name}: expected it as in a new climb, {type(new).__name__}, got {value!r:.80}")
