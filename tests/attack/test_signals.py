"""Ctrl-C and SIGTERM arrive, stop what works between two calls, and leave nothing half done and nobody behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time

import pytest
from oracle_laws import alive, eventually
from search_cases import start

from scripts.record import with_this_seqvae
from seqvae.artifact.folder import load_artifact
from seqvae.cli.main import main
from seqvae.errors import UsageError
from seqvae.runtime import files
from seqvae.runtime.lock import one_writer
from seqvae.runtime.signals import Terminated, obeyed

SENT = 50
COUNTING = """
import signal, sys
from seqvae.runtime.signals import obeyed
count = 0
def handle(number, frame):
    global count
    count += 1
signal.signal(signal.SIGINT, handle)
with obeyed():
    from rdkit import Chem
    molecule, part = Chem.MolFromSmiles("C1CC1" * 12), Chem.MolFromSmarts("[#6]~[#6]~[#6]~[#6]~[#6]~[#6]")
    right = len(molecule.GetSubstructMatches(part, uniquify=False, maxMatches=10**6))
    wrong = 0
    while count < int(sys.argv[1]):
        wrong += len(molecule.GetSubstructMatches(part, uniquify=False, maxMatches=10**6)) != right
        print(count, wrong, flush=True)
    print(count, wrong, flush=True)
"""
TRAIN = "train a.txt --out run --latent 2 --encoder-width 4 --decoder-width 4 --prior none --quiet"
ENDS = [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
ENDLESS = """
import os, sys
from pathlib import Path
def score(text):
    if not Path("pids").exists() or str(os.getpid()) not in Path("pids").read_text():
        with open("pids", "a") as file:
            print(os.getpid(), file=file)
    import time
    time.sleep(0.2)
    return float(len(text))
"""


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """A shell starts what runs in the background with Ctrl-C ignored, and Python leaves it so."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_every_signal_arrives_and_no_search_for_a_part_is_cut_short():
    words = [sys.executable, "-c", COUNTING, str(SENT)]
    with subprocess.Popen(words, env=with_this_seqvae(), stdout=subprocess.PIPE, text=True) as process:
        arrived = wrong = 0
        process.stdout.readline()
        for number in range(SENT):
            process.send_signal(signal.SIGINT)
            while arrived <= number:
                line = process.stdout.readline()
                assert line, f"ended after {arrived} of {number + 1} signals"
                arrived, wrong = map(int, line.split())
        process.communicate()
    assert (arrived, wrong, process.returncode) == (SENT, 0, 0)


def begun(words, folder):
    """Start a command in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "seqvae", *words.split()],
        env={**with_this_seqvae(), "OMP_NUM_THREADS": "1"},
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_what_waits(number):
    script = "import time; from seqvae.runtime.signals import obeyed\n"
    script += "with obeyed():\n print(1, flush=True); time.sleep(60)"
    words = [sys.executable, "-c", script]
    with subprocess.Popen(words, env=with_this_seqvae(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        began = time.monotonic()
        process.send_signal(number)
        process.wait()
    assert time.monotonic() - began < 30
    assert process.returncode != 0


def test_handlers_and_masks_are_put_back():
    kept = [signal.SIGINT, signal.SIGTERM, signal.SIGUSR2]
    before = [signal.getsignal(number) for number in kept], signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pytest.raises(Terminated), obeyed():
        signal.raise_signal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), obeyed():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(20)
    assert before == ([signal.getsignal(number) for number in kept], signal.pthread_sigmask(signal.SIG_BLOCK, ()))


@pytest.mark.parametrize(("number", "code", "said"), ENDS)
def test_the_exit_code_tells_the_signal(number, code, said, monkeypatch, capsys):
    def work(*words, **settings):
        os.kill(os.getpid(), number)
        time.sleep(20)

    monkeypatch.setattr("seqvae.cli.main.build_app", lambda: work)
    assert main(["results"]) == code
    assert f"seqvae: {said}" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_a_search_that_is_told_to_end_or_killed(number, tmp_path):
    (tmp_path / "mine.py").write_text(ENDLESS)
    (tmp_path / "start.txt").write_text("\n".join(start(30)) + "\n")
    words = "optimize --objective mine:score --model none --start start.txt --out run --workers 2 --quiet"
    with begun(words, tmp_path) as process:
        assert eventually(lambda: (tmp_path / "pids").exists(), 200)
        process.send_signal(number)
        err = process.communicate()[1]
    workers = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert eventually(lambda: not any(map(alive, workers)))
    assert process.returncode == (143 if number == signal.SIGTERM else -9), err
    if number == signal.SIGTERM:
        assert "seqvae: terminated: resume with: seqvae optimize --resume run" in err
    assert not list(tmp_path.rglob(f"*{files.PART}"))


def test_leftovers_of_the_dead_are_removed_by_the_next_run(tmp_path):
    def left(name, age, folder=False):
        path = tmp_path / name
        path.mkdir() if folder else path.write_text("half")
        os.utime(path, (time.time() - age,) * 2)
        return path

    dead, dead_folder, young = left(".a.csv.x.part", 100), left(".b.y.part", 100, folder=True), left(".a.csv.z.part", 0)
    living, other = left(".a.csv.w.part", 100), left("mine.part", 100)
    with living.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with files.atomic_file(tmp_path / "a.csv") as file:
            file.write(b"whole")
    assert [path.exists() for path in (dead, dead_folder, young, living, other)] == [False, False, True, True, True]
    assert (tmp_path / "a.csv").read_bytes() == b"whole"


def test_one_process_writes_into_a_folder(tmp_path):
    folder = tmp_path / "out"
    with one_writer(folder, "a training"), pytest.raises(UsageError, match="another process writes here"):
        one_writer(folder, "a training").__enter__()
    assert not folder.exists()
    with one_writer(folder, "a training"):
        (folder / "file").write_text("x")
    assert list(folder.iterdir()) == [folder / "file"]


def test_of_two_starts_at_once_one_trains(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(start(40)) + "\n")
    started = [begun(f"{TRAIN} --epochs 1 --seed {seed}", tmp_path) for seed in range(2)]
    said = [process.communicate()[1] for process in started]
    codes = [process.returncode for process in started]
    assert sorted(codes) == [0, 2], said
    late = [err for err, code in zip(said, codes, strict=True) if code]
    assert all("another process writes here" in err or "holds a run already" in err for err in late), said
    assert load_artifact(tmp_path / "run").run.training.seed == codes.index(0)


def test_a_training_that_is_told_to_end_saves_and_says_so(tmp_path):
    (tmp_path / "a.txt").write_text("\n".join(start(40)) + "\n")
    with begun(f"{TRAIN} --epochs 100000 --patience 0", tmp_path) as process:
        assert eventually(lambda: (tmp_path / "run" / "checkpoint.safetensors").exists(), 200)
        process.send_signal(signal.SIGTERM)
        err = process.communicate()[1]
    assert process.returncode == 143, err
    assert "seqvae: terminated: stopped at step" in err
    assert "resume with --resume --out run" in err
    assert not list(tmp_path.rglob(f"*{files.PART}"))
