"""How the golden files are read, and commands are run, both when they were made and when they are tested.

Nothing here names a module of the package but those that README names: the package may be arranged anew, and what users
have on their disks has to go on working.
"""

from __future__ import annotations

import csv
import io
import json
import runpy
import shlex
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import torch

GOLDEN = Path(__file__).parents[1] / "golden"
MODELS = ("smiles", "selfies", "dna", "letters", "tuned")
TEXTS = {"smiles": "molecules.smi", "selfies": "molecules.smi", "tuned": "more.smi"}
TEXTS |= {"dna": "sequences.txt", "letters": "letters.txt"}
COUNT = 8  # texts of each model whose figures are recorded
COUNTS = "similarity:ecfp4:", "similarity:ecfp4-counts:"  # what version 0.1.0 called ecfp4 has counts, and is called so
BUDGET = 32  # to which the searches, of 24 calls, are gone on with
ROW = ("round", "text", "canonical", "status", "proposer")  # of an evaluation; the scores are compared apart


def command(words, given=""):
    """Run `python -m seqvae WORDS` in this process; return its exit code, output and errors."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    kept = sys.argv, sys.stdin
    sys.argv = ["seqvae", *(shlex.split(words) if isinstance(words, str) else words)]
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()), "utf-8")
    try:
        with redirect_stdout(out), redirect_stderr(err):
            runpy.run_module("seqvae", run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv, sys.stdin = kept
    return (code, *(stream.buffer.getvalue().decode() for stream in (out, err)))


def done(words, given=""):
    """Run a command that has to succeed; return its output."""
    code, out, err = command(words, given)
    assert code == 0, f"seqvae {words}: {code}: {err}"
    return out


def copied(folder):
    """Copy the golden files, so that a test may change them; paths in them are relative to this folder."""
    place = Path(shutil.copytree(GOLDEN, folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True))
    terms = place / "toml" / "every_transform.toml"
    terms.write_text(terms.read_text().replace(*COUNTS))
    return place


def command_lines(path=GOLDEN / "commands.txt"):
    """Return the command lines of a file, each with the file that is piped into it, if any."""
    found = []
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        piped, _, words = line.replace(*COUNTS).rpartition("seqvae ")
        found.append((words, piped.removeprefix("cat ").removesuffix(" | ")))
    return found


def figures(folder, texts):
    """Return what a model makes of texts: means, decodings, bounds, and draws from its priors.

    Texts are those that searches and metrics get, since `decode` and `sample` decode what is no molecule again.
    """
    import seqvae
    from seqvae.config import DecodeConfig

    model = seqvae.load(folder, device="cpu")

    def drawn(prior, temperature=1.0):
        return model.generate_samples(COUNT, DecodeConfig("sample", temperature, seed=5), prior).texts

    means = model.encode(texts, refine=0)
    bounds = model.bounds(texts, seed=5)
    found = {
        "texts": texts,
        "means": means.tolist(),
        "greedy": model.generate(means).texts,
        "distortion": bounds.distortion.tolist(),
        "rate": bounds.rate.tolist(),
        "iwae": model.iwae(texts, samples=3, seed=5).tolist(),
        "normal": drawn("normal"),
        "preferred": drawn("auto", 0.7),
    }
    if model.fitted is not None:
        found["fitted"] = drawn("fitted")
        found["fitted_points"] = model.draw(COUNT, seed=5, prior="fitted").tolist()
        found["fitted_density"] = model.log_prior(means, prior="fitted").tolist()
    return found


def texts_of(name):
    return (GOLDEN / "texts" / TEXTS[name]).read_text().split()[:COUNT]


def evaluations(folder, table="rows.csv"):
    """Return what a search has proposed, as `seqvae results` writes it: rows, and their scores."""
    done(["results", str(folder), "--out", table])
    with Path(table).open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = {*ROW, "seconds", "error", "place"}
    scores = [[float(value) if value else None for name, value in row.items() if name not in known] for row in rows]
    return {"rows": [[row[name] for name in ROW] for row in rows], "scores": scores}


def results(folder):
    return json.loads(done(["results", str(folder), "--json"]))


def gone_on(folder, budget=BUDGET):
    """Go on with a search to a larger budget; return its evaluations."""
    done(["optimize", "--resume", str(folder), "--budget", str(budget), "--quiet", "--trust"])  # it was begun elsewhere
    return evaluations(folder)


def processor():
    """Return what decides of the last digits of a number: processor, and versions of what computes it."""
    from importlib.metadata import version

    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    libraries = ("torch", "numpy", "scipy", "rdkit", "botorch", "gpytorch", "cmaes", "scikit-learn")
    return {"processor": names[0] if names else "", "threads": torch.get_num_threads()} | {
        name: version(name) for name in libraries
    }


def _lines(path):
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


def metrics(folder):
    """Return the held-out figures that a training left, without those of time."""
    return json.loads((Path(folder) / "provenance.json").read_text())["metrics"]
