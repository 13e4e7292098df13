"""What a search is run with: a name, settings, or an object of a user's own; kept in the folder, and read back."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from search_cases import alike, dna_model, rows, settings, start

from seqvae import search
from seqvae.config import (
    OPTIMIZERS,
    CmaConfig,
    GenerativeConfig,
    GeneticConfig,
    GuideConfig,
    OperatorConfig,
    SearchConfig,
    TurboConfig,
)
from seqvae.config.optimizers import name_of, optimizer_from_dict, optimizer_to_dict
from seqvae.config.optimizers import settings_of as settings_of_name
from seqvae.config.search import search_from_dict, search_to_dict
from seqvae.config.toml import flat, nested
from seqvae.errors import ConfigError, UsageError
from seqvae.search.api import opened
from seqvae.search.proposals import Candidate
from seqvae.search.storage.run_folder import SETTINGS, settings_of

pytestmark = pytest.mark.usefixtures("short_fits")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return dna_model(tmp_path_factory.mktemp("models") / "dna")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_name_is_its_settings(name, model, tmp_path):
    texts, plain = start(40), settings(model, budget=30)
    by_name = search.run("dna:gc", tmp_path / "name", replace(plain, optimizer=name), texts)
    given = search.run("dna:gc", tmp_path / "given", plain, texts, optimizer=OPTIMIZERS[name].config)
    assert rows(tmp_path / "name") == rows(tmp_path / "given")
    assert by_name.best == given.best
    assert settings_of(tmp_path / "name") == settings_of(tmp_path / "given")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_come_back_as_they_were(name):
    for config in (SearchConfig(optimizer=name), SearchConfig(optimizer=OPTIMIZERS[name].config)):
        written = json.loads(json.dumps(search_to_dict(config)))
        assert written["optimizer"] == json.loads(json.dumps(optimizer_to_dict(name)))
        assert search_from_dict(written) == SearchConfig(optimizer=name)
    values = flat(asdict(OPTIMIZERS[name].config))
    assert flat(nested(values)) == values


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (CmaConfig(), "cma-es"),
        (CmaConfig(subspace=16, sigma=1.0), "subspace"),
        (GeneticConfig(guided=True, guide=GuideConfig(points=300)), "gp"),
        (GenerativeConfig(operators=OperatorConfig(mutation=0.0, crossover=0.0, latent_noise=0.1)), "latent"),
    ],
)
def test_settings_are_written_by_the_nearest_name(config, name):
    assert name_of(config) == name
    assert settings_of_name(optimizer_from_dict(json.loads(json.dumps(optimizer_to_dict(config))))) == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ("autoo", "unknown optimizer 'autoo'; did you mean 'auto'?"),
        ({"name": 3}, "optimizer.name: expected one of auto, latent"),
        (
            {"name": "cma-es", "regions": 2},
            "'cma-es' has no setting 'regions'; it has form, subspace, sigma, ",
        ),
        ({"name": "sampling", "start": 2}, "'sampling' has no setting 'start'; it has none"),
        ({"guide": {"pints": 3}}, "'auto' has no setting 'guide.pints'; it has evolution.population"),
        ({"guide": 3}, "optimizer.guide: expected a table of settings, got 3"),
        ({"guide": {"points": 3.5}}, "optimizer.guide.points: expected int, got 3.5"),
        ({"guide": {"points": 3}}, "guide.points: expected a number from 10 to 20000, got 3"),
        ({"name": "ga", "operators": {"latent_noise": 0.5}}, "'ga' has no setting 'operators.latent_noise'"),
    ],
)
def test_a_wrong_setting_is_named(values, words):
    with pytest.raises(ConfigError) as error:
        optimizer_from_dict(values)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_settings_are_kept_in_the_folder_and_gone_on_with(model, tmp_path):
    config = TurboConfig(regions=2, candidates=50, start=15)
    search.begin("dna:gc", tmp_path / "run", settings(model), start(), optimizer=config)
    with opened(tmp_path / "run") as found:
        assert found.config.optimizer == found.optimizer.config == config
    assert json.loads((tmp_path / "run" / SETTINGS).read_text())["config"]["optimizer"]["regions"] == 2


def test_scores_to_begin_with_are_those_of_the_search_unless_the_optimiser_says_otherwise(model, tmp_path):
    for number, wanted in ((0, 20), (7, 7)):
        search.begin("dna:gc", tmp_path / str(number), settings(model), start(), optimizer=CmaConfig(start=number))
        with opened(tmp_path / str(number)) as found:
            assert found.optimizer.config.start == wanted


def test_a_folder_of_format_1_has_the_settings_of_its_name(model, tmp_path):
    latent = settings_of_name("latent")
    bred = replace(  # as it was before format 4
        latent,
        selection=replace(latent.selection, share=1.0),
        operators=replace(latent.operators, apart=False),
        guide=replace(latent.guide, places=False),
    )
    for name, now in {"latent": bred, "prior": "sampling"}.items():
        folder = tmp_path / name
        search.begin("dna:gc", folder, settings(model, name, 30), start())
        written = json.loads((folder / SETTINGS).read_text())
        assert written["format"] == 4
        written["format"], written["config"]["optimizer"] = 1, name
        (folder / SETTINGS).write_text(json.dumps(written))
        before = replace(settings(model, name, 30), optimizer=now)
        with opened(folder) as found:
            # What was called ecfp4 then had counts.
            assert found.config == replace(before, constraints=replace(before.constraints, similarity="ecfp4-counts"))
        search.resume(folder)
        whole = tmp_path / f"{name}-whole"
        search.run("dna:gc", whole, before, start())
        assert rows(folder) == rows(whole)


def test_what_only_a_model_can_do_is_refused_without_one(tmp_path):
    with pytest.raises(UsageError, match="need a model: give --model, or leave them out"):
        search.begin("dna:gc", tmp_path, settings(), start(), optimizer=GenerativeConfig(retrained=False))
    search.begin("dna:gc", tmp_path, settings(), start(), optimizer=GenerativeConfig(guide=GuideConfig(points=50)))
    with opened(tmp_path) as found:
        assert found.optimizer.guide.config.points == 50


class Counting:
    """An optimiser of a user's: writes numbers in the letters of DNA."""

    def __init__(self, at=0):
        self.at, self.told = at, 0

    def ask(self, count):
        self.at += count
        return [Candidate(self._word(number), "counting") for number in range(self.at - count, self.at)]

    def _word(self, number):
        return "".join("ACGT"[number // 4**place % 4] for place in range(12))

    def tell(self, candidates, scores):
        self.told += len(candidates)

    def state_dict(self):
        return {"at": self.at, "told": self.told}

    def load_state_dict(self, state):
        self.at, self.told = state["at"], state["told"]


def test_an_object_of_ones_own_searches_and_goes_on(tmp_path):
    config = settings(budget=40)
    own = Counting()
    search.run(alike, tmp_path / "whole", config, start(5), optimizer=own)
    assert own.told == 40
    search.begin(alike, tmp_path / "cut", config, start(5), optimizer=Counting())

    def cut(_):
        raise KeyboardInterrupt

    used = Counting()
    for _ in range(4):  # the same object, whatever it has come to
        with pytest.raises(KeyboardInterrupt):
            search.resume(tmp_path / "cut", cut, alike, optimizer=used)
    search.resume(tmp_path / "cut", function=alike, optimizer=used)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert {row[6] for row in rows(tmp_path / "whole")} == {"counting"}


def test_an_object_of_ones_own_makes_plates(tmp_path):
    search.begin(None, tmp_path / "run", settings(), start(5), optimizer=Counting())
    first = search.ask(tmp_path / "run", 4, optimizer=Counting())
    search.tell(tmp_path / "run", [search.Measurement(one.text, (1.0,)) for one in first], optimizer=Counting())
    second = search.ask(tmp_path / "run", 4, optimizer=Counting())
    assert len({one.text for one in (*first, *second)}) == 8
    assert [one.text for one in search.last_batch(tmp_path / "run", Counting())] == [one.text for one in second]
    with pytest.raises(UsageError, match="give it again"):
        search.ask(tmp_path / "run", 4)


class Other(Counting):
    pass


def test_what_cannot_go_on_says_so(model, tmp_path):
    search.begin("dna:gc", tmp_path / "own", settings(model), optimizer=Counting())
    name = f"{Counting.__module__}:Counting"
    with pytest.raises(UsageError, match=f"an object of the class {name}, which the folder cannot make"):
        search.resume(tmp_path / "own")
    with pytest.raises(UsageError, match=f"of the class {name}: expected that one, got .*:Other"):
        search.resume(tmp_path / "own", optimizer=Other())
    search.begin("dna:gc", tmp_path / "named", settings(model, "gp"))
    with pytest.raises(UsageError, match="its optimizer is 'gp': leave the object out"):
        search.resume(tmp_path / "named", optimizer=Counting())


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [
        (3, "expected an optimizer's name, its settings, or an object with ask, tell, .* which has no ask, tell"),
        (Counting, "which is a class: pass an instance"),
        ("mine:Counting", "is an object: give it as `optimizer`"),
        (GuideConfig(), "which has no ask"),
    ],
)
def test_what_is_no_optimiser_is_refused(optimizer, words, tmp_path):
    with pytest.raises(UsageError, match=words):
        search.run("dna:gc", tmp_path / "run", settings(), start(), optimizer=optimizer)
    assert not (tmp_path / "run").exists()


def test_texts_that_nothing_says_the_letters_of_are_refused(tmp_path):
    with pytest.raises(UsageError, match="the alphabet of the texts is unknown"):
        search.begin(alike, tmp_path / "run", settings(), optimizer=Counting())
