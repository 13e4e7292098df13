"""Unknown positions: marginals and likelihoods against exact values of models small enough to enumerate."""

import itertools
import math

import numpy as np
import pytest
import torch
from infer_cases import grid
from model_cases import VOCAB, model

from seqvae.infer.imputation.chains import soft, walked, weighted
from seqvae.infer.imputation.completion import Uniforms, completed
from seqvae.infer.imputation.convergence import effective_draws, split_r_hat
from seqvae.infer.imputation.evidence import misread, one_of_ids
from seqvae.infer.imputation.masked import Masked, log_evidence
from seqvae.infer.likelihood import log_mean_error
from seqvae.model.decoders import DECODERS
from seqvae.model.encoders import EOS, PAD
from seqvae.model.objective import importance_weighted_bound
from seqvae.runtime.device import evaluating, generator

LETTERS = (3, 4, 5, 6, 7, 8)


def masked(*slots):
    """A text of sets of ids, or of slots with likelihoods of their own."""
    return Masked("", tuple(slot if isinstance(slot, dict) else one_of_ids(slot) for slot in slots))


# Of six letters, two positions are unknown, one of them a set of three; the second text is shorter.
TEXTS = (
    masked((3,), LETTERS, (5,), (4, 6, 8), (7,)),
    masked(LETTERS, (8,), (3, 4)),
)
# Letters read with errors, beside others that are certain.
MISREAD = masked((3,), misread((4,), 0.3, LETTERS), (5,), misread((4, 6), 0.1, LETTERS), (7,))


def built(decoder):
    """A model whose letters depend on each other and on z."""
    found = model(decoder=decoder, latent=2)
    with torch.no_grad():
        for parameter in found.decoder.parameters():
            parameter.mul_(2.5)
    return found


def all_of(text):
    """Every completion of a text, ended and padded."""
    rows = [[*ids, EOS] for ids in itertools.product(*text.slots)]
    return torch.tensor(rows)


def evidence_of(text):
    """log p(what was observed | completion) of every completion of a text."""
    return torch.tensor([sum(values) for values in itertools.product(*(slot.values() for slot in text.slots))]).double()


def exact_joint(found, text):
    """Every completion, and log p(completion, what was observed, z) on a grid of z: `(completions, points)`."""
    z, log_prior = grid(31)
    rows, observed = all_of(text), evidence_of(text)
    with evaluating(found):
        likelihood = torch.stack([found.log_likelihood(z, row.expand(len(z), -1)) for row in rows])
    return rows, likelihood.double() + log_prior.double() + observed.unsqueeze(1)


def marginals(rows, weights):
    """Probability of every id at every position."""
    return torch.stack([(rows == number).double().mul(weights.unsqueeze(1)).sum(0) for number in range(VOCAB)], 1)


@pytest.mark.parametrize("decoder", DECODERS)
def test_chains_and_weights_agree_with_the_exact_conditional(decoder):
    found, texts = built(decoder), (*TEXTS, MISREAD)
    evidence = log_evidence(texts, VOCAB)
    with evaluating(found):
        chains = walked(found, evidence, chains=16, sweeps=40, warmup=15, particles=4, seed=0)
        weights = weighted(found, evidence, samples=3000, particles=4, seed=0)
    for row, text in enumerate(texts):
        rows, joint = exact_joint(found, text)
        exact = marginals(rows, joint.logsumexp(1).softmax(0))
        length = rows.shape[1]
        draws = chains.ids[:, row, :, :length]
        by_chain = torch.stack([marginals(draws[:, c], torch.full((40,), 1 / 40).double()) for c in range(16)])
        error = by_chain.std(0) / 4  # of the mean over chains, which share nothing
        assert ((by_chain.mean(0) - exact).abs() < 4.5 * error + 0.01).all()
        assert error.max() < 0.07
        shares = weights.log_weights[:, row].softmax(0)
        by_weight = marginals(weights.ids[:, row, :length], shares)
        assert (by_weight - exact).abs().max() < 0.07
        log_known = joint.logsumexp((0, 1))
        bound, error = importance_weighted_bound(weights.log_weights)[row], log_mean_error(weights.log_weights)[row]
        assert bound.item() == pytest.approx(log_known.item(), abs=max(0.1, 3 * error.item()))
        assert (chains.ids[:, row, :, length:] == PAD).all()


