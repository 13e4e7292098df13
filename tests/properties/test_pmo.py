"""The 20 tasks of PMO against GuacaMol's own values, in any order, and against their definitions."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from property_cases import INVALID, ODD, VALSARTAN, golden, molecules
from rdkit import Chem
from rdkit.Chem import Crippen, GraphDescriptors, rdMolDescriptors

from seqvae.errors import UsageError
from seqvae.properties import get, listed, score
from seqvae.properties.benchmarks.pmo import TASKS, Clipped, Gaussian, Isomer, mean
from seqvae.properties.molecules.cache import Sheets, sharing, sheet_of

TEXTS, SCORES = golden()


def test_they_are_the_tasks_of_the_table():
    assert set(TASKS) == set(SCORES)
    assert [found.name for found in listed() if found.name.startswith("pmo:")] == [f"pmo:{task}" for task in TASKS]


@pytest.mark.parametrize("task", SCORES)
def test_scores_are_guacamols(task):
    assert get(f"pmo:{task}")(TEXTS) == pytest.approx(SCORES[task], abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_scores_do_not_depend_on_what_was_called_before(seed):
    calls = [(task, row) for task in SCORES for row in range(len(TEXTS))]
    random.Random(seed).shuffle(calls)
    sheets = Sheets()
    for place, (task, row) in enumerate(calls):
        if place % 97 == 96:
            sheets = Sheets()  # some of the molecules are read again halfway
        assert sharing(get(f"pmo:{task}"), sheets)([TEXTS[row]])[0] == pytest.approx(SCORES[task][row], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_scores_together_are_scores_alone(seed):
    texts = [*TEXTS[:8], *molecules(10), *INVALID[:3], *ODD[:6]]
    names = random.Random(seed).sample([f"pmo:{task}" for task in TASKS], len(TASKS))
    together = score(names, texts)
    assert list(together) == names
    for name in reversed(names):
        assert np.array_equal(together[name], get(name)(texts))


@pytest.mark.parametrize("task", TASKS)
def test_a_text_that_is_no_molecule_scores_nothing(task):
    assert get(f"pmo:{task}")(INVALID).tolist() == [0.0] * len(INVALID)


def test_a_task_that_does_not_exist():
    with pytest.raises(UsageError, match="unknown property 'pmo:deco_hp'; did you mean 'deco_hop'"):
        get("pmo:deco_hp")


def test_a_part_of_valsartan_by_its_definition():
    """The table hardly tests it: none of its molecules scores."""
    assert max(SCORES["valsartan_smarts"]) < 1e-6
    texts = [VALSARTAN, "O=CN(C)Cc1ccc(-c2ccccc2)cc1", "CC(=O)N(CCN)Cc1ccc(-c2ccccc2C(N)=O)cc1"]
    for text in texts:
        molecule = Chem.MolFromSmiles(text)
        values = (Crippen.MolLogP(molecule), rdMolDescriptors.CalcTPSA(molecule), GraphDescriptors.BertzCT(molecule))
        targets = ((2.0165, 0.2), (77.04, 5), (896.3805, 30))
        bells = [math.exp(-(((v - m) / s) ** 2) / 2) for v, (m, s) in zip(values, targets, strict=True)]
        expected = math.prod(bells) ** 0.25
        assert get("pmo:valsartan_smarts")([text])[0] == pytest.approx(expected, rel=1e-9, abs=1e-300)
        assert expected > 0


@pytest.mark.parametrize("text", [*ODD, *TEXTS[:10]])
def test_atoms_are_counted_with_their_hydrogens(text):
    whole = Chem.AddHs(Chem.MolFromSmiles(text))
    sheet = sheet_of(text)
    assert sheet is not None
    assert +sheet.elements == Counter(atom.GetSymbol() for atom in whole.GetAtoms())


def test_an_isomer_scores_one():
    formula = (("C", 2), ("H", 6), ("O", 1))
    for text in ("CCO", "COC"):
        assert Isomer(formula)(sheet_of(text)) == 1
    # methanol: one carbon and two hydrogens fewer, three atoms fewer in all
    expected = math.exp(-(1 + 4 + 0 + (3 / 2) ** 2) / 2 / 4)
    assert Isomer(formula)(sheet_of("CO")) == pytest.approx(expected)


numbers = st.floats(-1e3, 1e3)


@given(numbers, numbers, st.floats(0.01, 100))
def test_shapes(value, centre, width):
    bell, low, high = (Gaussian(centre, width, *splits) for splits in ((), (True,), (False, True)))
    assert 0 <= bell(value) <= 1
    assert bell(centre) == low(centre) == high(centre) == 1
    assert bell(centre + width) == pytest.approx(math.exp(-0.5), rel=1e-6)
    assert low(value) == (1 if value <= centre else bell(value))
    assert high(value) == (1 if value >= centre else bell(value))
    assert Clipped(width)(value) == min(max(value / width, 0), 1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_means(scores):
    geometric, arithmetic = mean(scores, True), mean(scores, False)
    assert arithmetic == pytest.approx(np.mean(scores))
    assert geometric <= arithmetic + 1e-9
    assert geometric == pytest.approx(np.prod(scores) ** (1 / len(scores)))
