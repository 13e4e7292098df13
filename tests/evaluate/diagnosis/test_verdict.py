"""The verdict: the rule by figures made by hand, each kind once and at its edges."""

from dataclasses import fields

import pytest

from seqvae.evaluate.diagnosis.baselines import Baselines
from seqvae.evaluate.diagnosis.decoder_use import DecoderUse
from seqvae.evaluate.diagnosis.generalisation import Generalisation
from seqvae.evaluate.diagnosis.geometry import Geometry
from seqvae.evaluate.diagnosis.inference_gap import InferenceGap
from seqvae.evaluate.diagnosis.information import Information
from seqvae.evaluate.diagnosis.likelihood import Likelihood
from seqvae.evaluate.diagnosis.metrics import DIAGNOSIS_METRICS
from seqvae.evaluate.diagnosis.space import Space
from seqvae.evaluate.diagnosis.verdict import (
    ENCODER,
    HEALTHY,
    KINDS,
    LOST,
    NOTHING,
    OBJECTIVE,
    PARTLY,
    PRIOR,
    UNDERTRAINED,
    judged,
)

# A healthy model: 25 nats of rate, 30 of 32 units, better than counting, the encoder as good on unseen molecules.
GOOD = {
    "likelihood": {"rate": 25.0, "distortion": 8.0},
    "decoder_use": {"gain_over_shuffled": 40.0, "gain_over_shuffled_error": 1.0},
    "information": {"active_units": 30, "latent": 32, "marginal_kl_low": 0.2, "moments_kl": 0.3},
    "generalisation": {
        "beta": 0.3,
        "held_out_exact": 0.85,
        "training_exact": 0.87,
        "training_rate": 25.1,
        "training_distortion": 7.9,
        "training_refined_exact": 0.97,
        "held_out_refined_exact": 0.96,
        "encoder_gap": 0.01,
        "encoder_gap_error": 0.02,
        "decoder_gap": 0.01,
        "objective_gap": 0.3,
        "encoder_objective_gap": 0.1,
        "encoder_objective_gap_error": 0.1,
        "decoder_objective_gap": 0.2,
    },
    "baselines": {
        "baseline": "Markov order 2 of tokens",
        "baseline_nll": 38.0,
        "independent_nll": 60.0,
        "model_nll": 33.0,
        "excess": -5.0,
        "excess_error": 0.3,
        "objective_excess": -22.0,
        "objective_excess_error": 0.3,
        "independent_excess": -44.0,
        "independent_excess_error": 0.3,
        "dependence": 27.0,
    },
}


def but(**changes):
    """The healthy model's figures with some changed, each in the section that has it; None leaves a figure out."""
    figures = {section: dict(values) for section, values in GOOD.items()}
    for name, value in changes.items():
        home = next((section for section, values in GOOD.items() if name in values), "space")
        figures.setdefault(home, {})[name] = value
    return figures


# beyond the error, and less than a hundredth of the 38 nats of counting
TRIFLE = {"excess": 0.3, "excess_error": 0.1, "objective_excess": 0.3, "objective_excess_error": 0.1}
COLLAPSED = {"rate": 0.004, "gain_over_shuffled": 0.001, "active_units": 0}


def test_a_healthy_model_is_called_so_with_its_numbers():
    found = judged(GOOD, "molecule")
    assert (found.kind, found.also) == (HEALTHY, ())
    for part in ("25.0 nats in 30 of 32 units", "85.0% of held-out molecules", "5.0 nats fewer", "Nothing needs"):
        assert part in found.paragraph


def test_an_untrained_model_is_worse_than_counting():
    found = judged(but(excess=12.0, objective_excess=12.0, training_distortion=45.0, model_nll=50.0), "molecule")
    assert found.kind == UNDERTRAINED
    assert "cost 50.0 nats each" in found.paragraph
    assert "Markov order 2 of tokens, which only counts, needs 38.0" in found.paragraph
    assert "more --epochs" in found.paragraph
    by_heart = judged(but(excess=12.0, objective_excess=12.0, training_distortion=2.0), "molecule")
    assert by_heart.kind == UNDERTRAINED
    assert "known by heart" in by_heart.paragraph
    assert "--patience" in by_heart.paragraph


