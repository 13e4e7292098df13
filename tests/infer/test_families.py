"""Scores and imputation work for every posterior with every prior."""

from itertools import product

import pytest
import torch
from model_cases import VOCAB, every_text, model, padded

from seqvae.infer.imputation.chains import walked, weighted
from seqvae.infer.imputation.evidence import one_of_ids
from seqvae.infer.imputation.masked import Masked, log_evidence
from seqvae.infer.likelihood import log_mean_error, proposals
from seqvae.model.families import POSTERIORS
from seqvae.model.objective import importance_weighted_bound
from seqvae.model.priors.registry import PRIORS
from seqvae.runtime.device import evaluating

SMALL = {"posterior_width": 8, "posterior_groups": 3, "prior_layers": 2, "prior_width": 8, "prior_components": 3}


@pytest.mark.parametrize(("posterior", "prior"), list(product(POSTERIORS, PRIORS)))
def test_the_probability_of_one_unknown_letter_is_the_sum_over_its_letters(posterior, prior):
    more = {"conditions": "a,b"} if prior == "conditional" else {}
    built = model(decoder="position", posterior=posterior, prior=prior, **SMALL, **more)
    texts = padded([row for row in every_text(2, (3, 4)) if len(row) == 2 and row[0] == 3], 2)
    evidence = log_evidence([Masked("", (one_of_ids((3,)), one_of_ids((3, 4))))], VOCAB)
    with evaluating(built):
        plain, stepped = proposals(built, texts, 100), proposals(built, texts, 100, 2)
        found = weighted(built, evidence, 200, 2, seed=0)
        chains = walked(built, evidence, 2, 3, 1, 2, seed=0)
    bounds = [importance_weighted_bound(made.log_weights) for made in (plain, stepped)]
    errors = log_mean_error(plain.log_weights) + log_mean_error(stepped.log_weights)
    assert ((bounds[0] - bounds[1]).abs() < 5 * errors + 0.02).all()
    known = importance_weighted_bound(found.log_weights)
    error = log_mean_error(found.log_weights) + errors.max()
    assert (known - bounds[0].logsumexp(0)).abs().item() < 5 * error.item() + 0.05
    assert torch.isfinite(chains.log_joint).all()
    assert set(chains.ids[..., 1].unique().tolist()) <= {3, 4}
