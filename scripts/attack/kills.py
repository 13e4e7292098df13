"""Kill, interrupt and starve every verb that writes, at random moments, and run it again: nothing is lost or half done.

    python -m scripts.attack.kills

A verb runs in a fork of this process, which has imported everything already. It is sent SIGKILL, SIGTERM or SIGINT at a
random moment; or its N-th rename, fsync, removal or new folder fails (ENOSPC, EIO) or kills it, before or after; or no
file may grow beyond some size. Then it is run again, resumed where it can be, and what it has written has to be what
an unbroken run writes, byte for byte. A file that stands under its own name meanwhile has to be whole, and an error is
one line. Verbs on a Ray cluster are tried where Ray is installed.
"""

from __future__ import annotations

import errno
import os
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, chdir, closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, PIPE
from tempfile import TemporaryDirectory
from typing import Any

from scripts.attack.harness import DONE, REFUSED, TRACEBACK, UNCLEAR, Counts, run_main, totals, within
from scripts.attack.model_folders import made
from scripts.attack.search_folders import begun
from seqvae.artifact.folder import PROVENANCE
from seqvae.cli.main import main
from seqvae.search.storage.run_folder import LEDGER, STATE

NAME = "attack_kills"
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CALLS = ("replace", "rename", "fsync", "unlink", "remove", "mkdir", "rmdir")
LONGEST = 300  # seconds of a run, on a machine that may be busy with other things
_SECONDS = re.compile(rb'"seconds": [0-9.e-]+')
ROWS = "SELECT round, text, canonical, status, proposer, scores FROM evaluations ORDER BY round, place"
CLUSTER = """
import ray, sys
print(ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False).address_info["gcs_address"], flush=True)
sys.stdin.read()
"""
DATA = "".join(f"{text}\n" for text in ("ACGT", "TTGCA", "GGGTTT", "ACCT", "TGCA", "GATT", "CCGG", "TTTT", "GCGC") * 8)


@dataclass(frozen=True)
class Settings:
    """How much is tried.

    Attributes:
        kills: kills, signals and faults of each verb.
        seed: of all of them.
        minutes: after which no more is tried; 0: no limit.
        only: verbs; none: all.
    """

    kills: int = 50
    seed: int = 0
    minutes: float = 0.0
    only: tuple[str, ...] = ()


SMALL = Settings(kills=2, only=("encode", "sample", "properties", "optimize", "tell"))


@dataclass(frozen=True)
class Verb:
    """A verb that writes.

    Attributes:
        words: the command line; `{}` is the folder of all its outputs, which is new each time.
        again: what resumes it, where its folder is there; empty: the same command.
        begun: a folder to begin with in place of an empty one.
        then: a command that follows it, broken or not, and takes up what it left; empty: none.
    """

    words: str
    again: str = ""
    begun: Path | None = None
    then: str = ""


