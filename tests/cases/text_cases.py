"""Texts for the tests of seqvae.sequences: known molecules, and every tokenizer with what it is tried on."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import selfies
from hypothesis import strategies as st

from seqvae.errors import SeqVAEWarning
from seqvae.sequences.codons import CODONS
from seqvae.sequences.dna import AMBIGUITY
from seqvae.sequences.domain import KINDS
from seqvae.sequences.molecules import is_valid, selfies_to_smiles
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

# Known drugs and salts, chosen for what is hard to keep: stereo at ring closures and double bonds, charges, sulfonyl,
# phosphate, [nH], isotopes, many rings, every halogen.
DRUGS = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "caffeine": "Cn1c(=O)c2c(ncn2C)n(C)c1=O",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "(S)-ibuprofen": "CC(C)Cc1ccc([C@H](C)C(=O)O)cc1",
    "penicillin G": "CC1(C)S[C@@H]2[C@H](NC(=O)Cc3ccccc3)C(=O)N2[C@H]1C(=O)O",
    "morphine": "CN1CC[C@]23c4c5ccc(O)c4O[C@H]2[C@@H](O)C=C[C@H]3[C@H]1C5",
    "strychnine": "O=C1C[C@@H]2OCC=C3CN4CC[C@]56[C@@H]4C[C@H]3[C@H]2[C@H]5N1c1ccccc16",
    "cholesterol": "CC(C)CCC[C@@H](C)[C@H]1CC[C@H]2[C@@H]3CC=C4C[C@@H](O)CC[C@]4(C)[C@H]3CC[C@]12C",
    "testosterone": "C[C@]12CC[C@H]3[C@@H](CCC4=CC(=O)CC[C@@]43C)[C@@H]1CC[C@@H]2O",
    "dexamethasone": "C[C@@H]1C[C@H]2[C@@H]3CCC4=CC(=O)C=C[C@]4(C)[C@@]3(F)[C@@H](O)C[C@]2(C)[C@@]1(O)C(=O)CO",
    "atorvastatin": "CC(C)c1c(C(=O)Nc2ccccc2)c(-c2ccccc2)c(-c2ccc(F)cc2)n1CC[C@@H](O)C[C@@H](O)CC(=O)O",
    "sildenafil": "CCCc1nn(C)c2c(=O)[nH]c(-c3cc(S(=O)(=O)N4CCN(C)CC4)ccc3OCC)nc12",
    "celecoxib": "Cc1ccc(-c2cc(C(F)(F)F)nn2-c2ccc(S(N)(=O)=O)cc2)cc1",
    "esomeprazole": "COc1ccc2[nH]c([S@@](=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "omeprazole": "COc1ccc2[nH]c(S(=O)Cc3ncc(C)c(OC)c3C)nc2c1",
    "imatinib": "Cc1ccc(NC(=O)c2ccc(CN3CCN(C)CC3)cc2)cc1Nc1nccc(-c2cccnc2)n1",
    "oseltamivir": "CCOC(=O)C1=C[C@@H](OC(CC)CC)[C@H](NC(C)=O)[C@@H](N)C1",
    "sofosbuvir": "CC(C)OC(=O)[C@H](C)N[P@](=O)(OC[C@H]1O[C@@H](n2ccc(=O)[nH]c2=O)[C@](C)(F)[C@@H]1O)Oc1ccccc1",
    "tenofovir": "C[C@H](Cn1cnc2c(N)ncnc21)OCP(=O)(O)O",
    "ATP, charged": "Nc1ncnc2c1ncn2[C@@H]1O[C@H](COP(=O)([O-])OP(=O)([O-])OP(=O)([O-])[O-])[C@@H](O)[C@H]1O",
    "tamoxifen": "CC/C(=C(\\c1ccccc1)c1ccc(OCCN(C)C)cc1)c1ccccc1",
    "retinoic acid": "CC1=C(/C=C/C(C)=C/C=C/C(C)=C/C(=O)O)C(C)(C)CCC1",
    "amphotericin's polyene": "O=C1O[C@@H](C)[C@H](C)[C@H](O)/C=C/C=C/C=C/C=C/C=C/CCC1",
    "nitroglycerin": "O=[N+]([O-])OCC(CO[N+](=O)[O-])O[N+](=O)[O-]",
    "choline": "C[N+](C)(C)CCO",
    "sodium valproate": "CCCC(CCC)C(=O)[O-].[Na+]",
    "metformin hydrochloride": "CN(C)C(=N)NC(=N)N.Cl",
    "amiodarone": "CCCCc1oc2ccccc2c1C(=O)c1cc(I)c(OCCN(CC)CC)c(I)c1",
    "bromocriptine's head": "CN1C[C@H](C(N)=O)C=C2c3cccc4[nH]c(Br)c(c34)C[C@H]21",
    "halothane": "FC(F)(F)[C@H](Cl)Br",
    "bortezomib": "CC(C)C[C@H](NC(=O)[C@H](Cc1ccccc1)NC(=O)c1cnccn1)B(O)O",
    "fludeoxyglucose": "O=C[C@H]([18F])[C@@H](O)[C@H](O)[C@H](O)CO",
    "deutetrabenazine": "[2H]C([2H])([2H])Oc1cc2c(cc1OC([2H])([2H])[2H])[C@H]1C[C@@H](O)[C@H](CC(C)C)CN1CC2",
    "azidothymidine": "Cc1cn([C@H]2C[C@H](N=[N+]=[N-])[C@@H](CO)O2)c(=O)[nH]c1=O",
    "pralidoxime": "C[n+]1ccccc1/C=N/O",
    "methylene blue": "CN(C)c1ccc2nc3ccc(N(C)C)cc3[s+]c2c1",
    "cyanidin": "Oc1cc(O)c2cc(O)c(-c3ccc(O)c(O)c3)[o+]c2c1",
    "ebselen": "O=c1c2ccccc2[se]n1-c1ccccc1",
    "dimethyl sulfoxide": "CS(C)=O",
    "cyclohexane, trans": "C[C@H]1CC[C@H](C)CC1",
    "adamantane": "C1C2CC3CC1CC(C2)C3",
    "cubane": "C12C3C4C1C5C2C3C45",
    "rings past nine": "C1CC1C2CC2C3CC3C4CC4C5CC5C6CC6C7CC7C8CC8C9CC9C%10CC%10C%11CC%11",
    "ten rings open at once": "C12C3C4C5C6C7C8C9C%10C1C1C2C3C4C5C6C7C8C9C%101",
    "ferrocene's ring": "[cH-]1cccc1",
    "perchlorate": "[O-][Cl+3]([O-])([O-])[O-]",
    "xenon": "[Xe]",
    "water": "O",
}
SYMBOLS = sorted(
    selfies.get_semantic_robust_alphabet()
    | {"[C@H1]", "[C@@H1]", "[C@]", "[C@@]", "[/C]", "[\\C]", "[NH1]", "[=N+1]", "[O-1]", "[S@@]", "[13C]", "[Se]"}
    | {"[/C@H1]", "[NH2+1]", "[CH1-1]", "[-/Ring1]", "[\\/Ring2]"}
)
CORPORA = {
    "smiles": sorted(set(DRUGS.values())),
    "selfies": sorted(set(DRUGS.values())),
    "dna": ["ACGTTGCAACGT", "ggtataatgg", "ACGUNNRYACGT", "TATAATTATAAT"],
    "codon": ["ATGGCTGCTTAA", "auggcugcuaaa", "GCTGCTAAATTT", "TGGGCTGCTTGA"],
    "rna": ["ACGUUGCAACGU", "gguauaaugg", "ACGTNNRYACGU", "UAUAAUUAUAAU"],
    "protein": ["MKTAYIAKQR", "mktwyiakqrmkt", "MKXLBZJUO*", "DEFGHIPNSVC"],
    "char": ["MKTAYIAKQR", "MKTWYIAKQRMKT", "acgu acgu\n"],
}
molecules = st.one_of(
    st.sampled_from(CORPORA["smiles"]),
    st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=25).map("".join).map(selfies_to_smiles).filter(is_valid),
)
TEXTS = {
    "smiles": molecules,
    "selfies": molecules,
    "dna": st.text(alphabet="ACGTacgtUu" + "".join(AMBIGUITY) + "nry", min_size=1, max_size=40),
    "dna-gap": st.text(alphabet="ACGTacgtN-", min_size=1, max_size=40),
    "codon": st.tuples(
        st.lists(st.sampled_from([one for one in CODONS if one not in ("TAA", "TAG", "TGA")]), max_size=12),
        st.sampled_from(CODONS),
    ).map(lambda parts: "".join([*parts[0], parts[1]])),
    "rna": st.text(alphabet="ACGTacgtUu" + "".join(AMBIGUITY) + "nry", min_size=1, max_size=40),
    "protein": st.text(alphabet="ACDEFGHIKLMNPQRSTVWYacdefBZJXUOxu", min_size=1, max_size=40),
    "char": st.text(max_size=30),
}


@dataclass(frozen=True)
class Case:
    """One way to make a tokenizer, with texts for it."""

    make: Callable[[], Tokenizer]
    corpus: list[str]
    texts: st.SearchStrategy[str]

    @cached_property
    def split_corpus(self) -> list[list[str]]:
        """The corpus in base symbols, split once: molecules are slow to split."""
        tokenizer = self.make()
        return [tokenizer.symbols(text) for text in self.corpus]

    def fitted(self, *texts: str) -> Tokenizer:
        """The tokenizer fitted on the corpus and the texts."""
        tokenizer = self.make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SeqVAEWarning)  # Small corpora may have too few pairs for the size.
            return tokenizer.fit_symbols([*self.split_corpus, *(tokenizer.symbols(text) for text in texts)])


def _cases() -> dict[str, Case]:
    found = {}
    for size in (0, 400):
        for kind in KINDS:
            name = f"subword-{kind}" if size else kind
            found[name] = Case(lambda k=kind, s=size: build_tokenizer(k, s), CORPORA[kind], TEXTS[kind])
        name = "subword-dna-gap" if size else "dna-gap"
        gapped = [*CORPORA["dna"], "A--C"]
        found[name] = Case(lambda s=size: build_tokenizer("dna", s, allow_gap=True), gapped, TEXTS["dna-gap"])
    return found


CASES = _cases()


def several(case: Case) -> st.SearchStrategy[list[str]]:
    """One to five texts of a case."""
    return st.lists(case.texts, min_size=1, max_size=5)
