"""Searches of sequences of one length, written as anyone would: what ours is measured against.

Each takes a function of texts, the texts to begin with, and a budget, and returns the calls in their order; a text that
was scored already costs nothing and is not proposed again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from sklearn.ensemble import RandomForestRegressor

Score = Callable[[Sequence[str]], Iterable[float]]
_PARENTS = 20
_TRIES = 100  # proposals for each that is wanted, before a search that repeats itself ends
_THRESHOLD, _RECOMBINED, _VIRTUAL = 0.05, 0.2, 20  # of AdaLead, as published
_SPREAD = 0.2**0.5  # of CMA-ES on one-hot letters: the variance of FLEXS


@dataclass
class Calls:
    """The calls of a search.

    Attributes:
        score: the function.
        budget: most calls.
        letters: the alphabet.
        rng: every random draw comes from it.
        values: by text, in the order of the calls.
    """

    score: Score
    budget: int
    letters: str
    rng: np.random.Generator
    values: dict[str, float] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """How many calls are left."""
        return self.budget - len(self.values)

    def measure(self, texts: Sequence[str]) -> None:
        """Score the texts that are new, as far as the budget goes."""
        new = [text for text in dict.fromkeys(texts) if text not in self.values][: self.left]
        if new:
            self.values.update(zip(new, map(float, self.score(new)), strict=True))

    def best(self, count: int) -> list[str]:
        """Return the best texts."""
        return sorted(self.values, key=lambda text: -self.values[text])[:count]

    def mutant(self, text: str, rate: float) -> str:
        """Return a text with each letter drawn anew at a rate, one at least."""
        there = self.rng.random(len(text)) < rate
        there[self.rng.integers(len(text))] = True
        drawn = self.rng.choice(list(self.letters), len(text))
        return "".join(new if changed else old for old, new, changed in zip(text, drawn, there, strict=True))

    def crossed(self, first: str, second: str) -> str:
        """Return a text whose letters come from either parent."""
        return "".join(
            a if one else b for a, b, one in zip(first, second, self.rng.random(len(first)) < 0.5, strict=True)
        )

    def distinct(self, propose: Callable[[], str], count: int) -> list[str]:
        """Return so many proposals that are new, or fewer where hardly any is."""
        found: dict[str, None] = {}
        for _ in range(_TRIES * count):
            text = propose()
            if text not in self.values:
                found[text] = None
            if len(found) == count:
                break
        return list(found)


Search = Callable[[Calls, Sequence[str], int], Iterator[list[str]]]


def at_random(calls: Calls, start: Sequence[str], batch: int) -> Iterator[list[str]]:
    """Propose sequences of independent letters."""
    while True:
        yield calls.distinct(lambda: "".join(calls.rng.choice(list(calls.letters), len(start[0]))), batch)


def plain_genetic(calls: Calls, start: Sequence[str], batch: int) -> Iterator[list[str]]:
    """Propose children of the best twenty: crossed letter by letter, then mutated in one letter on average."""
    while True:
        parents = calls.best(_PARENTS)

        def child() -> str:
            first, second = calls.rng.choice(parents, 2)  # noqa: B023 - called before the next turn
            return calls.mutant(calls.crossed(first, second), 1 / len(first))

        yield calls.distinct(child, batch)


def adalead(calls: Calls, start: Sequence[str], batch: int) -> Iterator[list[str]]:
    """Propose what a random forest finds best among twenty times as many mutants of the leaders.

    AdaLead (Sinai et al. 2020, arXiv:2010.02141, algorithm 1): parents are those within 5 % of the best; a fifth of
    their letters is recombined; a mutant that the forest finds better than its parent is mutated again.
    """
    while True:
        texts, values = list(calls.values), np.array(list(calls.values.values()))
        forest = RandomForestRegressor(50, max_features="sqrt", random_state=int(calls.rng.integers(2**31)))
        forest.fit(_codes(texts, calls.letters), values)
        limit = values.max() - _THRESHOLD * abs(values.max())
        parents = [text for text, value in zip(texts, values, strict=True) if value >= limit]
        pool: dict[str, float] = {}
        for _ in range(_TRIES):
            swapped = calls.rng.choice(parents, (batch, 2))
            roots = [calls.crossed(a, b) if calls.rng.random() < _RECOMBINED else str(a) for a, b in swapped.tolist()]
            guessed = forest.predict(_codes(roots, calls.letters))
            while len(roots):
                children = [calls.mutant(root, 1 / len(root)) for root in roots]
                found = forest.predict(_codes(children, calls.letters))
                pool.update((text, one) for text, one in zip(children, found, strict=True) if text not in calls.values)
                better = np.flatnonzero(found > guessed)
                roots, guessed = [children[place] for place in better], found[better]
                if len(pool) >= _VIRTUAL * batch:
                    break
            if len(pool) >= _VIRTUAL * batch:
                break
        yield sorted(pool, key=lambda text: -pool[text])[:batch]


def cma_es(calls: Calls, start: Sequence[str], batch: int) -> Iterator[list[str]]:
    """Propose the largest letters of points that CMA-ES draws in the space of one-hot sequences, as FLEXS does.

    Where a round repeats what is known, it begins anew at random.
    """
    from cmaes import CMA  # pip install cmaes: of the benchmarks alone

    size, begin = len(calls.letters), calls.best(1)[0]
    while True:
        mean = _codes([begin], calls.letters)[0].astype(float)
        optimizer = CMA(mean=mean, sigma=_SPREAD, population_size=batch, seed=int(calls.rng.integers(2**31)))
        while True:
            points = [optimizer.ask() for _ in range(batch)]
            rows = [one.reshape(-1, size).argmax(1).tolist() for one in points]
            texts = ["".join(calls.letters[place] for place in row) for row in rows]
            if all(text in calls.values for text in texts):
                break
            yield texts
            if any(text not in calls.values for text in texts):  # beyond the budget
                return
            optimizer.tell([(one, -calls.values[text]) for one, text in zip(points, texts, strict=True)])
        begin = "".join(calls.rng.choice(list(calls.letters), len(start[0])))


def _codes(texts: Sequence[str], letters: str) -> np.ndarray:
    places = np.array([[letters.index(letter) for letter in text] for text in texts])
    return np.eye(len(letters), dtype=np.float32)[places].reshape(len(texts), -1)


SEARCHES: Mapping[str, Search] = {
    "random": at_random,
    "plain genetic algorithm": plain_genetic,
    "AdaLead, random forest": adalead,
    "CMA-ES on one-hot letters": cma_es,
}


def searched(name: str, score: Score, start: Sequence[str], letters: str, budget: int, batch: int, seed: int) -> Calls:
    """Return the calls of a search: the start first, with mutants of it where it is fewer than a batch.

    Args:
        name: one of `SEARCHES`.
        score: the function, the higher the better.
        start: texts of one length.
        letters: the alphabet.
        budget: most calls.
        batch: calls a round.
        seed: of every random draw.
    """
    calls = Calls(score, budget, letters, np.random.default_rng(seed))
    calls.measure(start[:batch])
    if len(calls.values) < batch and name != "random":
        calls.measure(calls.distinct(lambda: calls.mutant(start[0], 1 / len(start[0])), batch - len(calls.values)))
    rounds, known = SEARCHES[name](calls, start, batch), 0
    while calls.left and known < len(calls.values):  # a round without a new text ends it: nothing is left nearby
        known = len(calls.values)
        calls.measure(next(rounds))
    return calls
