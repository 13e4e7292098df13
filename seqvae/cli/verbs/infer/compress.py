"""`seqvae compress` and `seqvae decompress`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import Place, check_file
from seqvae.config import INFERENCE_BATCH
from seqvae.errors import UsageError
from seqvae.runtime.progress import phase

_File = Annotated[Path, Parameter(name=["--out", "-o"])]

app = App(
    name="compress",
    help_epilogue="""
Examples:

    seqvae compress zinc-smiles molecules.smi -o molecules.svz
    seqvae compress runs/dna sequences.fasta -o sequences.svz --block 1024
    seqvae decompress molecules.svz -o back.smi
    seqvae decompress molecules.svz --record 17

The file comes back byte for byte: names and other columns are stored beside the molecules or sequences, and texts that
the model cannot write (lower case, N, unknown tokens, too long) as they are; how many is said. Any row is read by
decoding its block alone. The bytes do not depend on processor, threads or batch size. The container names its model and
holds no weights: keep the model.
""",
)

decompress_app = App(
    name="decompress",
    help_epilogue="""
Examples:

    seqvae decompress molecules.svz -o back.smi
    seqvae decompress molecules.svz --record 17
    seqvae decompress sequences.svz -o back.fasta --model runs/dna
""",
)


@app.default
def compress(
    model: str,
    source: Place,
    /,
    *,
    out: _File,
    block: int = 64,
    column: str = "",
    format: str = "",
    batch_size: int = INFERENCE_BATCH,
    quiet: bool = False,
) -> None:
    """Compress a file of molecules or sequences without loss, in about the bits that a model gives them.

    Args:
        model: folder of a trained model, or the name of a pretrained one.
        source: file of lines (.smi .txt .csv .tsv .fasta, each also .gz, whose content is taken), or `-`.
        out: the container (.svz).
        block: rows that are coded together. More take fewer bytes; fewer are read faster, one at a time.
        column: column that holds the molecules or sequences, for tables; by default the one obvious column.
        format: what the file is, where its ending does not tell: `smi`, `txt`, `csv`, `tsv`, `fasta`.
        batch_size: blocks side by side; fewer take less memory. It changes no byte.
        quiet: show no progress and no notes.
    """
    check_file(source)
    from seqvae.artifact.pretrained import check_model

    check_model(model)
    with phase("loading PyTorch", quiet):
        from seqvae.cli.bulk import bar
        from seqvae.cli.options import ComputeOptions
        from seqvae.infer.coding.api import CompressSettings
        from seqvae.infer.coding.api import compress as run

    computing = ComputeOptions("cpu", batch_size, quiet)
    with bar(computing) as advance:
        settings = CompressSettings(block, batch_size=batch_size, column=column, format=format)
        found = run(model, source, out, settings, advance)
    size = f"{found.before:,} bytes to {found.after:,}, {found.after / max(1, found.before):.1%}"
    computing.note(f"{found.rows:,} rows: {size}: {out}")
    if found.outside:
        one = found.outside == 1
        said, it = ("1 text is", "it stands") if one else (f"{found.outside:,} texts are", "they stand")
        computing.note(f"{said} outside what the model writes, and stored as {it}")


@decompress_app.default
def decompress(
    source: str,
    /,
    *,
    out: Annotated[Path | None, Parameter(name=["--out", "-o"])] = None,
    record: int | None = None,
    model: str = "",
    batch_size: int = INFERENCE_BATCH,
    quiet: bool = False,
) -> None:
    """Write the file that was compressed, or print one row of it.

    Args:
        source: a container of `seqvae compress`.
        out: the file.
        record: print this row in place of writing the file; rows are counted from 0, without a table's header.
        model: the model that coded it, where the name in the container does not lead there.
        batch_size: blocks side by side; fewer take less memory.
        quiet: show no progress and no notes.
    """
    if (out is None) == (record is None):
        raise UsageError("expected either a file, --out FILE, or one row, --record NUMBER")
    if not Path(source).is_file():
        check_file(source)
    with phase("loading PyTorch", quiet):
        from seqvae.cli.bulk import bar
        from seqvae.cli.options import ComputeOptions
        from seqvae.infer.coding.api import Container
        from seqvae.infer.coding.api import decompress as run

    if record is not None:
        with Container(source, model or None) as container:
            if not 0 <= record < len(container):
                raise UsageError(f"--record: {source} has the rows 0 to {len(container) - 1:,}, got {record:,}")
            print(container[record])
        return
    computing = ComputeOptions("cpu", batch_size, quiet)
    if out is not None:
        with bar(computing) as advance:
            rows = run(source, out, model or None, batch_size, advance)
        computing.note(f"{rows:,} rows: {out}")
