"""Ehrlich functions: benchmarks over sequences with a known optimum of 1 (Stanton et al. 2024, arXiv:2407.00236).

A function is a product over motifs: the largest share of a motif's elements that is present anywhere in the sequence
with the motif's spacing, rounded down to a grid. A sequence with a banned transition is infeasible.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Self, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqvae.config import suggestion
from seqvae.errors import InputError, UsageError
from seqvae.properties.benchmarks.ehrlich_chains import is_ergodic, random_matrix, walks
from seqvae.properties.property import Property
from seqvae.sequences.dna import BASES
from seqvae.sequences.domain import DNA, LETTERS

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
"""The letters of states 0, 1, 2...: those of base64 in its order (RFC 4648); V states use the first V."""

EXAMPLE = "ehrlich:V=32,L=32,c=4,k=4,q=4"
_BATCH = 1024  # sequences at a time, so that their states and counts stay in the CPU's cache
_INITIAL = 1  # the stream of initial solutions, separate from the draws of the function
_UNKNOWN = -1
_STEEPEST = 4.0  # epistasis above which responses leave 0 to 1, and 1 is no longer the optimum


@final
@dataclass(frozen=True, eq=False)
class Ehrlich:
    """An Ehrlich function, from its parts; `Ehrlich.draw` makes a random one.

    Attributes:
        matrix: `(V, V)`, transition probabilities, rows sum to 1; 0 is a banned transition. Any state may follow
            itself, and any state can be reached from any other.
        motifs: `(c, k)`, states; concatenated they are a feasible sequence.
        spacings: `(c, k - 1)`, steps from each element of a motif to the next, at least 1.
        length: L, of a sequence; all motifs fit into it one after another.
        quantisation: q: approximate number of steps of a motif's response; `ceil(k / q)` must divide k, so that 1 can
            be reached.
        epistasis: eps, 0 to 4: a response x becomes x (1 + eps x (x - 1)).
        alphabet: the letter of each state; empty: the first V of `ALPHABET`.

    Raises:
        UsageError: on creation, a part violates these conditions.
    """

    matrix: NDArray[np.float64]
    motifs: NDArray[np.int64]
    spacings: NDArray[np.int64]
    length: int
    quantisation: int
    epistasis: float = 0.0
    alphabet: str = ""
    _allowed: NDArray[np.bool_] = field(init=False, repr=False)
    _responses: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, np.float64)
        _check_matrix(matrix)
        motifs, spacings = np.array(self.motifs, np.int64), np.array(self.spacings, np.int64)
        _check_motifs(motifs, spacings, matrix > 0, self.length)
        responses = _responses(motifs.shape[1], self.quantisation, self.epistasis)
        found = {"matrix": matrix, "motifs": motifs, "spacings": spacings, "_allowed": matrix > 0}
        found["_responses"] = responses
        for name, values in found.items():
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        alphabet, vocab = self.alphabet or ALPHABET[: len(matrix)], len(matrix)
        if len(alphabet) != vocab or len(set(alphabet)) != vocab or not set(alphabet) <= set(ALPHABET):
            raise UsageError(
                f"Ehrlich function: expected an alphabet of {vocab} different letters, digits, + or /, got {alphabet!r}"
            )
        object.__setattr__(self, "alphabet", alphabet)

    @classmethod
    def draw(
        cls,
        vocab: int,
        length: int,
        motifs: int,
        motif_length: int,
        quantisation: int,
        epistasis: float = 0.0,
        seed: int = 0,
    ) -> Self:
        """Return a random function: a sparse ergodic transition matrix, feasible motifs, and spacings that fit.

        Args:
            vocab: V, number of states, 2 to 64.
            length: L, of a sequence, at least `motifs * motif_length`.
            motifs: c, number of motifs.
            motif_length: k, elements of each.
            quantisation: q.
            epistasis: eps.
            seed: of the draws; the same seed gives the same function.

        Raises:
            UsageError: a setting is out of range.
        """
        if not 2 <= vocab <= len(ALPHABET):
            raise UsageError(f"Ehrlich function: expected V from 2 to {len(ALPHABET)} states, got {vocab}")
        if motifs < 1 or motif_length < 1:
            raise UsageError(f"Ehrlich function: expected c and k of at least 1, got c={motifs} and k={motif_length}")
        if length < motifs * motif_length:
            raise UsageError(
                f"Ehrlich function: {motifs} motifs of {motif_length} need a length L of at least "
                f"{motifs * motif_length}, got {length}"
            )
        draws = np.random.default_rng(seed)
        matrix = random_matrix(vocab, draws)
        chain = walks(matrix, motifs * motif_length, 1, draws)[0]  # one walk, cut into motifs: feasible as a whole
        # Each motif's share of the free positions, split at random and rounded down.
        weights = draws.random((motifs, motif_length - 1))
        shares = weights / weights.sum(1, keepdims=True)
        spacings = 1 + np.floor((length // motifs - motif_length) * shares).astype(np.int64)
        return cls(matrix, chain.reshape(motifs, motif_length), spacings, length, quantisation, epistasis)

    @property
    def vocab(self) -> int:
        """V, number of states."""
        return len(self.matrix)

    def score(self, states: ArrayLike) -> NDArray[np.float64]:
        """Return the value of each sequence, `(batch,)`: 0 to 1, or -inf for an infeasible one.

        Args:
            states: `(batch, L)`, integers from 0 to V - 1.

        Raises:
            InputError: the array has another shape or type, or other values.
        """
        checked = self._checked(states)
        values = np.ones(len(checked))
        for start in range(0, len(checked), _BATCH):
            columns = np.ascontiguousarray(checked[start : start + _BATCH].T)  # each position's states are contiguous
            for motif, spacing in zip(self.motifs, self.spacings, strict=True):
                places = np.concatenate([[0], np.cumsum(spacing)])
                windows = len(columns) - int(places[-1])
                present = np.zeros((windows, columns.shape[1]), np.min_scalar_type(len(motif)))
                for state, place in zip(motif, places, strict=True):
                    present += columns[place : place + windows] == state
                # The most elements present at any position of the sequence.
                values[start : start + _BATCH] *= self._responses[present.max(0).astype(np.int64)]
            values[start : start + _BATCH][~self._feasible(columns)] = -np.inf
        return values

    def feasible(self, states: ArrayLike) -> NDArray[np.bool_]:
        """Return whether each sequence has no banned transition, `(batch,)`; arguments and errors as `score`."""
        return self._feasible(self._checked(states).T)

    def initial_solution(self, count: int = 1, seed: int = 0) -> NDArray[np.int64]:
        """Return feasible initial sequences, `(count, L)`: walks of the transition matrix.

        The first state is drawn from the stationary distribution. Nearly all uniform random sequences are infeasible:
        all but one in 1,400 of length 32, and all of length 128.
        """
        return walks(self.matrix, self.length, count, np.random.default_rng([seed, _INITIAL]))

    def optimum(self) -> NDArray[np.int64]:
        """Return a sequence whose value is exactly 1, `(L,)`.

        The motifs follow one another, each gap filled by repeating the state before it. Only repeats and transitions
        within the chain of motifs occur, and both are allowed; the whole is no longer than L.
        """
        steps = np.ones((len(self.motifs), self.motifs.shape[1]), np.int64)  # no gap after the last of each motif
        steps[:, :-1] = self.spacings
        filled = np.repeat(self.motifs.ravel(), steps.ravel())
        return np.concatenate([filled, np.repeat(filled[-1:], self.length - len(filled))])

    def write(self, states: ArrayLike) -> list[str]:
        """Return sequences as texts, one letter of `alphabet` per state; arguments and errors as `score`."""
        letters = np.frombuffer(self.alphabet.encode("ascii"), np.uint8)
        return [row.tobytes().decode("ascii") for row in letters[self._checked(states)]]

    def values(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the value of each text, `(batch,)`: 0 to 1.

        NaN for an infeasible sequence, a length other than L, or a letter outside the alphabet.
        """
        right = np.array([len(text) == self.length for text in texts], bool)
        joined = "".join(text for text in texts if len(text) == self.length)
        codes = np.full(256, _UNKNOWN, np.int8)
        codes[np.frombuffer(self.alphabet.encode("ascii"), np.uint8)] = np.arange(self.vocab)
        # Characters beyond Latin-1 become "?", which is in no alphabet.
        states = codes[np.frombuffer(joined.encode("latin-1", "replace"), np.uint8)].reshape(-1, self.length)
        known = (states != _UNKNOWN).all(1)
        right[right] = known
        values = np.full(len(texts), np.nan)
        values[right] = self.score(states[known])
        values[np.isneginf(values)] = np.nan
        return values

    def _checked(self, states: ArrayLike) -> NDArray[np.int8]:
        array = np.asarray(states)
        if array.ndim != 2 or array.shape[1] != self.length or not (array.dtype.kind in "iu" or not array.size):
            raise InputError(
                f"Ehrlich function: expected integer states of shape (batch, {self.length}), "
                f"got {array.dtype} of shape {array.shape}"
            )
        if array.size and not 0 <= array.min() <= array.max() < self.vocab:
            raise InputError(
                f"Ehrlich function: expected states from 0 to {self.vocab - 1}, got {array.min()} to {array.max()}"
            )
        return array.astype(np.int8)

    def _feasible(self, columns: NDArray[np.int8]) -> NDArray[np.bool_]:
        return np.asarray(self._allowed[columns[:-1], columns[1:]].all(0))


