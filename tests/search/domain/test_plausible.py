"""Plausible designs: what each strength lets through, by molecules whose answer a chemist knows."""

from __future__ import annotations

import pytest

from seqvae.config import ConstraintConfig
from seqvae.errors import ConfigError
from seqvae.properties.molecules.cache import sheet_of
from seqvae.properties.molecules.ring_systems import counted, rarest
from seqvae.search.domain.constraints import constrained
from seqvae.search.domain.domain import molecules, texts_over
from seqvae.search.domain.plausible import STRENGTHS

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
