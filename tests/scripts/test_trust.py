"""The benchmark of known truths runs on its small setting, and the page shows each part of it."""

from __future__ import annotations

import json
import math

import pytest
import torch

from scripts.benchmarks import benchmark_trust
from scripts.benchmarks.trust.toys import Bent, on_grid
from scripts.page import make_benchmarks_page
from seqvae.model.posteriors import DiagonalGaussian

pytestmark = pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")


def test_it_runs_small_and_the_page_shows_each_part(tmp_path, capsys):
    out = tmp_path / "trust.json"
    for only in ("linear", "enumerated", "families", "mutations", "curve", "remedies", "zinc"):
        benchmark_trust.main(["--small", "--threads", "1", "--out", str(out), "--only", only])
    capsys.readouterr()
    found = json.loads(out.read_text("utf-8"))["figures"]
    assert list(found) == [*benchmark_trust.PARTS, benchmark_trust.ZINC]
    assert -1e-9 < found["linear"]["gap"] < 0.5  # no bound lies above the maximum, and this one is near
    assert abs(found["enumerated"]["sum"] - 1) < 5 * found["enumerated"]["error"] + 1e-3
    for name in ("diagonal", "full", "iaf"):
        for one in found["families"][name].values():
            assert one["gap"] == pytest.approx(one["kl"], abs=0.1)
    assert len(found["curve"]["points"]) == 3
    assert str(tmp_path) not in out.read_text("utf-8")
    page = make_benchmarks_page.page(tmp_path)
    for part in (
        "probabilistic PCA",
        "Sum of p(x) over all 256",
        "`iaf`, refined",
        "The verdict that",
        "splice sites",
        "Remedies",
    ):
        assert part in page
    assert "| posterior full | 60 |" in page
    assert "`--only" not in page


def test_the_grid_knows_the_evidence_of_a_point():
    """It is the mean of p(x|z) over the prior, whichever posterior is asked about."""
    toy, x = Bent(), torch.tensor([[0.3, -0.2]])
    sharp = DiagonalGaussian(torch.zeros(1, 2), torch.full((1, 2), 2 * math.log(0.2)))
    wide = DiagonalGaussian(torch.zeros(1, 2), torch.zeros(1, 2))
    log_p, kl = on_grid(toy, x, sharp)
    again, further = on_grid(toy, x, wide)
    assert log_p.item() == pytest.approx(again.item())
    assert 0 < kl.item() < further.item()
    z = torch.randn(200_000, 1, 2, generator=torch.Generator().manual_seed(0))
    weights = toy.log_joint(x, z) + 0.5 * z.square().sum(-1) + math.log(2 * math.pi)
    assert weights.logsumexp(0).item() - math.log(len(z)) == pytest.approx(log_p.item(), abs=0.02)
