"""Dark areas, spellings and the decoder's geometry: known cases, and finite differences."""

import pytest
import torch
from bulk_cases import tiny_codec
from codec_cases import MOLECULES, dna, untrained

from seqvae.evaluate.diagnosis.geometry import geometry, jacobian, singular_values
from seqvae.evaluate.diagnosis.space import dark_areas, dark_points, judged, outside, space, spelling_distance
from seqvae.latent.codec import load
from seqvae.model.decoders import DECODERS
from seqvae.model.posteriors import DiagonalGaussian, FullGaussian
from seqvae.runtime.device import generator

# Dark areas.


@pytest.mark.parametrize("full", [False, True])
def test_one_draw_of_a_posterior_in_a_hundred_lies_outside_it(full):
    rng = generator(0)
    mean = torch.randn(4000, 2, generator=rng)
    numbers = torch.randn(4000, 3 if full else 2, generator=rng)
    posterior = FullGaussian(mean, numbers) if full else DiagonalGaussian(mean, numbers)
    inside = outside(posterior, posterior.rsample(1, rng)[0], generator(1))
    assert inside.float().mean().item() == pytest.approx(0.01, abs=0.006)
    far = mean + 8 * posterior.std
    assert outside(posterior, far, generator(1)).float().mean() > 0.9


def test_a_posterior_that_is_the_prior_leaves_nothing_dark():
    """Whatever is drawn lies where the text that it decodes to is encoded."""
    codec = untrained()
    with torch.no_grad():
        codec.model.encoder.moments.weight.zero_()
        codec.model.encoder.moments.bias.zero_()
    invalid, elsewhere = dark_areas(codec, 300)
    assert elsewhere.float().mean().item() == pytest.approx(0.01, abs=0.02)
    assert invalid.tolist() == [not text for text in codec.decode(codec.draw(300), judged(codec, 0))]


def test_a_posterior_that_is_one_point_leaves_all_dark():
    codec = untrained()
    with torch.no_grad():
        codec.model.encoder.moments.weight.zero_()
        codec.model.encoder.moments.bias.fill_(-9.0)
    invalid, elsewhere = dark_areas(codec, 50)
    assert (invalid | elsewhere).all()
    assert not (invalid & elsewhere).any()


def test_sequences_are_judged_by_draws_not_by_the_likeliest_one():
    """Where z says little, the likeliest sequence is none that occurs, and lies elsewhere than the model's own."""
    codec = load("ecoli-promoters", "cpu")
    z = codec.draw(60, seed=1)
    drawn, greedy = (dark_points(codec, z, codec.decode(z, how))[1] for how in (judged(codec, 0), None))
    assert drawn.float().mean() < 0.55  # its beta is below 1: posteriors are narrower than they should be
    assert greedy.float().mean() > 0.8
    assert judged(tiny_codec("smiles"), 0).method == "greedy"


# Spellings.


def test_an_encoder_that_sees_nothing_has_no_distance_between_spellings():
    codec = tiny_codec("smiles")
    texts = codec.tokenize(MOLECULES[:6], on_error="skip")
    posterior = codec.posterior(texts, refine=0)
    own = spelling_distance(codec, texts, posterior)
    assert own is not None
    assert own > 0.05  # untrained: letters alone count
    moments = codec.model.encoder.moments
    with torch.no_grad():
        moments.weight.zero_()
    far = DiagonalGaussian(torch.arange(len(texts)).float().unsqueeze(1).expand(-1, 4), posterior.log_variance)
    constant = codec.posterior(texts, refine=0)
    # all spellings at the encoder's only point, molecules at points of their own: by hand from both distances
    found = spelling_distance(codec, texts, far)
    assert found > 0
    assert constant.mean.std(0).max() == 0


def test_what_has_no_other_spelling_has_no_distance():
    codec = tiny_codec("smiles")
    texts = codec.tokenize(["CC", "C"], on_error="skip")
    assert spelling_distance(codec, texts, codec.posterior(texts, refine=0)) is None


def test_the_figures_of_a_model_of_sequences():
    codec = untrained()
    texts = codec.tokenize(dna(12))
    found = space(codec, texts, codec.posterior(texts, refine=0))
    assert found.dark == pytest.approx(found.dark_invalid + found.dark_elsewhere)
    assert found.spelling_distance is None
    assert 0 <= found.path_largest_jump <= 1
    assert found.path_distinct >= 1


# The decoder's geometry.


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_jacobian_is_that_of_finite_differences(decoder):
    codec = untrained(decoder=decoder, scale=1.5)
    _, tokens = next(codec.batches(["ACG", "T", "ANC"] if decoder == "position" else ["ACG", "T"], 3))
    z = torch.randn(len(tokens), 3, generator=generator(0)).double()
    built = codec.model.decoder.double()

    def logits(points):
        return built(points, tokens)[..., 2:]

    with torch.no_grad():
        found = jacobian(built, z, tokens)
        eps = 1e-5
        columns = [(logits(z + eps * e) - logits(z - eps * e)) / (2 * eps) for e in torch.eye(3).double()]
    by_hand = torch.stack(columns, 1)
    there = (tokens != 0) if tokens.dim() == 2 else tokens[..., 0] < 0.5
    by_hand = (by_hand * there[:, None, :, None]).flatten(2)
    torch.testing.assert_close(found, by_hand, atol=1e-6, rtol=1e-5)
    exact = torch.linalg.svdvals(by_hand)
    torch.testing.assert_close(singular_values(built, z, tokens), exact, atol=1e-6, rtol=1e-4)


def test_figures_of_the_geometry_are_of_the_singular_values():
    codec = untrained(decoder="position")
    texts = codec.tokenize(dna(14))
    means = codec.posterior(texts, refine=0).mean
    found = geometry(codec, texts, means)
    values = torch.cat(
        [singular_values(codec.model.decoder, means[rows], ids) for rows, ids in codec.batches(texts, 3)]
    )
    assert found.geometry_texts == 14
    assert found.singular_values == pytest.approx(values.detach().mean(0).tolist(), rel=1e-4)
    assert found.log_magnification == pytest.approx(values.log().sum(1).mean().item(), rel=1e-4)
    assert found.largest_singular >= found.median_singular >= found.smallest_singular


def test_a_direction_that_the_decoder_does_not_read_is_flat():
    codec = untrained(decoder="position")
    with torch.no_grad():
        codec.model.decoder.seed.weight[:, 1] = 0
        for block in codec.model.decoder.blocks:
            for weight in block.parameters():
                if weight.dim() == 2 and weight.shape[1] == 3:
                    weight[:, 1] = 0
    texts = codec.tokenize(dna(8))
    found = geometry(codec, texts, codec.posterior(texts, refine=0).mean)
    assert found.flat_directions >= 1
    assert found.smallest_singular == pytest.approx(0, abs=1e-3)
