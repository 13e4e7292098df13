"""Progress: a bar of 80 columns at most on a terminal, plain lines elsewhere, and slow phases by name."""

from __future__ import annotations

import io
import sys
import time

import pytest

from seqvae.cli.progress import Bars
from seqvae.cli.verbs.quickstart import _Steps
from seqvae.runtime import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("wide", "expected"), [("200", 79), ("60", 59), ("80", 79)])
def test_a_bar_fits_the_terminal(monkeypatch, wide, expected):
    monkeypatch.setenv("COLUMNS", wide)
    monkeypatch.setattr(sys, "stderr", Terminal())
    bars = Bars()
    for done in range(3):
        bars("comparing fingerprints with a rather long name", done, 3)
    drawn = sys.stderr.getvalue()
    assert "comparing" in drawn
    assert max(len(part) for part in drawn.split("\r")) == expected


def test_without_a_terminal_there_are_plain_lines_now_and_then(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Bars() as bars:
        for done in range(100):
            now[0] += 1.0
            bars("samples", done, 100)
    err = capsys.readouterr().err
    assert err.splitlines() == [f"samples: {done} of 100" for done in (30, 60, 90)]


def test_lines_of_progress_are_no_steps_of_quickstart(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with _Steps() as steps:
        steps.note("loading")
        for done in range(40):
            now[0] += 1.0
            steps("climb", done, 40)
        steps.note("climbing")
    assert capsys.readouterr().err.splitlines() == ["[1/5] loading", "climb: 30 of 40", "[2/5] climbing"]


def test_a_phase_is_named_if_it_lasts(monkeypatch, capsys):
    monkeypatch.setattr(progress, "_SOON", 0.01)
    with progress.phase("reading much"):
        time.sleep(0.2)
    with progress.phase("reading much quietly", quiet=True):
        time.sleep(0.05)
    assert capsys.readouterr().err == "reading much ...\n"
    monkeypatch.setattr(progress, "_SOON", 60.0)
    with progress.phase("reading little"):
        pass
    assert capsys.readouterr().err == ""
