"""The rate-distortion curve: its arithmetic by hand, and a sweep that is killed, resumed and spread over processes."""

from __future__ import annotations

import json
import math

import pytest
from run_cases import dna_file, small_run

from seqvae import evaluate
from seqvae.config import RateDistortionConfig
from seqvae.errors import ConfigError, InputError, UsageError
from seqvae.evaluate.curves import sweep, tracing
from seqvae.evaluate.curves.record import Point, joined, lower_hull, parabola_slope
from seqvae.train.fit import train

FAST = RateDistortionConfig(betas="0.2,0.5,1", epochs=2, multipliers=False, texts=40, samples=2, annealed=0)


def point(beta, rate, distortion):
    return Point(beta, 10, rate, 0.1, distortion, 0.1, math.log(40), 1.0, 0.1, 2)


def test_slopes_are_those_of_a_curve_whose_slope_is_known():
    """D = a^2 / R has dD/dR = -a^2 / R^2 = -beta at R = a / sqrt(beta): half a percent off between neighbours."""
    betas = [0.25 * 1.1**step for step in range(9)]
    found = joined([point(beta, 3 / math.sqrt(beta), 9 / (3 / math.sqrt(beta))) for beta in reversed(betas)])
    assert [one.beta for one in found] == betas
    assert found[0].slope is None is found[-1].slope
    for one in found[1:-1]:
        assert -one.slope == pytest.approx(one.beta, rel=5e-3)
        assert one.on_hull


def test_a_point_above_the_others_is_not_on_the_hull():
    found = joined([point(0.1, 4.0, 1.0), point(0.5, 2.0, 3.5), point(1.0, 1.0, 4.0)])
    assert [one.on_hull for one in found] == [True, False, True]
    assert lower_hull([(0.0, 1.0), (1.0, 1.0)]) == [(0.0, 1.0)]  # more rate for nothing
    assert parabola_slope((1.0, 1.0), (1.0, 2.0), (2.0, 3.0)) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"betas": "0.1,x"}, "betas: expected numbers separated by commas, got '0.1,x'"),
        ({"betas": "0"}, "betas: expected a number from 0.0001 to 1000, got 0"),
        ({"betas": "1,2", "chains": 3}, "chains: expected a number from 1 to 2, got 3"),
        ({"texts": 1}, "texts: expected a number from 2"),
    ],
)
def test_bad_settings_are_refused(settings, said):
    with pytest.raises(ConfigError) as caught:
        RateDistortionConfig(**settings)
    assert said in str(caught.value)


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curve")
    run = small_run(dna_file(folder, 60))
    return run, folder, evaluate.rate_distortion(run, folder / "whole", config=FAST)


def test_points_obey_the_bounds(traced):
    _, folder, found = traced
    assert [one.beta for one in found.points] == [0.2, 0.5, 1.0]
    for one in found.points:
        noise = 4 * (one.information_error + one.rate_error) + 1e-6
        assert one.least - noise <= one.information <= one.rate + noise
        assert one.entropy == pytest.approx(math.log(40))
        assert one.held_out_distortion > 0
    assert json.loads((folder / "whole" / "sweep.json").read_text())["config"]["betas"] == "0.2,0.5,1"
    assert len({one.steps for one in found.points}) == 1  # two passes each


def test_a_sweep_that_is_stopped_resumes_to_the_same_figures(traced, monkeypatch):
    run, folder, found = traced
    trained, calls = sweep.train, []

    def stopping(*given, **named):
        calls.append(given[1].name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return trained(*given, **named)

    monkeypatch.setattr(sweep, "train", stopping)
    with pytest.raises(KeyboardInterrupt):
        evaluate.rate_distortion(run, folder / "stopped", config=FAST)
    with pytest.raises(UsageError, match="holds a sweep already; resume it by --resume"):
        evaluate.rate_distortion(run, folder / "stopped", config=FAST)
    monkeypatch.setattr(sweep, "train", trained)
    again = evaluate.rate_distortion("", folder / "stopped", resume=True)
    assert again.to_dict() == found.to_dict()
    assert calls == ["beta-0.2", "beta-0.5"]


def test_chains_are_processes_and_each_begins_anew(traced):
    run, folder, found = traced
    config = RateDistortionConfig(**{**vars(FAST), "betas": "0.2,0.5", "chains": 2})
    both = evaluate.rate_distortion(run, folder / "chains", config=config)
    assert both.points[0].rate == found.points[0].rate
    assert both.points[1].rate != found.points[1].rate


def test_a_model_s_own_decoder_and_its_multiplier(traced):
    run, folder, _ = traced
    model = train(run, folder / "model", quiet=True).folder
    settings = {**vars(FAST), "betas": "0.5", "multipliers": True, "annealed": 6, "annealing_steps": 20, "epochs": 5}
    found = evaluate.rate_distortion(model, folder / "from_model", config=RateDistortionConfig(**settings))
    (one,) = found.points
    assert one.multiplier > 0
    assert one.multiplier_distortion > 0
    assert found.fixed.texts == 6
    beyond, *_, least = found.fixed.points  # from ten times the largest beta down
    assert (beyond.beta, least.beta) == (10.0, 0.5)
    assert least.rate + least.beta**-1 * least.distortion <= beyond.rate + least.beta**-1 * beyond.distortion + 0.1


@pytest.mark.parametrize(
    ("source", "config", "error", "said"),
    [
        ("", RateDistortionConfig(), UsageError, "resume takes its source"),
        (None, RateDistortionConfig(betas=""), UsageError, "nothing to trace"),
        ("nameless", None, InputError, "give data, a dataset's name or a file"),
    ],
)
def test_what_cannot_be_traced_is_refused(source, config, error, said, tmp_path):
    run = small_run(dna_file(tmp_path, 20))
    if source == "nameless":
        run = small_run("")
    with pytest.raises(error, match=said):
        evaluate.rate_distortion(run if source is None or source else "", tmp_path / "x", "", config, source == "")
    assert tracing.SWEEP not in {path.name for path in tmp_path.rglob("*")}
    if source == "":
        with pytest.raises(UsageError, match="no sweep to resume"):
            evaluate.rate_distortion("", tmp_path / "x", resume=True)
