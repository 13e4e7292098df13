"""Make the golden files anew: run once, with seqvae 0.1.0 at commit 0bcfdc0, and not to be run when a test fails.

    python tests/golden/make.py

The files are what users of that version have on their disks. A test that fails on them says that a later version does
not keep what was promised; made anew they would promise nothing. What is hand-written (`commands.txt`, `toml`,
`golden_objective.py`) stays as it is, and so does `texts`, which is cut from the samples that ship with the package.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp

import torch
from safetensors import safe_open

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE.parents[1]))

import golden_cases as cases  # noqa: E402

TRAIN = "--latent 4 --embedding 8 --encoder-width 8 --decoder-width 12 --batch-size 20 --learning-rate 1e-2 --quiet"
TRAIN += " --device cpu --precision 32 --valid-fraction 0.2 --test-fraction 0.2"
MODELS = {
    "smiles": "texts/molecules.smi --tokenizer smiles --vocab-size 48 --beta 0.01 --prior mixture --prior-components 3",
    "selfies": "texts/molecules.smi --tokenizer selfies --vocab-size 0 --prior none --decoder causal_conv --beta 0.05",
    "dna": "texts/sequences.txt --tokenizer dna --encoder conv --decoder position --prior none",
    "letters": "texts/letters.txt --tokenizer char --prior flow --prior-layers 1 --prior-width 8 --prior-groups 2 "
    "--prior-steps 40",
}
TUNE = "--batch-size 10 --learning-rate 5e-3 --device cpu --precision 32 --prior mixture "
TUNE += "--prior-components 2 --valid-fraction 0.2 --test-fraction 0.2 --quiet"
LONG = "--epochs 12 --checkpoint-minutes 1e-3"
TRAININGS = {
    "train": (f"train texts/sequences.txt --tokenizer dna --prior none {TRAIN} {LONG}", "train"),
    "finetune": (f"finetune models/smiles texts/more.smi --lora 2 {TUNE} {LONG} --patience 0", "finetune"),
}
SEARCH = "--budget 24 --batch 8 --initial 8 --seed 3 --device cpu --quiet"
MOLECULES, DNA = "--model ./models/smiles", "--model ./models/dna --objective dna:gc"
ALONE = "--model none --start texts/start.smi"
SEARCHES = {
    "auto": f"{MOLECULES} --objective qed --optimizer auto",
    "latent": f"{MOLECULES} --objective toml/every_transform.toml --optimizer latent --start texts/start.smi",
    "ga": f"{ALONE} --objective toml/apart.toml --optimizer ga --keep c --forbid Br --shortest 5 --longest 30",
    "gp": "--model none --start texts/start.txt --objective dna:gc --optimizer gp --like GGAGTGATG --positions 1-3,7",
    "string-ga": f"{ALONE} --objective qed --optimizer string-ga --measured texts/known.csv",
    "screening": f"{ALONE} --objective toml/arithmetic.toml --optimizer screening",
    "turbo": f"{DNA} --optimizer turbo",
    "turbo-apart": "--model ./models/dna --objective toml/apart_dna.toml --optimizer turbo",
    "ascent": f"{DNA} --optimizer ascent",
    "cma-es": f"{DNA} --optimizer cma-es --count every",
    "subspace": f"{DNA} --optimizer subspace --workers 1 --timeout 30 --retries 2 --failures 5",
    "prior": f"{DNA} --optimizer prior --patience 1000",
}
KILLED = "--model ./models/dna --objective golden_objective:slow --optimizer auto"


def write(path, values):
    """Write JSON."""
    Path(path).write_text(re.sub(r"\n {3,}", " ", json.dumps(values, indent=1)) + "\n")


def keep(folder, *names):
    """Remove what a user might keep and the tests do not need."""
    shutil.rmtree(folder / "logs", ignore_errors=True)
    for path in folder.glob("*checkpoint.safetensors"):
        if path.name not in names:
            path.unlink()


def make_models():
    """Train the models, and go on with one on other texts."""
    for name, words in MODELS.items():
        cases.done(f"train {words} {TRAIN} --epochs 8 --out models/{name}")
        keep(Path("models") / name, *(["checkpoint.safetensors"] if name == "dna" else []))
    cases.done(f"finetune models/smiles texts/more.smi --out models/tuned {TUNE} --epochs 3")
    keep(Path("models/tuned"))
    write(
        "models/expected.json", {name: cases.figures(f"models/{name}", cases.texts_of(name)) for name in cases.MODELS}
    )


def child(words):
    """Start a command in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "seqvae", *words.split()], env=env)


def steps(path):
    """Return how many steps a training has done by its checkpoint."""
    if not path.is_file():
        return 0
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["progress"])["step"]


def make_trainings():
    """Stop a training by Ctrl-C and a fine-tuning by a kill, and record where they would have come."""
    found = {}
    for (name, (words, _)), how in zip(TRAININGS.items(), (signal.SIGINT, signal.SIGKILL), strict=True):
        folder, whole = Path("trainings") / name, Path(mkdtemp()) / "whole"
        running = child(f"{words} --out {folder}")
        while steps(folder / "checkpoint.safetensors") < 20 and running.poll() is None:
            time.sleep(0.02)
        running.send_signal(how)
        assert running.wait() in (130, -signal.SIGKILL)
        assert not (folder / "weights.safetensors").exists()
        print(name, "stopped at step", steps(folder / "checkpoint.safetensors"))
        keep(folder, "checkpoint.safetensors", "best-checkpoint.safetensors")
        for path in folder.glob(".*"):
            path.unlink()  # half a checkpoint
        cases.done(f"{words} --out {whole}")
        model = {"train": "dna", "finetune": "tuned"}[name]
        found[name] = {"figures": cases.figures(whole, cases.texts_of(model)), "metrics": cases.metrics(whole)}
        found[name]["steps"] = steps(whole / "checkpoint.safetensors")
    write("trainings/expected.json", found)


