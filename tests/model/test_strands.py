"""Models of both strands: invariant, with bounds that hold, and equal to the mixture of a model of one."""

import math
from itertools import product

import pytest
import torch
from infer_cases import grid
from model_cases import config

from seqvae.config import ObjectiveConfig
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ConfigError
from seqvae.model.build import build_model
from seqvae.model.decoders import DECODERS
from seqvae.model.encoders import EOS, PAD
from seqvae.model.strands import Strands, mixed, strand_shares
from seqvae.sequences.tokenizers.registry import build_tokenizer

TOKENIZER = build_tokenizer("dna")
VOCAB, LENGTH = TOKENIZER.vocab_size, 3
all_decoders = pytest.mark.parametrize("decoder", DECODERS)


def model(decoder="gru", strands="both", **more):
    sizes = config(decoder=decoder, latent=2, strands=strands, **more)
    built = build_model(sizes, VOCAB, 3, complements=TOKENIZER.complements()).eval()
    with torch.no_grad():
        for parameter in built.decoder.parameters():
            parameter.mul_(1.3)
    return built


def padded(texts):
    width = max(map(len, texts)) + 1
    rows = [[*TOKENIZER.encode(text), EOS] + [PAD] * (width - len(text) - 1) for text in texts]
    return torch.tensor(rows)


def test_the_other_strand_is_the_reverse_complement():
    strands = Strands(TOKENIZER.complements())
    tokens = padded(["AACGT", "G", "TTC"])
    assert strands(tokens).tolist() == padded(["ACGTT", "C", "GAA"]).tolist()
    table = torch.from_numpy(TOKENIZER.id_table())
    turned = strands(table[padded(["AANRC", "GY"])])
    torch.testing.assert_close(turned, table[padded(["GYNTT", "RC"])])
    assert strands(strands(tokens)).tolist() == tokens.tolist()


def test_shares_and_the_rate_of_the_strand_by_hand():
    shares, rate = strand_shares(torch.tensor([[0.0, 5.0], [math.log(3.0), 5.0]]))
    torch.testing.assert_close(shares, torch.tensor([[0.75, 0.5], [0.25, 0.5]]))
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    torch.testing.assert_close(rate, torch.tensor([expected, 0.0]), atol=1e-6, rtol=0)
    assert float(mixed(torch.tensor(0.2).log(), torch.tensor(0.4).log()).exp()) == pytest.approx(0.3)


@all_decoders
@torch.no_grad()
def test_bounds_are_invariant(decoder):
    built = model(decoder)
    tokens = padded(["AACGTC", "GGT", "TTCAA", "A"])
    turned = built.strands(tokens)
    rng = torch.Generator()
    for measure in (
        lambda text: built.bounds(Batch.of(text), rng.manual_seed(5)).elbo,
        lambda text: built.iwae(text, 7, rng.manual_seed(5)),
    ):
        torch.testing.assert_close(measure(tokens), measure(turned), atol=1e-5, rtol=0)


@all_decoders
@torch.no_grad()
def test_bounds_hold_and_the_importance_weighted_one_comes_near(decoder):
    built, (z, log_weights) = model(decoder), grid()
    tokens = padded(["".join(text) for text in product("ACGT", repeat=LENGTH)][::5])
    each = []
    for text in (tokens, built.strands(tokens)):
        rows = [built.log_likelihood(z, row.expand(len(z), -1)) for row in text]
        each.append((torch.stack(rows) + log_weights).logsumexp(1))
    exact = mixed(*each)
    rng = torch.Generator().manual_seed(1)
    elbo = built.bounds(Batch.of(tokens.repeat(400, 1)), rng).elbo.view(400, -1)
    mean, error = elbo.mean(0), elbo.std(0) / 20
    assert (mean < exact + 4 * error + 1e-4).all()
    few = built.iwae(tokens.repeat(200, 1), 2, rng).view(200, -1).mean(0)
    many = built.iwae(tokens, 1500, rng)
    assert (few < exact + 0.05).all() and (mean < many + 0.05).all()
    torch.testing.assert_close(many, exact, atol=0.15, rtol=0)


@all_decoders
def test_the_gradient_is_that_of_both_strands(decoder):
    """A palindrome is its own other strand: there the model is the one of a single strand."""
    both, one = model(decoder), model(decoder, "one")
    assert both.state_dict().keys() == one.state_dict().keys()
    tokens, plain = padded(["ACGT", "AATT"]), ObjectiveConfig()
    with torch.no_grad():
        rng = torch.Generator().manual_seed(3)
        found = both.bounds(Batch.of(tokens), rng)
        rng = torch.Generator().manual_seed(3)
        expected = one.bounds(Batch.of(tokens), rng)
    torch.testing.assert_close(found.elbo, expected.elbo, atol=1e-5, rtol=0)
    losses = both.losses(Batch.of(padded(["AACC", "GTTA"])), 1.0, plain, torch.Generator().manual_seed(2))
    losses.loss.backward()
    assert torch.isfinite(losses.loss) and losses.rate > 0
    assert all(torch.isfinite(p.grad).all() for p in both.parameters() if p.grad is not None)
    torch.testing.assert_close(losses.loss.detach(), losses.distortion + losses.rate, atol=1e-4, rtol=0)


def test_letters_without_another_strand_are_refused():
    with pytest.raises(ConfigError, match="both strands are of DNA and RNA"):
        build_model(config(strands="both"), 9, 0, complements=build_tokenizer("protein").complements())
