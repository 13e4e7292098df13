"""One call that measures samples or a model against real data, and returns all that `seqvae evaluate` shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seqvae.artifact.pretrained import check_model_or_file, is_pretrained
from seqvae.config import INFERENCE_BATCH, DecodeConfig, EvaluationConfig, MapConfig
from seqvae.config.checks import door
from seqvae.data.files.readers import ReadSettings
from seqvae.data.files.records import Record
from seqvae.data.tokens.tokenized import TokenizedTexts, first_texts
from seqvae.errors import InputError, UsageError
from seqvae.evaluate.compare import check_texts, generation
from seqvae.evaluate.evaluation import Evaluation, Overlap
from seqvae.evaluate.maps.chart import LatentMap, charted
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.model.settings import ModelSettings
from seqvae.evaluate.model.table import model_table
from seqvae.evaluate.real_baseline import training_baseline
from seqvae.evaluate.records import Generation, GenerationSettings, Unwatched, Watch
from seqvae.evaluate.reference_sets import Splits, certain, read_file, read_splits
from seqvae.evaluate.sequences.logo import Logo, logo
from seqvae.latent.bulk import Bulk, BulkSettings
from seqvae.latent.codec import Codec, load
from seqvae.properties.dna.motifs import PROMOTER_BOXES, Motif, read_motifs
from seqvae.sequences.domain import DNA, DOMAINS, MOLECULES

_BOXES = "promoter-boxes"
_FEWEST_MAPPED = 3
_ENOUGH = 20  # training texts: with fewer, counts and distances mean nothing
_FEWEST_UNSEEN = 10  # with fewer the metrics are of all texts of the reference, and say so


@door
def run(
    source: str | Path | Codec | Sequence[str],
    reference: str | Splits,
    train: str = "",
    config: EvaluationConfig | None = None,
    column: str | ReadSettings = "",
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    watch: Watch | None = None,
) -> Evaluation:
    """Compare samples, or samples of a model and the model itself, with real molecules or sequences.

    Args:
        source: a file of samples (`-`: standard input), a model's name or folder, a loaded model, or the samples.
        reference: name of a dataset, whose test split is taken, or a file of texts that training has not seen; or what
            `read_splits` returns for these.
        train: name of a dataset, whose training split is taken, or a file of training texts, for novelty; by default
            the training split of the dataset that `reference` names.
        config: how a model is sampled, and what is measured.
        column: column of the texts in files that are tables, by default the only one that fits; or all settings of
            reading files.
        device: `auto`, `cpu` or `cuda`; a loaded model stays where it is.
        batch_size: texts per pass while a model is sampled.
        watch: is told what is being done; None: nobody is.

    Raises:
        InputError: there is no such file, model, dataset or reference; a file holds no texts; samples, model and
            reference are not of one kind; or there is too little to compare.
        UsageError: motifs for a reference that is not DNA, or an unknown prior or device.
        DownloadError: a dataset is not on this machine and cannot be downloaded.
    """
    work = _Work(config or EvaluationConfig(), device, batch_size, watch or Unwatched())
    codec, samples = _model_or_samples(source, column, device)
    splits, motifs = _references(reference, train, column, codec, work)
    settings: dict[str, Any] = {"seed": work.config.seed}
    overlap = read = None
    if codec is not None:
        splits, overlap, read = _unseen(codec, splits)
    name = source if isinstance(source, str) else str(source) if isinstance(source, Path) else "given from Python"
    if codec:
        prior = codec.default_prior if work.config.prior == "auto" else work.config.prior
        samples = _drawn(codec, splits, name, work)
        settings |= {"number": work.config.number, "prior": prior}
        if splits.conditions_said:
            settings["conditions"] = splits.conditions_said
        if codec.may_be_invalid:
            settings["tries"] = work.config.tries
    if not splits.train:
        work.watch.note(f"no training {DOMAINS[splits.kind].noun}s (--train), so no novelty")
    if splits.kind == MOLECULES:
        from seqvae.sequences.protonation import form_of, told_apart  # RDKit

        if said := told_apart("the samples", form_of(samples), "the reference molecules", form_of(splits.test)):
            work.watch.note(said)
    of_the_samples = _of_the_samples(samples, splits, motifs, work) if codec is None or splits.generates else (None, [])
    of_the_model = _of_the_model(codec, splits, read, work) if codec else {}
    generated, logos = of_the_samples
    return Evaluation(name, splits, samples, generated, **of_the_model, settings=settings, logos=logos, overlap=overlap)


@dataclass(frozen=True)
class _Work:
    """What is measured, where, and who follows it."""

    config: EvaluationConfig
    device: str
    batch_size: int
    watch: Watch


def _model_or_samples(
    source: str | Path | Codec | Sequence[str], column: str | ReadSettings, device: str
) -> tuple[Codec | None, Sequence[str]]:
    """Load a model, or read the samples of a file.

    Raises:
        InputError: there is neither such a file nor such a model, or the file holds no samples.
    """
    if isinstance(source, Codec):
        return source, []
    if not isinstance(source, (str, Path)):
        return None, source
    if Path(source).is_dir() or is_pretrained(source):
        return load(source, device=device), []
    check_model_or_file(source)
    return None, read_file(str(source), column)


def _references(
    reference: str | Splits, train: str, column: str | ReadSettings, codec: Codec | None, work: _Work
) -> tuple[Splits, Sequence[Motif]]:
    """Read what to compare with, and the motifs to count.

    Raises:
        UsageError: motifs for a reference that is not DNA.
    """
    if isinstance(reference, Splits):
        splits = reference
    else:
        work.watch.note(f"reading {reference}")
        shown = not isinstance(work.watch, Unwatched)
        splits = read_splits(reference, train, column, codec.run if codec else None, progress=shown)
        if splits.why:
            work.watch.note(f"{splits.name}: {len(splits.test):,} texts, {DOMAINS[splits.kind].title} ({splits.why})")
    name = work.config.motifs
    if name and splits.kind != DNA:
        raise UsageError(f"--motifs is for DNA, and the reference {splits.name} holds {splits.kind}: leave it out")
    return splits, PROMOTER_BOXES if name == _BOXES else read_motifs(name) if name else ()


def _unseen(codec: Codec, splits: Splits) -> tuple[Splits, Overlap, TokenizedTexts | None]:
    """Leave out of the reference what the model was trained on, unless too little would be left.

    Returns:
        What is left, what was found, and the test texts left as the model has read them; None where it has not.
    """
    if codec.seen is None:
        return splits, Overlap(len(splits.test), None), None
    read = codec.tokenize(splits.test, "skip", splits.conditions)
    there = codec.seen.has_forms(read.forms, codec.tokenizer)
    gone = {row for row, seen in zip(read.rows, there, strict=True) if seen}
    kept = [row for row in range(len(splits.test)) if row not in gone]
    left = [splits.test[row] for row in kept]
    found = Overlap(len(splits.test), len(gone), codec.seen.whole, bool(gone) and 0 < len(left) < _FEWEST_UNSEEN)
    if found.few or not left:
        return splits, found, read
    others = zip(splits.test_scaffolds, codec.seen.has(splits.test_scaffolds, codec.tokenizer), strict=True)
    known = None if splits.conditions is None else splits.conditions[kept]
    scaffolds = [text for text, seen in others if not seen]
    unseen = replace(splits, test=left, test_scaffolds=scaffolds, conditions=known)
    return unseen, found, read.without(gone)


def _drawn(codec: Codec, splits: Splits, source: str, work: _Work) -> list[str]:
    """Sample a model: the texts that `seqvae sample` draws with this number and seed.

    Raises:
        InputError: the model writes another kind of texts than the reference holds.
    """
    kind = codec.tokenizer.domain.name
    if kind != splits.kind:
        raise InputError(
            f"the model {source} writes {kind}, the reference {splits.name} holds {splits.kind}: compare like with like"
        )
    number = work.config.number
    work.watch.note(f"sampling {number:,} {codec.tokenizer.domain.noun}s")
    texts: list[str] = []
    how = DecodeConfig("sample", tries=work.config.tries, seed=work.config.seed)
    bulk = Bulk(codec, BulkSettings(batch_size=work.batch_size, insist=False))
    for part in bulk.sample(number, how, work.config.prior):
        texts += part.texts
        work.watch("samples", len(texts), number)
    return texts


def _of_the_samples(
    samples: Sequence[str], splits: Splits, motifs: Sequence[Motif], work: _Work
) -> tuple[Generation, list[Logo]]:
    """Measure the samples and, for comparison, as many training texts; count the logos of samples and reference.

    There are no logos without a known alphabet or a common length.
    """
    config, domain = work.config, DOMAINS[splits.kind]
    work.watch.note(f"comparing {len(samples):,} samples with {len(splits.test):,} real {domain.noun}s")
    bootstrap = 0 if config.quick else GenerationSettings.bootstrap
    settings = GenerationSettings(config.seed, bootstrap, device=work.device, progress=work.watch)
    if motifs:
        from seqvae.evaluate.sequences.metrics import sequence_metrics

        check_texts(samples, splits.references)
        found = sequence_metrics(samples, splits.references, settings, motifs)
    else:
        found = generation(samples, splits.references, settings)
    if not found.baselines and not config.quick and len(splits.train) >= _ENOUGH:
        work.watch.note(f"measuring up to {len(samples):,} training {domain.noun}s for comparison")
        found = replace(found, baselines=training_baseline(splits.references, len(samples), settings))
    if (alphabet := domain.alphabet) is None:
        return found, []
    forms = [[alphabet.canonical(text, allow_gap=True) or text for text in texts] for texts in (samples, splits.test)]
    logos = [one for texts in forms if (one := logo(texts, alphabet.letters)) is not None]
    return found, logos if len(logos) == len(forms) else []


def _of_the_model(codec: Codec, splits: Splits, read: TokenizedTexts | None, work: _Work) -> dict[str, Any]:
    """Measure the model on held-out texts: its table, bits per letter against counting models, and its latent space.

    `read` are the test texts, where they have been read already.
    """
    settings = ModelSettings(seed=work.config.seed)
    noun = codec.tokenizer.domain.noun
    work.watch.note(f"measuring the model on {min(len(splits.test), settings.texts):,} held-out {noun}s")
    # scikit-learn takes a second to import, and samples from a file do not need it
    from seqvae.evaluate.model.latent_quality import LatentSettings, latent_quality
    from seqvae.evaluate.sequences.markov_baselines import held_out_bits

    latent_settings = LatentSettings(seed=work.config.seed)
    if splits.conditions_said:
        work.watch.note(f"the model's own table is of p(x|c), {splits.conditions_said}")
    most = max(settings.texts, latent_settings.texts)
    known = splits.conditions
    if read is None:
        held_out = codec.tokenize(splits.test[:most], "skip", None if known is None else known[:most])
    else:
        held_out = codec.tokenize(first_texts(read, most), on_error="skip")
    if work.config.quick:
        quick = replace(settings, protocol_texts=0, refined_texts=0)
        return {"model": asdict(model_table(codec, held_out, quick, work.watch.note))}
    table = asdict(model_table(codec, held_out, settings, work.watch.note))
    held_out = replace(held_out, conditions=None)  # what follows compares p(x) and z with methods that know x alone
    bits = {}
    if (alphabet := codec.tokenizer.domain.alphabet) is not None:
        train, test = certain(splits.train, alphabet), certain(splits.test, alphabet)[: settings.texts]
        if len(train) >= _ENOUGH and test:
            work.watch.note(f"comparing bits per {codec.tokenizer.domain.unit} with models that count letters")
            # Test sequences that are among the held-out texts need not be tokenized again.
            places = {form: place for place, form in enumerate(held_out.forms)}
            asked = held_out.take([places[form] for form in test if form in places])
            if not len(asked) or not set(test) <= {*places, *(one.form for one in held_out.rejected)}:
                asked = encodable(codec, test)
            bits = asdict(held_out_bits(codec, train, asked, alphabet=alphabet.letters))
    work.watch.note("measuring the latent space")
    try:
        latent = asdict(latent_quality(codec, held_out, settings=latent_settings))
    except InputError as error:  # too few texts to hold some out: the other tables do without this one
        work.watch.note(f"no metrics of the latent space: {error}")
        latent = {}
    return {"model": table, "bits": bits, "latent": latent, "map": _map_of(codec, held_out)}


def _map_of(codec: Codec, read: TokenizedTexts) -> LatentMap | None:
    """Return the map of texts in latent space; None where they are too few, or lie all at one place."""
    if len(read) < _FEWEST_MAPPED:
        return None
    colour = ("logp",) if codec.tokenizer.molecular else ()
    records = [Record(form, "", 0) for form in read.forms]
    try:
        return charted(codec, read, records, MapConfig(property=colour, samples=0, clusters=0, grid=0, draws=0))
    except UsageError:  # an empty latent space, which the other tables tell of
        return None
