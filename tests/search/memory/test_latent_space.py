"""Laws of a latent space as searches see it, and of what they learn scores with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bulk_cases import MOLECULES, tiny_codec
from hypothesis import given
from hypothesis import strategies as st
from space_cases import codec, dna, space

from seqvae.config import AscentConfig, CmaConfig, DecodeConfig, GuideConfig, TurboConfig
from seqvae.errors import ConfigError
from seqvae.properties.molecules.fingerprints import fingerprint, tanimoto
from seqvae.runtime.device import generator
from seqvae.search.memory.latent_archive import Designs
from seqvae.search.memory.latent_space import Space
from seqvae.search.proposals import Scores
from seqvae.search.storage.state import load_state, save_state
from seqvae.search.surrogates.ensemble import Heads
from seqvae.search.surrogates.tanimoto import Likeness, Substructures, Words
from seqvae.sequences.molecules import read_molecule

READABLE = ["ACGTACGTACGT", "TTTTTTTTTTTT", "GATTACA", "ACGTATATACGT"]


def test_texts_that_cannot_be_read_are_masked():
    here = space()
    points, readable = here.encode(["ACGT", "hello", "", "A" * 13, "GATTACA", "ACGT"])
    assert readable.tolist() == [True, False, False, False, True, True]
    assert points.shape == (6, here.latent)
    assert points.dtype == np.float64
    assert np.isfinite(points).all(1).tolist() == readable.tolist()
    assert (points[0] == points[5]).all()
    likelihood = here.log_likelihood(points, ["ACGT", "hello", "", "A" * 13, "GATTACA", "ACGT"])
    assert np.isfinite(likelihood).tolist() == readable.tolist()
    assert here.encode([])[0].shape == (0, here.latent)
    assert here.log_likelihood(np.empty((0, here.latent)), []).shape == (0,)


def test_a_point_is_the_mean_where_that_decodes_to_the_text_and_refined_elsewhere():
    drawn = [*codec().sample(60, seed=5), *codec().decode(codec().draw(60, seed=5))]
    texts = [text for text in dict.fromkeys(drawn) if dna(text)]
    here = space()
    points, readable = here.encode(texts)
    assert readable.all()
    mean, refined = (
        codec().encode(texts, refine=0).double().numpy(),
        codec().encode(texts, refine=here.refine).double().numpy(),
    )
    back = codec().decode(mean)
    exact = np.array([one == text for one, text in zip(back, texts, strict=True)])
    assert 0 < exact.sum() < len(texts)
    np.testing.assert_allclose(points[exact], mean[exact], atol=1e-6)
    np.testing.assert_allclose(points[~exact], refined[~exact], atol=1e-3)
    assert here.log_likelihood(points, texts)[~exact].mean() > here.log_likelihood(mean, texts)[~exact].mean()


def test_likelihoods_are_those_of_decoding():
    here = space()
    z = here.draw(20, 1)
    made = codec().generate(z, DecodeConfig("sample", seed=3))
    texts = [text or "A" for text in made.texts]
    kept = [row for row, text in enumerate(made.texts) if text]
    found = here.log_likelihood(z, texts)
    np.testing.assert_allclose(found[kept], made.log_likelihood.numpy()[kept], atol=1e-4)


def test_attempts_at_a_point_are_the_likeliest_text_then_samples():
    here = space()
    z = here.draw(30, 0)
    first, again, sampled, other = (
        here.decode(z, seed, "x", attempt) for seed, attempt in ((1, 0), (2, 0), (1, 1), (2, 1))
    )
    texts = [[one.text for one in found] for found in (first, again, sampled, other)]
    assert texts[0] == texts[1] == codec().decode(z)
    assert texts[2] != texts[0]
    assert texts[2] != texts[3]
    assert texts[2] == [one.text for one in here.decode(z, 1, "x", 1)]
    assert [one.seed for one in first] == [None] * 30
    for one in sampled:
        assert one.z.shape == (here.latent,)
        assert one.seed is not None
    row = sampled[0]
    assert codec().decode(z, DecodeConfig("sample", seed=row.seed))[0] == row.text
    assert here.decode(np.empty((0, here.latent)), 0, "x") == []


def test_what_is_remembered_is_bounded_and_can_be_saved(tmp_path, monkeypatch):
    monkeypatch.setattr("seqvae.search.memory.latent_space._REMEMBERED", 3)
    here = space()
    found, _ = here.encode(READABLE)
    assert len(here.state_dict()["texts"]) == 3
    save_state(tmp_path / "state", here.state_dict())
    other = space()
    other.load_state_dict(load_state(tmp_path / "state"))
    assert (other.encode(READABLE[1:])[0] == found[1:]).all()


@pytest.mark.parametrize("kind", ["smiles", "selfies"])
def test_molecules_have_the_form_of_their_codec(kind):
    here = Space(tiny_codec(kind))
    assert here.canonical("OCC") == "CCO"
    assert here.canonical("C(") is None
    short = [text for text in MOLECULES if len(text) < 20]
    points, readable = here.encode([*short, "C[Si]", "nonsense"])
    assert readable.tolist() == [True] * len(short) + [False, False]
    assert np.isfinite(points[readable]).all()


def test_designs_know_failures_and_keep_points_of_the_latest_scores(tmp_path):
    designs = Designs(space())
    forms = ["ACGT", "GATTACA", None, "A" * 13, "TTTT", "CCCC"]
    values = np.array([[1.0], [np.nan], [np.nan], [3.0], [2.0], [9.0]])
    statuses = ["ok", "failed", "invalid", "ok", "cached", "over_budget"]
    assert designs.tell(Scores(values, statuses, forms)) == ["ACGT", "GATTACA", "A" * 13, "TTTT"]
    assert designs.tell(Scores(values[:1] + 5, ["cached"], forms[:1])) == []
    texts, points, scores = designs.table()
    assert texts == ["ACGT", "TTTT"]
    assert scores.tolist() == [6.0, 2.0]
    assert points.shape == (2, designs.space.latent)
    assert designs.best(5) == ["ACGT", "TTTT"]
    assert designs.point("GATTACA") is None
    save_state(tmp_path / "state", designs.state_dict())
    other = Designs(space())
    other.load_state_dict(load_state(tmp_path / "state"))
    assert (other.table()[1] == points).all()
    assert list(other.archive) == list(designs.archive)


def test_likeness_of_molecules_is_rdkits():
    likeness = Likeness(Substructures())
    prints = [fingerprint(read_molecule(text), "ecfp4-counts") for text in MOLECULES]
    expected = [[tanimoto(a, b) for b in prints[3:]] for a in prints]
    np.testing.assert_allclose(likeness.table(MOLECULES, MOLECULES[3:]), expected, atol=1e-12)
    likeness.forget(but=MOLECULES[:2])
    np.testing.assert_allclose(likeness.table(MOLECULES, MOLECULES[3:]), expected, atol=1e-12)


@given(texts=st.lists(st.text("ACGT", max_size=9), min_size=1, max_size=8), longest=st.integers(1, 5))
def test_likeness_by_words_is_a_covariance(texts, longest):
    table = Likeness(Words(longest)).table(texts, texts)
    assert (table == table.T).all()
    assert (np.diag(table) == 1).all()
    assert table.min() >= 0
    assert np.linalg.eigvalsh(table).min() > -1e-9  # Gower 1971: the Tanimoto matrix is positive semi-definite


def test_heads_learn_a_smooth_score_and_disagree_where_they_saw_none():
    z = torch.randn(400, 4, generator=generator(0, 1))
    score = 100 + 10 * (z[:, 0] - z[:, 1] ** 2)
    heads = Heads(4, 5, 32, seed=0)
    heads.learn(z[:300], score[:300], 300, seed=0)
    with torch.no_grad():
        surrogate, far = heads.scores(z[300:]), heads.scores(20 * z[300:])
        assert torch.allclose(surrogate, heads.mean + heads.deviation * heads(z[300:]))
    assert torch.corrcoef(torch.stack([surrogate.mean(0), score[300:]]))[0, 1] > 0.9
    assert far.std(0).mean() > 5 * surrogate.std(0).mean()
    again = Heads(4, 5, 32, seed=0)
    again.learn(z[:300], score[:300], 300, seed=0)
    assert all(torch.equal(a, b) for a, b in zip(heads.parameters(), again.parameters(), strict=True))
    assert not torch.equal(heads.weights[0], Heads(4, 5, 32, seed=1).weights[0])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: CmaConfig(form="seperable"), "did you mean 'separable'"),
        (lambda: CmaConfig(subspace=1), "cma.subspace: expected a number from 2 to 100000, got 1"),
        (lambda: TurboConfig(acquisition="ei"), "turbo.acquisition: unknown value 'ei'"),
        (lambda: TurboConfig(length=2.0), "turbo.length: expected a number from"),
        (lambda: GuideConfig(offspring=1), "guide.offspring"),
        (lambda: AscentConfig(heads=1), "ascent.heads: expected a number from 2"),
    ],
)
def test_settings_out_of_range_are_refused(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
