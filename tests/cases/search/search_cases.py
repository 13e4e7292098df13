"""Small models and objectives for the tests of searches, in a module that other processes can import."""

from __future__ import annotations

from seqvae.config import (
    AscentConfig,
    CampaignConfig,
    ModelConfig,
    OracleConfig,
    RunConfig,
    SearchConfig,
    TokenizerConfig,
    TurboConfig,
)

LETTERS = "ACGT"
BEST = "GATTACAGATTA"


def alike(text):
    """How many letters are those of the best sequence, of one text."""
    return sum(a == b for a, b in zip(text, BEST, strict=False)) / len(BEST)


def sometimes(text):
    """As `alike`, with what goes wrong in real life: no value, and an error."""
    if text.startswith("AA"):
        return None
    if text.startswith("CC"):
        raise ValueError("the instrument is busy")
    return alike(text)


def small_model(folder, kind, texts, seed=0):
    """Write a model of a kind of texts that was never trained; return its folder."""
    from seqvae.artifact.folder import Artifact, save_artifact  # torch, which a process that only scores does without
    from seqvae.model.build import build_model
    from seqvae.sequences.tokenizers.registry import build_tokenizer

    tokenizer = build_tokenizer(kind).fit(texts)
    config = ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8, max_length=16)
    vae = build_model(config, tokenizer.vocab_size, seed)
    save_artifact(
        folder,
        Artifact(vae.eval(), config, tokenizer, RunConfig(tokenizer=TokenizerConfig("dna"), model=config), {"seed": 0}),
    )
    return folder


def dna_model(folder, seed=0):
    """Write a model of DNA that was never trained; return its folder."""
    return small_model(folder, "dna", ["ACGT", "TTGCA"], seed)


def start(count=30):
    """Return sequences of one length."""
    import numpy as np

    letters = np.random.default_rng(5).choice(list(LETTERS), (count, len(BEST)))
    return sorted({"".join(row) for row in letters})


# Two whose numbers cost seconds a round: for what is known of tens of texts, fewer draws and steps are as good.
SMALLER = {"turbo": TurboConfig(candidates=200), "ascent": AscentConfig(training=40, steps=8)}


def settings(model="", optimizer="ga", budget=60, batch=10, **campaign):
    oracle = OracleConfig(budget=budget)
    campaign = CampaignConfig(batch=batch, initial=20, **campaign)
    return SearchConfig(str(model), SMALLER.get(optimizer, optimizer), "cpu", oracle, campaign)


def rows(folder):
    """What a ledger has, times left out."""
    from seqvae.search.storage import run_folder
    from seqvae.search.storage.ledger import Ledger

    ledger = Ledger(folder / run_folder.LEDGER)
    found = [
        (e.round, e.place, e.text, e.canonical, e.status, e.scores, e.proposer, e.seed, e.parents, e.predicted)
        for e in ledger.entries()
    ]
    ledger.close()
    return [(*row[:5], str(row[5]), *row[6:]) for row in found]  # as text, so that NaN equals itself
