"""Damage folders of searches, and read them: fields of JSON, cells of the ledger, fields of the state, whole files.

    python -m scripts.attack.search_folders

Each input is a copy of a small search in which one thing is damaged; `results`, and `ask` or `optimize --resume`, then
have to end well or to refuse in one line.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from safetensors import safe_open
from safetensors.numpy import save_file

from scripts.attack.harness import Counts, command, damaged, damaged_file, outcome, run_main, totals, within
from seqvae.artifact.folder import Artifact, save_artifact
from seqvae.config import CampaignConfig, ModelConfig, OracleConfig, RunConfig, SearchConfig, TokenizerConfig
from seqvae.model.build import build_model
from seqvae.search import begin, run
from seqvae.search.laboratory import ask, tell
from seqvae.search.oracle.measurements import Measurement
from seqvae.search.storage.run_folder import LEDGER, SETTINGS, START, STATE
from seqvae.search.storage.state import load_state, save_state
from seqvae.sequences.tokenizers.registry import build_tokenizer

NAME = "attack_search_folders"
CELLS: tuple[Any, ...] = (
    "[0.", "null", "[]", "[1,2]", "[null]", "[1e999]", "x", "", b"\x01\x02", b"\xff\x00", -1, 10**9, 2**62, 1e308, None,
    "CAST(x'ff00' AS TEXT)", '{"a": 1}', "[" * 50_000,
)  # fmt: skip
LETTERS = 12  # of each sequence


@dataclass(frozen=True)
class Settings:
    """How much is tried.

    Attributes:
        inputs: damaged folders of each search.
        optimizers: searches that are damaged, by their optimiser; `plates` is one of a laboratory.
        seed: of all damages.
        minutes: after which no more is tried; 0: no limit.
    """

    inputs: int = 2000
    optimizers: tuple[str, ...] = ("ga", "plates", "cma-es", "turbo", "ascent", "latent")
    seed: int = 0
    minutes: float = 0.0


SMALL = Settings(inputs=60, optimizers=("ga", "plates"))


def begun(place: Path, optimizer: str) -> Path:
    """Make a small search over DNA, and return its folder."""
    rng = random.Random(1)
    texts = sorted({"".join(rng.choices("ACGT", k=LETTERS)) for _ in range(40)})
    model, folder = place / "model", place / optimizer
    if not model.exists():
        tokenizer = build_tokenizer("dna").fit(texts)
        config = ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8, max_length=16)
        vae = build_model(config, tokenizer.vocab_size, 0).eval()
        written = RunConfig(tokenizer=TokenizerConfig("dna"), model=config)
        save_artifact(model, Artifact(vae, config, tokenizer, written, {"seed": 0}))
    campaign = CampaignConfig(batch=6, initial=6)
    chosen = "ga" if optimizer == "plates" else optimizer
    config = SearchConfig(str(model), chosen, "cpu", OracleConfig(budget=18), campaign)
    if optimizer != "plates":
        run("dna:gc", folder, config, texts)
        return folder
    begin(None, folder, config, texts)
    for _ in range(2):
        plate = [one.text for one in ask(folder, 6)]
        tell(folder, [Measurement(text, (float(text.count("G")),), name=text) for text in plate[:-1]])
    ask(folder, 6)
    return folder


def damage(folder: Path, rng: random.Random) -> str:
    """Damage one thing in a folder; return what was done."""
    kind = rng.random()
    if kind < 0.3:
        return damaged_file(folder / SETTINGS, rng)
    if kind < 0.4:
        return damaged_file(rng.choice([folder / START, *folder.glob("names.json"), *folder.glob("*.json")]), rng)
    if kind < 0.65:
        return _damaged_ledger(folder / LEDGER, rng)
    if kind < 0.9:
        return _damaged_state(folder / STATE, rng)
    path = folder / rng.choice([LEDGER, STATE])
    if rng.random() < 0.3:
        path.unlink()
        return f"{path.name} removed"
    return damaged_file(path, rng)


def _damaged_ledger(path: Path, rng: random.Random) -> str:
    with closing(sqlite3.connect(path)) as ledger:
        tables = [row[0] for row in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        table = rng.choice([*tables, *["evaluations"] * 6])
        if rng.random() < 0.1:
            query: tuple[Any, ...] = (rng.choice([f"DELETE FROM {table}", f"DROP TABLE {table}"]),)
        else:
            columns = [row[1] for row in ledger.execute(f"PRAGMA table_info({table})")]
            keys = columns[:2] if table in ("evaluations", "terms") else columns[:1]
            rows = ledger.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall()
            if not rows:
                return "nothing"
            column, value, row = rng.choice(columns), rng.choice(CELLS), rng.choice(rows)
            raw = isinstance(value, str) and value.startswith("CAST")
            where = " AND ".join(f"{key} = ?" for key in keys)
            set_to = f"UPDATE {table} SET {column} = {value if raw else '?'}"
            query = (set_to + (f" WHERE {where}" if rng.random() < 0.7 else ""), ())
            values = [] if raw else [value]
            query = (query[0], [*values, *(row if "WHERE" in query[0] else ())])
        with suppress(sqlite3.IntegrityError):  # what SQLite itself refuses is no damage
            ledger.execute(*query)
            ledger.commit()
        return f"ledger: {str(query)[:120]}"


def _damaged_state(path: Path, rng: random.Random) -> str:
    """Damage a field of the state, in half of them so that its digest is right."""
    sealed = rng.random() < 0.5
    tree, what = damaged(load_state(path), rng)
    tree = tree if isinstance(tree, dict) else {}
    with suppress(TypeError, ValueError, OverflowError, UnicodeEncodeError):
        save_state(path, tree)
        if not sealed:
            with safe_open(path, "numpy") as file:
                bare = {key: value for key, value in json.loads(file.metadata()["tree"]).items() if key != "sha256"}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            save_file(arrays, path, {"tree": json.dumps(bare)})
    return f"state{what}"


def attack(settings: Settings) -> dict[str, Any]:
    """Damage and read; return the counts by optimiser."""
    parts = {name: Counts() for name in settings.optimizers}
    with TemporaryDirectory() as place:
        for name, counts in parts.items():
            folder = begun(Path(place), name)
            for number in within(settings.inputs, settings.minutes / len(parts)):
                rng = random.Random(f"{settings.seed} {name} {number}")
                one = Path(shutil.copytree(folder, Path(place) / "damaged"))
                what = f"{name} {number}: {damage(one, rng)}"
                go_on = ["ask", str(one), "-n", "3"] if name == "plates" else ["optimize", "--resume", str(one)]
                more = [] if name == "plates" else ["--budget", "24", "--quiet"]
                for words in (["results", str(one), "--json"], [*go_on, *more]):
                    found, said = outcome(command(words))
                    counts.add(found, f"{what}: {words[0]}", said)
                shutil.rmtree(one)
    return totals(parts)


if __name__ == "__main__":
    run_main(NAME, __doc__ or "", attack, Settings(), SMALL)
