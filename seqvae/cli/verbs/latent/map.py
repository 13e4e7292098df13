"""`seqvae map`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import flags_of, merged, with_flags
from seqvae.cli.options import COMPUTING, READING, Compute, Input, InputOptions, Place, check_before
from seqvae.config import MapConfig, ViewConfig
from seqvae.config.toml import section_from_dict
from seqvae.errors import UsageError
from seqvae.latent.projection.kinds import check_projection
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    from seqvae.evaluate.maps.chart import LatentMap

app = App(
    name="map",
    help_epilogue="""
Examples:

    seqvae map drug-smiles mine.smi -o map.html
    seqvae map drug-smiles assays.csv -o map.html --projection tsne --color pIC50 --property smarts:c1ccncc1
    seqvae map drug-smiles mine.smi -o slice.html --through CCO --through 'c1ccccc1O' --through 'CC(=O)O'
    seqvae map drug-smiles mine.smi -o slice.html --around 'CC(=O)Nc1ccc(O)cc1' --along qed --along logp
    seqvae map drug-smiles mine.smi -o figure.svg --color logp --shade dark
    seqvae map drug-smiles mine.smi -o chosen.csv --lasso '0,0 1,0 1,1'

The page holds everything: it is opened by a click, sent as one file, and needs no network. Hovering shows structure or
sequence; a lasso or a search selects rows, which become a table and files; zooming in shows what the points between the
rows decode to; and the page gives the command line of what it shows. As .csv, .tsv, .parquet, .smi or .fasta the rows
that `--lasso`, `--find` and `--pick` select are written, all rows without these.
""",
)

_MAPPING = flags_of(MapConfig(), "", "Map")
_VIEWING = flags_of(ViewConfig(), "", "View and selection")
_PICTURES = (".png", ".svg")


@app.default
@with_flags([*_MAPPING, *_VIEWING])
def map(
    model: str,
    source: Place,
    /,
    *,
    out: Annotated[str, Parameter(name=["--out", "-o"])] = "map.html",
    save_projection: Path | None = None,
    reading: Input = READING,
    computing: Compute = COMPUTING,
    **given: Any,  # noqa: ANN401
) -> None:
    """Draw molecules or sequences as a map of latent space, on which everything can be looked at.

    Args:
        model: folder of a trained model, or name of a pretrained one.
        source: file of molecules or sequences, or `-`; its columns are shown, and may colour the points.
        out: .html, a page; .png or .svg, a picture for a paper; or a table of the selected rows.
        save_projection: folder to keep the projection in, for `--projection` of later maps.
        reading: how the file is read.
        computing: where and how the model runs.
        **given: settings whose flags were given.
    """
    config = section_from_dict(MapConfig, merged({}, given, _MAPPING), "map")
    view = section_from_dict(ViewConfig, merged({}, given, _VIEWING), "map")
    check_projection(config.projection)
    reading.check(source)
    _check_output(out)
    check_before(model, "-", source)
    from seqvae.cli.progress import Bars

    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.evaluate.maps.chart import chart
            from seqvae.latent.projection.stored import save_projection as save

        settings = replace(reading.settings(out), all=True)
        found = chart(model, source, config, settings, computing.device, computing.batch_size, bars)
        found.selected(view), found.colour_of(view)  # a wrong one is said before anything is written
        if save_projection is not None:
            save(save_projection, found.projection, found.fingerprint)
        with phase(f"writing {out}", computing.quiet):
            _write(found, view, out, command_of(model, source, out, given, reading))
    if found.left_out:
        computing.note(found.left_out)
    computing.note(f"{len(found):,} {found.noun}s on {found.projection.described}: {out}")
    if found.projection.kind == "pca" and out.lower().endswith(".html"):
        computing.note("neighbourhoods are kept better by --projection tsne (pip install 'seqvae[map]')")


def command_of(model: str, source: str, out: str, given: Mapping[str, Any], reading: InputOptions) -> str:
    """Return the command line that makes a map again, without view and selection."""
    words = ["seqvae", "map", model, source, "-o", out]
    for one in _MAPPING:
        value = given.get(one.key)
        values = value if isinstance(value, (tuple, list)) else () if value is None else (value,)
        for part in values:
            words += [one.flag, str(part)]
    for item in fields(reading):
        value, flag = getattr(reading, item.name), f"--{item.name.replace('_', '-')}"
        if value != getattr(READING, item.name):
            words += [flag] if value is True else [flag, str(value)]
    return shlex.join(words)


def _check_output(out: str) -> None:
    from seqvae.data.files.writers import writer_for
    from seqvae.runtime.files import check_folder

    if out.lower().endswith((".html", *_PICTURES)):
        if Path(out).is_dir():
            raise UsageError(f"{out} is a folder: give the name of a file in it")
        check_folder(Path(out).parent)
        return
    try:
        writer_for(out)
    except UsageError as error:
        raise UsageError(f"{out}: a map is written as .html, .png or .svg, a selection as a table: {error}") from error
    if out == "-" or out.lower().endswith(".npz"):
        raise UsageError(
            f"-o {out}: expected a file that ends in .html, .png, .svg, .csv, .tsv, .parquet, .smi, .fasta"
        )


def _write(found: LatentMap, view: ViewConfig, out: str, command: str) -> None:
    """Write a map as its ending says."""
    from seqvae.data.files.writers import write_pieces, write_text

    kind = out.lower()
    if kind.endswith(".html"):
        from seqvae.report.map.page import map_page

        write_text(Path(out), map_page(found, view, command))
    elif kind.endswith(_PICTURES):
        from seqvae.report.map.picture import write_picture

        write_picture(Path(out), found, view)
    else:
        write_pieces(out, [found.table(view)])