def verbs(place: Path) -> dict[str, Verb]:
    """Return the verbs that write, small ones, over models and files that are made in a folder."""
    model, molecules, sequences = place / "model", place / "m.smi", place / "d.txt"
    made(model, "dna gru gru diagonal normal mixture")
    molecules.write_text("CCO\nCCN\nc1ccccc1O\nCC(=O)N\nCCCl\n")
    sequences.write_text(DATA)
    (place / "z.csv").write_text("z0,z1,z2,z3\n" + "0.1,0,0,1\n" * 40)
    (place / "masked.txt").write_text("ACNN\nNNGT\n" * 4)
    chains = place / "chains.smi"
    chains.write_text("".join(f"C{'C' * (place % 7)}{end}\n" for place in range(60) for end in ("O", "N")))
    sizes = "latent = 2\nencoder_width = 8\ndecoder_width = 8\nembedding = 4\n"
    run = f'[data]\nsource = "{sequences}"\n[tokenizer]\nkind = "dna"\n[model]\n{sizes}[training]\nepochs = 1\n'
    (place / "run.toml").write_text(run + "[prior]\nprior_steps = 2\n")
    plates = begun(place, "plates")
    (place / "measured.csv").write_text(_measured(plates))
    train = "--latent 2 --encoder-width 8 --decoder-width 8 --embedding 4 --quiet --prior-steps 2 --checkpoint-minutes "
    train += "0.0005"
    search = f"optimize --objective dna:gc --start {sequences} --budget 60 --quiet --out {{}}/out"
    resume = "optimize --resume {}/out --quiet"
    on_ray = {
        "encode, ray": Verb(f"encode {model} {sequences} --out {{}}/a.csv --quiet --resume --executor ray"),
        "optimize, ray": Verb(
            f"{search} --model none --optimizer string-ga --batch 30 --executor ray --workers 1 --timeout 100", resume
        ),
    }
    return (on_ray if find_spec("ray") else {}) | {
        "encode": Verb(f"encode {model} {sequences} --out {{}}/a.csv --quiet"),
        "encode --resume": Verb(f"encode {model} {sequences} --out {{}}/a.csv --quiet --resume"),
        "decode": Verb(f"decode {model} {place}/z.csv --out {{}}/a.csv --quiet"),
        "sample": Verb(f"sample {model} -n 600 --out {{}}/a.csv --quiet --resume --seed 1"),
        "properties": Verb(f"properties score qed logp {molecules} --out {{}}/a.parquet --quiet"),
        "score": Verb(f"score {model} {sequences} --out {{}}/a.csv --quiet --samples 8"),
        "impute": Verb(f"impute {model} {place}/masked.txt --out {{}}/a.csv --quiet --method importance --samples 50"),
        "compress": Verb(f"compress {model} {sequences} --out {{}}/a.svc --quiet"),
        "standardize": Verb(f"data standardize {molecules} --out {{}}/a.csv --quiet"),
        "evaluate": Verb(f"evaluate {sequences} --reference {sequences} --out {{}}/out --quick --quiet"),
        "train": Verb(
            f"train {sequences} --tokenizer dna --epochs 4 {train} --out {{}}/out",
            "train --resume --out {}/out --quiet",
        ),
        "train molecules": Verb(
            f"train {chains} --tokenizer smiles --epochs 3 {train} --out {{}}/out",
            "train --resume --out {}/out --quiet",
        ),
        "finetune": Verb(
            f"finetune {model} {sequences} --epochs 3 --quiet --checkpoint-minutes 0.0005 --out {{}}/out",
            "finetune --resume --out {}/out --quiet",
        ),
        "optimize": Verb(f"{search} --model none --optimizer string-ga --batch 6", resume),
        "optimize auto": Verb(f"{search} --model {model} --batch 20 --optimizer auto", resume),
        "optimize auto, molecules": Verb(
            f"optimize --objective qed --start {chains} --model none --budget 40 --batch 20 --quiet --out {{}}/out",
            resume,
        ),
        "optimize --workers": Verb(
            f"{search} --model none --optimizer string-ga --batch 30 --workers 1 --timeout 100", resume
        ),
        "ask": Verb("ask {}/plates -n 4 --out {}/a.csv", begun=plates),
        "tell": Verb(f"tell {{}}/plates {place}/measured.csv", begun=plates, then="ask {}/plates -n 4 --out {}/a.csv"),
        "rate-distortion": Verb(
            f"rate-distortion {place}/run.toml --betas 1,0.5 --epochs 1 --out {{}}/out --quiet",
            "rate-distortion --resume --out {}/out --quiet",
        ),
    }


@contextmanager
def cluster() -> Iterator[None]:
    """Start a Ray cluster of its own, to which the verbs find by `RAY_ADDRESS`."""
    os.environ["RAY_AUTH_MODE"] = "disabled"  # it asks for a token by default, which only its own process has
    with subprocess.Popen(
        [sys.executable, "-c", CLUSTER], stdin=PIPE, stdout=PIPE, stderr=DEVNULL, text=True
    ) as process:
        os.environ["RAY_ADDRESS"] = process.stdout.readline().strip() if process.stdout else ""
        try:
            yield
        finally:
            del os.environ["RAY_ADDRESS"]
            if process.stdin:
                process.stdin.close()


def _measured(folder: Path) -> str:
    with closing(sqlite3.connect(folder / LEDGER)) as ledger:
        texts = [row[0] for row in ledger.execute("SELECT DISTINCT text FROM evaluations LIMIT 5")]
    return "text,score\n" + "".join(f"{text},{number}\n" for number, text in enumerate(texts or ["ACGT"]))


