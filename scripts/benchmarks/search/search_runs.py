"""Shared by the benchmarks of searches: the generator, and a run in a folder, resumed where it was interrupted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from seqvae.artifact.folder import Artifact, save_artifact
from seqvae.config import ModelConfig, RunConfig, SearchConfig
from seqvae.config.search import search_to_dict
from seqvae.data.datasets.registry import load_dataset
from seqvae.model.build import build_model
from seqvae.search.api import begin, opened, run
from seqvae.search.objective import Objective
from seqvae.search.results import results
from seqvae.search.settled import sizes_settled
from seqvae.search.storage.ledger import CALLED
from seqvae.search.storage.run_folder import SETTINGS
from seqvae.sequences.tokenizers.registry import build_tokenizer

# The generator of the recorded searches: PMO's protocol allows for ZINC250k alone.
MODEL = "zinc-smiles"
# The tasks of PMO that settings were chosen on.
CHOSEN_ON = (
    "celecoxib_rediscovery",
    "perindopril_mpo",
    "ranolazine_mpo",
    "isomers_c9h10n2o2pf2cl",
    "median2",
)


def generator_in(folder: Path, small: bool) -> str:
    """Return the generator by name; for a small setting the folder of a tiny one, made there and never trained."""
    if not small:
        return MODEL
    place, texts = folder / "generator", load_dataset("moses-sample", progress=False).texts[:200]
    if not place.exists():
        tokenizer = build_tokenizer("selfies", 64).fit(texts)  # whatever it writes is a molecule
        longest = max(len(tokenizer.encode(text)) for text in texts)
        config = ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16, max_length=longest)
        model = build_model(config, tokenizer.vocab_size).eval()
        save_artifact(place, Artifact(model, config, tokenizer, RunConfig(model=config), {}))
    return str(place)


def metrics_of(objective: str, folder: Path, config: SearchConfig, start: tuple[str, ...] = ()) -> dict[str, Any]:
    """Run a search to its end, or read back a finished one, and return its results and where its time went."""
    if not (folder / SETTINGS).exists():
        begin(objective, folder, config, start)
    with opened(folder) as search:
        if search_to_dict(search.config) != search_to_dict(sizes_settled(config, laboratory=False)[0]):
            raise SystemExit(f"{folder}: was begun with other settings: remove it, or take another folder")
        campaign = search.campaign()
        ended = campaign.run()
        found = results(search.ledger.entries(), config.oracle.budget, count=config.oracle.count)
    return {
        "auc_top10": found.auc_top,
        "best": found.best,
        "top10": found.top_mean,
        "calls_unique": found.unique,
        "calls_every": found.proposals,
        "ended": ended,
        "optimizer_seconds": campaign.progress.asking,
        "oracle_seconds": campaign.progress.scoring,
        "best_text": found.top[0].canonical if found.top else "",
    }


def calls_of(objective: Objective, config: SearchConfig, start: Sequence[str], folder: Path) -> dict[str, float]:
    """Run a search, and return the value of each text that was scored, in the order of the calls; NaN: it failed."""
    run(objective, folder, config, tuple(start))
    with opened(folder, None if isinstance(objective, str) else objective) as search:
        return {one.text: one.scores[0] for one in search.ledger.entries() if one.status in CALLED}


def course(values: Sequence[float], at: Sequence[int], aim: float = math.inf) -> dict[str, Any]:
    """Return the best value after some numbers of calls, and the call that reached an aim, None where none did."""
    best = np.fmax.accumulate(np.asarray(values, np.float64))
    reached = np.flatnonzero(best >= aim)
    return {
        "best": {str(calls): float(best[min(calls, len(best)) - 1]) for calls in at},
        "calls": len(best),
        "reached": int(reached[0]) + 1 if len(reached) else None,
    }