@pytest.mark.parametrize("text", [TEXTS[0], MISREAD], ids=["unknown", "misread"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_what_is_known_has_the_likelihood_of_all_completions(decoder, text):
    """Of a decoder that reads no tokens exactly, of another on average over the filter's draws."""
    found, rows = built(decoder), 4000
    evidence, point = log_evidence([text], VOCAB), torch.tensor([[0.4, -0.9]])
    completions = all_of(text)
    with evaluating(found):
        exact = found.log_likelihood(point.expand(len(completions), -1), completions).double() + evidence_of(text)
        source = Uniforms(generator(0), rows, 4)
        ids, known = completed(found.decoder, point.expand(rows, -1), evidence.expand(rows, -1, -1), source, 4)
    estimates = known.exp()
    error = estimates.std() / math.sqrt(rows)
    assert abs(estimates.mean() - exact.exp().sum()) < 4 * error + 1e-9
    if decoder == "position":
        assert known[0].item() == pytest.approx(exact.logsumexp(0).item(), abs=1e-5)
        by_draw = marginals(ids, torch.full((rows,), 1 / rows).double())
        assert (by_draw - marginals(completions, exact.softmax(0))).abs().max() < 0.03


def test_a_conditional_filter_leaves_the_true_distribution_as_it_is():
    """Completions drawn exactly, then redrawn given themselves, are still distributed exactly."""
    found, rows = built("gru"), 6000
    evidence, point = log_evidence(TEXTS[:1], VOCAB), torch.tensor([[0.4, -0.9]])
    completions = all_of(TEXTS[0])
    with evaluating(found):
        exact = found.log_likelihood(point.expand(len(completions), -1), completions).double().softmax(0)
        start = completions[torch.multinomial(exact, rows, replacement=True, generator=generator(1))]
        source = Uniforms(generator(2), rows, 3)
        again, _ = completed(found.decoder, point.expand(rows, -1), evidence.expand(rows, -1, -1), source, 3, start)
    assert (again != start).any(1).float().mean() > 0.2
    share = torch.full((rows,), 1 / rows).double()
    assert (marginals(again, share) - marginals(completions, exact)).abs().max() < 0.025


def test_a_text_depends_neither_on_those_beside_it_nor_on_padding():
    found = built("gru")
    with evaluating(found):
        both = walked(found, log_evidence(TEXTS, VOCAB), 2, 5, 2, 3, seed=3)
        alone = walked(found, log_evidence(TEXTS[1:], VOCAB), 2, 5, 2, 3, seed=3)
    assert (both.ids[:, 1, :, :4] == alone.ids[:, 0]).all()


def test_soft_texts_are_uniform_over_what_is_allowed():
    found = soft(log_evidence(TEXTS, VOCAB))
    assert found.sum(-1).unique().tolist() == [1.0]
    assert found[0, 3, [4, 6, 8]].tolist() == pytest.approx([1 / 3] * 3)
    assert found[1, 3, EOS] == found[1, 4, PAD] == 1


def test_a_misread_letter_is_read_softly_too():
    found = soft(log_evidence([MISREAD], VOCAB))
    # 0.7 for the letter that was read, 0.06 for each of the five others.
    assert found[0, 1, [4, 3, 5, 6, 7, 8]].tolist() == pytest.approx([0.7] + [0.06] * 5)
    # One of two letters was read: 0.9 + 0.02 for these, 2 * 0.02 for the others; the shares of 2 are these halved.
    assert found[0, 3, [4, 6, 3, 5]].tolist() == pytest.approx([0.46, 0.46, 0.02, 0.02])


def test_r_hat_by_hand():
    # Halves (1, 2), (3, 4) of the first chain and (1, 2), (3, 4) of the second: variances within 1/2; means 1.5 and
    # 3.5, twice, whose variance is 4/3. The root of 1/2 + (4/3) / (1/2).
    chains = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [4.0, 4.0]])
    assert split_r_hat(chains) == pytest.approx(math.sqrt(0.5 + 8 / 3))
    assert math.isnan(split_r_hat(np.ones((8, 2))))
    steady = np.random.default_rng(0).normal(size=(400, 4))
    assert split_r_hat(steady) == pytest.approx(1, abs=0.01)


def test_effective_draws_of_independent_and_of_correlated_ones():
    rng = np.random.default_rng(0)
    free = rng.normal(size=(2000, 4))
    assert effective_draws(free) == pytest.approx(8000, rel=0.15)
    chain = np.zeros((2000, 4))
    for step in range(1, 2000):
        chain[step] = 0.8 * chain[step - 1] + 0.6 * free[step]
    # An autoregression of .8 has an integrated autocorrelation time of 1.8 / .2 = 9.
    assert effective_draws(chain) == pytest.approx(8000 / 9, rel=0.25)
    assert math.isnan(effective_draws(np.ones((10, 2))))
