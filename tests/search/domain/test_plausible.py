"""Plausible designs: what each strength lets through, by molecules whose answer a chemist knows."""

from __future__ import annotations

import pytest

from seqvae import search
from seqvae.config import ConstraintConfig, SearchConfig
from seqvae.errors import ConfigError
from seqvae.properties.molecules.cache import Sheets, sheet_of
from seqvae.properties.molecules.ring_systems import counted, rarest
from seqvae.search.domain.constraints import constrained
from seqvae.search.domain.domain import molecules, texts_over
from seqvae.search.domain.plausible import STRENGTHS, suited
from seqvae.search.storage.run_folder import settings_of

DIAZEPAM, ASPIRIN = "CN1C(=O)CN=C(c2ccccc2)c2cc(Cl)ccc21", "CC(=O)Oc1ccccc1C(=O)O"


@pytest.mark.parametrize(
    ("smiles", "weakest"),
    [
        (ASPIRIN, "strict"),
        ("CCCCCC(=O)NC", "strict"),  # no ring
        (DIAZEPAM, "strict"),
        ("CC1OC1c1ccccc1", "weak"),  # an epoxide
        ("CN1NC1c1ccccc1", "weak"),  # a diaziridine
        ("c1ccc2c(c1)C1CC2N1", "weak"),  # a ring system that nobody made
        ("CCOOCC", "off"),  # a peroxide
        ("OC1C2C3C4C1C5C2C3C45", "weak"),  # cubane
    ],
)
def test_each_strength_lets_through_what_a_chemist_would_make(smiles, weakest):
    order = ["off", *STRENGTHS]
    for name in STRENGTHS:
        texts = constrained(molecules(), ConstraintConfig(plausible=name))
        assert (texts.canonical(smiles) is not None) == (order.index(name) <= order.index(weakest)), name


def test_off_is_no_rule_and_sequences_have_none():
    assert constrained(molecules(), ConstraintConfig()).constrained is False
    assert constrained(molecules(), ConstraintConfig(plausible="usual")).constrained
    with pytest.raises(ConfigError, match=r"constraints\.plausible: for molecules only"):
        constrained(texts_over("ACGT", ["ACGT"]), ConstraintConfig(plausible="usual"))
    with pytest.raises(ConfigError, match=r"constraints\.plausible"):
        ConstraintConfig(plausible="very")


def test_ring_systems_are_counted():
    assert counted()["c1ccccc1"] == max(counted().values())
    assert min(counted().values()) >= 3
    assert rarest(sheet_of("CCO").molecule) is None
    assert rarest(sheet_of("c1ccccc1").molecule) == counted()["c1ccccc1"]
    assert rarest(sheet_of("c1ccc2c(c1)C1CC2N1").molecule) == 0


EPOXIDE, PEROXIDE = "CC1OC1c1ccccc1", "CCOOCC"


@pytest.mark.parametrize(
    ("texts", "strength"),
    [
        ([], "usual"),  # nothing speaks against it
        ([ASPIRIN, EPOXIDE], "usual"),  # half of them keep it
        ([ASPIRIN, EPOXIDE, PEROXIDE], "off"),
        ([EPOXIDE, "not a molecule"], "off"),
        ([ASPIRIN] * 150 + [EPOXIDE] * 151, "off"),  # every second is looked at: 75 keep it, 76 do not
    ],
)
def test_a_strength_suits_what_a_search_begins_with(texts, strength):
    assert suited(texts, Sheets()) == strength


@pytest.mark.parametrize(
    ("start", "known", "rules", "kept"),
    [
        ([ASPIRIN, DIAZEPAM], [], {}, "usual"),
        ([ASPIRIN], [EPOXIDE, PEROXIDE], {}, "off"),  # what has been measured counts too
        ([ASPIRIN], [], {"plausible": "off"}, "off"),
        ([DIAZEPAM, EPOXIDE], [], {"plausible": "strict"}, "strict"),
        ([ASPIRIN], [], {"alerts": ("none",)}, "auto"),  # which is off, wherever a search has begun
    ],
)
def test_a_plate_is_plausible_by_default(start, known, rules, kept, tmp_path):
    config = SearchConfig("", "ga", constraints=ConstraintConfig(**rules))
    told = [search.Measurement(text, (float(row),)) for row, text in enumerate(known)]
    search.begin(None, tmp_path / "run", config, start, told)
    assert settings_of(tmp_path / "run")["config"]["constraints"]["plausible"] == kept
    search.begin("qed", tmp_path / "computed", config, start)
    wanted = settings_of(tmp_path / "computed")["config"]["constraints"]["plausible"]
    assert wanted == rules.get("plausible", "auto")
    assert constrained(molecules(), ConstraintConfig(plausible="auto")).canonical(PEROXIDE) == PEROXIDE


def test_sequences_on_plates_have_no_such_rule(tmp_path):
    search.begin(None, tmp_path / "run", SearchConfig("", "ga"), ["ACGTAC", "ACGTTT"])
    assert settings_of(tmp_path / "run")["config"]["constraints"]["plausible"] == "auto"