@pytest.mark.parametrize(
    "changes", [{"excess": 9.5}, {"objective_excess": 9.5}, {"excess": 0.5, "objective_excess": 0.5}, TRIFLE]
)
def test_a_difference_within_its_error_or_in_one_figure_alone_is_no_verdict(changes):
    """beta below 1 trades bits for reconstruction: its bits alone do not count against it."""
    assert judged(but(**changes)).kind == HEALTHY


def test_a_collapse_with_something_to_encode_is_the_objective_s():
    found = judged(but(**COLLAPSED, beta=4.0), "molecule")
    assert found.kind == OBJECTIVE
    assert "27.00 of 60.0 nats" in found.paragraph
    assert "Lower --beta (it is 4)" in found.paragraph


@pytest.mark.parametrize("changes", [{"rate": 0.05}, {"active_units": 0}, {"gain_over_shuffled": 0.02}])
def test_each_sign_of_a_collapse_is_enough(changes):
    assert judged(but(**changes)).kind == OBJECTIVE


def test_a_collapse_with_nothing_to_encode_is_right():
    found = judged(but(**COLLAPSED, dependence=2.9), "sequence")  # less than 3 of 60 nats
    assert found.kind == NOTHING
    assert "Change nothing" in found.paragraph
    assert judged(but(**COLLAPSED, dependence=3.1), "sequence").kind == OBJECTIVE
    assert judged(but(**COLLAPSED, dependence=0.09, independent_nll=2.0)).kind == NOTHING  # a tenth of a nat


def test_a_collapsed_model_is_judged_beside_independent_positions():
    """A decoder without other tokens can do no better once z is given up: that is no lack of training."""
    worse = {"excess": 3.0, "objective_excess": 3.0}
    assert judged(but(**COLLAPSED, **worse, independent_excess=0.1)).kind == OBJECTIVE
    found = judged(but(**COLLAPSED, **worse, independent_excess=2.0))
    assert (found.kind, found.also) == (UNDERTRAINED, (OBJECTIVE,))


@pytest.mark.parametrize("changes", [{"active_units": 3}, {"rate": 0.7}])
def test_most_of_z_unused_is_a_partial_collapse(changes):
    found = judged(but(**changes))
    assert found.kind == PARTLY
    assert "--free-bits" in found.paragraph
    assert judged(but(active_units=4)).kind == HEALTHY


def test_an_encoder_that_loses_unseen_ones_is_named():
    lost = {"training_exact": 0.898, "held_out_exact": 0.682, "training_refined_exact": 0.99}
    lost |= {"held_out_refined_exact": 0.93, "encoder_gap": 0.156, "decoder_gap": 0.06}
    found = judged(but(**lost), "molecule")
    assert found.kind == ENCODER
    for part in ("89.8% of training molecules and 68.2% of held-out ones", "93.0%", "--spellings", "refinement"):
        assert part in found.paragraph
    assert "--spellings" not in judged(but(**lost), "sequence").paragraph
    assert judged(but(**lost | {"encoder_gap_error": 0.1})).kind == HEALTHY  # it could be chance
    assert judged(but(**lost | {"decoder_gap": 0.2})).kind == HEALTHY  # the decoder loses more


def test_in_nats_where_nothing_comes_back_anyway():
    costly = {"encoder_objective_gap": 3.0, "encoder_objective_gap_error": 0.5, "objective_gap": 3.2}
    assert judged(but(**costly)).kind == ENCODER  # of 15.5 nats
    assert judged(but(**costly, decoder_objective_gap=4.0)).kind == HEALTHY


