"""The searches that ours are measured against: every call counts once, and each gets better."""

import pytest

from scripts.baselines.sequence_searches import SEARCHES, searched

LETTERS, TARGET = "ACGT", "ACGTACGTAC"


def alike(texts):
    return [sum(a == b for a, b in zip(text, TARGET, strict=True)) for text in texts]


@pytest.mark.parametrize("name", SEARCHES)
def test_every_distinct_text_is_one_call_and_the_best_rises(name):
    asked = []

    def score(texts):
        asked.extend(texts)
        return alike(texts)

    calls = searched(name, score, ["TTTTTTTTTT"], LETTERS, 200, 20, seed=0)
    assert asked == list(calls.values)
    assert len({*asked}) == len(asked) == 200
    assert asked[0] == "TTTTTTTTTT"
    assert list(calls.values.values()) == alike(asked)
    assert max(alike(asked[:200])) >= (6 if name == "random" else 8)
    again = searched(name, alike, ["TTTTTTTTTT"], LETTERS, 200, 20, seed=0)
    assert list(again.values) == asked


def test_a_search_ends_when_nothing_new_is_left():
    for name in ("random", "plain genetic algorithm"):
        calls = searched(name, lambda texts: [text.count("A") for text in texts], ["CC"], "AC", 100, 3, seed=0)
        assert set(calls.values) == {"AA", "AC", "CA", "CC"}
