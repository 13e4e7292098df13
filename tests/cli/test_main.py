"""The command line as a whole: help, misuse, and what becomes of every error."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
import warnings

import pytest
from cyclopts import App

from seqvae import __version__
from seqvae.cli import main as cli
from seqvae.cli.main import main
from seqvae.errors import CollapseWarning, InputError, NewerFormatError, SeqVAEWarning, UsageError

VERBS = ["quickstart", "models", "train", "finetune", "encode", "decode", "sample", "interpolate", "evaluate"]
VERBS += ["diagnose", "properties", "data"]
SUBVERBS = ["data list", "data fetch", "data audit", "models list", "models show", "properties list"]
SUBVERBS += ["properties score", "data standardize"]


def run(capsys, *words):
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_help_lists_every_verb(capsys):
    code, out, err = run(capsys, "--help")
    assert (code, err) == (0, "")
    assert all(f" {verb} " in out for verb in VERBS)


def test_no_words_show_the_help(capsys):
    assert run(capsys) == run(capsys, "--help")


@pytest.mark.parametrize("verb", VERBS + SUBVERBS)
def test_each_verb_shows_an_example(capsys, verb):
    code, out, _ = run(capsys, *verb.split(), "--help")
    assert code == 0
    assert "Example" in out
    assert f" seqvae {verb}" in out.split("Example")[1]


def test_version(capsys):
    assert run(capsys, "--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("trian", 'Unknown command "trian". Did you mean "train"?'),
        ("frobnicate", "interpolate, ...; see seqvae --help"),
        ("data lst", 'Unknown command "lst". Did you mean "list"?'),
        ("train x --out y --epoch 3", "Unknown option: --epoch. Did you mean --epochs?; see seqvae train --help"),
        ("encode m - --otu z.npz", "Unknown option: --otu. Did you mean --out?; see seqvae encode --help"),
        ("encode m --otu z.npz", "Unknown option: --otu. Did you mean --out?; see seqvae encode --help"),
        ("sample m --temprature 2", "Unknown option: --temprature. Did you mean --temperature?"),
        ("train x --out y --latent many", 'Invalid value for --latent: unable to convert "many" into int'),
        ("train x y --out z", "Unused Tokens: ['y']; see seqvae train --help"),
        ("train x", "parameter --out requires an argument; see seqvae train --help"),
        ("encode", "requires an argument; see seqvae encode --help"),
        ("train x --out y --decoder grru", "model.decoder: unknown value 'grru'; did you mean 'gru'?"),
        ("train x --out y --beta -2", "objective.beta: expected a number from 0 to 1000, got -2"),
        ("decode m z.npz --method gredy", "method: unknown value 'gredy'; did you mean 'greedy'?"),
        ("sample m --top-p 3", "top_p: expected a number from 1e-06 to 1, got 3"),
        ("sample m --out x.smo", "x.smo: molecules and sequences are written as .smi, .txt"),
        ("encode m x.smi --out z.smi", "z.smi: latent vectors are written as .npz, .parquet, .csv, .tsv, or to -"),
        ("sample m --batch-size 0", "batch_size: expected a number from 1, got 0"),
        ("data fetch zinc", "no dataset 'zinc'"),
    ],
)
def test_misuse_is_one_line_and_code_2(capsys, words, message):
    code, out, err = run(capsys, *words.split())
    assert (code, out) == (2, "")
    assert err.startswith("seqvae: error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.fixture
def failing(monkeypatch):
    """Make a command line whose one verb raises what it is given."""

    def set_error(error):
        app = App(name="seqvae", result_action="return_value", suppress_keyboard_interrupt=False)

        @app.command
        def fail() -> None:
            if isinstance(error, Warning):
                warnings.warn(error, stacklevel=2)
            else:
                raise error

        monkeypatch.setattr(cli, "build_app", lambda: app)

    return set_error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("wrong call"), 2, "seqvae: error: wrong call"),
        (InputError("f.smi:3: bad\n  record"), 1, "seqvae: error: f.smi:3: bad record"),
        (NewerFormatError("too new"), 1, "seqvae: error: too new"),
        (InputError(f"x: no number: {'ACGT' * 1000}"), 1, f"x: no number: {'ACGT' * 20}... (4,000 characters)"),
        (KeyboardInterrupt(), 130, "seqvae: interrupted"),
        (KeyboardInterrupt("stopped at step 3"), 130, "seqvae: interrupted: stopped at step 3"),
        (
            OSError(errno.ENOSPC, "No space left on device", "z.npz"),
            1,
            "z.npz: No space left on device; no half file was",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "seqvae: error: /x: Permission denied"),
        (MemoryError(), 1, "seqvae: error: out of memory: give fewer or shorter texts"),
        (RuntimeError("CUDA out of memory. Tried to allocate"), 1, "out of memory: give fewer or shorter texts"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), 1, "out of memory: give fewer"),
        (CollapseWarning("it\ncollapsed"), 0, "seqvae: warning: it collapsed"),
        (SeqVAEWarning("12 dropped"), 0, "seqvae: warning: 12 dropped"),
    ],
)
def test_every_failure_is_one_line(capsys, failing, error, code, line):
    failing(error)
    assert main(["fail"]) == code
    err = capsys.readouterr().err
    assert line in err
    assert err.count("\n") == 1


def test_a_reader_that_went_away_is_no_news(capsys, failing):
    failing(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert main(["fail"]) == 1
    assert capsys.readouterr().err == ""


def test_a_fault_of_the_program_is_not_hidden(failing):
    failing(RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        main(["fail"])


def test_warnings_of_other_libraries_are_left_alone(failing):
    failing(DeprecationWarning("old"))
    with pytest.warns(DeprecationWarning, match="old"):
        main(["fail"])


def loaded_after(code: str) -> set[str]:
    """Names of the modules that a fresh Python has loaded after running some code."""
    code += "\nimport json, sys; print(json.dumps(list(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_verbs_are_not_imported_before_they_are_called():
    found = loaded_after("from seqvae.cli.main import build_app; build_app()")
    assert {name for name in found if name.startswith("seqvae.cli.")} == {"seqvae.cli.main"}


REFUSED = [
    "train gone.smi --out new",
    "train p.smi --out run",
    "train --resume --out new",
    "train p.smi --out new --latent 0",
    "finetune zinc-smiles gone.smi --out new",
    "finetune gone p.smi --out new",
    "finetune zinc-smiles p.smi --out run",
    "finetune splice-dna p.smi --out new",
    "evaluate gone.smi --reference moses-sample",
    "evaluate p.smi --reference gone.smi",
    "evaluate p.smi --reference moses-sample --train gone.smi",
    "encode zinc-smiles gone.smi",
    "encode gone p.smi",
    "decode zinc-smiles gone.npz",
    "sample gone",
    "interpolate gone CC CCC",
    "map zinc-smiles gone.smi",
    "map gone p.smi",
    "map zinc-smiles p.smi -o map.pdf",
    "map zinc-smiles p.smi --shade darkness",
    "map zinc-smiles p.smi --through C",
    "explore gone p.smi --port 0",
    "data audit gone.smi",
    "data standardize gone.smi",
    "properties score qed gone.smi",
    "optimize --objective qed --out new --start gone.smi",
    "ask new --measured gone.csv",
    "tell new gone.csv",
    "quickstart --model gone",
]


def test_what_cannot_be_done_is_refused_before_torch_is_imported(tmp_path):
    (tmp_path / "p.smi").write_text("CCO\n")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.toml").write_text("")
    code = f"""
import os, sys
from seqvae.cli.main import main
os.chdir({str(tmp_path)!r})
for words in {REFUSED!r}:
    assert main(words.split()) in (1, 2), words
    assert "torch" not in sys.modules, words
"""
    assert "torch" not in loaded_after(code)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.smi", "run"]


HEAVY = ("torch", "pytorch_lightning", "rdkit", "selfies", "Bio", "tokenizers", "pyarrow", "numpy", "tensorboard")


@pytest.mark.parametrize(
    "code",
    [
        "import seqvae; assert seqvae.__version__",
        "from seqvae.cli.main import main; assert main(['--help']) == 0",
        "from seqvae.cli.main import main; assert main(['train', '--help']) == 0",
        "from seqvae.cli.main import main; assert main(['encoed']) == 2",
        "from seqvae.cli.main import main; assert main(['data', '--help']) == 0",
    ],
)
def test_import_and_help_load_nothing_heavy(code):
    assert not {name.partition(".")[0] for name in loaded_after(code)} & set(HEAVY)


def test_python_dash_m_gives_its_exit_code():
    done = subprocess.run([sys.executable, "-m", "seqvae", "trian"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
