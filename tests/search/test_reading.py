"""What a search reads: each text that is made once, whoever works with it, and the model once."""

from __future__ import annotations

from collections import Counter

import pytest
from rdkit import Chem
from search_cases import alike, dna_model, start
from search_cases import settings as dna_settings

from seqvae.artifact.folder import load_artifact
from seqvae.artifact.pretrained import resolve
from seqvae.config import BATCH, INITIAL, CampaignConfig, ConstraintConfig, EndConfig, OracleConfig, SearchConfig
from seqvae.latent.codec import Codec
from seqvae.properties.molecules.cache import Sheets
from seqvae.search import api
from seqvae.search.api import begin, opened, resume, run
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.sequences.grammar.valence import valences_of
from seqvae.sequences.molecules import canonical_or_none

BUDGET = 300  # whole rounds: what the last one breeds is spread over all of its calls
PARSERS = ("MolFromSmiles", "MolFromSmarts", "MolFromInchi", "MolFromMolBlock", "MolFromMolFile")


@pytest.fixture
def parsed(monkeypatch):
    """How often RDKit reads each text, whoever asks for it; the atoms of a vocabulary are read once in a process."""
    valences_of(load_artifact(resolve("zinc-smiles")).tokenizer)
    counts = Counter()

    def counted(parse):
        def wrapped(text, *args, **kwargs):
            counts[text] += 1
            return parse(text, *args, **kwargs)

        return wrapped

    for name in PARSERS:
        monkeypatch.setattr(Chem, name, counted(getattr(Chem, name)))
    return counts


@pytest.fixture
def compared(monkeypatch):
    """The form of each proposal that is compared with what is known, in their order; a part of them is scored."""
    forms, new = [], NoveltyFilter.new
    monkeypatch.setattr(NoveltyFilter, "new", lambda self, form: forms.append(form) or new(self, form))
    return forms


@pytest.mark.parametrize(("optimizer", "most"), [("ga", 1.6), ("auto", 3.3)])
def test_a_search_reads_no_text_twice(optimizer, most, parsed, compared, tmp_path):
    """Each text is read once: what was written, and its canonical form where that is another text.

    `auto` decodes and breeds two to three proposals for each one that its surrogate chooses. Per call that is 1.6
    readings of decoded SMILES, .4 of their canonical forms, and 1.1 of molecules bred as graphs, which are read so that
    their atoms and bonds stand in the order of the SMILES: a resumed search, which has the SMILES alone, draws the same
    moves. Which molecules these are, and so the numbers, depends on the processor's last bits. The atoms of the model's
    vocabulary are read once per model.
    """
    vocabulary = load_artifact(resolve("zinc-smiles")).tokenizer.tokens
    run("qed", tmp_path / "run", settings(optimizer))
    assert {text: times for text, times in parsed.items() if times > 1} == {}
    read = parsed.total() - sum(parsed[token] for token in vocabulary)
    assert len(compared) >= BUDGET
    assert read <= 1.6 * len(compared)
    assert read <= most * BUDGET


def test_neither_do_the_rules_of_a_search(parsed, compared, tmp_path):
    limits = ConstraintConfig(forbid=("[N+]",), longest=30, like="c1ccccc1CC(=O)N", max_similarity=0.5)
    run("logp", tmp_path / "run", settings("ga", constraints=limits))
    assert {text: times for text, times in parsed.items() if times > 1} in ({}, {limits.like: 2})
    assert parsed.total() <= 2 * len(compared)


def test_a_search_loads_its_model_once_and_draws_nothing_but_proposals(monkeypatch, tmp_path):
    loaded, drawn, load, draw = [], [], api.load, Codec.generate_samples
    monkeypatch.setattr(api, "load", lambda *args: loaded.append(args) or load(*args))
    monkeypatch.setattr(Codec, "generate_samples", lambda self, n, *args: drawn.append(n) or draw(self, n, *args))
    config = SearchConfig("zinc-smiles", "ga", "cpu", OracleConfig(budget=20), CampaignConfig(batch=20, initial=20))
    run("qed", tmp_path / "run", config)
    assert (len(loaded), drawn) == (1, [20])
    resume(tmp_path / "run", end=EndConfig(budget=21))
    assert len(loaded) == 3  # once to end what the old budget began, once to go on


@pytest.mark.parametrize("text", ["OCC", "C[C@H](N)O", "[H]/C=[NH2+]", "C(", "", " CCO ", "CCO ethanol", "F/C=C/F"])
def test_molecules_that_are_remembered_have_the_same_form(text):
    sheets = Sheets()
    for _ in range(2):
        assert sheets.canonical(text) == canonical_or_none(text)


def test_sheets_forget_what_was_not_asked_for_the_longest():
    sheets = Sheets(2)
    first = sheets.of("C")
    sheets.of("CC")
    assert sheets.of("C") is first
    sheets.of("CCC")
    assert sheets.kept == 2
    assert sheets.of("C") is first


@pytest.mark.parametrize("optimizer", ["ga", "prior", "cma-es", "ascent", "turbo", "auto"])
def test_proposals_carry_their_canonical_form(optimizer, tmp_path):
    model = dna_model(tmp_path / "model")
    texts = [text.lower() for text in start(60)]
    begin(alike, tmp_path / "run", dna_settings(model, optimizer, 40), texts)
    with opened(tmp_path / "run", alike) as search:
        campaign = search.campaign()
        for _ in range(3):
            proposals = campaign.optimizer.ask(10)
            assert [one.form for one in proposals] == [search.texts.canonical(one.text) for one in proposals]
            campaign.optimizer.tell(proposals, campaign.oracle(proposals))


def settings(optimizer, **more):
    campaign = CampaignConfig(batch=BATCH, initial=INITIAL)  # as where the budget is large
    return SearchConfig("zinc-smiles", optimizer, "cpu", OracleConfig(budget=BUDGET), campaign, **more)
