"""Call what is public, and compare the state of the calling process before and after.

    python -m scripts.attack.states

What a call changes, it puts back. Each call is made twice, since the first one imports what it needs, and packages of
others may change some states on import (`ON_IMPORT`): these are compared the second time only.
"""

from __future__ import annotations

import csv
import decimal
import faulthandler
import gc
import locale
import logging
import multiprocessing
import os
import random
import resource
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import selfies
import torch
from rdkit import rdBase

from scripts.attack.harness import DONE, command, outcome, run_main
from scripts.attack.model_folders import made

NAME = "attack_states"
DATA = "ACGT", "TTGCA", "GGGTTT", "ACCT", "TGCA", "GATTACA", "CCCGG", "TTTT", "GCGC", "ATAT", "CATG", "GTAC"


@dataclass(frozen=True)
class Settings:
    """How much is tried.

    Attributes:
        only: names of calls; none: all.
    """

    only: tuple[str, ...] = ()


# One of each kind: the others go through the same code.
SMALL = Settings(
    (
        *(
            "models list",
            "properties score",
            "data audit",
            "encode",
            "sample",
            "score",
            "impute",
            "evaluate",
            "diagnose",
        ),
        *("compress", "refused", "train", "optimize auto", "optimize turbo", "optimize, retraining"),
        *("load()", "encode()", "sample()", "iwae()", "interpolate()", "evaluate.run()", "search.ask() and tell()"),
    )
)

