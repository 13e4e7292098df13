"""Desirabilities: laws over every transform, for numbers and bounds of any size."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scoring_cases import BOUNDED, CURVED, SLOPES, bounds

from seqvae.errors import ConfigError
from seqvae.properties.desirability import SLOPE, TRANSFORMS, Desirability

NUMBERS = st.lists(st.floats(allow_nan=False), min_size=1, max_size=20)


def desirability(transform, low, high, slope=SLOPE):
    return Desirability(transform, low, high, slope if transform in CURVED else SLOPE)


@pytest.mark.parametrize("transform", BOUNDED)
@given(bounds=bounds(), slope=SLOPES, numbers=NUMBERS)
def test_desirabilities_are_from_0_to_1_for_any_numbers(transform, bounds, slope, numbers):
    values = desirability(transform, *bounds, slope)(numbers)
    assert values.dtype == np.float64
    assert values.shape == (len(numbers),)
    assert ((values >= 0) & (values <= 1)).all()


@pytest.mark.parametrize("transform", BOUNDED)
@given(bounds=bounds(), slope=SLOPES, numbers=NUMBERS)
def test_they_rise_and_fall_where_they_should(transform, bounds, slope, numbers):
    low, high = bounds
    middle = low / 2 + high / 2
    rising = {"sigmoid": math.inf, "reverse_sigmoid": -math.inf}.get(transform, middle)
    shape = desirability(transform, low, high, slope)
    numbers = np.sort(numbers)
    up, down = numbers[numbers <= rising], numbers[numbers >= rising]
    assert (np.diff(shape(up)) >= -1e-12).all()
    assert (np.diff(shape(down)) <= 1e-12).all()


@pytest.mark.parametrize(
    ("transform", "low", "middle", "high", "below", "above"),
    [
        ("sigmoid", 0.0532, 0.5, 0.9468, 0, 1),
        ("reverse_sigmoid", 0.9468, 0.5, 0.0532, 1, 0),
        ("window", 0.5, 1, 0.5, 0, 0),
        ("step", 1, 1, 1, 0, 0),
    ],
)
@given(bounds=bounds(1e6))
def test_their_values_at_the_bounds_half_way_and_far_away(transform, low, middle, high, below, above, bounds):
    assume(bounds[1] - bounds[0] > 1e-3)
    shape = desirability(transform, *bounds)
    assert shape([*bounds, sum(bounds) / 2]).tolist() == pytest.approx([low, high, middle], abs=1e-4)
    assert shape([-math.inf, -1e308, 1e308, math.inf]).tolist() == pytest.approx([below, below, above, above])


@given(bounds=bounds(1e6), slope=SLOPES, steps=st.lists(st.floats(0, 5), min_size=1))
def test_they_are_symmetric_about_the_middle(bounds, slope, steps):
    width = bounds[1] - bounds[0]
    assume(width > 1.0)
    left, right = (sum(bounds) / 2 + sign * width * np.array(steps) for sign in (-1, 1))
    tolerance = 1e-7 * slope + 1e-9  # a steep curve amplifies the last digit of a number
    found = {name: desirability(name, *bounds, slope) for name in CURVED}
    assert found["window"](left) == pytest.approx(found["window"](right), abs=tolerance)
    assert found["sigmoid"](left) == pytest.approx(found["reverse_sigmoid"](right), abs=tolerance)
    assert found["sigmoid"](left) + found["sigmoid"](right) == pytest.approx(np.ones(len(steps)), abs=tolerance)


@pytest.mark.parametrize("transform", CURVED)
@given(slopes=st.tuples(SLOPES, SLOPES), number=st.floats(-100, 100))
def test_a_steeper_curve_is_further_from_one_half(transform, slopes, number):
    flat, steep = (abs(desirability(transform, -1, 1, slope)(number) - 0.5) for slope in sorted(slopes))
    assert flat <= steep + 1e-12


@given(bounds=bounds(), numbers=NUMBERS)
def test_a_step_is_1_from_bound_to_bound(bounds, numbers):
    low, high = bounds
    inside = [low <= number <= high for number in numbers]
    assert Desirability("step", low, high)(numbers).tolist() == inside
    assert Desirability("step", low)(numbers).tolist() == [number >= low for number in numbers]
    assert Desirability("step", high=high)(numbers).tolist() == [number <= high for number in numbers]


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_nan_stays_nan_and_shapes_are_kept(transform):
    shape = Desirability() if transform == "none" else Desirability(transform, 0.0, 1.0)
    values = shape(np.array([[0.5, math.nan, 2.0], [math.nan, -1.0, math.inf]]))
    assert np.isnan(values).tolist() == [[False, True, False], [True, False, False]]
    assert pickle.loads(pickle.dumps(shape)) == shape


@given(numbers=NUMBERS)
def test_without_a_transform_numbers_stay_as_they_are(numbers):
    assert Desirability()(numbers).tolist() == numbers


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("windw", 0.0, 1.0), "transform: unknown value 'windw'; did you mean 'window'?"),
        (("sigmoid", 1.0, 0.0), "low, high: transform 'sigmoid' needs both, the lower first, got 1 and 0"),
        (("sigmoid", 1.0), "low, high: transform 'sigmoid' needs both, the lower first, got 1 and inf"),
        (("window", 1.0, 1.0), "low, high: transform 'window' needs both, the lower first, got 1 and 1"),
        (("window", math.nan, 1.0), "low, high: transform 'window' needs both, the lower first, got nan and 1"),
        (("step",), "low, high: transform 'step' needs one of them or both, the lower first, got -inf and inf"),
        (("step", 2.0, 1.0), "low, high: transform 'step' needs one of them or both, the lower first, got 2 and 1"),
        (("step", math.inf), "low, high: transform 'step' needs one of them or both, the lower first, got inf and inf"),
        (("none", 0.0), "low, high: no effect without a transform, got 0 and inf: name one of sigmoid, "),
        (("step", 0.0, 1.0, 2.0), "slope: transform 'step' has none, got 2: leave it out"),
        (("sigmoid", 0.0, 1.0, 0.0), "slope: expected a number from 0.001 to 1000, got 0"),
        (("sigmoid", 0.0, 1.0, math.nan), "slope: expected a number from 0.001 to 1000, got nan"),
    ],
)
def test_a_transform_that_means_nothing_is_refused(settings, words):
    with pytest.raises(ConfigError) as error:
        Desirability(*settings)
    assert str(error.value).startswith(words)