def _responses(motif_length: int, quantisation: int, epistasis: float) -> NDArray[np.float64]:
    """Return the response to 0, 1... k present elements, `(k + 1,)`: 0 to 1, the last exactly 1."""
    if not 1 <= quantisation <= motif_length:
        raise UsageError(f"Ehrlich function: expected a quantisation q from 1 to k={motif_length}, got {quantisation}")
    step = -(-motif_length // quantisation)
    if motif_length % step:
        raise UsageError(
            f"Ehrlich function: expected a quantisation q whose step ceil(k/q) divides k={motif_length}, so that 1 can "
            f"be reached; got q={quantisation} with a step of {step}"
        )
    if not 0 <= epistasis <= _STEEPEST:
        raise UsageError(f"Ehrlich function: expected an epistasis eps from 0 to {_STEEPEST:g}, got {epistasis:g}")
    share = np.arange(motif_length + 1) // step * step / motif_length
    return share * (1 + epistasis * share * (share - 1))


def _check_matrix(matrix: NDArray[np.float64]) -> None:
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not 2 <= len(matrix) <= len(ALPHABET):
        raise UsageError(
            f"Ehrlich function: expected a transition matrix of shape (V, V) with V from 2 to {len(ALPHABET)}, "
            f"got {matrix.shape}"
        )
    # Matrices of other programs often have single precision.
    if not (matrix >= 0).all() or not np.allclose(matrix.sum(1), 1, atol=1e-4):
        raise UsageError("Ehrlich function: expected rows of the transition matrix that are not negative and sum to 1")
    if not (np.diag(matrix) > 0).all():
        state = int(np.flatnonzero(np.diag(matrix) == 0)[0])
        raise UsageError(f"Ehrlich function: expected that every state may follow itself; state {state} may not")
    if not is_ergodic(matrix > 0):
        raise UsageError("Ehrlich function: expected that every state can be reached from every other; some cannot")


def _check_motifs(
    motifs: NDArray[np.int64], spacings: NDArray[np.int64], allowed: NDArray[np.bool_], length: int
) -> None:
    if motifs.ndim != 2 or not motifs.size or spacings.shape != (len(motifs), motifs.shape[1] - 1):
        raise UsageError(
            "Ehrlich function: expected motifs of shape (c, k) and spacings of shape (c, k - 1), "
            f"got {motifs.shape} and {spacings.shape}"
        )
    if not 0 <= motifs.min() <= motifs.max() < len(allowed):
        raise UsageError(
            f"Ehrlich function: expected motifs of states 0 to {len(allowed) - 1}, got {motifs.min()} to {motifs.max()}"
        )
    chain = motifs.ravel()
    if not allowed[chain[:-1], chain[1:]].all():
        place = int(np.flatnonzero(~allowed[chain[:-1], chain[1:]])[0])
        raise UsageError(
            "Ehrlich function: expected motifs that are feasible when concatenated; "
            f"{chain[place]} to {chain[place + 1]} is a banned transition"
        )
    if (spacings < 1).any():
        raise UsageError(f"Ehrlich function: expected spacings of at least 1, got {spacings.min()}")
    if (needed := int(spacings.sum()) + len(motifs)) > length:
        raise UsageError(f"Ehrlich function: motifs with these spacings need a length of {needed}, it is {length}")


_OPTIONS: dict[str, Callable[[str], int | float | str]] = {
    "V": int,
    "L": int,
    "c": int,
    "k": int,
    "q": int,
    "eps": float,
    "seed": int,
    "alphabet": str,
}
_NEEDED = ("V", "L", "c", "k")


def from_name(rest: str) -> Ehrlich:
    """Return the function that a name describes, such as `V=32,L=32,c=4,k=4,q=4`.

    Args:
        rest: the name without `ehrlich:`: V, L, c and k, then optionally q (default k), eps (0), seed (0) and alphabet
            (such as `ACGT`, for V=4).

    Raises:
        UsageError: an option is unknown, missing, given twice, no number, or out of range.
    """
    found: dict[str, int | float | str] = {}
    for part in filter(None, rest.split(",")):
        name, _, value = part.partition("=")
        if name not in _OPTIONS:
            raise UsageError(f"ehrlich:{rest}: unknown option {name!r}{suggestion(name, _OPTIONS)}")
        if name in found:
            raise UsageError(f"ehrlich:{rest}: option {name!r} is given twice; give it once")
        try:
            found[name] = _OPTIONS[name](value)
        except ValueError:
            raise UsageError(f"ehrlich:{rest}: expected a number for {name}, got {value!r}") from None
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise UsageError(f"ehrlich:{rest}: {', '.join(missing)} missing; expected a name such as {EXAMPLE}")
    vocab, length, motifs, motif_length = (int(found[name]) for name in _NEEDED)
    seed = int(found.get("seed", 0))
    if seed < 0:
        raise UsageError(f"ehrlich:{rest}: expected a seed of at least 0, got {seed}")
    quantisation, epistasis = int(found.get("q", motif_length)), float(found.get("eps", 0.0))
    made = Ehrlich.draw(vocab, length, motifs, motif_length, quantisation, epistasis, seed)
    return replace(made, alphabet=str(found["alphabet"])) if "alphabet" in found else made


FORMS = (("ehrlich:V=32,L=32,c=4,k=4,q=4", LETTERS, "Ehrlich function of these sizes, at most 1; seed= and eps= too"),)


def listed() -> list[Property]:
    """Return no property: every Ehrlich function needs its sizes."""
    return []


def named(rest: str) -> Property:
    """Return a property by its name without `ehrlich:`, such as `V=32,L=32,c=4,k=4,q=4`; see `from_name`.

    Raises:
        UsageError: as `from_name`.
    """
    function = from_name(rest)
    kind = DNA if sorted(function.alphabet) == list(BASES) else LETTERS
    about = (
        f"Ehrlich function, 0 to 1, of sequences of {function.length} of the letters {function.alphabet}; "
        "none if a transition is banned (Stanton et al. 2024, arXiv:2407.00236)"
    )
    return Property(f"ehrlich:{rest}", kind, about, function.values)