# By name, what is read of the process; a lambda each, so that the list reads as one.
READ: Mapping[str, Callable[[], object]] = {
    "precision of torch's products": torch.get_float32_matmul_precision,
    "TF32 of cuDNN": lambda: torch.backends.cudnn.allow_tf32,
    "TF32 of CUDA's products": lambda: torch.backends.cuda.matmul.allow_tf32,
    "cuDNN deterministic": lambda: torch.backends.cudnn.deterministic,
    "cuDNN benchmark": lambda: torch.backends.cudnn.benchmark,
    "cuDNN enabled": lambda: torch.backends.cudnn.enabled,
    "MKLDNN enabled": lambda: torch.backends.mkldnn.enabled,  # type: ignore[attr-defined]
    "torch's threads": torch.get_num_threads,
    "torch's threads between operations": torch.get_num_interop_threads,
    "torch's gradients": torch.is_grad_enabled,
    "torch's inference mode": torch.is_inference_mode_enabled,
    "torch's default type": torch.get_default_dtype,
    "torch's default device": torch.get_default_device,
    "torch's deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "torch's deterministic warnings": torch.is_deterministic_algorithms_warn_only_enabled,
    "torch's anomaly detection": torch.is_anomaly_enabled,
    "torch's autocast": lambda: (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
    "torch's random generator": lambda: torch.get_rng_state().numpy().tobytes(),
    "torch's printing": lambda: str(vars(torch._tensor_str.PRINT_OPTS)),
    "torch's sharing of memory": torch.multiprocessing.get_sharing_strategy,
    "NumPy's random generator": lambda: str(np.random.get_state()),
    "NumPy's errors": np.geterr,
    "NumPy's printing": lambda: str(np.get_printoptions()),
    "Python's random generator": random.getstate,
    "environment": lambda: dict(os.environ),
    "working directory": Path.cwd,
    "umask": lambda: os.umask(os.umask(0o22)),
    "sys.path": lambda: list(sys.path),
    "sys.argv": lambda: list(sys.argv),
    "excepthook": lambda: (sys.excepthook, sys.displayhook, threading.excepthook),
    "recursion limit": sys.getrecursionlimit,
    "digits of integers": sys.get_int_max_str_digits,
    "switch interval": sys.getswitchinterval,
    "streams": lambda: (sys.stdin, sys.stdout, sys.stderr),
    "signal handlers": lambda: {one: signal.getsignal(one) for one in signal.valid_signals()},
    "blocked signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
    "timers": lambda: (signal.getitimer(signal.ITIMER_REAL)[0] > 0, signal.alarm(0)),
    "faulthandler": faulthandler.is_enabled,
    "warning filters": lambda: list(warnings.filters),
    "showwarning": lambda: warnings.showwarning,
    "levels of loggers": lambda: {
        name: (one.level, one.disabled, one.propagate, len(one.handlers), len(one.filters))
        for name, one in {**logging.root.manager.loggerDict, "root": logging.root}.items()
        if isinstance(one, logging.Logger)
    },
    "logging disabled": lambda: logging.root.manager.disable,
    "locale": lambda: locale.setlocale(locale.LC_ALL),
    "RDKit's log": rdBase.LogStatus,
    "constraints of SELFIES": selfies.get_semantic_constraints,
    "longest cell of csv": csv.field_size_limit,
    "decimal context": lambda: str(decimal.getcontext()),
    "garbage collection": lambda: (gc.isenabled(), gc.get_threshold()),
    "start of processes": lambda: multiprocessing.get_start_method(allow_none=True),
    "child processes": multiprocessing.active_children,
    "threads": lambda: sorted(one.name for one in threading.enumerate() if not one.daemon),
    "limits": lambda: [resource.getrlimit(one) for one in (resource.RLIMIT_STACK, resource.RLIMIT_NOFILE)],
    "sockets' time limit": socket.getdefaulttimeout,
    "backend of matplotlib": lambda: str(getattr(sys.modules.get("matplotlib"), "rcParams", {}).get("backend", "")),
}
# What is not put back where a package of others changes it on import.
ON_IMPORT = {
    *("warning filters", "levels of loggers", "start of processes", "backend of matplotlib", "NumPy's printing"),
    *("sys.path", "threads", "torch's sharing of memory", "excepthook", "Python's random generator"),
}


def state() -> dict[str, object]:
    """Return the state of this process."""
    return {name: read() for name, read in READ.items()}


def changed(call: Callable[[], object], imported: bool) -> list[str]:
    """Make a call; return what differs afterwards, in words."""
    before = state()
    call()
    after = state()
    return [
        f"{name}: {_difference(before[name], after[name])}"
        for name in READ
        if before[name] != after[name] and (imported or name not in ON_IMPORT)
    ]


def _difference(before: object, after: object) -> str:
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        return ", ".join(f"{key}: {before.get(key)} became {after.get(key)}" for key in keys)[:300]
    return f"{str(before)[:80]} became {str(after)[:80]}"


def calls(place: Path) -> dict[str, Callable[[], object]]:
    """Return public calls by name: verbs of the command line, and functions of Python."""
    import seqvae
    from seqvae import infer, search
    from seqvae.config import EvaluationConfig, ImputeConfig, OracleConfig, SearchConfig
    from seqvae.infer.coding.api import compress, decompress
    from seqvae.properties import score

    dna, molecules = made(place / "dna", "dna gru gru diagonal normal mixture"), place / "m.smi"
    (place / "d.txt").write_text("".join(f"{text}\n" for text in DATA * 4))
    molecules.write_text("CCO\nCCN\nc1ccccc1O\nCC(=O)N\nCCCl\n")
    (place / "z.csv").write_text("z0,z1,z2,z3\n0,0,0,0\n1,0,0,1\n")
    (place / "masked.txt").write_text("ACNN\n")
    small = "--latent 2 --encoder-width 8 --decoder-width 8 --embedding 4 --epochs 1 --quiet --prior-steps 2"
    d, m = str(place / "d.txt"), str(dna)
    verbs = {
        "models list": "models list",
        "properties list": "properties list",
        "properties score": f"properties score qed logp {molecules} -o {place}/q.csv",
        "data audit": f"data audit {molecules}",
        "data standardize": f"data standardize {molecules} --out {place}/std.csv --workers 2",
        "encode": f"encode {m} {d} --out {place}/e.csv --quiet",
        "decode": f"decode {m} {place}/z.csv --out {place}/dec.txt --quiet",
        "sample": f"sample {m} -n 8 --out {place}/s.txt --quiet",
        "sample in processes": f"sample {m} -n 8 --out {place}/s2.txt --executor processes --workers 2 --quiet",
        "interpolate": f"interpolate {m} ACGT TTTT",
        "neighbours": f"neighbours {m} ACGT {d} --out {place}/n.csv --quiet",
        "score": f"score {m} {d} --out {place}/sc.csv --quiet --samples 4",
        "impute": f"impute {m} {place}/masked.txt --out {place}/i.csv --quiet --method importance --samples 8",
        "evaluate": f"evaluate {m} --reference {d} --out {place}/ev --number 24 --quiet",
        "diagnose": f"diagnose {m} {d} --out {place}/diag --quick --quiet",
        "compress": f"compress {m} {d} --out {place}/d.svc --quiet",
        "refused": "encode none none.txt",
    }
    found: dict[str, Callable[[], object]] = {name: _quietly(words.split()) for name, words in verbs.items()}
    train = f"train {d} --tokenizer dna {small}"
    numbers = iter(range(100))

    def fresh(words: str) -> Callable[[], object]:
        return lambda: _quietly([*words.split(), "--out", str(place / f"out{next(numbers)}")])()

    found |= {"train": fresh(train), "finetune": fresh(f"finetune {m} {d} --epochs 1 --prior-steps 2 --quiet")}
    for optimizer in ("auto", "ga", "cma-es", "turbo", "gp", "ascent", "latent"):
        words = f"optimize --objective dna:gc --model {m} --optimizer {optimizer} --budget 8 --start {d} --batch 4"
        found[f"optimize {optimizer}"] = fresh(f"{words} --initial 4 --quiet")
    found["optimize in workers"] = fresh(
        f"optimize --objective dna:gc --start {d} --optimizer ga --budget 8 --workers 2 --quiet --model {m}"
    )
    words = f"optimize --objective dna:gc --model {m} --optimizer latent --budget 12 --start {d} --batch 4 --quiet"
    found["optimize, retraining"] = fresh(
        f"{words} --initial 4 --optimizer.retraining.every 4 --optimizer.retraining.steps 1"
    )
    codec = seqvae.load(m, device="cpu")

    def laboratory() -> None:
        folder = place / f"lab{next(numbers)}"
        search.begin(None, folder, SearchConfig(m, "ga", oracle=OracleConfig(budget=20)), list(DATA))
        plate = search.ask(folder, 4)
        search.tell(folder, [search.Measurement(one.text, (1.0,)) for one in plate])

    def coded() -> None:
        out = place / f"c{next(numbers)}"
        compress(m, d, out)
        decompress(out, place / f"{out.name}.txt")

    found |= {
        "load()": lambda: seqvae.load(m, device="cpu"),
        "encode()": lambda: codec.encode(DATA, refine=3),
        "sample()": lambda: codec.sample(8, seed=1),
        "decode()": lambda: codec.decode(np.zeros((2, 4), np.float32)),
        "bounds()": lambda: codec.bounds(DATA, seed=1),
        "iwae()": lambda: codec.iwae(DATA, samples=3, seed=1),
        "interpolate()": lambda: codec.interpolate("ACGT", "TTTT", 3),
        "infer.score()": lambda: infer.score(codec, DATA),
        "infer.positions()": lambda: infer.positions(codec, DATA),
        "infer.mutations()": lambda: infer.mutations(codec, DATA[:2]),
        "infer.impute()": lambda: infer.impute(codec, ["ACNN"], ImputeConfig(method="importance")),
        "evaluate.run()": lambda: seqvae.evaluate.run(codec, d, config=EvaluationConfig(number=24)),  # type: ignore[attr-defined]
        "properties.score()": lambda: score(["qed", "sa"], ["CCO", "broken("]),
        "search.ask() and tell()": laboratory,
        "compress() and decompress()": coded,
    }
    return found


def _quietly(words: list[str]) -> Callable[[], object]:
    def call() -> object:
        became, said = outcome(command(words))
        if became != DONE and words[1:2] != ["none"]:
            raise RuntimeError(f"{' '.join(words)}: {said}")
        return became

    return call


def attack(settings: Settings) -> dict[str, Any]:
    """Call, compare, and return how many calls changed what."""
    faults: dict[str, list[str]] = {}
    with TemporaryDirectory() as folder, chdir(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {name: one for name, one in calls(Path(folder)).items() if name in (settings.only or (name,))}
        for name, call in found.items():
            try:
                wrong = [*changed(call, imported=False), *changed(call, imported=True)]
            except Exception as error:
                wrong = [f"{type(error).__name__}: {error}"]
            if wrong:
                faults[name] = wrong
    return {"states": len(READ), "calls": 2 * len(found), "faults": faults}


if __name__ == "__main__":
    run_main(NAME, __doc__ or "", attack, Settings(), SMALL)
