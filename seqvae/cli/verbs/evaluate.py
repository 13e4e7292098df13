"""`seqvae evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, READING, Compute, ComputeOptions, Input, Place
from seqvae.config import DecodeConfig, suggestion
from seqvae.errors import InputError, UsageError

if TYPE_CHECKING:
    from seqvae.cli.evaluation import Measured, ModelMetrics
    from seqvae.evaluate.records import Generation
    from seqvae.evaluate.reference_sets import Splits
    from seqvae.latent.codec import Codec
    from seqvae.properties.dna.motifs import Motif

app = App(
    name="evaluate",
    help_epilogue="""
Examples:

    seqvae evaluate samples.smi --reference moses --out evaluation
    seqvae evaluate runs/zinc --reference zinc250k --number 10000 --out evaluation
    seqvae evaluate samples.smi --reference test.smi --train train.smi --json > figures.json

The folder of `--out` gets metrics.json (one number a figure; molecules by the names of MOSES), figures.json (these with
their intervals, what real texts reach, and the figures of the model), samples of a model, and report.html.
Only texts that training has not seen tell how good a model is.
""",
)


@dataclass(frozen=True)
class ModelOptions:
    """How a model is sampled and measured.

    Attributes:
        number: texts drawn from a model.
        prior: `normal` (`mixture` where the model was trained with one), `fitted`, or `auto`, the one of these that the
            model prefers.
        tries: of a model that writes SMILES: most draws of a sample, as in `seqvae sample`; with 1, every draw that is
            no molecule counts against the model.
        seed: every random draw comes from it.
        motifs: DNA: file of motifs whose hits are counted (JASPAR or minimal MEME), or `promoter-boxes` for the -10 and
            -35 boxes of E. coli.
        quick: leave out intervals, what real texts reach, the 10 x 10 protocol, refined posteriors, the latent space.
    """

    number: int = 10_000
    prior: str = "auto"
    tries: int = DecodeConfig.tries
    seed: int = DecodeConfig.seed
    motifs: str = ""
    quick: bool = False


MEASURING = ModelOptions()
_BOXES = "promoter-boxes"
_ENOUGH = 20  # training texts: of fewer, no counts and no distances are worth a row


@app.default
def evaluate(
    source: Place,
    /,
    *,
    reference: Place,
    train: str = "",
    out: Annotated[str, Parameter(name=["--out", "-o"])] = "",
    json: Annotated[bool, Parameter(name="--json")] = False,
    measuring: Annotated[ModelOptions, Parameter(name="*", group="Measuring")] = MEASURING,
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """Compare samples, or a trained model, with real texts: validity, novelty, distances, and what the model keeps.

    Args:
        source: file of samples (.smi .csv .tsv .parquet .fasta .txt, each also .gz), `-` for one a line, or a trained
            model: its folder, or the name of one that ships.
        reference: name of a dataset, whose test side is taken, or file of texts that training has not seen.
        train: name of a dataset, whose training side is taken, or file of training texts, for novelty; by default the
            training side of a reference by name.
        out: folder for the tables and the page; without it they are printed only.
        json: print all figures as JSON.
        measuring: how a model is sampled and measured.
        reading: how files of texts are read.
        computing: where and how the work is done.
    """
    from seqvae.cli.evaluation import print_measured, write_measured
    from seqvae.runtime.files import check_folder

    if out:
        check_folder(Path(out))
    found = _measure(source, (reference, train), reading.column, measuring, computing)
    if out:
        write_measured(Path(out), found)
    print_measured(found, json)
    if out:
        computing.note(f"open {Path(out) / 'report.html'}")


def _measure(
    source: str, names: tuple[str, str], column: str, measuring: ModelOptions, computing: ComputeOptions
) -> Measured:
    """Read or draw the samples, and measure them and the model; `names` are those of reference and training texts."""
    from seqvae.cli.evaluation import Measured
    from seqvae.evaluate.reference_sets import read_splits

    codec, samples = _model_or_samples(source, column, computing.device)
    computing.note(f"reading {names[0]}")
    splits = read_splits(*names, column, codec.run if codec else None, progress=not computing.quiet)
    motifs = _motifs(measuring.motifs, splits)
    settings: dict[str, Any] = {"seed": measuring.seed}
    if codec:
        _check_kinds(codec, splits, source)
        computing.note(f"sampling {measuring.number:,} texts")
        samples = _drawn(codec, measuring, computing)
        prior = codec.default_prior if measuring.prior == "auto" else measuring.prior
        settings |= {"number": measuring.number, "prior": prior}
        if codec.may_be_invalid:
            settings["tries"] = measuring.tries
    if not splits.train:
        computing.note("no training texts (--train), so no novelty")
    generated = None
    if codec is None or splits.generates:
        computing.note(f"comparing {len(samples):,} samples with {len(splits.test):,} real texts")
        generated = _generation(samples, splits, motifs, measuring, computing)
    model = _of_the_model(codec, splits, measuring, computing) if codec else None
    return Measured(source, splits, samples, generated, model, settings)


def _model_or_samples(source: str, column: str, device: str) -> tuple[Codec | None, list[str]]:
    """Load a model, or read the samples of a file.

    Raises:
        InputError: there is neither such a file nor such a model, or the file holds no samples.
    """
    from seqvae import load
    from seqvae.artifact.pretrained import pretrained_names
    from seqvae.evaluate.reference_sets import read_file

    if Path(source).is_dir() or source in pretrained_names():
        return load(source, device=device), []
    if source != "-" and not Path(source).is_file():
        hint = suggestion(source, pretrained_names()) if not ({"/", "."} & set(source)) else ""
        raise InputError(f"{source}: no such file of samples, no such model folder, and no model that ships{hint}")
    return None, read_file(source, column)


def _drawn(codec: Codec, measuring: ModelOptions, computing: ComputeOptions) -> list[str]:
    """Sample a model: the texts that `seqvae sample` draws with this number and seed."""
    from seqvae.latent.bulk import Bulk, BulkSettings

    texts: list[str] = []
    how = DecodeConfig("sample", tries=measuring.tries, seed=measuring.seed)
    bulk = Bulk(codec, BulkSettings(batch_size=computing.batch_size))
    with _Bars(computing.quiet) as bars:
        for part in bulk.sample(measuring.number, how, measuring.prior):
            texts += part.texts
            bars("samples", len(texts), measuring.number)
    return texts


def _check_kinds(codec: Codec, splits: Splits, source: str) -> None:
    from seqvae.evaluate.reference_sets import KINDS

    kind = KINDS[codec.run.tokenizer.kind]
    if kind != splits.kind:
        raise InputError(
            f"the model {source} writes {kind}, the reference {splits.name} holds {splits.kind}: compare like with like"
        )


def _generation(
    samples: Sequence[str],
    splits: Splits,
    motifs: Sequence[Motif],
    measuring: ModelOptions,
    computing: ComputeOptions,
) -> Generation:
    from seqvae.evaluate.compare import check_texts, generation
    from seqvae.evaluate.dna.metrics import dna_metrics
    from seqvae.evaluate.real_baseline import training_baseline
    from seqvae.evaluate.records import GenerationSettings

    with _Bars(computing.quiet) as bars:
        bootstrap = 0 if measuring.quick else GenerationSettings.bootstrap
        settings = GenerationSettings(seed=measuring.seed, bootstrap=bootstrap, device=computing.device, progress=bars)
        if motifs:
            check_texts(samples, splits.references)
            return dna_metrics(samples, splits.references, settings, motifs)
        found = generation(samples, splits.references, settings)
        if found.baselines or measuring.quick or len(splits.train) < _ENOUGH:
            return found
        computing.note(f"measuring as many training texts, for comparison: at most {len(samples):,}")
        return replace(found, baselines=training_baseline(splits.references, len(samples), settings))


def _motifs(name: str, splits: Splits) -> Sequence[Motif]:
    from seqvae.properties.dna.motifs import PROMOTER_BOXES, read_motifs
    from seqvae.sequences.domain import DNA

    if name and splits.kind != DNA:
        raise UsageError(f"--motifs is for DNA, and the reference {splits.name} holds {splits.kind}: leave it out")
    return PROMOTER_BOXES if name == _BOXES else read_motifs(name) if name else ()


def _of_the_model(codec: Codec, splits: Splits, measuring: ModelOptions, computing: ComputeOptions) -> ModelMetrics:
    """Measure the model on texts it has not seen: its table, bits a base beside counting, and its latent space."""
    from seqvae.cli.evaluation import ModelMetrics
    from seqvae.evaluate.model.held_out import ModelSettings, model_table
    from seqvae.evaluate.model.latent_quality import LatentSettings, latent_quality

    settings = ModelSettings(seed=measuring.seed)
    computing.note(f"measuring the model on {min(len(splits.test), settings.texts):,} texts it has not seen")
    if measuring.quick:
        return ModelMetrics(
            asdict(model_table(codec, splits.test, replace(settings, protocol_texts=0, refined_texts=0)))
        )
    table = asdict(model_table(codec, splits.test, settings))
    bits = _bits_beside_counting(codec, splits, settings.texts)
    computing.note("looking at the latent space")
    try:
        latent = asdict(latent_quality(codec, splits.test, settings=LatentSettings(seed=measuring.seed)))
    except InputError as error:  # too few texts to hold some out: the other tables stand without this one
        computing.note(f"no figures of the latent space: {error}")
        latent = {}
    return ModelMetrics(table, bits, latent)


def _bits_beside_counting(codec: Codec, splits: Splits, most: int) -> dict[str, Any]:
    """Return the bits a base of DNA beside those of models that count, or nothing where these cannot be counted."""
    from seqvae.evaluate.dna.markov_baselines import held_out_bits
    from seqvae.evaluate.model.held_out import encodable
    from seqvae.evaluate.reference_sets import certain
    from seqvae.sequences.domain import DNA

    train, test = certain(splits.train), certain(splits.test)
    if splits.kind != DNA or len(train) < _ENOUGH or not test:
        return {}
    return asdict(held_out_bits(codec, train, encodable(codec, test[:most])[0]))


class _Bars:
    """Shows what a long step is doing on a terminal, one bar after the other."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.what = quiet, ""
        self.bar: Any = None  # of tqdm, which has no types

    def __enter__(self) -> _Bars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that so many of so many are done."""
        from tqdm import tqdm

        if what != self.what:
            self.__exit__(None, None, None)
            # disable=None shows the bar on a terminal only
            self.bar = tqdm(total=total, desc=what, file=sys.stderr, disable=True if self.quiet else None, leave=False)
            self.what = what
        self.bar.update(done - self.bar.n)
