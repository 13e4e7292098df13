"""Calibrate a model's scores on texts that it was not trained on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seqvae.artifact.calibration import Calibration
from seqvae.artifact.folder import save_calibration
from seqvae.artifact.pretrained import resolve
from seqvae.config import INFERENCE_BATCH, RunConfig, ScoreConfig
from seqvae.data.corpus import read_texts, resolved_split, split_texts
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.data.tokens.tokenized import AnyTexts
from seqvae.errors import InputError, SeqVAEError
from seqvae.infer.familiarity import FEWEST, Measured, calibration_of
from seqvae.infer.likelihood import Progress, weigh
from seqvae.latent.codec import Codec, load

MOST = 2000  # texts: two thirds of them give p-values of .01 to within .003


def calibrate(
    model: str | Path | Codec,
    texts: AnyTexts | None = None,
    config: ScoreConfig | None = None,
    source: str = "",
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> Calibration:
    """Return what a model's scores are on held-out texts; `save_calibration` puts it into a model folder.

    Args:
        model: its folder, the name of a pretrained model, or a loaded one.
        texts: that it was not trained on; what of them the record in its folder knows from training, and what it cannot
            read, is left out; of more than 2,000, as many are taken at even distances. None: those that were held out
            of the model's own data.
        config: samples, steps and seed, by which later scores are made too.
        source: name of the texts.
        device: `auto`, `cpu` or `cuda`; a loaded model stays where it is.
        batch_size: texts at a time.
        progress: is told how many texts are done, and of how many.

    Raises:
        ArtifactError: there is no such model, or it is damaged.
        InputError: too few texts, or the model's own data cannot be read again.
    """
    codec = model if isinstance(model, Codec) else load(model, device=device)
    config = (config or ScoreConfig()).settled()
    source = source or (codec.run.data.source if texts is None else "given texts")
    read = codec.tokenize(held_out_texts(codec.run) if texts is None else texts, on_error="skip")
    unseen = list(range(len(read)))
    if codec.seen is not None:
        known = codec.seen.has_forms(read.forms, codec.tokenizer).tolist()
        unseen = [place for place in unseen if not known[place]]
    if len(unseen) < FEWEST:
        noun = codec.tokenizer.domain.noun
        raise InputError(
            f"{source}: expected at least {FEWEST} {noun}s that the model can read and was not trained on, got "
            f"{len(unseen)}; give more"
        )
    count = min(len(unseen), MOST)
    taken = read.take([unseen[place * len(unseen) // count] for place in range(count)])
    weighed = weigh(codec, taken, config.samples, config.refine, config.seed, batch_size, progress)
    measured, name = Measured.of(weighed, taken), Path(source).name
    return calibration_of(measured, name, config.samples, config.refine, config.seed)


def calibrate_folder(
    model: str | Path,
    source: str = "",
    config: ScoreConfig | None = None,
    settings: ReadSettings | None = None,
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> Calibration:
    """Calibrate a model on the texts of a file, and put the result into its folder; errors as `calibrate`.

    Args:
        model: its folder.
        source: file of texts that it was not trained on; empty: what was held out of its own data.
        config: samples, steps and seed.
        settings: how the file is read.
        device: `auto`, `cpu` or `cuda`.
        batch_size: texts at a time.
        progress: is told how many texts are done, and of how many.
    """
    texts = None
    if source:
        texts = [record.text for record in read_records(source, settings or ReadSettings())[0]]
    found = calibrate(model, texts, config, source, device, batch_size, progress)
    save_calibration(resolve(model), found)
    return found


def held_out_texts(run: RunConfig) -> list[str]:
    """Return the texts that were held out when a model was trained.

    Raises:
        InputError: the data cannot be read again, or nothing was held out.
    """
    source, give = run.data.source, "give held-out data: seqvae score MODEL FILE --calibrate"
    if not source or source == "-":
        raise InputError(f"the model does not say which data it was trained on: {give}")
    try:
        found = read_texts(run.data)
        chosen, duplicates = resolved_split(found, run.data.split, run.tokenizer.kind)
        split = split_texts(found, replace(run, data=replace(run.data, split=chosen)), duplicates)
    except SeqVAEError as error:
        raise InputError(f"{source}, which the model was trained on, cannot be read again ({error}): {give}") from error
    if not len(split.test):
        raise InputError(f"nothing of {source} was held out when the model was trained: {give}")
    return [found.texts[row] for row in split.test.tolist()]
