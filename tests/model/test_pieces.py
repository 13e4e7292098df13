"""Merged tokens cut into base symbols: by hand, and the laws that hold for any cut."""

from dataclasses import replace

import pytest
import torch
from model_cases import config
from run_cases import small_run, with_model

import seqvae
from seqvae.config import ObjectiveConfig, TokenizerConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ConfigError
from seqvae.model.build import build_model
from seqvae.model.pieces import Pieces
from seqvae.model.rate import rate
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.train.fit import train

# PAD, BOS, EOS, two base symbols, and two tokens made of them: 5 is "34", 6 is "344".
TABLE = [(0,), (1,), (2,), (3,), (4,), (3, 4), (3, 4, 4)]


def test_tokens_are_cut_as_by_hand():
    tokens = torch.tensor([[6, 3, 5, 2], [5, 2, 0, 0], [4, 4, 2, 0]])
    assert Pieces(TABLE)(tokens).tolist() == [[3, 4, 4, 3, 3, 4, 2], [3, 4, 2, 0, 0, 0, 0], [4, 4, 2, 0, 0, 0, 0]]
    which = torch.tensor([[False, True, True, True], [False] * 4, [True] * 4])
    assert Pieces(TABLE)(tokens, which).tolist() == [[6, 3, 3, 4, 2], [5, 2, 0, 0, 0], [4, 4, 2, 0, 0]]


def test_without_merged_tokens_nothing_is_cut():
    tokens = torch.tensor([[3, 4, 2, 0]])
    assert Pieces(TABLE[:5])(tokens) is tokens


def test_soft_one_hots_are_cut_alike_and_sets_of_symbols_stay():
    tokens = torch.tensor([[6, 3, 2, 0]])
    soft = torch.nn.functional.one_hot(tokens, 7).float()
    soft[0, 1] = torch.tensor([0, 0, 0, 0.5, 0.5, 0, 0])
    found = Pieces(TABLE)(soft)
    assert found.argmax(-1).tolist()[0][:3] == [3, 4, 4]
    assert found[0, 3].tolist() == [0, 0, 0, 0.5, 0.5, 0, 0]
    assert found[0, 4].argmax() == 2
    assert found.shape == (1, 5, 7)


def test_pieces_of_a_tokenizer_spell_its_tokens():
    tokenizer = build_tokenizer("smiles", 60).fit(load_dataset("moses-sample").texts[:300])
    pieces = tokenizer.pieces()
    assert len(pieces) == tokenizer.vocab_size > tokenizer.base.vocab_size
    assert pieces[:3] == [(0,), (1,), (2,)]
    for token, ids in list(zip(tokenizer.tokens, pieces, strict=True))[3:]:
        assert "".join(tokenizer.base.tokens[i] for i in ids) == token
        assert max(ids) < tokenizer.base.vocab_size


def finer(**more):
    return build_model(config("gru", "gru", encoder_tokens="base", **more), len(TABLE), 0, TABLE).eval()


def test_an_encoder_of_base_symbols_does_not_see_how_tokens_are_merged():
    model = finer()
    whole, parted, mixed = (torch.tensor([row]) for row in ([6, 5, 2], [3, 4, 4, 3, 4, 2], [5, 4, 5, 2]))
    means = [model.posterior(tokens).mean for tokens in (whole, parted, mixed)]
    torch.testing.assert_close(means[0], means[1])
    torch.testing.assert_close(means[0], means[2])
    merged = build_model(config("gru", "gru"), len(TABLE), 0, TABLE).eval()
    assert not torch.allclose(merged.posterior(whole).mean, merged.posterior(parted).mean)


def test_padding_changes_nothing_for_base_symbols_either():
    model, tokens = finer(), torch.tensor([[6, 3, 2], [5, 2, 0]])
    alone = model.posterior(tokens[1:, :2]).mean
    torch.testing.assert_close(model.posterior(tokens).mean[1:], alone)


def test_random_cuts_are_drawn_in_training_alone():
    model = build_model(config("gru", "gru"), len(TABLE), 0, TABLE).eval()
    batch = Batch.of(torch.tensor([[6, 5, 6, 2]]))
    losses = {
        share: model.losses(batch, 1.0, ObjectiveConfig(random_cuts=share), torch.Generator().manual_seed(0)).rate
        for share in (0.0, 1.0)
    }
    cut = model.posterior(model.pieces(batch.inputs))
    torch.testing.assert_close(losses[1.0], rate(cut, model.prior, cut.mean[None])[0].detach())
    assert losses[0.0] != losses[1.0]
    assert torch.equal(model.posterior(batch.inputs).mean, model.posterior(batch.inputs).mean)


def test_base_symbols_have_to_be_given():
    with pytest.raises(ConfigError, match=r"needs pieces=tokenizer.pieces\(\)"):
        build_model(config("gru", "gru", encoder_tokens="base"), 7)
    with pytest.raises(ConfigError, match="base symbols are for encoder gru, got encoder conv"):
        config("conv", "gru", encoder_tokens="base")


@pytest.mark.parametrize("finer", [True, False])
def test_a_model_of_base_symbols_trains_is_saved_and_loaded(tmp_path, finer):
    texts = load_dataset("moses-sample").texts[:120]
    (tmp_path / "mine.smi").write_text("\n".join(texts))
    run = small_run(tmp_path / "mine.smi", epochs=1)
    run = replace(run, tokenizer=TokenizerConfig("smiles", vocab_size=60))
    if finer:
        run = with_model(run, encoder="gru", decoder="gru", encoder_tokens="base")
    else:
        run = replace(with_model(run, encoder="gru", decoder="gru"), objective=ObjectiveConfig(random_cuts=0.5))
    trained = train(run, tmp_path / "run", quiet=True)
    codec = seqvae.load(trained.folder, device="cpu")
    assert codec.model.finer is finer
    assert codec.encode(texts[:3]).shape == (3, run.model.latent)
