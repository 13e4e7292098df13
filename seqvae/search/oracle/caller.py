"""Calling the function that scores: in this process, or in workers that are killed when they take too long."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing import spawn
from typing import Any, final

from seqvae.config import OracleConfig
from seqvae.errors import UsageError
from seqvae.runtime.pool import Lost, Pool, process_pool
from seqvae.runtime.ray_pool import ray_library, ray_pool
from seqvae.search.oracle.outcome import Outcome, Score, died, late, outcome_here, outcomes_here, reason_of
from seqvae.search.storage.ledger import OK

_TOGETHER = 256  # most texts per call
_LONG = 1.0  # seconds that a call should take at most: what a kill may cost
_APART = 0.1  # seconds of scoring one by one between two writes, each of which takes some milliseconds
_loading = False  # whether this is a worker that is loading the objective's script


@final
class Caller:
    """Calls the function that scores; its workers are kept from one batch to the next.

    In this process, a function that says that it is called text by text (`one_by_one`) is given one text at a time,
    and each text once. Any other is given many texts per call, and nothing is known before the call has ended: so the
    longer the calls take, the fewer texts they get. Where a call fails, its texts are scored one by one to find out
    which of them are to blame; that repeats the calls of the others, and the budget counts each text once.

    Args:
        score: returns `(batch,)` or `(batch, columns)` numbers; with workers, it must be picklable.
        columns: numbers per text.
        config: workers, time limit, retries.
        terms: further numbers per text, of which the score is made.
    """

    def __init__(self, score: Score, columns: int, config: OracleConfig, terms: int = 0) -> None:
        self.score, self.columns, self.config, self.terms = score, columns, config, terms
        self._pool: Pool | None = None
        self._pace = _Pace()

    def outcomes(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Yield the outcomes of the texts, in their order, some at a time.

        Raises:
            UsageError: the function cannot be sent to workers or loaded there, or the Ray cluster cannot be used.
        """
        if texts and (self.config.workers or self.config.executor == "ray"):
            yield from self._elsewhere(texts)
        elif getattr(self.score, "one_by_one", False):
            yield from self._apart(texts)
        else:
            yield from self._together(texts)

    def close(self) -> None:
        """Kill the workers, whatever they are doing."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None

    def _together(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Score many texts per call."""
        rest = list(texts)
        while rest:
            part, rest = rest[: self._pace.together], rest[self._pace.together :]
            started = time.perf_counter()
            found: list[Outcome] | None = None
            if len(part) == 1:
                found = [outcome_here(self.score, part[0], self.columns, self.terms)]
            else:
                with suppress(Exception, SystemExit):  # scored one by one, it turns out which of the texts is to blame
                    found = outcomes_here(self.score, part, self.columns, self.terms)
            if found is None:
                yield from self._apart(part)
            else:
                self._pace.learn(len(part), time.perf_counter() - started)
                yield found

    def _apart(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Score one text at a time; a failure ends a part, so that no call follows the last that may fail."""
        found: list[Outcome] = []
        started = time.perf_counter()
        try:
            for text in texts:
                found.append(outcome_here(self.score, text, self.columns, self.terms))
                if found[-1].status != OK or time.perf_counter() - started >= _APART:
                    part, found = found, []
                    yield part
                    started = time.perf_counter()
        except BaseException:  # Ctrl-C in the middle of a text: those before it have their scores
            if found:
                yield found
            raise
        if found:
            yield found

    def _elsewhere(self, texts: Sequence[str]) -> Iterator[list[Outcome]]:
        """Score each text in a worker; the order of the texts is kept, whichever is ready first."""
        try:
            self._pool = pool = self._pool or self._started()
            for found in pool.results(texts, self.config.retries):
                if not isinstance(found, Lost):
                    yield [found]
                elif found.late:
                    yield [late(self.columns, self.config.timeout)]
                else:
                    yield [died(self.columns, found.how)]
        except BaseException:  # whatever ends the round, Ctrl-C included: no worker may go on scoring
            self.close()
            raise

    def _started(self) -> Pool:
        """Return workers that have the function."""
        if _loading:
            # Not an error of this package, which the script might catch.
            raise RuntimeError("the script of the objective starts a search while a worker loads it")
        config = self.config
        if config.executor == "ray":
            try:
                data = ray_library().cloudpickle.dumps(self.score)
            except (TypeError, pickle.PicklingError) as error:
                raise UsageError(
                    f"executor ray cannot send the objective to the cluster: {reason_of(error)}"
                ) from error
            work = (data, None, self.columns, self.terms)
            return ray_pool(_scoring, work, config.workers, config.ray_address, config.timeout)
        try:
            data = pickle.dumps(self.score)
        except Exception as error:  # pickling calls the objective's own code, which may raise anything
            raise UsageError(
                f"the objective cannot be sent to workers ({reason_of(error)}): make it a function of a module, or "
                "take workers 0"
            ) from error
        # A function that the started script itself defines: workers run the script again, under another name.
        found = spawn.get_preparation_data("worker") if b"__main__" in data else {}
        script = {name: found[name] for name in found if name == "sys_argv" or name.startswith("init_main")}
        return process_pool(_scoring, (data, script, self.columns, self.terms), config.workers, config.timeout)


@final
class _Pace:
    """How many texts each call is given: as many as take about a second, or as long as the call itself.

    A call takes some time for itself (a program starts, a model is loaded) and some for each text; both are estimated
    from the latest two calls of different sizes.

    Attributes:
        together: how many texts the next call is given.
    """

    def __init__(self) -> None:
        self.together = _TOGETHER
        self._count, self._seconds, self._each = 0, 0.0, 0.0  # texts of the last call, its time, that for each text

    def learn(self, count: int, seconds: float) -> None:
        """Update the estimates from the time of a call."""
        each = self._each
        if count != self._count:
            each = (seconds - self._seconds) / (count - self._count)
        if not 0.0 < each <= seconds / count:
            each = seconds / count
        own = seconds - each * count
        self._count, self._seconds, self._each = count, seconds, each
        self.together = max(1, min(_TOGETHER, int(max(_LONG, own) / max(each, _LONG / _TOGETHER))))


def _scoring(data: bytes, script: dict[str, Any] | None, columns: int, terms: int = 0) -> Callable[[str], Outcome]:
    """Return, in a worker, what scores a text.

    Args:
        data: the pickled function.
        script: how `multiprocessing` finds the script that defines the function, empty if no script does; None: on a
            Ray cluster.
        columns: numbers per text.
        terms: further ones.

    Raises:
        UsageError: the function cannot be loaded here.
    """
    global _loading
    try:
        if script:
            _loading = True
            spawn.prepare(script)
        score = pickle.loads(data)  # noqa: S301 - of the process that has started this one
    except (Exception, SystemExit) as error:  # the script may do anything while it is loaded
        reason = reason_of(error)
        raise UsageError(
            f"the objective cannot be loaded on the Ray cluster ({reason}): put its module on every node"
            if script is None
            else "the workers ended before they could score: put the objective into a module that they can import, and "
            f'what starts the search behind `if __name__ == "__main__":`; or take workers 0 ({reason})'
        ) from error
    _loading = False
    return lambda text: outcome_here(score, text, columns, terms)
