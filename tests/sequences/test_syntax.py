"""The syntax of SMILES, token by token: it never forbids a molecule and always closes what was opened."""

import numpy as np
import pytest
import torch
from model_cases import LATENT, config

from seqvae.config import DecodeConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.model.build import build_model
from seqvae.model.decoders import DECODERS
from seqvae.model.decoding.constraint import Constraint
from seqvae.model.decoding.generate import decode
from seqvae.runtime.device import generator
from seqvae.sequences.grammar.smiles_syntax import ATOM, BOND, CLOSE, DOT, OPEN, RING, symbol_kind, syntax_of
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD

TRICKY = ["C1CC1", "C%11CC%11", "[Na+].[Cl-]", "F/C=C/F", "CC(C)(C)c1ccc2c(c1)OCO2", "C[C@@H](N)C(=O)O", "B->[Fe]"]


@pytest.fixture(scope="module", params=[0, 200], ids=["symbols", "merged"])
def tokenizer(request):
    texts = load_dataset("moses-sample").texts[:500]
    return build_tokenizer("smiles", vocab_size=request.param).fit([*texts, *TRICKY])


def constraint_of(tokenizer) -> Constraint:
    return Constraint(syntax_of(tokenizer))


def test_no_molecule_is_forbidden(tokenizer):
    constraint = constraint_of(tokenizer)
    for text in [*load_dataset("moses-sample").texts[:100], *TRICKY]:
        written = constraint.begin(1)
        for token in [*tokenizer.encode(text), EOS]:
            assert not constraint.forbidden(written)[0, token], (text, tokenizer.tokens[token])
            written = constraint.advance(written, torch.tensor([token]))


@pytest.mark.parametrize(
    "unfinished", ["C1CC", "CC(C", "C=", "CC(", "C.", ""], ids=["ring", "branch", "bond", "open", "dot", "nothing"]
)
def test_an_unfinished_text_may_not_end(tokenizer, unfinished):
    base = getattr(tokenizer, "base", tokenizer)
    ids = [tokenizer.tokens.index(symbol) for symbol in unfinished]  # symbol by symbol: it is no molecule
    assert base.kind == "smiles"
    constraint = constraint_of(tokenizer)
    written = constraint.begin(1)
    for token in ids:
        written = constraint.advance(written, torch.tensor([token]))
    assert constraint.forbidden(written)[0, EOS]


def test_random_tokens_under_the_rules_close_what_they_open(tokenizer):
    rules, draw = syntax_of(tokenizer), np.random.default_rng(0)
    constraint = Constraint(rules)
    for _ in range(30):
        written, ids = constraint.begin(1), []
        while EOS not in ids and len(ids) < 100:
            allowed = np.flatnonzero(~constraint.forbidden(written)[0].numpy())
            closing = (rules.depth[allowed] < 0) | (rules.rings[allowed] & int(written.rings)).astype(bool)
            if len(ids) > 8 and (closing | (allowed == EOS)).any():
                allowed = allowed[closing | (allowed == EOS)]
            ids.append(EOS if EOS in allowed and len(ids) > 3 else int(draw.choice(allowed)))  # never a dead end
            written = constraint.advance(written, torch.tensor([ids[-1]]))
        assert ids[-1] == EOS
        symbols = tokenizer.symbols_of(ids[:-1])
        depth = np.cumsum([(symbol == "(") - (symbol == ")") for symbol in symbols])
        assert depth.min() >= 0 and depth[-1] == 0
        rings = [symbol for symbol in symbols if symbol_kind(symbol) == RING]
        assert all(rings.count(number) % 2 == 0 for number in rings)


def test_kinds_of_symbols():
    kinds = {"C": ATOM, "[C@@H]": ATOM, "Cl": ATOM, "=": BOND, "->": BOND, "(": OPEN, ")": CLOSE, "1": RING, ".": DOT}
    assert {symbol: symbol_kind(symbol) for symbol in [*kinds, "%12"]} == {**kinds, "%12": RING}


def test_other_texts_have_no_syntax():
    for kind in ("selfies", "dna", "char"):
        assert syntax_of(build_tokenizer(kind).fit(["CC", "CCC"])) is None


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_decoding_keeps_the_rules(tokenizer, decoder, method):
    settings = config(decoder=decoder, decoder_layers=1)
    built = build_model(settings, tokenizer.vocab_size, seed=1).eval()
    with torch.no_grad():
        built.decoder.output.linear.bias[EOS] += 4.0  # ends as soon as it may
        built.decoder.output.linear.bias[tokenizer.tokens.index("C")] += 2.0
    z, how = torch.randn(60, LATENT, generator=generator(1)), DecodeConfig(method, beam=2)
    constraint = constraint_of(tokenizer)
    with torch.no_grad():
        free, kept = (decode(built.decoder, z, how, generator(0), rules) for rules in (None, constraint))
    finished = [row for row in kept.ids.tolist() if row.index(EOS) < settings.max_length]
    for row in finished:
        symbols = tokenizer.symbols_of(row[: row.index(EOS)])
        assert symbols.count("(") == symbols.count(")")
    assert finished
    with torch.no_grad():
        logits = built.decoder(z, kept.ids)
    picked = logits.log_softmax(-1).gather(2, kept.ids.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(kept.token_log_probs, picked.masked_fill(kept.ids == PAD, 0.0), atol=1e-4, rtol=0)
    assert not torch.equal(free.ids, kept.ids)  # ending at once gives no molecule
