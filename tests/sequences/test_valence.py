"""The chemistry of unfinished SMILES: it never refuses a molecule, and whatever may end is one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from model_cases import LATENT, config
from rdkit import Chem, RDConfig, rdBase
from scipy.stats import chisquare, kstest

from seqvae.config import DecodeConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.model.build import build_model
from seqvae.model.decoding.choice import choose
from seqvae.model.decoding.constraint import Constraint
from seqvae.model.decoding.generate import decode
from seqvae.runtime.device import generator
from seqvae.sequences.grammar.smiles_syntax import syntax_of
from seqvae.sequences.grammar.valence import Molecule, atom_rule, valences_of
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.smiles import split_smiles
from seqvae.sequences.tokenizers.tokenizer import EOS, PAD, SPECIALS

TRICKY = [
    "C1CC1", "C%11CC%11", "[Na+].[Cl-]", "F/C=C/F", "CC(C)(C)c1ccc2c(c1)OCO2", "C[C@@H](N)C(=O)O", "CCS(=O)(=O)N=C=S",
    "O=c1cc[nH]c(=O)[nH]1", "C=c1s/c(=C\\C)c(=O)n1C", "c1ccc2c(c1)[nH]c1ccccc12", "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "c1ccc(-c2ccccc2)cc1", "[O-][n+]1ccccc1", "C[N+](C)(C)CC([O-])=O", "c1cc2ccc3cccc4ccc(c1)c2c34", "O=P(O)(O)O",
    "FS(F)(F)(F)(F)F", "c1cc[se]c1", "[H][H]", "C1CC2(C1)CC2", "c1cnc2nncn2c1", "O=[N+]([O-])c1cccs1", "[13CH3]I",
]  # fmt: skip


@pytest.fixture(scope="module", params=[0, 200], ids=["symbols", "merged"])
def tokenizer(request):
    texts = load_dataset("moses-sample").texts[:500]
    return build_tokenizer("smiles", vocab_size=request.param).fit([*texts, *TRICKY])


def test_no_beginning_of_a_molecule_is_refused(tokenizer):
    rules = valences_of(tokenizer)
    for text in [*load_dataset("moses-sample").texts[:400], *TRICKY]:
        written = rules.begin()
        for token in [*tokenizer.encode(text), EOS]:
            written = rules.after(written, token)
            assert written is not None, (text, tokenizer.tokens[token])


def test_a_whole_text_is_accepted_as_its_beginnings_are(tokenizer):
    """Checking once at the end gives the same result as checking each token, for texts of valid syntax."""
    rules, syntax, draw = valences_of(tokenizer), Constraint(syntax_of(tokenizer)), np.random.default_rng(1)
    assert all(rules.accepts(tokenizer.encode(text)) for text in TRICKY)
    seen = {True: 0, False: 0}
    for _ in range(1000):
        written, marks, ids = rules.begin(), syntax.begin(1), []
        while len(ids) < 9:
            allowed = np.flatnonzero(~syntax.forbidden(marks)[0].numpy())
            token = EOS if len(ids) > 2 and EOS in allowed else int(draw.choice(allowed))
            written = written and rules.after(written, token)
            if token == EOS:
                assert rules.accepts(ids) == (written is not None), tokenizer.symbols_of(ids)
                seen[written is not None] += 1
                break
            marks = syntax.advance(marks, torch.tensor([token]))
            ids.append(token)
    assert min(seen.values()) > 10, seen


def readable(smiles):
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles) is not None


def test_what_may_end_is_a_molecule(tokenizer):
    """Random walks, which end as soon as they may: RDKit refuses hardly any."""
    rules, syntax, draw = valences_of(tokenizer), Constraint(syntax_of(tokenizer)), np.random.default_rng(0)
    ended, wrong = 0, []
    for _ in range(2000):
        if ended == 100:
            break
        written, marks, ids = rules.begin(), syntax.begin(1), []
        while len(ids) < 12:
            allowed = np.flatnonzero(~syntax.forbidden(marks)[0].numpy())
            if len(ids) > 2 and EOS in allowed and rules.after(written, EOS) is not None:
                ended += 1
                text = "".join(tokenizer.symbols_of(ids))
                wrong += [] if readable(text) else [text]
                assert text in wrong or not radical(text)
                break
            later = None
            for token in draw.permutation(allowed[allowed != EOS]):
                later = rules.after(written, int(token))
                if later is not None:
                    break
            if later is None:
                break
            written, marks = later, syntax.advance(marks, torch.tensor([int(token)]))
            ids.append(int(token))
    assert ended == 100
    assert len(wrong) <= 0.02 * ended, wrong


@pytest.mark.parametrize(
    ("beginning", "symbol"),
    [
        ("CC(C)(C)(C)", "C"),
        ("FC(F)(F)", "="),
        ("OF", "C"),
        ("C1", "1"),
        ("C1C", "1"),
        ("C=1CC", "#1"),
        ("CN(C)(C)", "C"),
        ("c1cccc", "1C"),
        ("c1ccc[nH]c", "1C"),
        ("Cc", "C"),
        ("CC(c", ")"),
        ("c1ccccc1c", "C"),
        ("N1CCc", "1C"),
    ],
)
def test_refused(beginning, symbol):
    """The beginning is accepted symbol by symbol, the next one is not, and RDKit refuses every way to end it."""
    symbols = split_smiles(beginning)
    follows = split_smiles(symbol)
    tokenizer = build_tokenizer("smiles").fit([*TRICKY, "CC(C)=O", "CC#N"])
    rules = valences_of(tokenizer)
    index = {token: i for i, token in enumerate(tokenizer.tokens)}
    written = rules.begin()
    for one in symbols:
        written = rules.after(written, index[one])
        assert written is not None, one
    results = []
    for one in follows:
        written = rules.after(written, index[one]) if written is not None else None
        results.append(written)
    assert results[-1] is None


@pytest.mark.parametrize(
    "symbol", ["C", "N", "O", "S", "P", "F", "Cl", "B", "[N+]", "[NH+]", "[O-]", "[C@@H]", "[S+]", "[NH2+]"]
)
def test_valences_are_those_of_rdkit(symbol):
    """RDKit itself, queried with one more single bond at a time."""
    rule = atom_rule(symbol)
    assert rule.valences[-1] == max(n for n in range(9) if readable(symbol + "(C)" * n))
    assert not rule.aromatic


# Rare elements, charges, hypervalent atoms, salts of metals, dative bonds, bonds of no stated kind, aromatic rings of
# all kinds; what is checked is RDKit's canonical form.
WIDE = [
    "C[Si](C)(C)C", "C[Se]C", "c1cc[te]c1", "C[As](C)(C)=O", "OB(O)c1ccccc1", "[B-](F)(F)(F)F", "C[P+](C)(C)C",
    "O=[I](=O)O", "O[Cl](=O)(=O)=O", "F[I](F)(F)(F)F", "CI(C)C", "C[S+](C)[O-]", "C[S+](C)(C)(C)C",
    "C[P-](C)(C)(C)(C)C", "F[P-](F)(F)(F)(F)F", "[Na+].[Cl-]", "[Cu+2].[O-]S(=O)(=O)[O-]", "[Fe+3].[Cl-].[Cl-].[Cl-]",
    "[Sn+2].[Cl-].[Cl-]", "[Bi+3].[O-]c1ccccc1C([O-])=O", "[Al+3]", "[Na]", "[Fe]", "CC[Hg]Cl", "C[Sn](C)(C)C",
    "CC[Zn]CC", "C[Mg]Br", "[Li]CCCC", "O=[U+2]=O", "Cl[Pt](Cl)([NH3])[NH3]", "[NH3]->[Pt](Cl)(Cl)<-[NH3]",
    "CP(C)(C)->[Au]Cl", "Cl[Pt]1(Cl)<-NCCN->1", "Cl[Pt]1(Cl)<-N(C)(C)CCN->1(C)C", "[CH2]1=[CH2]->[Pt]<-1",
    "c1cccc[n]1->[Ru]", "CS(C)->[Pd]", "[C-]#[O+]->[Fe]", "C=O->[Ti+4]", "[OH2]->[Mg+2]", "[Cl-]->[Fe+3]",
    "[NH2-]->[Zn+2]", "CC#N->[Cu]", "[NH3]~[Cu]", "C~[Fe]", "[Fe]~[Fe]", "[cH-]1cccc1.[Fe+2]", "[n-]1cccc1",
    "c1cc[o+]cc1", "c1cc[s+]cc1", "C[n+]1ccccc1", "b1ccccc1", "c1cc[pH]c1", "p1ccccc1", "[se]1cccc1", "[cH+]1cccccc1",
    "[nH+]1ccccc1", "[H][H]", "[H+]", "[2H]C", "[13CH4]", "[NH4+]", "[OH-]", "[C-]#N", "C[N+]#[C-]", "[N-]=[N+]=NC",
    "[Xe]", "F[Xe]F", "*C", "[CH3:1][OH:2]", "O=S(=O)(O)O", "S=P(O)(O)O", "C#CC#C", "C=C=C=C", "CN=[N+]=[N-]",
    "O=[Os](=O)(=O)=O", "[O-][Cl+3]([O-])([O-])[O-]", "[SiH4]", "[PH5]", "[SH4]", "[SH6]",
]  # fmt: skip
RADICALS = [
    "[CH3]", "C[CH2]", "[C]", "C[C]C", "[O]", "C[O]", "[OH]", "[N]", "C[NH]", "C[N]C", "[NH]", "C[S]", "[Cl]", "[H]",
    "C[CH]C", "[O]N1CCCCC1", "c1ccc[c]c1", "c1cc[n+]cc1", "C[N+](C)C", "C[N-]", "[S-]", "C[CH]c1ccccc1", "C[SiH2]",
    "[PH2]", "C[S+]C", "[CH]1CC1", "C[C@H]O", "[B]", "C[Se]", "[I]", "[NH3+]", "C[CH2]->[Fe]", "C.[CH3]",
]  # fmt: skip


def canonical(smiles):
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        return None if molecule is None else Chem.MolToSmiles(molecule)


def radical(smiles):
    """Whether a non-metal atom has unpaired electrons; RDKit gives some to many ions of metals too."""
    nonmetals = {0, 1, 2, *range(5, 11), *range(14, 19), *range(33, 37), *range(52, 55), 85, 86}
    return any(
        atom.GetNumRadicalElectrons() and atom.GetAtomicNum() in nonmetals
        for atom in Chem.MolFromSmiles(smiles).GetAtoms()
    )


def accepted(smiles):
    tokenizer = build_tokenizer("smiles").fit([smiles])
    rules, written = valences_of(tokenizer), valences_of(tokenizer).begin()
    for token in [*tokenizer.encode(smiles), EOS]:
        written = written and rules.after(written, token)
    whole = rules.accepts(tokenizer.encode(smiles))
    assert whole == (written is not None)
    return whole


def test_the_rules_accept_what_rdkit_accepts_and_refuse_radicals():
    forms = {canonical(smiles) for smiles in WIDE}
    assert not any(map(radical, forms))
    assert [form for form in forms if not accepted(form)] == []


@pytest.mark.parametrize("smiles", RADICALS)
def test_radicals_are_refused(smiles):
    form = canonical(smiles) or smiles
    assert not accepted(form)


@pytest.mark.parametrize("merges", [0, 100])
def test_molecules_of_all_kinds_of_elements_are_accepted(merges):
    """Compounds of the NCI that come with RDKit: 40 elements, salts, complexes."""
    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text().splitlines()[::5]
    forms = [form for line in lines if (form := canonical(line.split()[0])) is not None]
    tokenizer = build_tokenizer("smiles", vocab_size=merges and 300).fit(forms)
    rules = valences_of(tokenizer)
    assert len(forms) > 950
    assert [form for form in forms if rules.accepts(tokenizer.encode(form)) == radical(form)] == []


def test_any_bracket_atom_is_judged_as_rdkit_judges_it():
    """Elements, charges and hydrogens at random, with bonds of all orders."""
    draw, symbols = np.random.default_rng(0), [Chem.GetPeriodicTable().GetElementSymbol(z) for z in range(1, 104)]
    seen = 0
    while seen < 400:
        element = (
            symbols[draw.integers(len(symbols))] if draw.random() < 0.5 else draw.choice(["C", "N", "O", "S", "P", "B"])
        )
        hydrogens, charge = draw.choice(["", "H", "H2", "H3"]), draw.choice(["", "+", "-", "+2", "-2"])
        bonds = draw.choice(["", "(C)", "(=O)", "(#C)", "(F)"], size=draw.integers(1, 5))
        form = canonical(f"[{element}{hydrogens}{charge}]{''.join(bonds)}")
        if form is None or canonical(form) != form:
            continue
        seen += 1
        assert accepted(form) != radical(form), form


def test_lower_case_is_aromatic():
    assert atom_rule("c") == (atom_rule("C").valences, True, False)
    assert atom_rule("[nH]") == ((2,), True, True)


def test_writing_leaves_the_beginning_as_it_was():
    tokenizer = build_tokenizer("smiles").fit(TRICKY)
    rules = valences_of(tokenizer)
    written = rules.begin()
    for token in tokenizer.encode("c1ccncc1"):
        later = rules.after(written, token)
        before = {name: repr(getattr(written, name)) for name in Molecule.__slots__}
        rules.after(later, tokenizer.tokens.index("C"))
        rules.after(written, EOS)
        assert before == {name: repr(getattr(written, name)) for name in Molecule.__slots__}
        written = later


def test_other_texts_have_no_valences():
    for kind in ("selfies", "dna", "char"):
        assert valences_of(build_tokenizer(kind).fit(["CC", "CCC"])) is None


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_decoding_keeps_the_chemistry(tokenizer, method):
    settings = config(decoder="gru", decoder_layers=1)
    built = build_model(settings, tokenizer.vocab_size, seed=1).eval()
    with torch.no_grad():
        built.decoder.output.linear.bias[EOS] += 4.0  # ends where it may
        for symbol in ("C", "c", "n", "1"):
            built.decoder.output.linear.bias[tokenizer.tokens.index(symbol)] += 2.0
    z, how = torch.randn(60, LATENT, generator=generator(1)), DecodeConfig(method, beam=2)
    syntax = syntax_of(tokenizer)
    with torch.no_grad():
        free, kept = (
            decode(built.decoder, z, how, generator(0), Constraint(syntax, chemistry=chemistry))
            for chemistry in (None, valences_of(tokenizer))
        )
        logits = built.decoder(z, kept.ids)
    picked = logits.log_softmax(-1).gather(2, kept.ids.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(kept.token_log_probs, picked.masked_fill(kept.ids == PAD, 0.0), atol=1e-4, rtol=0)

    def valid(ids):
        return sum(readable("".join(tokenizer.symbols_of(row[: row.index(EOS)]))) for row in ids.tolist())

    assert valid(kept.ids) > valid(free.ids)
    assert not free.refusals.any()
    if method != "beam":
        untouched = kept.refusals == 0
        assert not untouched.all()
        for row in untouched.nonzero().flatten().tolist():
            ids = kept.ids[row][kept.ids[row] != PAD]
            assert torch.equal(ids, free.ids[row][free.ids[row] != PAD])


def test_what_is_left_of_a_number_is_uniform_and_independent():
    logits = torch.tensor([0.5, -1.0, 2.0, 0.0]).expand(20_000, 4)
    uniform = torch.rand(20_000, generator=generator(4))
    tokens, left = choose(logits, DecodeConfig("sample"), uniform)
    for token in range(4):
        assert kstest(left[tokens == token].numpy(), "uniform").pvalue > 1e-3


class _Refuses:
    """A chemistry that refuses some tokens."""

    def __init__(self, *tokens):
        self.tokens = tokens

    def begin(self):
        return 0

    def after(self, written, token):
        return None if token in self.tokens else written + 1

    def reads(self, tokens):
        return True


def test_a_refused_token_gives_way_to_the_others_in_proportion(tokenizer):
    """Rejection within a position: the rest is the distribution without the token, renormalised."""
    built = build_model(config(decoder="gru", decoder_layers=1), tokenizer.vocab_size, seed=2).eval()
    z = torch.randn(1, LATENT, generator=generator(1)).expand(4000, -1)
    syntax = Constraint(syntax_of(tokenizer))
    with torch.no_grad():
        logits, _ = built.decoder.step(torch.tensor([1]), built.decoder.begin(z[:1]))
        allowed = syntax.mask(logits, syntax.begin(1))[0].softmax(-1)
        refused = int(allowed.argmax())
        constraint = Constraint(syntax_of(tokenizer), chemistry=_Refuses(refused))
        first = decode(built.decoder, z, DecodeConfig("sample"), generator(3), constraint).ids[:, 0]
    allowed[refused] = 0.0
    expected = (allowed / allowed.sum()).double().numpy() * len(first)
    counts = np.bincount(first.numpy(), minlength=len(expected))
    assert counts[refused] == 0
    common = expected > 5
    assert common.sum() > len(SPECIALS)
    observed, hoped = counts[common], expected[common]
    assert chisquare(observed, hoped * observed.sum() / hoped.sum()).pvalue > 1e-3


FEW = build_tokenizer("smiles").fit(["CCO", "C=C", "c1ccccc1O", "CC(=O)O", "CC#N"])  # fewer symbols than a beam is wide
CHEMISTRIES = {"valences": valences_of(FEW), "one": _Refuses(8), "all": _Refuses(*range(FEW.vocab_size))}


@pytest.mark.parametrize("chemistry", CHEMISTRIES.values(), ids=CHEMISTRIES)
@pytest.mark.parametrize(
    "how",
    [DecodeConfig("greedy"), DecodeConfig("sample"), *(DecodeConfig("beam", beam=width) for width in (1, 2, 8, 32))],
    ids=str,
)
def test_under_the_chemistry_a_text_depends_on_no_other(chemistry, how):
    """Each row is the same alone and in a batch, ends once, and has the model's own probability."""
    built = build_model(replace(config(), max_length=12), FEW.vocab_size, seed=0).eval()
    z, constraint = 3 * torch.randn(12, LATENT, generator=generator(1)), Constraint(syntax_of(FEW), "cpu", chemistry)
    with torch.no_grad():
        whole = decode(built.decoder, z, how, generator(0), constraint)
        logits = built.decoder(z, whole.ids)
        for row in range(len(z)):
            alone = decode(built.decoder, z, how, generator(0), constraint, torch.arange(len(z)) == row)
            ids = whole.ids[row][whole.ids[row] != PAD]
            assert torch.equal(alone.ids[0], ids)
            assert alone.refusals[0] == whole.refusals[row]
            assert ids.tolist().index(EOS) == len(ids) - 1
    picked = logits.log_softmax(-1).gather(2, whole.ids.unsqueeze(2)).squeeze(2)
    torch.testing.assert_close(whole.token_log_probs, picked.masked_fill(whole.ids == PAD, 0.0), atol=1e-4, rtol=0)
