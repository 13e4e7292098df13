"""Flags that several verbs share, and the types of their arguments."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, Token

from seqvae.cli import STDIO
from seqvae.config import INFERENCE_BATCH, ExecutorConfig
from seqvae.errors import UsageError

if TYPE_CHECKING:
    from seqvae.data.files.readers import ReadSettings


def _place(_: type, tokens: Sequence[Token]) -> str:
    return "-" if tokens[0].value == STDIO else tokens[0].value


# A path, or `-` for standard input or output.
Place = Annotated[str, Parameter(converter=_place)]
Out = Annotated[str, Parameter(name=["--out", "-o"], converter=_place)]


@dataclass(frozen=True)
class ComputeOptions:
    """Where and how a model runs.

    Attributes:
        device: `auto`, `cpu` or `cuda`.
        batch_size: molecules or sequences at a time; fewer take less memory.
        quiet: show no progress and no notes.
    """

    device: str = "auto"
    batch_size: int = INFERENCE_BATCH
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch_size: expected a number from 1, got {self.batch_size}")

    def note(self, text: str) -> None:
        """Print a line on standard error, where it does not mix with results."""
        if not self.quiet:
            print(text, file=sys.stderr)


@dataclass(frozen=True)
class InputOptions:
    """How molecules or sequences are read.

    Attributes:
        column: column that holds the molecules or sequences, for tables; by default the one obvious column.
        format: what the file is, where neither its content nor its ending tells: `csv`, `tsv`, `smi`, `txt`, `sdf`,
            `fasta`, `fastq`, `gb`, `a2m` (aligned sequences: A2M, A3M, FASTA), `sto`, `parquet`, `xlsx`.
        standardize: read molecules in their standard form: largest fragment, neutral, no isotopes, metals cut off, one
            spelling of each group; as `seqvae data standardize` writes them.
        on_error: `stop` at the first bad record, or `skip` bad records, which are counted and written to a reject file.
        max_characters: longest SMILES or sequence that is read, a longer one is a bad record; 0: 10,000 for molecules
            (RDKit is given none that is longer), 2^30 for others.
    """

    column: str = ""
    format: str = ""
    standardize: bool = False
    on_error: str = "stop"
    max_characters: int = 0

    def check(self, source: str) -> None:
        """Raise UsageError where a column is named and the source is no table, or its format is unknown."""
        from seqvae.data.files.formats import TABLES, kind_of

        if kind_of(source, self.format) not in TABLES and self.column:
            raise UsageError(f"--column has no effect on {source}, which is no table: leave it out")

    def settings(self, out: str = "-") -> ReadSettings:
        """Return how the source of an output is read."""
        from seqvae.data.files.carried import rejects_beside
        from seqvae.data.files.readers import ReadSettings

        return ReadSettings(
            self.column,
            format=self.format,
            on_error=self.on_error,
            reject_file=rejects_beside(out),
            standardize=self.standardize,
            max_characters=self.max_characters,
        )


@dataclass(frozen=True)
class BulkOptions:
    """How work on a large file is spread over processes, and kept.

    Attributes:
        executor: `local` (this process), `processes` (several), `ray` (a Ray cluster; pip install 'seqvae[ray]'), or
            `auto`: several processes where there is enough work. It changes no result.
        workers: how many of them; 0: one per core, of this machine or of the cluster.
        ray_address: address of the cluster; empty: the one in RAY_ADDRESS, else a cluster is started here.
        resume: keep finished chunks beside the output (OUT.parts) until all are done, and resume from those that are
            there: give it from the start, and again after a kill.
    """

    executor: str = "auto"
    workers: int = 0
    ray_address: str = ""
    resume: bool = False

    def config(self) -> ExecutorConfig:
        """Return where the work is done."""
        return ExecutorConfig(self.executor, self.workers, self.ray_address)

    def parts(self, out: str) -> Path | None:
        """Return the folder of finished chunks, None where they are not kept.

        Raises:
            UsageError: the output is not a file.
        """
        if not self.resume:
            return None
        if out == "-":
            raise UsageError("--resume keeps finished chunks beside the output: give a file by --out")
        return Path(f"{out}.parts").expanduser()


def check_file(source: str) -> None:
    """Raise InputError where a file cannot be opened, before anything is imported or loaded that takes seconds."""
    from seqvae.data.files.open import STDIN, open_bytes

    if source != STDIN:
        with open_bytes(source):
            pass


def check_before(model: str, out: str, source: str = "-", latent: bool = False) -> None:
    """Refuse a model or a file that is not there, and an output of an unknown kind, before torch is imported.

    Raises:
        ArtifactError: there is no such model.
        InputError: the file cannot be opened.
        UsageError: the extension of the output is unknown.
    """
    from seqvae.artifact.pretrained import check_model
    from seqvae.data.files.writers import writer_for

    writer_for(out, latent)
    check_file(source)
    check_model(model)


Compute = Annotated[ComputeOptions, Parameter(name="*", group="Computing")]
Input = Annotated[InputOptions, Parameter(name="*", group="Reading")]
Spread = Annotated[BulkOptions, Parameter(name="*", group="In bulk")]
COMPUTING = ComputeOptions()
SPREADING = BulkOptions()
READING = InputOptions()


def conditions_of(given: Sequence[str]) -> dict[str, float | str]:
    """Return the value of each condition, given as `name=value`: a number, or else the name of a class."""
    found: dict[str, float | str] = {}
    for text in given:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not (name and sign and value):
            raise UsageError(f"--condition: expected a name and a value, as logP=2.5, got {text!r}")
        if name in found:
            raise UsageError(f"--condition {name}: expected one value, got {found[name]} and {value}")
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = value
    return found
