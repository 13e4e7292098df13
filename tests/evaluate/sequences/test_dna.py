"""The DNA table: laws that any samples keep, and what is refused."""

import numpy as np
import pytest

from seqvae.errors import InputError
from seqvae.evaluate.compare import generation
from seqvae.evaluate.evaluation import Evaluation
from seqvae.evaluate.records import GenerationSettings, References
from seqvae.evaluate.reference_sets import Splits
from seqvae.evaluate.sequences.metrics import sequence_metrics
from seqvae.properties.dna.motifs import PROMOTER_BOXES
from seqvae.report.evaluation_page import evaluation_page

PLAIN = GenerationSettings(bootstrap=0, workers=1)
QUICK = GenerationSettings(bootstrap=40, workers=1)


def random_dna(count, length=60, seed=0, gc=0.5):
    rng = np.random.default_rng(seed)
    chances = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return ["".join(row) for row in rng.choice(list("ACGT"), (count, length), p=chances)]


TEST, TRAIN = random_dna(150, seed=1), random_dna(300, seed=2)
REFERENCES = References("dna", TEST, training=TRAIN)
COMPARED = ["length_wasserstein", "gc_wasserstein", "longest_run_wasserstein", *(f"kmer_js_{k}" for k in range(1, 7))]


def test_the_reference_against_itself_has_no_distance():
    found = sequence_metrics(TEST, REFERENCES, QUICK, PROMOTER_BOXES)
    assert [found.metrics[name] for name in COMPARED] == [0.0] * len(COMPARED)
    described = [name for name in found.metrics if name not in (*COMPARED, "discriminability")]
    assert {name: found.metrics[name] for name in described} == {name: found.baselines[name] for name in described}
    assert set(found.metrics) == set(found.baselines)
    assert found.metrics["discriminability"] < 0.6
    assert found.metrics["novelty"] == 1.0


def test_training_texts_are_known_and_near():
    found = sequence_metrics(TRAIN, REFERENCES, PLAIN).metrics
    assert (found["novelty"], found["nearest_edits_mean"], found["near_copies"]) == (0.0, 0.0, 1.0)
    changed = ["T" + text[1:] if text[0] != "T" else "A" + text[1:] for text in TRAIN]
    found = sequence_metrics(changed, REFERENCES, PLAIN).metrics
    assert (found["novelty"], found["nearest_edits_mean"], found["near_copies"]) == (1.0, 1.0, 1.0)


def test_other_sequences_lie_above_the_floor():
    found = sequence_metrics(random_dna(200, seed=3, gc=0.7), REFERENCES, QUICK)
    for name in ("gc_wasserstein", "kmer_js_1", "kmer_js_4", "discriminability"):
        assert found.metrics[name] > 2 * found.baselines[name] or found.metrics[name] > 0.9, name
    low, high = found.intervals["gc_mean"]
    assert low < found.metrics["gc_mean"] < high
    assert low > found.baselines["gc_mean"]


def test_order_changes_nothing():
    samples = random_dna(80, seed=4)
    first = sequence_metrics(samples, REFERENCES, QUICK, PROMOTER_BOXES)
    again = References("dna", TEST[::-1], training=TRAIN[::-1])
    second = sequence_metrics(samples[::-1], again, QUICK, PROMOTER_BOXES)
    assert first.metrics == second.metrics
    assert first.baselines == second.baselines
    assert first.intervals == second.intervals
    assert first.histograms == second.histograms


def test_invalid_and_repeated_samples_are_counted():
    samples = ["acgu", "ACGT", "", "hello", "TTTTT"]
    found = sequence_metrics(samples, References("dna", ["ACGT", "GGCCA"]), QUICK)
    assert found.metrics["valid"] == pytest.approx(3 / 5)
    assert found.metrics["unique"] == pytest.approx(2 / 3)
    assert found.examples == ["ACGT", "TTTTT"]
    assert found.metrics["longest_run_mean"] == pytest.approx((1 + 1 + 5) / 3)
    assert found.metrics["gc_mean"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found.counts == {
        "samples": 5,
        "valid": 3,
        "distinct": 2,
        "reference": 2,
        "training": 0,
        "compared_with_training": 0,
    }
    assert not {"novelty", "nearest_edits_mean", "discriminability", "kmer_js_6"} & set(found.metrics)


@pytest.mark.parametrize("side", ["samples", "test", "training"])
def test_sequences_without_a_certain_base_have_no_gc_content(side):
    splits = {"samples": ["ACGT", "GGTA"], "test": ["ACGA", "TTGC"], "training": ["ACGG", "TGGC"]} | {
        side: ["NNNN"] * 2
    }
    found = sequence_metrics(splits["samples"], References("dna", splits["test"], training=splits["training"]), QUICK)
    assert ("gc_mean" in found.metrics, "gc_mean" in found.intervals) == (side != "samples",) * 2
    assert ("gc_wasserstein" in found.metrics) == (side == "training")
    assert "gc_wasserstein" not in found.baselines or side == "samples"
    assert found.metrics["length_wasserstein"] == 0
    assert evaluation_page(Evaluation("s", Splits("r", "dna", splits["test"]), splits["samples"], found))


def test_without_training_the_floor_is_one_half_of_the_test_texts_against_the_other():
    found = sequence_metrics(random_dna(50, seed=5), References("dna", TEST), PLAIN)
    assert set(found.metrics) == set(found.baselines)
    assert found.baselines["kmer_js_6"] > 0
    assert not found.intervals


def test_motif_density_is_hits_in_a_thousand_windows():
    found = sequence_metrics(
        ["TATAATCC", "CCCCCCCC"], References("dna", ["GGGGGGGG", "TATAATAA"]), PLAIN, PROMOTER_BOXES
    )
    assert found.metrics["motif_minus_10_per_kb"] == pytest.approx(1000 * (1 / 3 + 0) / 2)
    assert found.metrics["motif_minus_35_per_kb"] == 0.0


def test_few_sequences_are_compared_with_a_large_training_set(monkeypatch):
    monkeypatch.setattr("seqvae.evaluate.sequences.metrics._PAIRS", 1)
    found = sequence_metrics(random_dna(80, seed=4), REFERENCES, PLAIN)
    assert found.counts["compared_with_training"] == 50
    assert len(found.histograms["nearest_edits"][0]) == 50


def test_generation_sends_dna_here_and_tells_its_progress():
    told = []
    settings = GenerationSettings(bootstrap=0, workers=1, progress=lambda *step: told.append(step))
    found = generation(TEST[:40], REFERENCES, settings)
    assert found.kind == "dna"
    assert found.metrics == sequence_metrics(TEST[:40], REFERENCES, PLAIN).metrics
    assert told[-1][1:] == (5, 5)


@pytest.mark.parametrize(
    ("samples", "test", "training", "words"),
    [
        ([], TEST, [], "at least 2 samples that are DNA, got 0 among 0"),
        (["ACGT"], TEST, [], "got 1 among 1"),
        (["CCO", "hello"], TEST, [], "got 0 among 2"),
        (TEST, [], [], "at least 2 sequences in the reference, got 0"),
        (TEST, ["ACGT"], [], "at least 2 sequences in the reference, got 1"),
        (TEST, ["ACGT", "ACXT"], [], "reference, sequence 2: .*'X' at column 3"),
        (TEST, TEST, ["ACGT", ""], "training set, sequence 2: .*empty"),
    ],
)
def test_bad_input_is_one_clear_error(samples, test, training, words):
    with pytest.raises(InputError, match=words):
        sequence_metrics(samples, References("dna", test, training=training), PLAIN)