def test_a_prior_that_does_not_fit_by_nats_or_by_its_draws():
    found = judged(but(moments_kl=6.0))
    assert found.kind == PRIOR
    assert "at least 6.0 nats" in found.paragraph
    assert "--prior flow" in found.paragraph
    assert judged(but(moments_kl=None, marginal_kl_low=2.0)).kind == PRIOR
    assert judged(but(moments_kl=6.0, default_prior="fitted")).kind == HEALTHY  # what is drawn from is the fitted one
    dark = judged(but(dark=0.7, default_prior="fitted"), "molecule")
    assert dark.kind == PRIOR
    assert "70%" in dark.paragraph
    assert "--prior flow" not in dark.paragraph
    assert judged(but(dark=0.3)).kind == HEALTHY


def test_what_else_is_wrong_is_said_after_what_is_worse():
    found = judged(but(moments_kl=6.0, active_units=2, excess=9.0, objective_excess=9.0))
    assert (found.kind, found.also) == (UNDERTRAINED, (PARTLY, PRIOR))
    assert found.paragraph.count("Also:") == 2
    assert found.paragraph.index(PARTLY) < found.paragraph.index(PRIOR)


def test_figures_that_were_not_measured_say_nothing():
    few = but()
    del few["baselines"]
    few["generalisation"] = {"beta": 0.3, "held_out_exact": 0.5, "encoder_gap": None}
    assert judged(few).kind == HEALTHY
    few["likelihood"]["rate"] = 0.01
    found = judged(few)
    assert found.kind == OBJECTIVE
    assert "is not known" in found.paragraph


def test_molecules_none_of_which_comes_back():
    found = judged(but(held_out_exact=0.0, texts=40), "molecule")
    assert (found.kind, found.also) == (LOST, ())
    assert "none of 40 held-out molecules is decoded exactly. Train longer" in found.paragraph
    assert judged(but(held_out_exact=0.0, texts=40), "sequence").kind == HEALTHY  # of a long one nobody expects that
    assert judged(but(**COLLAPSED, held_out_exact=0.0, texts=40), "molecule").kind == OBJECTIVE


def test_bits_stand_beside_nats_where_letters_are_counted():
    """9 nats more than 38 of a sequence of 20 bases: 47 / 20 / log 2 and 38 / 20 / log 2 bits a base."""
    worse = but(excess=9.0, objective_excess=9.0, model_nll=47.0, texts=10, characters=200)
    found = judged(worse, "sequence", "base").paragraph
    assert "cost 47.0 nats each (3.390 bits per base)" in found
    assert "needs 38.0 (2.741 bits per base)." in found
    assert "bits per" not in judged(worse, "molecule").paragraph


def test_every_kind_has_a_place():
    assert len(set(KINDS)) == 9


def test_every_figure_has_one_name_and_one_title():
    """The verdict reads all sections as one."""
    homes = {
        "likelihood": Likelihood,
        "decoder_use": DecoderUse,
        "information": Information,
        "generalisation": Generalisation,
        "inference_gap": InferenceGap,
        "space": Space,
        "geometry": Geometry,
        "baselines": Baselines,
    }
    assert set(DIAGNOSIS_METRICS) == set(homes)
    names = [field.name for kind in homes.values() for field in fields(kind)]
    assert len(set(names)) == len(names)
    untitled = {"distortion_by_position", "reached_by_position", "means", "variances", "singular_values"}
    for section, (_, metrics) in DIAGNOSIS_METRICS.items():
        known = {field.name for field in fields(homes[section])}
        assert known - untitled - {"counted_on", "baselines"} == set(metrics), section
        assert len({metric.title for metric in metrics.values()}) >= len(metrics) - 3  # "its standard error"


def test_bits_given_for_reconstruction_are_said():
    found = judged(but(excess=9.5))
    assert found.kind == HEALTHY
    assert "9.5 nats more" in found.paragraph
    assert "22.0 nats better" in found.paragraph
