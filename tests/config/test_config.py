"""Settings are strict, come back as they were, and a typo gets a suggestion."""

import doctest
import importlib
import pkgutil
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seqvae
from seqvae.cli.flags import merged, search_flags
from seqvae.config import RunConfig, SearchConfig, TrainingConfig
from seqvae.config.toml import read_run, replaced, run_from_dict, run_to_dict, run_toml
from seqvae.errors import ConfigError


def test_defaults_come_back_from_toml(tmp_path):
    (tmp_path / "run.toml").write_text(run_toml(RunConfig()))
    assert run_from_dict(read_run(tmp_path / "run.toml")) == RunConfig()


@given(st.floats(0, 10), st.integers(1, 10**9), st.text(max_size=20))
def test_any_settings_come_back_from_toml(tmp_path_factory, rate, epochs, source):
    run = RunConfig()
    run = replace(run, training=replace(run.training, learning_rate=rate, epochs=epochs))
    run = replace(run, data=replace(run.data, source=source))
    path = tmp_path_factory.mktemp("toml") / "run.toml"
    path.write_text(run_toml(run), "utf-8")
    assert run_from_dict(read_run(path)) == run
    assert run_from_dict(run_to_dict(run)) == run


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"modle": {}}, "unknown section [modle]; did you mean 'model'?"),
        ({"model": {"latnet": 3}}, "model: unknown setting 'latnet'; did you mean 'latent'?"),
        ({"model": {"latent": "3"}}, "model.latent: expected int, got '3' (str)"),
        ({"model": {"latent": True}}, "model.latent: expected int, got True (bool)"),
        ({"model": {"latent": 0}}, "model.latent: expected a number from 1 to 100000, got 0"),
        ({"model": {"encoder": "gruu"}}, "model.encoder: unknown value 'gruu'; did you mean 'gru'?"),
        ({"model": 3}, "model: expected a table of settings, got 3"),
        (
            {"training": {"learning_rate": float("nan")}},
            "training.learning_rate: expected a number from 0 to 10, got nan",
        ),
    ],
)
def test_mistakes_are_named(values, words):
    with pytest.raises(ConfigError) as error:
        run_from_dict(values)
    assert str(error.value) == words


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "run.toml").write_text("[model\n")
    with pytest.raises(ConfigError, match=r"run\.toml: not a TOML file"):
        read_run(tmp_path / "run.toml")
    with pytest.raises(ConfigError, match="cannot read the run: No such file"):
        read_run(tmp_path / "none.toml")


def test_an_integer_serves_as_a_number():
    assert run_from_dict({"training": {"clip": 5}}).training.clip == 5.0


def test_every_setting_is_documented():
    for section in fields(RunConfig):
        doc = section.default_factory.__doc__
        assert all(f"{f.name}:" in doc for f in fields(section.default_factory))


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        TrainingConfig().epochs = 3


@pytest.mark.parametrize("name", [m.name for m in pkgutil.walk_packages(seqvae.__path__, "seqvae.")])
def test_examples_in_docstrings_are_true(name):
    if name.endswith("__main__"):
        return
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).failed == 0


def test_a_setting_is_read_by_its_former_name_too():
    found = replaced(
        SearchConfig(), {"constraints": {"like": "CCO", "least_alike": 0.4, "max_similarity": 0.9}}, "search"
    )
    assert (found.constraints.min_similarity, found.constraints.max_similarity) == (0.4, 0.9)
    with pytest.raises(ConfigError, match="constraints: least_alike is the former name of min_similarity"):
        replaced(SearchConfig(), {"constraints": {"least_alike": 0.4, "min_similarity": 0.5}}, "search")


def test_a_flag_replaces_what_a_file_says_under_a_former_name():
    settings = search_flags()["constraints"]
    assert merged({"constraints": {"least_alike": 0.4}}, {"min_similarity": 0.5}, settings) == {
        "constraints": {"min_similarity": 0.5}
    }
