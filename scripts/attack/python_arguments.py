"""Call every public function with wrong arguments: each is refused in words, by an error of seqvae's own.

    python -m scripts.attack.python_arguments

Each input is a call that is right but for one argument; it may succeed, where the argument can be meant, or raise an
error under `SeqVAEError`. Anything else, an internal error of torch or NumPy above all, is a fault.
"""

from __future__ import annotations

import datetime
import random
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from scripts.attack.harness import DONE, HANG, LIMIT, REFUSED, TRACEBACK, Counts, Late, limited, run_main, totals
from scripts.attack.model_folders import made
from scripts.attack.search_folders import begun
from seqvae import config as settings_room
from seqvae.errors import SeqVAEError
from seqvae.latent import arithmetic, interpolate, neighbours
from seqvae.latent.codec import load
from seqvae.properties import Columns, get, read_scoring, score, scoring_of
from seqvae.search import api, laboratory
from seqvae.search.oracle.measurements import Measurement, read_measurements

NAME = "attack_python_arguments"
Z = np.zeros((2, 4), np.float32)
TEXTS = ["ACGT", "TTGCA"]


def _wrong() -> list[Any]:
    """Return arguments that are seldom meant; numbers stay small, since a billion samples can be."""
    return [
        None, True, 0, -1, 3, 0.5, float("nan"), float("inf"), 1 + 2j, "", "x", "CCO", b"CCO", bytearray(b"x"), [],
        [[]], [None], [0], ["CCO", None], [b"CCO"], [[1.0, 2.0], [3.0]], [["a"]], {}, {"x": 1}, {1, 2}, (), object(),
        len, int,
        Path("none"), np.zeros(0), np.zeros((2, 3)), np.zeros((2, 4, 1)), np.full((2, 4), np.nan), np.array(["a"]),
        np.array([None]), np.array(Z, object), np.zeros((2, 4), complex), np.zeros((2, 4), "M8[s]"), np.float32(2),
        np.int64(2), torch.zeros(2, 3), torch.zeros(2, 4, dtype=torch.bool), torch.zeros(2, 4, dtype=torch.complex64),
        torch.full((2, 4), torch.inf), torch.zeros(2, 4).to_sparse(), torch.device("cpu"), datetime.date(2020, 1, 1),
        range(3), iter([1]), ValueError, NotImplemented, ..., "é" * 500, "\ud800", "\0",
    ]  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How much is tried.

    Attributes:
        every: one in so many wrong values is tried for each argument.
        pairs: calls of each function in which two arguments are wrong, besides those with one.
        seed: of the pairs.
    """

    every: int = 1
    pairs: int = 200
    seed: int = 0


SMALL = Settings(every=11, pairs=0)
Calls = dict[str, tuple[Callable[..., Any], dict[str, Any]]]


def calls(place: Path) -> Calls:
    """Return public functions, each with arguments that are right."""
    codec = load(made(place / "codec", "dna gru gru diagonal normal mixture"))
    plates, finished = begun(place, "plates"), begun(place, "ga")
    (place / "table.csv").write_text("text,score\nACGT,1\n")
    (place / "terms.toml").write_text('[[term]]\nproperty = "dna:gc"\n')
    texts: dict[str, Any] = {"texts": TEXTS, "batch_size": 2}
    found: Calls = {
        "load": (load, {"name": str(place / "codec"), "device": "cpu"}),
        "encode": (codec.encode, {**texts, "refine": 0, "on_error": "skip"}),
        "posterior": (codec.posterior, {**texts, "refine": 0}),
        "encodings": (codec.encodings, {**texts, "refine": 0}),
        "predict": (codec.predict, {"z": Z}),
        "bounds": (codec.bounds, {**texts, "seed": 1, "prior": "normal"}),
        "iwae": (codec.iwae, {**texts, "samples": 2, "seed": 1, "prior": "fitted"}),
        "decode": (codec.decode, {"z": Z, "config": None, "batch_size": 2}),
        "generate": (codec.generate, {"z": Z, "config": None, "batch_size": 2}),
        "decode_distribution": (codec.decode_distribution, {"z": Z, "batch_size": 2}),
        "draw": (codec.draw, {"count": 2, "seed": 1, "prior": "normal"}),
        "log_prior": (codec.log_prior, {"z": Z, "prior": "normal", "batch_size": 2}),
        "sample": (
            codec.sample,
            {"count": 2, "temperature": 1.0, "top_p": 0.9, "seed": 1, "prior": "auto", "tries": 1},
        ),
        "interpolate": (
            codec.interpolate,
            {"first": "ACGT", "last": "TTTT", "steps": 3, "kind": "linear", "refine": 0},
        ),
        "tokenize": (codec.tokenize, {"texts": TEXTS, "on_error": "stop"}),
        "attribute_vector": (arithmetic.attribute_vector, {"with_": Z, "without": Z}),
        "apply": (arithmetic.apply, {"z": Z, "vector": Z[0], "strength": 0.5}),
        "nearest": (neighbours.nearest, {"queries": Z, "points": Z, "k": 1, "metric": "euclidean"}),
        "linear": (interpolate.linear, {"a": Z, "b": Z, "steps": 3}),
        "slerp": (interpolate.slerp, {"a": Z, "b": Z, "steps": 3}),
        "get": (get, {"name": "dna:gc"}),
        "property": (get("dna:gc"), {"texts": TEXTS}),
        "score": (score, {"names": ["dna:gc"], "texts": TEXTS}),
        "columns": (Columns, {"names": ["dna:gc"]}),
        "scoring_of": (scoring_of, {"word": "dna:gc"}),
        "scoring": (scoring_of("dna:gc"), {"texts": TEXTS}),
        "read_scoring": (read_scoring, {"path": place / "terms.toml"}),
        "resume": (api.resume, {"out": finished, "function": None, "end": None, "optimizer": None}),
        "ask": (laboratory.ask, {"folder": plates, "count": 1, "initial": None}),
        "last_batch": (laboratory.last_batch, {"folder": plates}),
        "tell": (laboratory.tell, {"folder": plates, "measurements": [Measurement("ACGTACGTACGT", (1.0,))]}),
        "read_measurements": (read_measurements, {"source": str(place / "table.csv"), "scores": ("score",)}),
    }
    for name in settings_room.__all__:
        kind = getattr(settings_room, name)
        if name.endswith("Config") and isinstance(kind, type) and hasattr(kind, "__dataclass_fields__"):
            usual = kind()
            found[name] = (kind, {one.name: getattr(usual, one.name) for one in fields(kind)})
    return found


def outcome_of(function: Callable[..., Any], given: Mapping[str, Any]) -> tuple[str, str]:
    """Call a function; return what became of it, and what it said."""
    try:
        with warnings.catch_warnings(), limited():
            warnings.simplefilter("ignore")
            function(**given)
        return DONE, ""
    except SeqVAEError:
        return REFUSED, ""
    except Late:
        return HANG, f"longer than {LIMIT} s"
    except Exception:
        lines = traceback.format_exc().strip().splitlines()
        return TRACEBACK, f"{lines[-1][:200]} / {lines[-3].strip()[:120]}"


def attack(settings: Settings) -> dict[str, Any]:
    """Call, and return the counts by function."""
    with TemporaryDirectory() as folder, chdir(folder):  # folders of the names that are tried may be made
        found = calls(Path(folder))
        parts = {name: Counts() for name in found}
        for name, (function, right) in found.items():
            for key in right:
                for number, value in [*enumerate(_wrong())][:: settings.every]:
                    counted = outcome_of(function, {**right, key: value})
                    parts[name].add(counted[0], f"{name}({key}=wrong[{number}] {str(value)[:40]!r})", counted[1])
            rng = random.Random(f"{settings.seed} {name}")
            for _ in range(settings.pairs if len(right) > 1 else 0):
                wrong = _wrong()
                keys = rng.sample(sorted(right), 2)
                counted = outcome_of(function, {**right, **{key: rng.choice(wrong) for key in keys}})
                parts[name].add(counted[0], f"{name}({', '.join(keys)} wrong)", counted[1])
    return totals(parts)


if __name__ == "__main__":
    run_main(NAME, __doc__ or "", attack, Settings(), SMALL)