def written(folder: Path) -> dict[str, bytes]:
    """Return what stands in a folder under its own name; hidden files are not looked at.

    Of a ledger these are its rows, and of a model's provenance all but how many seconds it was trained.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not any(part.startswith(".") for part in Path(name).parts):
            if path.name == LEDGER:
                with closing(sqlite3.connect(path)) as ledger, suppress(sqlite3.OperationalError):
                    found[name] = repr(ledger.execute(ROWS).fetchall()).encode()
            elif not path.name.startswith(LEDGER) and "logs" not in path.parts:
                found[name] = _SECONDS.sub(b"", path.read_bytes()) if path.name == PROVENANCE else path.read_bytes()
    return found


def ran(words: str, fault: Callable[[], None], signalled: tuple[int, float] = (0, 0.0)) -> tuple[int, str]:
    """Run a command in a fork; return its exit code, negative for a signal, and what it said on standard error.

    Args:
        words: the command line.
        fault: called in the fork before the command.
        signalled: a signal to send, and after how many seconds; 0: none.
    """
    reading, writing = os.pipe()  # no file, which may not grow where the disk is full
    child = os.fork()
    if child == 0:
        code = 99
        try:
            os.setsid()
            with Path(os.devnull).open("w") as nothing:
                os.dup2(nothing.fileno(), 1)
            os.dup2(writing, 2)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            fault()
            code = main(words.split())
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # what comes now comes after the verb
            sys.stderr.flush()
        except BaseException as error:
            if code == 99 or not isinstance(error, KeyboardInterrupt):
                traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    os.close(writing)
    number, after = signalled
    if number:
        time.sleep(after)
        with suppress(ProcessLookupError):
            os.kill(child, number)
    began = time.monotonic()
    while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() - began > LONGEST:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)
            return 98, "it did not end"
        time.sleep(0.005)
    os.set_blocking(reading, False)  # what outlives the verb may hold the other end
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read() or b""
    return os.waitstatus_to_exitcode(ended[1]), said.decode(errors="replace")


def failing(call: str, number: int, how: str) -> Callable[[], None]:
    """Return what makes the N-th call of a function of `os` fail, or kill this process before or after it."""

    def install() -> None:
        own, count = getattr(os, call), 0

        def broken(*words: Any, **given: Any) -> Any:  # noqa: ANN401
            nonlocal count
            count += 1
            if count == number:
                if how == "killed before":
                    os.kill(os.getpid(), signal.SIGKILL)
                if how == "killed after":
                    own(*words, **given)
                    os.kill(os.getpid(), signal.SIGKILL)
                code = getattr(errno, how)
                raise OSError(code, os.strerror(code), words[0] if isinstance(words[0], str) else None)
            return own(*words, **given)

        setattr(os, call, broken)

    return install


def starving(size: int) -> Callable[[], None]:
    """Return what lets no file of this process grow beyond a size."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def attack(settings: Settings) -> dict[str, Any]:
    """Break and run again; return the counts by verb."""
    import seqvae.search.api

    if not settings.only or "rate-distortion" in settings.only:
        import seqvae.evaluate.api
        import seqvae.train.finetune
        import seqvae.train.fit  # noqa: F401 - all that forks need

    with TemporaryDirectory() as folder, chdir(folder), ExitStack() as stack:
        place = Path(folder)
        found = {name: verb for name, verb in verbs(place).items() if name in (settings.only or (name,))}
        if any(name.endswith("ray") for name in found):
            stack.enter_context(cluster())
        known = {name: unbroken(verb, place / "work") for name, verb in found.items()}
        parts = {name: Counts() for name in found}
        for number in within(settings.kills, settings.minutes):
            for name, verb in found.items():
                rng = random.Random(f"{settings.seed} {name} {number}")
                what, became, said = broken_and_run_again(verb, place / "work", known[name], rng)
                parts[name].add(became, f"{name} {number}: {what}", said)
    return totals(parts)


@dataclass(frozen=True)
class Known:
    """What an unbroken run does.

    Attributes:
        files: what it writes, as far as two of them write the same.
        seconds: how long it takes.
    """

    files: Mapping[str, bytes]
    seconds: float


def unbroken(verb: Verb, work: Path) -> Known:
    """Run a verb twice."""
    found, seconds = [], 0.0
    for _ in range(2):
        _fresh(verb, work)
        began = time.monotonic()
        code, said = ran(verb.words.replace("{}", str(work)), lambda: None)
        seconds = time.monotonic() - began
        wrong = f"{verb.words}: {code}: {said}" if code else _followed(verb, work)
        if wrong:
            raise RuntimeError(wrong)
        found.append(written(work))
    same = {name: data for name, data in found[0].items() if found[1].get(name) == data}
    if not same:
        raise RuntimeError(f"{verb.words}: no two runs write the same")
    return Known(same, seconds)


