"""Shared by the attacks: damaged values, damaged JSON, a command that is run, and what became of it.

A verb ends well, or refuses in one line of standard error; a traceback, a hang, or a refusal in more lines is a fault.
"""

from __future__ import annotations

import copy
import io
import json
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import FrameType
from typing import Any

from scripts.record import arguments, result_path, torch_threads, write_result

LIMIT = 300  # seconds that a verb may take; machines may be busy with other things
DONE, REFUSED, TRACEBACK, HANG, UNCLEAR = "done", "refused", "traceback", "hang", "not one line"
FAULTS = (TRACEBACK, HANG, UNCLEAR)
# What a field is replaced by: other types, other sizes, other contents.
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 3, 0.5, -0.5, 1e308, float("nan"), float("inf"), 10**9, 10**400, "", "x", "a:b", "\x1b[31m",
    "\ud800", "\x00", "é" * 300, [], [0], ["x"], [[]], [None], {}, {"x": 1}, {"$array": "0"}, [1, 2], "1", "nan",
)  # fmt: skip


class Late(BaseException):
    """The verb takes too long."""


@dataclass
class Counts:
    """What became of the inputs.

    Attributes:
        outcomes: number of inputs by outcome.
        faults: the first inputs that ended otherwise than they may, and how.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, outcome: str, what: str, said: str) -> None:
        """Count one."""
        self.outcomes[outcome] += 1
        if outcome in FAULTS:
            self.faults.append(f"{outcome}: {what}: {said}")

    def figures(self) -> dict[str, Any]:
        """Return the counts for a result."""
        return {"inputs": self.outcomes.total(), **self.outcomes, "faults": self.faults[:20]}


def damaged(values: Any, rng: random.Random) -> tuple[Any, str]:  # noqa: ANN401 - any tree of JSON
    """Return a copy of a tree with one place replaced or removed, and what was done."""
    tree = copy.deepcopy(values)
    places = list(_places(tree))
    if not places:
        return rng.choice(VALUES), "the whole"
    holder, key, name = rng.choice(places)
    if rng.random() < 0.15:
        del holder[key]
        return tree, f"{name} removed"
    holder[key] = rng.choice(VALUES)
    return tree, f"{name} = {str(holder[key])[:40]!r}"


def _places(tree: Any, name: str = "") -> Iterator[tuple[Any, Any, str]]:  # noqa: ANN401
    rows = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in rows:
        yield tree, key, f"{name}.{key}"
        yield from _places(value, f"{name}.{key}")


def damaged_file(path: Path, rng: random.Random) -> str:
    """Damage a JSON file by a field, or any file by its bytes; return what was done."""
    data, kind = path.read_bytes(), rng.random()
    if path.suffix == ".json" and kind < 0.85:
        tree, what = damaged(json.loads(data), rng)
        path.write_text(json.dumps(tree), "utf-8", "surrogatepass")
        return f"{path.name}{what}"
    place = rng.randrange(len(data) + 1)
    if kind < 0.9:
        path.write_bytes(data[:place])
        return f"{path.name} cut at byte {place}"
    if kind < 0.95:
        deep = rng.choice([b"[", b'{"a":']) * 100_000
        path.write_bytes(rng.choice([b"", deep, b"\xff\xfe", b"null"]))
        return f"{path.name} is other data"
    path.write_bytes(data[:place] + rng.randbytes(8) + data[place + 8 :])
    return f"{path.name} has other bytes at {place}"


def outcome(verb: Callable[[], int]) -> tuple[str, str]:
    """Run a verb in this process; return what became of it, and what it said."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    try:
        with redirect_stdout(out), redirect_stderr(err), limited():
            code = verb()
    except Late:
        return HANG, f"longer than {LIMIT} s"
    except (Exception, SystemExit):
        return TRACEBACK, " / ".join(traceback.format_exc().strip().splitlines()[-3:])
    said = err.buffer.getvalue().decode().strip().splitlines()  # type: ignore[attr-defined]
    if code == 0:
        return DONE, ""
    errors = [line for line in said if line.startswith("seqvae: error")]
    return (REFUSED if len(errors) == 1 else UNCLEAR), "\n".join(said)[:500]


@contextmanager
def limited() -> Iterator[None]:
    """Raise Late where the block takes longer than it may."""

    def late(number: int, frame: FrameType | None) -> None:
        raise Late

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def within(inputs: int, minutes: float) -> Iterator[int]:
    """Yield the numbers of so many inputs, as long as so many minutes have not passed; 0: no limit."""
    started = time.monotonic()
    for number in range(inputs):
        if minutes and time.monotonic() - started > 60 * minutes:
            return
        yield number


def command(words: Sequence[str]) -> Callable[[], int]:
    """Return a call of a verb of the command line in this process."""
    from seqvae.cli.main import main

    return lambda: main(list(words))


def run_main(
    name: str,
    about: str,
    attack: Callable[[Any], dict[str, Any]],
    usual: Any,  # noqa: ANN401 - a dataclass of settings, as `small` is
    small: Any,  # noqa: ANN401
    argv: Sequence[str] | None = None,
) -> None:
    """Run an attack as a script: attack, print the counts, and write the result.

    Args:
        name: of the result.
        about: the script's docstring.
        attack: makes the attack of some settings, and returns the counts.
        usual: the settings; `--inputs`, `--kills`, `--minutes` and `--seed` replace those of the same name.
        small: the settings of `--small`.
        argv: arguments; None: those of this process.
    """
    parser = arguments(about)
    for flag, kind in (("inputs", int), ("kills", int), ("minutes", float), ("seed", int)):
        parser.add_argument(f"--{flag}", type=kind, help="in place of the setting of this name, where there is one")
    given = parser.parse_args(argv)
    chosen = {
        flag: getattr(given, flag)
        for flag in ("inputs", "kills", "minutes", "seed")
        if getattr(given, flag) is not None
    }
    if idle := sorted({*chosen} - {one.name for one in fields(usual)}):
        parser.error(f"--{idle[0]} has no effect on {name}: leave it out")
    settings = replace(small if given.small else usual, **chosen)
    with torch_threads(given.threads):
        metrics = attack(settings)
    write_result(result_path(given, name), name, asdict(settings), metrics)


def totals(parts: Mapping[str, Counts]) -> dict[str, Any]:
    """Return the counts of several attacks, and those of all together."""
    whole = Counts()
    for one in parts.values():
        whole.outcomes.update(one.outcomes)
        whole.faults += one.faults
    return {**{name: one.figures() for name, one in parts.items()}, "all": whole.figures()}
