"""Programs as properties: a command that receives texts and prints a number for each.

The command's placeholder determines how it receives the texts:

* `{smiles}`, `{sequence}` or `{text}`: the program is called once per text, which replaces the placeholder; it prints
  one number.
* `{file}`: the program is called once per batch, with the path of a file that has one text per line; it prints one
  number per line, in the same order.
* none of these: likewise, with the texts on standard input.

An empty line or `nan` means that a text has no value. An empty text has none, and the program is not called for it.

A text is never read as code. The command is split into words and run without a shell; a text is one word or part of a
word, whatever it contains, and a placeholder within code (`sh -c "dock {smiles}"`, `ssh host dock {smiles}`) is
refused. With `shell` the command is a script for `sh`, and a placeholder becomes a quoted variable of that script, not
a quoted text: this is safe in backquotes too.
"""

from __future__ import annotations

import difflib
import functools
import math
import multiprocessing
import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import FrameType
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import ConfigError, InputError, UsageError
from seqvae.sequences.domain import DNA, LETTERS, MOLECULES, PROTEIN, RNA

TIMEOUT = 60.0  # seconds per call: time enough to dock some molecules
_KINDS = {"smiles": MOLECULES, "sequence": DNA, "text": LETTERS}
_ALSO = {"sequence": (RNA, PROTEIN, LETTERS)}  # sequences over any letters
_FILE = "file"
_NAMES = (*_KINDS, _FILE)
_PLACE = re.compile(rf"\{{({'|'.join(_NAMES)})\}}")
# What may surround a placeholder in a word: paths and flags such as --smiles={smiles}, but no characters of code.
_WORD = re.compile(rf"(?:[\w./:=@%+,-]|{_PLACE.pattern})*")
# A placeholder at the start of a word, in a list of words or in a script: there a text could be taken for a flag.
_FIRST = re.compile(rf"(?:^|[^\w./:=@%+,])\{{(?:{'|'.join(_KINDS)})\}}")
_UNSENDABLE = re.compile("[\0\ud800-\udfff]")  # NUL ends a word, and lone surrogates have no UTF-8
_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "ash", "fish", "csh", "tcsh", "su"}  # code follows their -c
_ALWAYS_CODE = {"eval", "ssh"}  # everything after these is code: ssh passes it to the remote shell
_VARIABLE = "SEQVAE_TEXT"
_GRACE = 2.0  # seconds for the pipes of a killed program: its children may have left its group and keep them open
_NEAR = 0.8  # a typo such as {smile} is at least as similar as this; awk's {next} and {exit} are not
_SHOWN = 80  # characters of a text, a line or a command in an error


