"""One call that diagnoses a model on held-out data, and returns all that `seqvae diagnose` shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seqvae.config import INFERENCE_BATCH, DiagnosisConfig
from seqvae.config.checks import door
from seqvae.data.corpus import read_texts, resolved_split, split_texts
from seqvae.data.files.readers import ReadSettings
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.errors import InputError, SeqVAEError
from seqvae.evaluate.diagnosis.measure import measure
from seqvae.evaluate.diagnosis.record import Diagnosis
from seqvae.evaluate.diagnosis.verdict import judged
from seqvae.evaluate.evaluation import Overlap
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.records import Unwatched, Watch
from seqvae.evaluate.reference_sets import Splits, read_splits
from seqvae.latent.codec import Codec, load
from seqvae.sequences.domain import DOMAINS, LETTERS

FEWEST = 10  # held-out texts: with fewer, the variance of the posterior means says nothing about the model
COUNTED = 20_000  # training texts that are read, at most: those that baselines count


@door
def diagnose(
    model: str | Path | Codec,
    data: str = "",
    train: str = "",
    config: DiagnosisConfig | None = None,
    column: str | ReadSettings = "",
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    watch: Watch | None = None,
) -> Diagnosis:
    """Measure what a model's latent space is worth, and come to a verdict.

    Args:
        model: its folder, the name of a pretrained model, or a loaded one.
        data: name of a dataset, whose test split is taken, or a file; what of it the model was trained on, by the
            record in its folder, stands for training data. Empty: the held-out split of the data that it was trained
            on, with the settings of that training.
        train: name of a dataset, whose training split is taken, or a file of training data; by default those of the
            model's own dataset, or what the record says of `data`.
        config: how much work it is.
        column: column of the texts in files that are tables; or all settings of reading files.
        device: `auto`, `cpu` or `cuda`; a loaded model stays where it is.
        batch_size: texts at a time.
        watch: is told what is being done; None: nobody is.

    Raises:
        ArtifactError: there is no such model, or it is damaged.
        InputError: the data cannot be read, are of another kind than the model, or are too few.
        DownloadError: a dataset is not on this machine and cannot be downloaded.
    """
    config, watch = config or DiagnosisConfig(), watch or Unwatched()
    codec = model if isinstance(model, Codec) else load(model, device=device)
    name = "given from Python" if isinstance(model, Codec) else str(model)
    if data:
        watch.note(f"reading {data}")
        splits = read_splits(data, train, column, codec.run, progress=not isinstance(watch, Unwatched))
        if splits.why:
            watch.note(f"{splits.name}: {len(splits.test):,} texts, {DOMAINS[splits.kind].title}")
    else:
        splits = _own(codec, name, train, column, watch)
    own, noun = codec.tokenizer.domain, codec.tokenizer.domain.noun
    if own.name not in (splits.kind, LETTERS):
        held = DOMAINS[splits.kind].title
        raise InputError(f"the model {name} reads {own.title}, {splits.name} holds {held}: give data of its kind")
    watch.note(f"tokenizing {len(splits.test) + len(splits.train[:COUNTED]):,} {noun}s")
    held_out, training, overlap = _sides(codec, splits)
    if len(held_out) < FEWEST:
        raise InputError(
            f"{splits.name}: expected at least {FEWEST} held-out {noun}s that the model can read, got {len(held_out)}; "
            "give more data"
        )
    if training is None:
        watch.note(f"no training {noun}s are known (--train), so no comparison with them")
    found = diagnose_texts(codec, held_out, training, config, watch, batch_size)
    seen = (splits.train_name or splits.name) if training else ""
    return replace(found, model=name, held_out=splits.name, training=seen, overlap=overlap)


@door
def diagnose_texts(
    codec: Codec,
    held_out: TokenizedTexts,
    training: TokenizedTexts | None = None,
    config: DiagnosisConfig | None = None,
    watch: Watch | None = None,
    batch_size: int = INFERENCE_BATCH,
) -> Diagnosis:
    """Diagnose a model on texts that it has read; with `quick` settings, cheaply enough for the end of a training.

    Args:
        codec: the model.
        held_out: texts that it was not trained on, at least two.
        training: texts that it was trained on; None: none are known.
        config: how much work it is.
        watch: is told what is being done; None: nobody is.
        batch_size: texts at a time.
    """
    config = config or DiagnosisConfig()
    metrics = measure(codec, held_out, training, config, watch, batch_size)
    domain = codec.tokenizer.domain
    verdict = judged(metrics, domain.noun, domain.unit if domain.alphabet else "")
    return Diagnosis("", "", "", domain.name, metrics, verdict, vars(config))


def _own(codec: Codec, name: str, train: str, column: str | ReadSettings, watch: Watch) -> Splits:
    """Read the data that the model was trained on, and split them as that training did.

    Raises:
        InputError: they cannot be read any more, or nothing was held out.
    """
    source = codec.run.data.source
    give = f"give held-out data: seqvae diagnose {name} FILE"
    if not source or source == "-":
        raise InputError(f"{name} does not say which data it was trained on: {give}")
    watch.note(f"reading {source}, which {name} was trained on")
    try:
        if not Path(source).is_file():
            splits = read_splits(source, "", column, codec.run, progress=not isinstance(watch, Unwatched))
        else:
            found = read_texts(codec.run.data)
            chosen, duplicates = resolved_split(found, codec.run.data.split, codec.run.tokenizer.kind)
            run = replace(codec.run, data=replace(codec.run.data, split=chosen))
            split = split_texts(found, run, duplicates)
            test, seen = ([found.texts[row] for row in rows.tolist()] for rows in (split.test, split.train))
            splits = Splits(source, found.domain.name, test, [], seen, source)
    except SeqVAEError as error:
        raise InputError(f"{source}, which {name} was trained on, cannot be read again ({error}): {give}") from error
    if not splits.test:
        raise InputError(f"nothing of {source} was held out when {name} was trained: {give}")
    if train:
        other = read_splits(train, "", column, codec.run)
        splits = replace(splits, train=other.train or other.test, train_name=train)
    return splits


def _sides(codec: Codec, splits: Splits) -> tuple[TokenizedTexts, TokenizedTexts | None, str]:
    """Return held-out and training texts as the model reads them, and how much of the data it was trained on."""
    read, noun = encodable(codec, splits.test), codec.tokenizer.domain.noun
    training = codec.tokenize(splits.train[:COUNTED], on_error="skip") if splits.train else None
    if codec.seen is None:
        return read, training, Overlap(read.given, None).describe(noun)
    there = codec.seen.has_forms(read.forms, codec.tokenizer)
    unseen = read.take([place for place, seen in enumerate(there.tolist()) if not seen])
    known = int(there.sum())
    if not len(unseen):
        raise InputError(
            f"{splits.name}: the model was trained on all of its {len(read):,} {noun}s, by the record in its folder: "
            "give data that it has not seen"
        )
    if training is None and known:
        training = read.take([place for place, seen in enumerate(there.tolist()) if seen][:COUNTED])
    return replace(unseen, rejected=read.rejected), training, Overlap(len(read), known, codec.seen.whole).describe(noun)
