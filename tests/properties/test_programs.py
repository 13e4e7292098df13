"""Programs as properties: real programs, with any text, and whatever goes wrong."""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from property_cases import ASPIRIN
from scoring_cases import script

from seqvae.config import OracleConfig
from seqvae.errors import ConfigError, InputError, UsageError
from seqvae.properties import Scoring, Term
from seqvae.properties.external_program import Program
from seqvae.search.oracle.caller import Caller
from seqvae.sequences.domain import DOMAINS

# Prints the letters of each text, and adds a line to calls.log.
SIZES = """import sys
from pathlib import Path

here = Path(__file__).parent
with (here / "calls.log").open("a") as log:
    log.write("called\\n")
words = sys.argv[1:]
if words[:1] == ["--file"]:
    texts = Path(words[1]).read_bytes().decode().split("\\n")[:-1]
elif words:
    texts = [words[0].removeprefix("--text=")]
else:
    texts = sys.stdin.buffer.read().decode().split("\\n")[:-1]
for text in texts:
    print(len(text))
"""
# Every way of passing texts to PROGRAM; whether the command is a script; whether there is one call per text.
MODES = {
    "word": ("PROGRAM {text}", False, 1),
    "flag": ("PROGRAM --text={text}", False, 1),
    "file": ("PROGRAM --file {file}", False, 0),
    "input": ("PROGRAM", False, 0),
    "script": ("PROGRAM {text} | cat", True, 1),
    "script with a flag": ("PROGRAM --text={text} 2>&1", True, 1),
    "script with backquotes": ("x=`PROGRAM {text}`; echo $x", True, 1),
    "script with a function": ('f() { PROGRAM {text}; }; printf "%s\\n" $(f)', True, 1),
    "script with a file": ("PROGRAM --file {file} | cat", True, 0),
    "script with input": ("cat | PROGRAM", True, 0),
}
WORDS = [mode for mode, (command, _, _) in MODES.items() if " {text}" in command]
HOSTILE = ["; touch PWNED", "$(touch PWNED)", "`touch PWNED`", "' ; touch PWNED '", '" ; touch PWNED "']
HOSTILE += ["& touch PWNED", "'$(touch PWNED)'", "| touch PWNED", "> PWNED", ">PWNED", "\\", "a\\' ; touch PWNED"]
HOSTILE += ["*", "~", "$HOME"]
HOSTILE += ["{file}", "{text}", "{smiles}", "\\1", "\\g<0>", "%s", "'", '"', "\t", " ", "a  b ", "!!", "#x", "?"]
HOSTILE += ["ünïcode 分子", "[Na+].[Cl-]", "C/C=C\\C", "=x", "--text", "a=b", "$SEQVAE_TEXT"]
LINES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(
    lambda text: text.splitlines() == [text] and "\0" not in text
)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    """A command for each mode, in a folder of its own."""
    folder = tmp_path_factory.mktemp("program")
    (folder / "sizes.py").write_text(SIZES)
    started = f"{sys.executable} -I -S {folder / 'sizes.py'}"
    made = {mode: (command.replace("PROGRAM", started), shell) for mode, (command, shell, _) in MODES.items()}
    return folder, {mode: Program(command, 30, shell) for mode, (command, shell) in made.items()}