@final
@dataclass(frozen=True)
class Program:
    """A command that prints a number for each text; it computes a `Property`.

    Attributes:
        command: as typed in a terminal, with a placeholder for a text or a file, or none.
        timeout: seconds that a call may take; then the program is killed, with everything it started.
        shell: the command is a script for `sh`, with pipes, variables and so on.

    Raises:
        ConfigError: the timeout is not a positive number.
        UsageError: the command is empty, cannot be split into words, or its program is not found; or a text would be
            read as code.
    """

    command: str
    timeout: float = TIMEOUT
    shell: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.timeout < math.inf:
            raise ConfigError(f"timeout: expected seconds above 0, got {self.timeout:g}")
        if not self.command.strip() or "\0" in self.command:
            raise UsageError(f"command: expected a program and its arguments, got {_short(self.command)}")
        for word in re.findall(r"\{(\w+)\}", self.command):
            near = difflib.get_close_matches(word.lower(), _NAMES, n=1, cutoff=_NEAR)
            if word not in _NAMES and near:  # other words in braces may belong to the program
                raise UsageError(f"{self._said()}: unknown placeholder {word!r}; did you mean {near[0]!r}?")
        found = sorted(set(_PLACE.findall(self.command)))
        if len(found) > 1:
            raise UsageError(f"{self._said()}: expected one kind of placeholder, got {' and '.join(found)}")
        if self.shell:
            _check_script(self.command)
        else:
            _check_words(self.command, self._words)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return `(batch,)` float64, the number of each text.

        Raises:
            InputError: a text cannot be passed to a program; or the program fails, takes too long, or prints anything
                other than one number per text.
        """
        for text in texts:
            if _UNSENDABLE.search(text) or text.splitlines() not in ([text], []):
                raise InputError(f"{self._said()}: expected a text of one line of Unicode, got {_short(text)}")
            if text.startswith("-") and any(_FIRST.search(word) for word in self._words):
                raise InputError(
                    f"{self._said()}: {_short(text)} would be taken for a flag: "
                    "put the text behind a flag, as --text={text}, or let the program read it from {file}"
                )
        rows = [row for row, text in enumerate(texts) if text]
        values = np.full(len(texts), np.nan)
        if rows:
            values[rows] = self._of([texts[row] for row in rows])
        return values

    def kind(self) -> str:
        """Return its domain, by the name of its placeholder: `molecules`, `dna`, or `letters` for any text."""
        return _KINDS.get(self._place, LETTERS)

    @property
    def also(self) -> tuple[str, ...]:
        """The further domains whose texts it accepts."""
        return _ALSO.get(self._place, ())

    @property
    def one_by_one(self) -> bool:
        """Whether it is called once per text rather than once per batch."""
        return self._place in _KINDS

    @functools.cached_property
    def _place(self) -> str:
        """Name of the command's placeholder; empty: none."""
        return next(iter(_PLACE.findall(self.command)), "")

    @functools.cached_property
    def _words(self) -> list[str]:
        try:
            return [self.command] if self.shell else shlex.split(self.command)
        except ValueError as error:
            raise UsageError(f"{self._said()}: cannot be split into words: {error}") from error

    def _of(self, texts: list[str]) -> list[float]:
        if self._place in _KINDS:
            return [self._numbers(self._printed(put=text), [text])[0] for text in texts]
        lines = "".join(f"{text}\n" for text in texts)
        if not self._place:
            return self._numbers(self._printed(feed=lines), texts)
        with NamedTemporaryFile("w", encoding="utf-8", suffix=".txt") as file:
            file.write(lines)
            file.flush()
            return self._numbers(self._printed(put=file.name), texts)

    def _printed(self, put: str = "", feed: str = "") -> str:
        """Return the program's output, given what replaces its placeholder and what it reads on standard input."""
        environment = dict(os.environ)
        if self.shell:
            words = ["/bin/sh", "-c", _PLACE.sub(f'"${{{_VARIABLE}}}"', self.command)]
            environment[_VARIABLE] = put
        else:
            words = [_PLACE.sub(lambda _: put, word) for word in self._words]
        code, printed, complaint = self._run(words, environment, feed)
        if code:
            on = put if self._place in _KINDS else ""
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            said = (complaint.strip().splitlines() or ["nothing on standard error"])[-1].strip()
            raise InputError(f"{self._said(on)} {how}: {said}")
        return printed

    def _run(self, words: list[str], environment: dict[str, str], feed: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        with _ending_together() as watch:
            try:
                process = subprocess.Popen(
                    words,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=environment,
                    encoding="utf-8",
                    errors="replace",
                    start_new_session=True,  # so that its children can be killed with it
                )
            except (OSError, ValueError) as error:
                raise InputError(f"{self._said()}: cannot be started: {getattr(error, 'strerror', error)}") from error
            watch(process)
            try:
                printed, complaint = process.communicate(feed, self.timeout)
            except subprocess.TimeoutExpired:
                raise InputError(f"{self._said()}: no answer within {self.timeout:g} s") from None
            return process.returncode, printed, complaint

    def _numbers(self, printed: str, texts: list[str]) -> list[float]:
        lines = printed.splitlines()
        if len(lines) != len(texts):
            said = self._said(texts[0] if len(texts) == 1 else "")
            last = f", the last {_short(lines[-1])}" if lines else ""
            wanted = "1 line with a number" if len(texts) == 1 else f"{len(texts)} lines, each with a number"
            raise InputError(f"{said}: expected {wanted}, got {len(lines)}{last}")
        numbers: list[float] = []
        for line, text in zip(lines, texts, strict=True):
            try:
                numbers.append(float(line) if line.strip() else math.nan)
            except ValueError:
                reason = f"expected a number on line {len(numbers) + 1}, got {_short(line)}"
                raise InputError(f"{self._said(text)}: {reason}") from None
        return numbers

    def _said(self, text: str = "") -> str:
        return f"command {_short(self.command)}" + (f" on {_short(text)}" if text else "")


@contextmanager
def _ending_together() -> Iterator[Callable[[subprocess.Popen[str]], None]]:
    """Leave no program behind: kill it if anything goes wrong here, or if this process is told to end.

    A search ends a worker that takes too long by SIGTERM, which the program that the worker waits for does not get.

    Yields:
        What is told of the program once it runs. A signal that comes while it is being started waits for that.
    """
    before = signal.getsignal(signal.SIGTERM)
    running: list[subprocess.Popen[str]] = []
    told: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        """Kill the program, then let the signal act as before."""
        if not running:
            told.append(number)
            return
        _kill(running[0])
        signal.signal(number, before)
        signal.raise_signal(number)

    def watch(process: subprocess.Popen[str]) -> None:
        """Take over a program that runs."""
        running.append(process)
        if told:
            stop(told[0], None)

    # The handler of a main process may let it finish its work; the handler of a worker ends it.
    ends = before == signal.SIG_DFL or (callable(before) and multiprocessing.parent_process() is not None)
    ends = ends and threading.current_thread() is threading.main_thread()  # other threads may not set one
    if ends:
        signal.signal(signal.SIGTERM, stop)
    try:
        yield watch
    except BaseException:  # whatever ends the wait, Ctrl-C included, must not leave the program running
        for process in running:
            _kill(process)
            with process, suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_GRACE)
        raise
    finally:
        if ends:
            signal.signal(signal.SIGTERM, before)
            if told and not running:
                signal.raise_signal(told[0])


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _check_words(command: str, words: list[str]) -> None:
    """Refuse a program that is not found, and a placeholder where a text would be read as code."""
    for number, word in enumerate(words):
        if _PLACE.search(word) and (number == 0 or not _WORD.fullmatch(word) or _takes_code(words[:number])):
            raise _code(command)
    program = words[0]
    if shutil.which(program) is None:
        here = Path(program).is_file()
        if "/" in program:
            advice = f"make it executable: chmod +x {program}" if here else "check the path"
        else:
            advice = f"write ./{program} for the one here" if here else "give its path, or add its folder to PATH"
        raise UsageError(f"command {_short(command)}: there is no program {program!r}: {advice}")


