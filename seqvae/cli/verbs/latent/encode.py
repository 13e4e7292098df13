"""`seqvae encode`."""

from __future__ import annotations

from typing import Literal

from cyclopts import App

from seqvae.cli.options import COMPUTING, READING, SPREADING, Compute, Input, Out, Place, Spread, check_before

app = App(
    name="encode",
    help_epilogue="""
Examples:

    seqvae encode runs/zinc molecules.smi --out z.npz
    cat molecules.smi | seqvae encode runs/zinc - --out - > z.csv
    seqvae encode runs/zinc billion.smi.gz --out z.parquet --executor processes --resume

The output holds the molecules or sequences, the other columns of the input, and posterior means: the arrays `text` and
`z` of an .npz, or the columns text, z0, z1, ... of a table.
Of a model that was trained with --conditions, these are read from the columns of the input, where there are such.
Records that are left out are listed in OUT.rejected.csv. Files may be larger than memory.
""",
)


@app.default
def encode(
    model: str,
    source: Place,
    /,
    *,
    out: Out = "-",
    refine: int | Literal["auto"] = "auto",
    reading: Input = READING,
    computing: Compute = COMPUTING,
    spread: Spread = SPREADING,
) -> None:
    """Turn molecules or sequences into latent vectors.

    Args:
        model: folder of a trained model, or the name of a pretrained one.
        source: file of molecules or sequences (.smi .csv .tsv .parquet .sdf .fasta .gb .txt, each also .gz), or `-` for
            one per line.
        out: .npz, .parquet, .csv or .tsv; `-` writes a CSV table to standard output.
        refine: `auto`: each is decoded again, and 20 gradient steps are taken on the latent vector of those that are
            not reconstructed, after which most are; such steps take some tens of times as long as the encoder. 0: the
            encoder alone, for files of millions. Another number: so many steps on each.
        reading: how the source is read.
        computing: where and how the model runs.
        spread: how work on a large file is spread, and resumed after a kill.
    """
    reading.check(source)
    check_before(model, out, source, latent=True)
    from seqvae.cli.bulk import bar, in_bulk
    from seqvae.latent.files import encode_file

    bulk = in_bulk(model, out, spread, computing, latent=True)
    with bar(computing) as advance:
        found = encode_file(bulk, source, out, refine, reading.settings(out), advance)
    if found.read.rejected:
        computing.note(str(found.read))
    if found.conditions:
        computing.note(found.conditions)
    count, noun = found.read.kept, bulk.codec.tokenizer.domain.noun
    what = f"{count:,} {noun}{'' if count == 1 else 's'}"
    computing.note(f"{what} encoded into {bulk.codec.latent} dimensions: {out}")
    if refine == "auto":
        left = f"; {found.left:,} more are too far off to be refined" if found.left else ""
        computing.note(f"{found.refined:,} of {count:,} refined, {found.lost:,} still not reconstructed exactly{left}")
