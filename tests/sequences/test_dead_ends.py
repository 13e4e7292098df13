"""Texts that the rules did not bring to their end: they are decoded again by other ways."""

from dataclasses import replace

import pytest
import torch
from model_cases import LATENT, config
from rdkit import Chem, rdBase

from seqvae.config import DecodeConfig
from seqvae.model.build import build_model
from seqvae.model.decoding.constraint import Constraint
from seqvae.model.decoding.generate import decode
from seqvae.runtime.device import generator
from seqvae.sequences.grammar.smiles_syntax import syntax_of
from seqvae.sequences.grammar.valence import valences_of
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD

FEW = build_tokenizer("smiles").fit(["CCO", "C=C", "c1ccccc1O", "CC(=O)O", "CC#N"])


def readable(smiles):
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles) is not None


class _Only:
    """A chemistry that lets one text through, and every beginning of it or of what begins with another symbol."""

    def __init__(self, text, length):
        self.text, self.length = text, length

    def begin(self):
        return ()

    def after(self, written, token):
        later = (*written, token)
        if token == EOS:
            return later if written == self.text else None
        strayed = later != self.text[: len(later)]
        return None if strayed and len(later) > self.length else later

    def reads(self, tokens):
        return tuple(tokens) == self.text


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_a_dead_end_is_left_by_another_way(method):
    """One text alone may end; others are refused after their first symbol, and so run into dead ends."""
    built = build_model(replace(config(), max_length=12), FEW.vocab_size, seed=0).eval()
    z, how = 3 * torch.randn(4, LATENT, generator=generator(1)), DecodeConfig(method, beam=2)
    constraint = Constraint(syntax_of(FEW), "cpu", _Only(tuple(FEW.encode("CO")), 1))
    with torch.no_grad():
        first = decode(built.decoder, z, how, generator(0), constraint)
        mended = decode(built.decoder, z, how, generator(0), constraint, attempts=40)
        logits = built.decoder(z, mended.ids)
    assert first.broken.any()
    assert not mended.broken.any()
    assert {FEW.decode(row) for row in mended.ids.tolist()} == {"CO"}
    picked = logits.log_softmax(-1).gather(2, mended.ids.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(mended.token_log_probs, picked.masked_fill(mended.ids == PAD, 0.0), atol=1e-4, rtol=0)


@pytest.mark.parametrize("chemistry", [None, valences_of(FEW)], ids=["syntax", "valence"])
@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_what_is_decoded_again_ends_in_time_and_alone_as_among_others(chemistry, method):
    """A model that opens branches and rings and never ends by itself."""
    built = build_model(replace(config(), max_length=14), FEW.vocab_size, seed=0).eval()
    with torch.no_grad():
        built.decoder.output.linear.bias[EOS] -= 3.0
        for symbol in ("(", "1"):
            built.decoder.output.linear.bias[FEW.tokens.index(symbol)] += 2.0
    z, how = 3 * torch.randn(12, LATENT, generator=generator(1)), DecodeConfig(method, beam=2)
    constraint = Constraint(syntax_of(FEW), "cpu", chemistry)
    with torch.no_grad():
        first = decode(built.decoder, z, how, generator(0), constraint)
        mended = decode(built.decoder, z, how, generator(0), constraint, attempts=20)
        assert first.broken.any()
        assert mended.broken.sum() < (1 if chemistry is None else first.broken.sum())
        if chemistry is None:  # else, what ends is read once more, and may change
            assert torch.equal(mended.ids[~first.broken][:, : first.ids.shape[1]], first.ids[~first.broken])
        for row in (0, int(first.broken.nonzero()[0])):
            alone = decode(built.decoder, z, how, generator(0), constraint, torch.arange(len(z)) == row, 20)
            ids = mended.ids[row][mended.ids[row] != PAD]
            assert torch.equal(alone.ids[0], ids)
            assert torch.equal(alone.token_log_probs[0], mended.token_log_probs[row, : len(ids)])  # to the last bit
    for row in mended.ids[~mended.broken].tolist():
        text = FEW.symbols_of(row[: row.index(EOS)])
        assert text.count("(") == text.count(")")
        assert text.count("1") % 2 == 0
        assert chemistry is None or readable("".join(text))