def is_running(pid):
    """Return whether a process is running; a zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def waited_for(tell, seconds=20.0):
    """Return the first true result of a function, called repeatedly."""
    end = time.monotonic() + seconds
    while not (found := tell()) and time.monotonic() < end:
        time.sleep(0.02)
    return found


def not_flags(texts, mode):
    return [text for text in texts if not (mode in WORDS and text.startswith("-"))]


@pytest.mark.parametrize("mode", MODES)
def test_hostile_texts_arrive_as_they_are_and_nothing_else_happens(mode, sizes, tmp_path, monkeypatch):
    folder, programs = sizes
    monkeypatch.chdir(tmp_path)
    texts = not_flags(HOSTILE, mode)
    assert programs[mode](texts).tolist() == [len(text) for text in texts]
    assert list(tmp_path.iterdir()) == []
    assert not list(folder.glob("PWNED*"))


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=8)
@given(texts=st.lists(LINES, max_size=3))
def test_any_line_arrives_as_it_is(mode, sizes, texts):
    texts = not_flags(texts, mode)
    assert sizes[1][mode](texts).tolist() == [len(text) for text in texts]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", ["C\nC", "C\n", "C\r", "\n", "C\0C", "C\u2028C", "C\x0cC", "\ud800"])
def test_a_text_of_several_lines_is_refused_before_anything_runs(mode, text, sizes):
    folder, programs = sizes
    before = (folder / "calls.log").read_text() if (folder / "calls.log").exists() else ""
    with pytest.raises(InputError, match="expected a text of one line of Unicode, got ") as error:
        programs[mode](["CCO", text])
    assert "\n" not in str(error.value)
    assert before == ((folder / "calls.log").read_text() if (folder / "calls.log").exists() else "")


@pytest.mark.parametrize("mode", MODES)
def test_a_text_that_could_be_a_flag_is_refused_where_it_would_be_one(mode, sizes):
    program = sizes[1][mode]
    if mode not in WORDS:
        assert program(["--help"]).tolist() == [6]
        return
    with pytest.raises(InputError, match="'--help' would be taken for a flag: put the text behind a flag"):
        program(["--help"])


@pytest.mark.parametrize("mode", MODES)
def test_a_program_is_called_once_a_text_or_once_a_batch_and_never_for_nothing(mode, sizes):
    folder, programs = sizes
    (folder / "calls.log").write_text("")
    values = programs[mode](["CCO", "", "C"])
    assert np.array_equal(values, [3, math.nan, 1], equal_nan=True)
    assert (folder / "calls.log").read_text().count("called") == (2 if MODES[mode][2] else 1)
    (folder / "calls.log").write_text("")
    assert programs[mode]([]).shape == (0,)
    assert np.isnan(programs[mode]([""])).tolist() == [True]
    assert (folder / "calls.log").read_text() == ""


@pytest.mark.parametrize("mode", MODES)
def test_a_program_can_be_sent_to_other_processes(mode, sizes):
    program = sizes[1][mode]
    back = pickle.loads(pickle.dumps(program))
    assert back == program
    assert hash(back) == hash(program)
    assert back(["CCO"]).tolist() == [3]


NAN = math.nan


@pytest.mark.parametrize(
    ("printed", "value"),
    [("1.5", 1.5), ("-3", -3.0), (" 2e1 ", 20.0), ("inf", math.inf), ("", NAN), ("nan", NAN), ("NaN", NAN)],
)
def test_what_is_printed_is_the_value(printed, value, tmp_path):
    one = script(tmp_path / "one.sh", f'echo "{printed}"')
    assert Program(f"{one} {{smiles}}")(["C"])[0] == pytest.approx(value, nan_ok=True)
    two = script(tmp_path / "two.sh", f'cat > /dev/null; echo "{printed}"; echo "{printed}"')
    assert Program(str(two))(["C", "CC"]).tolist() == pytest.approx([value, value], nan_ok=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo many", " on 'CCO': expected a number on line 1, got 'many'"),
        ("echo 1; echo 2", " on 'CCO': expected 1 line with a number, got 2, the last '2'"),
        (":", " on 'CCO': expected 1 line with a number, got 0"),
        ("echo first >&2; echo no license >&2; echo 1; exit 3", " on 'CCO' ended with exit code 3: no license"),
        ("exit 1", " on 'CCO' ended with exit code 1: nothing on standard error"),
        ("kill -9 $$", " on 'CCO' was killed by signal 9: nothing on standard error"),
        ("printf '\\377\\n'", "expected a number on line 1, got '\ufffd'"),
    ],
)
def test_a_program_that_fails_is_one_line_with_the_text(text, words, tmp_path):
    path = script(tmp_path / "p.sh", text)
    with pytest.raises(InputError) as error:
        Program(f"{path} {{smiles}}")(["CCO"])
    assert str(error.value).startswith("command ")
    assert str(error.value).endswith(words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("echo 1", "expected 2 lines, each with a number, got 1, the last '1'"),
        ("echo 1; echo x", " on 'CC': expected a number on line 2, got 'x'"),
        ("echo 1; echo 2; echo 3", "expected 2 lines, each with a number, got 3, the last '3'"),
    ],
)
@pytest.mark.parametrize("place", ["", " {file}"])
def test_a_batch_that_fails_names_the_line(text, words, place, tmp_path):
    path = script(tmp_path / "p.sh", f"cat > /dev/null; {text}")
    with pytest.raises(InputError) as error:
        Program(f"{path}{place}")(["C", "CC"])
    assert str(error.value).endswith(words)


def test_a_program_that_cannot_be_started_is_named(tmp_path):
    path = script(tmp_path / "p.sh", "echo 1")
    program = Program(f"{path} {{smiles}}")
    path.write_text("#!/no/such/interpreter\n")
    with pytest.raises(InputError, match="cannot be started: No such file or directory"):
        program(["C"])
    path.write_text("#!/bin/sh\necho 1\n")
    with pytest.raises(InputError, match="cannot be started: Argument list too long"):
        program(["C" * 10_000_000])


SLOW = "sleep 60 & echo $! > child; wait; echo 1"


def test_a_program_that_is_too_slow_is_killed_with_what_it_started(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = Program(f"{script(tmp_path / 'slow.sh', SLOW)} {{smiles}}", timeout=1)
    started = time.monotonic()
    with pytest.raises(InputError, match=r"^command '.*': no answer within 1 s"):
        program(["C"])
    assert time.monotonic() - started < 20
    child = int((tmp_path / "child").read_text())
    assert waited_for(lambda: not is_running(child))
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_process_that_is_told_to_end_takes_its_program_along(tmp_path):
    path = script(tmp_path / "slow.sh", SLOW)
    code = f"from seqvae.properties.external_program import Program; Program('{path} {{text}}')(['C'])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment)
    assert waited_for(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text().strip(), 60)
    child = int((tmp_path / "child").read_text())
    assert is_running(child)
    process.terminate()
    assert process.wait(20) == -signal.SIGTERM
    assert waited_for(lambda: not is_running(child))


def test_a_signal_while_a_program_is_being_started_waits_for_it(tmp_path):
    """The program is killed with its process even where the signal comes before that knows of it."""
    path = script(tmp_path / "slow.sh", SLOW)
    code = f"""