def make_searches():
    """Run a search of each kind to its end, stop one half-way, and go on with copies of them."""
    for name, words in SEARCHES.items():
        cases.done(f"optimize {words} {SEARCH} --out searches/{name}")
        print(name)
    make_killed(Path("searches/killed"))
    make_own()
    found = {}
    for folder in sorted(Path("searches").iterdir()):
        now = cases.evaluations(folder)
        found[folder.name] = {**now, "results": cases.results(folder)}
        if folder.name != "own":
            then = cases.gone_on(copy_of(folder), cases.BUDGET)
            found[folder.name]["later"] = {key: then[key][len(values) :] for key, values in now.items()}
    write("searches/expected.json", found)
    Path("rows.csv").unlink()


def copy_of(folder):
    """Copy a search: paths in it are relative to this folder."""
    return shutil.copytree(folder, Path(mkdtemp()) / folder.name)


def make_killed(folder):
    """Kill a search in its second round."""
    running = child(f"optimize {KILLED} {SEARCH} --out {folder}")
    while calls(folder / "ledger.sqlite") < 12 and running.poll() is None:
        time.sleep(0.02)
    running.kill()
    running.wait()
    calls(folder / "ledger.sqlite")  # SQLite puts its second file into the first
    print("killed after", calls(folder / "ledger.sqlite"))


def calls(path):
    """Return how many evaluations a ledger has."""
    if not (path.parent / "search.json").is_file():
        return 0
    with closing(sqlite3.connect(path)) as ledger:
        return ledger.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0]


def make_own():
    """Search by a function that is given as such, from Python."""
    sys.path.insert(0, str(HERE))
    from golden_objective import carbons
    from seqvae.search_config import CampaignConfig, OracleConfig, SearchConfig

    from seqvae import search

    config = SearchConfig("", "ga", "cpu", OracleConfig(budget=24), CampaignConfig(batch=8, initial=8, seed=3))
    search.run(carbons, "searches/own", config, Path("texts/start.smi").read_text().split())


def make_plates():
    """Ask for two plates of a laboratory, and tell the first."""
    first = cases.done("ask plates --model ./models/dna --optimizer ga --start texts/start.txt --seed 2 -n 6")
    lines = first.splitlines()[1:]
    measured = "text,score\n" + "".join(f"{line.split(',')[0]},{row / 10}\n" for row, line in enumerate(lines[:5]))
    Path("plates_measured.csv").write_text(measured)
    cases.done("tell plates plates_measured.csv")
    second = cases.done("ask plates -n 6")
    write("plates_expected.json", {"first": first, "second": second, "results": cases.results("plates")})


def make_outputs():
    """Run the command lines, and keep the tables and texts that they leave."""
    scratch = cases.copied(Path(mkdtemp()) / "golden")
    os.chdir(scratch)
    for words, piped in cases.command_lines():
        started = time.process_time()
        cases.done(words, Path(piped).read_text() if piped else "")
        print(f"{time.process_time() - started:5.1f} s  {words}")
        for path in Path("out").glob("*.*"):  # a later command may read it
            if path.name not in ("best.fasta", "page.html"):  # they say how long it took
                shutil.copy(path, "outputs")
    shutil.copytree("outputs", HERE / "outputs", dirs_exist_ok=True)
    cases.done("train --config toml/run.toml --out out/by_file --quiet")
    write(HERE / "outputs" / "run_metrics.json", cases.metrics("out/by_file"))
    os.chdir(HERE)


def make_lists():
    """Record the flags of each verb and the names of the properties."""
    verbs = ["train", "finetune", "encode", "decode", "sample", "interpolate", "evaluate", "optimize", "results", "ask"]
    verbs += ["tell", "properties score", "data audit", "data fetch", "quickstart"]
    flags = {}
    for verb in verbs:
        options = cases.done(f"{verb} --help").split("Example")[0]
        listed = re.findall(r"(?<![\w-])(?:--[a-z][a-z-]*|-[no])(?![\w-])", options)
        flags[verb] = sorted(set(listed) - NO_EFFECT.get(verb, set()))
    write("flags.json", flags)
    names = [line.split()[0] for line in cases.done("properties list").splitlines()[1:]]
    shipped = {
        what: [line.split()[0] for line in cases.done(f"{what} list").splitlines()[1:]] for what in ("models", "data")
    }
    write("names.json", {"properties": names, **shipped})


NO_EFFECT = {"decode": {"--tries"}, "evaluate": {"--on-error"}}  # flags that may be refused one day
PARTS = {
    "models": make_models,
    "trainings": make_trainings,
    "searches": make_searches,
    "plates": make_plates,
    "flags.json": make_lists,
    "outputs": make_outputs,
}


def main():
    """Make what is not there."""
    os.chdir(HERE)
    os.environ["SEQVAE_CACHE"] = mkdtemp()
    torch.set_num_threads(1)
    for name, make in PARTS.items():
        if not Path(name).exists():
            if "." not in name and name != "plates":
                Path(name).mkdir()
            make()
    write("processor.json", cases.processor())


if __name__ == "__main__":
    main()
