"""Progress of a training: one bar of 80 columns on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import re
import sys

from run_cases import dna_file, small_run

from seqvae.train.fit import train


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_fits_80_columns(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stderr", Terminal())
    train(small_run(dna_file(tmp_path)), tmp_path / "run")
    drawn = [part for part in re.split(r"[\r\n]", sys.stderr.getvalue().replace("\x1b[A", "")) if part]
    assert max(map(len, drawn)) <= 80
    assert any(re.match(r"epoch 2/2 .*\d+%.*\[\d\d:\d\d<.*bits/token, rate \d", part) for part in drawn)
    assert sum(part.startswith("step ") and "validation" in part for part in drawn) == 2


def test_without_a_terminal_a_line_now_and_then_has_no_control_codes(tmp_path, capsys):
    train(small_run(dna_file(tmp_path)), tmp_path / "run")
    err = capsys.readouterr().err
    assert re.fullmatch(r"epoch 1/2, step 1 of 12: \d\.\d{3} bits/token; 0:\d\d gone, 0:\d\d left\n", err), err