import os, signal, subprocess, time
from pathlib import Path
from seqvae.properties import external_program
class Slow(subprocess.Popen):
    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        while not (Path("child").exists() and Path("child").read_text().strip()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)
external_program.subprocess.Popen = Slow
external_program.Program('{path} {{text}}')(['C'])
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment).returncode == -signal.SIGTERM
    child = int((tmp_path / "child").read_text())
    assert waited_for(lambda: not is_running(child))


def test_a_worker_that_is_too_slow_takes_its_program_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = script(tmp_path / "slow.sh", f'if [ "$1" = CC ]; then {SLOW}; else echo 2; fi')
    scoring = Scoring((Term(command=f"{path} {{smiles}}"),))
    caller = Caller(scoring, scoring.columns, OracleConfig(workers=1, timeout=3, retries=0))
    statuses = [outcome.status for part in caller.outcomes(["C", "CC", "CCC"]) for outcome in part]
    caller.close()
    assert statuses == ["ok", "timeout", "ok"]
    child = int((tmp_path / "child").read_text())
    assert waited_for(lambda: not is_running(child))


@pytest.mark.parametrize(
    ("command", "shell", "words"),
    [
        ("", False, "expected a program and its arguments, got ''"),
        (" ", True, "expected a program and its arguments, got ' '"),
        ("dock '", False, "cannot be split into words: No closing quotation"),
        ("no-such-program {text}", False, "no program 'no-such-program': give its path, or add its folder to PATH"),
        ("plain.txt {text}", False, "there is no program 'plain.txt': write ./plain.txt for the one here"),
        ("./plain.txt {text}", False, "there is no program './plain.txt': make it executable: chmod +x ./plain.txt"),
        ("./none {text}", False, "there is no program './none': check the path"),
        ("echo {smile}", False, "unknown placeholder 'smile'; did you mean 'smiles'?"),
        ("echo {SMILES}", True, "unknown placeholder 'SMILES'; did you mean 'smiles'?"),
        ("echo {smiles} {file}", False, "expected one kind of placeholder, got file and smiles"),
        ("{text}", False, "would be read as code"),
        ("sh -c 'echo {text}'", False, "would be read as code"),
        ("sh -c {text}", False, "would be read as code"),
        ("env bash -eo pipefail -uc {text}", False, "would be read as code"),
        ("/bin/sh -c 'echo $1' sh {text}", False, "would be read as code"),
        ("ssh host dock {text}", False, "would be read as code"),
        ("env \"print('{text}')\"", False, "would be read as code"),
        ("sh -c {text}", True, "would be read as code"),
        ("true; eval {text}", True, "would be read as code"),
        ("true | ssh host dock {text}", True, "would be read as code"),
        ("echo '{text}'", True, "write {text} without quotes: it is quoted when inserted"),
        ('echo "a {text}"', True, "write {text} without quotes: it is quoted when inserted"),
        ("echo \\'a '{text}'", True, "write {text} without quotes"),
    ],
)
def test_a_command_that_is_no_use_is_refused_when_it_is_made(command, shell, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.txt").write_text("")
    with pytest.raises(UsageError) as error:
        Program(command, shell=shell)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "command", ["echo \\'{text}", "echo 'a\\' {text}", 'echo "a\\"" {text}', "dash -x; echo {text}"]
)
def test_a_place_outside_quotes_is_taken(command):
    Program(command, shell=True)