def _check_script(script: str) -> None:
    """Refuse a placeholder where a text would be read as code, or within quotes, since it gets quotes of its own."""
    for found in _PLACE.finditer(script):
        before = script[: found.start()]
        if _quoted(before):
            raise UsageError(f"command {_short(script)}: write {found[0]} without quotes: it is quoted when inserted")
        if _takes_code(re.split(r"[;|&\n()`]", before)[-1].split()):
            raise _code(script)


def _takes_code(words: list[str]) -> bool:
    """Return whether a command that begins with these words reads what follows as code."""
    names = {Path(word).name for word in words}
    return bool(names & _ALWAYS_CODE or (names & _SHELLS and any(re.fullmatch(r"-\w*c\w*", word) for word in words)))


def _code(command: str) -> UsageError:
    return UsageError(
        f"command {_short(command)}: the text would be read as code: make the placeholder a word of its own, or part "
        "of one, as --smiles={smiles}; for pipes and the like set shell = true"
    )


def _quoted(script: str) -> bool:
    """Return whether a quote is still open at the end of this first part of a script."""
    quote = ""
    letters = iter(script)
    for letter in letters:
        if letter == "\\" and quote != "'":
            next(letters, None)
        elif letter in "'\"" and quote in ("", letter):
            quote = "" if quote else letter
    return bool(quote)


def _short(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
