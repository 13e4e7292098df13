"""Flags that several verbs share, and the types of their arguments."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter, Token

from seqvae.config import INFERENCE_BATCH
from seqvae.errors import UsageError

# What a lone dash is called while the command line is parsed.
STDIO = "<stdio>"


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
        batch_size: texts at a time; less takes less memory.
        quiet: show no progress and no notes.
    """

    device: str = "auto"
    batch_size: int = INFERENCE_BATCH
    quiet: bool = False

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch_size: expected a number from 1, got {self.batch_size}")

    def note(self, text: str) -> None:
        """Print a line for the user on standard error, where it does not mix with results."""
        if not self.quiet:
            print(text, file=sys.stderr)


@dataclass(frozen=True)
class InputOptions:
    """How texts are read.

    Attributes:
        column: column that holds the texts, for tables; by default the one obvious column.
        on_error: `stop` at the first bad record, or `skip` it, count it and write it to a reject file.
    """

    column: str = ""
    on_error: str = "stop"


Compute = Annotated[ComputeOptions, Parameter(name="*", group="Computing")]
Input = Annotated[InputOptions, Parameter(name="*", group="Reading")]
COMPUTING = ComputeOptions()
READING = InputOptions()