@pytest.mark.parametrize("timeout", [0.0, -1.0, math.inf, math.nan])
def test_a_time_limit_is_a_time(timeout):
    with pytest.raises(ConfigError, match="timeout: expected seconds above 0, got"):
        Program("echo 1", timeout)


@pytest.mark.parametrize(
    ("place", "kind"), [("{smiles}", "molecules"), ("{sequence}", "dna"), ("{text}", "letters"), ("{file}", "letters")]
)
@pytest.mark.parametrize("shell", [False, True])
def test_the_name_of_a_place_says_what_is_read(place, kind, shell):
    assert Program(f"echo {place}", shell=shell).kind() == kind
    domains = Scoring((Term(command=f"echo {place}"),)).domains
    assert domains == {"molecules": (kind,), "dna": ("dna", "rna", "protein", "letters")}.get(kind, tuple(DOMAINS))
    assert Program("echo", shell=shell).kind() == "letters"


def test_other_words_in_braces_belong_to_the_program():
    lines = "while read -r x; do printf '%s\\n' ${#x}; done"
    assert Program(lines, shell=True)(["CCO", "C"]).tolist() == [3, 1]
    assert Program("echo {print} {next} {exit} > /dev/null; echo 4", shell=True)(["C"]).tolist() == [4]


def test_a_program_among_the_terms_of_a_score(sizes):
    folder, programs = sizes
    command = programs["file"].command
    size = Term(command=command, name="size", transform="sigmoid", low=0.0, high=10.0)
    scoring = Scoring((Term("qed"), size, Term(command=command, name="plain")))
    (folder / "calls.log").write_text("")
    texts = [ASPIRIN, "CCO"] * 300
    parts = scoring.parts(texts)
    assert list(parts) == list(scoring.titles)
    assert parts["size"].tolist() == parts["plain.desirability"].tolist() == [len(text) for text in texts]
    assert (folder / "calls.log").read_text() == "called\n"
