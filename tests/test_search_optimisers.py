"""Laws of every optimiser: proposals are new, follow the seed and what was told, survive saving, and get better."""

from __future__ import annotations

import numpy as np
import pytest

from seqvae.data.sources import load_dataset
from seqvae.properties import get
from seqvae.search.evolution import Crossover, Evolution, Mutation
from seqvae.search.ledger import Ledger
from seqvae.search.molecule_moves import MoleculeMoves
from seqvae.search.optimiser import Optimiser
from seqvae.search.oracle import Candidate, Oracle
from seqvae.search.results import results
from seqvae.search.sequence_moves import SelfiesMoves, SequenceMoves
from seqvae.search.state import load_state, save_state
from seqvae.search_config import EvolutionConfig, OracleConfig
from seqvae.text.molecules import canonical_or_none

MOLECULES = load_dataset("moses-sample").texts[:400]
LENGTH = 12
BEST = "GATTACAGATTA"
ROUNDS, BATCH = 5, 12


def molecules(count, seed):
    rows = np.random.default_rng(seed).choice(len(MOLECULES), count)
    return [Candidate(MOLECULES[row], "start") for row in rows]


def sequences(count, seed):
    letters = np.random.default_rng(seed).choice(list("ACGT"), (count, LENGTH))
    return [Candidate("".join(row), "start") for row in letters]


def dna(text):
    return text if set(text) <= set("ACGT") and text else None


def alike(texts):
    """How many letters are those of the best sequence."""
    return [sum(a == b for a, b in zip(text, BEST, strict=False)) / LENGTH for text in texts]


def evolution(moves, start, canonical, seed):
    breeds = {"crossover": (Crossover(moves), 0.7), "mutation": (Mutation(moves), 0.3)}
    return Evolution(start, breeds, canonical, EvolutionConfig(start=BATCH, population=40), seed)


# What makes an optimiser, how texts become canonical, and what is asked for.
CASES = {
    "graph": (
        lambda seed: evolution(MoleculeMoves(), molecules, canonical_or_none, seed),
        canonical_or_none,
        get("qed"),
    ),
    "selfies": (
        lambda seed: evolution(SelfiesMoves(), molecules, canonical_or_none, seed),
        canonical_or_none,
        get("qed"),
    ),
    "dna": (lambda seed: evolution(SequenceMoves("ACGT", fixed_length=True), sequences, dna, seed), dna, alike),
}


def campaign(case, path, seed, rounds, stop_after=None, batch=BATCH):
    """Run an optimiser against its oracle; with `stop_after`, saved and loaded into a new one after that round."""
    make, canonical, score = CASES[case]
    ledger = Ledger(path / "ledger.sqlite", {"case": case})
    oracle, optimiser = Oracle(score, canonical, ledger, OracleConfig(budget=10_000)), make(seed)
    for number in range(rounds):
        proposals = optimiser.ask(batch)
        optimiser.tell(proposals, oracle(proposals))
        if number == stop_after:
            save_state(path / "state", optimiser.state_dict())
            optimiser = make(seed + 1)
            optimiser.load_state_dict(load_state(path / "state"))
    return [(entry.text, entry.status, entry.scores, entry.proposer) for entry in ledger.entries()], ledger


@pytest.mark.parametrize("case", CASES)
def test_an_optimiser_keeps_the_contract(case, tmp_path):
    assert isinstance(CASES[case][0](0), Optimiser)
    for name in ("whole", "again", "broken", "other"):
        (tmp_path / name).mkdir()
    whole, ledger = campaign(case, tmp_path / "whole", 0, ROUNDS)
    assert len(whole) == ROUNDS * BATCH
    assert {status for _, status, _, _ in whole} == {"ok"}, "proposals are new and valid"
    assert campaign(case, tmp_path / "again", 0, ROUNDS)[0] == whole
    assert campaign(case, tmp_path / "broken", 0, ROUNDS, stop_after=2)[0] == whole
    assert campaign(case, tmp_path / "other", 1, ROUNDS)[0] != whole
    start = np.mean([scores[0] for _, _, scores, _ in whole[:BATCH]])
    assert results(ledger.entries(), 10_000).top_mean > start


def test_evolution_finds_the_best_sequence(tmp_path):
    _, ledger = campaign("dna", tmp_path, 0, 60, batch=20)
    assert results(ledger.entries(), 2000).best == 1.0


def test_shares_say_how_many_each_way_breeds():
    optimiser = CASES["dna"][0](0)
    optimiser.archive.update([candidate.text for candidate in sequences(40, 0)], np.linspace(0, 1, 40).tolist())
    made = [candidate.proposer for candidate in optimiser.ask(100)]
    assert 65 <= made.count("crossover") <= 75
    assert made.count("crossover") + made.count("mutation") == 100


def test_where_nothing_new_can_be_bred_the_rest_comes_from_the_start(tmp_path):
    class Stuck:
        def mutate(self, text, rng):
            return text

        def cross(self, first, second, rng):
            return first

    optimiser = evolution(Stuck(), sequences, dna, 0)
    optimiser.archive.update([candidate.text for candidate in sequences(40, 0)], np.linspace(0, 1, 40).tolist())
    assert {candidate.proposer for candidate in optimiser.ask(10)} == {"start"}
