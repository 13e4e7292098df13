"""A folder of a search that somebody sends runs nothing that it names before it is trusted."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from golden_cases import command
from search_cases import settings, start

from seqvae.config import EndConfig
from seqvae.errors import UsageError
from seqvae.properties import get
from seqvae.search import resume, run
from seqvae.search.laboratory import ask, last_batch, tell
from seqvae.search.storage.run_folder import SETTINGS

ELSEWHERE = {"property": "evil:f"}
CODE = [
    ([ELSEWHERE], "the function 'evil:f'"),
    ([{"command": "touch ran"}], "the program 'touch ran'"),
    ([{"command": "touch ran", "shell": True}], "the shell script 'touch ran'"),
    ([{"property": "os:system"}], "the function 'os:system'"),
    ([{"property": "dna:gc"}, ELSEWHERE], "the function 'evil:f'"),
    ([{"command": "x\x1b[2J"}], r"the program 'x\x1b[2J'"),
]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun") / "run"
    run("dna:gc", folder, settings("", "ga", 10, 5), start(20))
    return folder


@pytest.fixture
def sent(begun, tmp_path, monkeypatch):
    """A folder of another user, and a working directory with a module of the name that the folder gives."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text("open('ran', 'w').close()\n\ndef f(text):\n    return 1.0\n")
    monkeypatch.delitem(sys.modules, "evil", raising=False)
    yield shutil.copytree(begun, tmp_path / "sent")
    sys.modules.pop("evil", None)


def named(folder, terms, **oracle):
    values = json.loads((folder / SETTINGS).read_text())
    values["objective"] = {"join": "geometric", "term": terms}
    values["config"]["oracle"].update(oracle)
    (folder / SETTINGS).write_text(json.dumps(values))


@pytest.mark.parametrize(("terms", "shown"), CODE)
@pytest.mark.parametrize("budget", [[], ["--budget", "20"]])
def test_what_a_folder_would_run_is_shown_and_not_run(terms, shown, budget, sent, tmp_path):
    named(sent, terms)
    code, _, err = command(["optimize", "--resume", str(sent), *budget])
    assert code == 2
    assert shown in err
    assert "add --trust" in err
    assert err.count("\n") == 1
    with pytest.raises(UsageError, match="trust=True"):
        resume(sent, end=EndConfig(budget=20))
    assert not (tmp_path / "ran").exists()


def test_a_cluster_of_somebody_is_not_called(sent):
    named(sent, [{"property": "dna:gc"}], executor="ray", ray_address="ray://evil:10001")
    with pytest.raises(UsageError, match="a Ray cluster at 'ray://evil:10001'"):
        resume(sent)


@pytest.mark.parametrize(("terms", "shown"), CODE)
def test_verbs_that_only_read_run_nothing(terms, shown, sent, tmp_path):
    named(sent, terms)
    assert command(["results", str(sent)])[0] == 0
    for verb in (lambda: ask(sent, 2), lambda: last_batch(sent), lambda: tell(sent, [])):
        with pytest.raises(UsageError, match="has an objective of its own"):
            verb()
    assert not (tmp_path / "ran").exists()


def test_what_is_trusted_once_is_trusted(sent, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    shutil.rmtree(sent)
    run("evil:f", sent, settings("", "ga", 10, 5), start(20))
    assert resume(sent, end=EndConfig(budget=15)).unique == 15  # begun here by this user: as ever
    monkeypatch.setenv("SEQVAE_CACHE", str(tmp_path / "another user"))
    with pytest.raises(UsageError, match="evil:f"):
        resume(sent, end=EndConfig(budget=20))
    assert resume(sent, end=EndConfig(budget=20), trust=True).unique == 20
    assert resume(sent, end=EndConfig(budget=25)).unique == 25
    values = json.loads((sent / SETTINGS).read_text())
    values["objective"]["term"][0]["property"] = "evil:g"
    (sent / SETTINGS).write_text(json.dumps(values))
    with pytest.raises(UsageError, match="evil:g"):
        resume(sent)


def test_a_search_runs_where_no_key_can_be_kept(sent, tmp_path, monkeypatch):
    shutil.rmtree(sent)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEQVAE_CACHE", str(tmp_path / "file" / "cache"))
    words = ["--objective", "evil:f", "--budget", "6", "--model", "none", "--start", "start.txt", "--quiet"]
    (tmp_path / "start.txt").write_text("\n".join(start(10)) + "\n")
    assert command(["optimize", *words, "--out", str(sent)])[0] == 0
    assert command(["optimize", "--resume", str(sent)])[0] == 2


def test_trust_is_for_resuming(tmp_path):
    code, _, err = command(["optimize", "--objective", "qed", "--out", str(tmp_path / "run"), "--trust"])
    assert (code, "--trust has no effect without --resume" in err) == (2, True)


@pytest.mark.parametrize(
    "name", ["os:system", "sys:exit", "os:getcwd", "subprocess:run", "builtins:eval", "os.path:exists"]
)
def test_functions_named_by_mistake_are_refused(name):
    with pytest.raises(UsageError, match="expected a function of your own"):
        get(name)
