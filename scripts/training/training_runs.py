"""Shared by the training scripts: a training that is new, resumed, or finished and read back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import seqvae
from seqvae.artifact.folder import PROVENANCE, RUN
from seqvae.config import FinetuneConfig, RunConfig
from seqvae.errors import InputError
from seqvae.latent.codec import Codec
from seqvae.train.finetune import finetune
from seqvae.train.fit import train
from seqvae.train.prepare import Prepared, prepare


@dataclass(frozen=True)
class Finished:
    """A trained model with its training data, its held-out texts, and its folder."""

    codec: Codec
    prepared: Prepared
    folder: Path


def trained(run: RunConfig, folder: Path, resume: bool) -> Finished:
    """Train, or resume what is in the folder; a finished model is only read back.

    Raises:
        UsageError: the folder holds a run, and `resume` is false; or it holds another run than this one.
        InputError: the data of a finished model have changed or are missing.
    """
    if resume and (folder / PROVENANCE).is_file():
        return _read_back(folder)
    done = train(run, folder, resume=resume and (folder / RUN).is_file())
    return Finished(seqvae.load(folder), done.prepared, folder)


def tuned(first: str | Path, source: str, config: FinetuneConfig, folder: Path, resume: bool) -> Finished:
    """Train a trained or pretrained model further under other settings; a finished one is only read back."""
    if resume and (folder / PROVENANCE).is_file():
        return _read_back(folder)
    again = resume and (folder / RUN).is_file()
    given = () if again else (config,)
    done = finetune("" if again else first, "" if again else source, folder, *given, resume=again)
    return Finished(seqvae.load(folder), done.trained.prepared, folder)


def trained_twice(run: RunConfig, second: FinetuneConfig, folder: Path, resume: bool) -> Finished:
    """Train, then train further under other settings, each in its own folder; what is finished is only read back."""
    first = folder / "first"
    if not (resume and (folder / PROVENANCE).is_file()):
        trained(run, first, resume)
    return tuned(first, run.data.source, second, folder, resume)


def _read_back(folder: Path) -> Finished:
    codec = seqvae.load(folder)
    return Finished(codec, prepared_again(codec, folder / "rejected.csv"), folder)


def prepared_again(codec: Codec, reject_file: Path, progress: bool = True) -> Prepared:
    """Read a model's data again.

    Raises:
        InputError: these are not the data that the model was trained on.
    """
    # A model that was trained further has the tokens of the one before.
    tokenizer = codec.tokenizer if "finetune" in codec.provenance else None
    prepared = prepare(codec.run, reject_file, progress, tokenizer)
    if prepared.data_hash != codec.provenance["data"]["sha256"]:
        raise InputError(
            f"{codec.run.data.source} does not give the data that the model was trained on (another hash), so its "
            "held-out texts may not be held out: use the data and the library versions of its provenance.json"
        )
    return prepared


def split_texts(prepared: Prepared, codec: Codec) -> dict[str, list[str]]:
    """Return the texts of a model's splits: those it was trained on, those that stopped it, and the held-out ones."""
    stores = {"train": prepared.train, "valid": prepared.valid}
    decode = codec.tokenizer.decode
    found = {name: [decode(store.ids(row)) for row in range(len(store))] for name, store in stores.items() if store}
    return found | {"test": list(prepared.test_texts)}