def _fresh(verb: Verb, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    if verb.begun is not None:
        shutil.copytree(verb.begun, work / verb.begun.name)


def broken_and_run_again(verb: Verb, work: Path, known: Known, rng: random.Random) -> tuple[str, str, str]:
    """Break a run, run it again, and return how it was broken, what became of it, and what is wrong."""
    _fresh(verb, work)
    before = written(work)
    fault, signalled, what = _fault(known, rng)
    code, said = ran(verb.words.replace("{}", str(work)), fault, signalled)
    wrong = _unclear(code, said)
    half = [name for name, data in written(work).items() if _half(name, data, known, before)]
    if not wrong and half:
        wrong = f"{half[0]} is half written"
    if not wrong and code:
        wrong = _resumed(verb, work, before)
    wrong = wrong or _followed(verb, work)
    if not wrong:
        after = written(work)
        wrong = next((f"{name} is another" for name, data in known.files.items() if after.get(name) != data), "")
    became = TRACEBACK if "Traceback" in said else UNCLEAR if wrong else REFUSED if code else DONE
    return what, became, f"{wrong}: {said[-400:]}" if wrong else ""


def _fault(known: Known, rng: random.Random) -> tuple[Callable[[], None], tuple[int, float], str]:
    kind = rng.random()
    if kind < 0.5:
        number, after = rng.choice(SIGNALS), rng.uniform(0, known.seconds)
        return lambda: None, (number, after), f"{signal.Signals(number).name} after {after:.2f} s"
    if kind < 0.9:
        call, number = rng.choice(CALLS), rng.choice([1, 1, 2, 3, 5, 8])
        how = rng.choice(["ENOSPC", "EIO", "killed before", "killed after"])
        return failing(call, number, how), (0, 0.0), f"{call} {number} {how}"
    size = rng.choice([0, 100, 5000, 20_000, 50_000])
    return starving(size), (0, 0.0), f"no file beyond {size} bytes"


def _unclear(code: int, said: str) -> str:
    """Return what is wrong with how a broken run has ended; "" for nothing."""
    if code in (98, 99) or "Traceback" in said:
        return f"exit code {code}"
    errors = [line for line in said.splitlines() if line.startswith("seqvae: error")]
    return f"exit code {code} with {len(errors)} errors" if code in (1, 2) and len(errors) != 1 else ""


def _half(name: str, data: bytes, known: Known, before: Mapping[str, bytes]) -> bool:
    """Whether a file of one piece is neither as before nor as an unbroken run leaves it; folders grow bit by bit."""
    single = "/" not in name and not name.endswith(LEDGER)
    return single and name in known.files and data not in (known.files[name], before.get(name))


def _resumed(verb: Verb, work: Path, before: Mapping[str, bytes]) -> str:
    """Run a verb to its end after it was broken; return what is wrong, "" for nothing."""
    for words in _ways(verb, work, before):
        code, said = ran(words.replace("{}", str(work)), lambda: None)
        if code == 0:
            return ""
        if code in (98, 99) or "Traceback" in said:
            break
    return f"run again: exit code {code}: {said[-300:]}"


def _followed(verb: Verb, work: Path) -> str:
    """Run what follows a verb; return what is wrong, "" for nothing."""
    code, said = ran(verb.then.replace("{}", str(work)), lambda: None) if verb.then else (0, "")
    return f"{verb.then}: exit code {code}: {said[-300:]}" if code else ""


def _ways(verb: Verb, work: Path, before: Mapping[str, bytes]) -> list[str]:
    ledger, state = (f"plates/{name}" for name in (LEDGER, STATE))
    if verb.words.startswith("tell") and written(work).get(ledger) != before[ledger]:
        return ["results {}/plates"]  # all rows are there, or none
    if verb.words.startswith("ask") and written(work).get(state) != before[state]:
        return ["ask {}/plates --again --out {}/a.csv"]
    return [verb.again, verb.words] if verb.again and (work / "out").exists() else [verb.words]


if __name__ == "__main__":
    run_main(NAME, __doc__ or "", attack, Settings(), SMALL)
