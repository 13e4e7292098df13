"""`seqvae explore`."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import flags_of, merged, with_flags
from seqvae.cli.options import COMPUTING, READING, Compute, Input, Place, check_before
from seqvae.cli.verbs.latent.map import command_of
from seqvae.config import MapConfig, ViewConfig
from seqvae.config.toml import section_from_dict
from seqvae.latent.projection.kinds import check_projection
from seqvae.runtime.progress import phase

app = App(
    name="explore",
    help_epilogue="""
Examples:

    seqvae explore drug-smiles mine.smi
    seqvae explore drug-smiles assays.csv --projection tsne --color pIC50 --port 0
    seqvae explore runs/dna

A click anywhere on the map decodes the point there, and says how likely that molecule or sequence is, whether it is
encoded there again, and which known ones are near. From there: analogs, paths, a move along what sets two groups
apart, a list of yours placed on the map, a property that colours the plane; and a selection as a table for `seqvae ask
RUN --from`.

It listens on 127.0.0.1 alone, at an address that holds a secret, and reads no other file than the one given. Ctrl-C
ends it. It needs: pip install 'seqvae[explore]'.
""",
)

_MAPPING = flags_of(MapConfig(), "", "Map")
_VIEWING = flags_of(ViewConfig(), "", "View and selection")
_DRAWS = 1000  # samples of the model, where no file is given


@app.default
@with_flags([*_MAPPING, *_VIEWING])
def explore(
    model: str,
    source: Place = "",
    /,
    *,
    port: int = 8765,
    objective: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    reading: Input = READING,
    computing: Compute = COMPUTING,
    **given: Any,  # noqa: ANN401
) -> None:
    """Open the map of latent space with the model behind it, in the browser of this machine.

    Args:
        model: folder of a trained model, or name of a pretrained one.
        source: file of molecules or sequences, or `-`; without it, samples of the model.
        port: where it listens, on this machine alone; 0: on a free one.
        objective: a function of your own, `module:function`, that may colour the plane; one flag each. Properties by
            name may always.
        reading: how the file is read.
        computing: where and how the model runs.
        **given: settings whose flags were given.
    """
    config = section_from_dict(MapConfig, merged({}, given, _MAPPING), "map")
    view = section_from_dict(ViewConfig, merged({}, given, _VIEWING), "map")
    check_projection(config.projection)
    from seqvae.serve.application import check_installed
    from seqvae.serve.server import listening, serve

    check_installed()
    if source:
        reading.check(source)
    check_before(model, "-", source or "-")
    with listening(port) as listener:  # before the model is loaded: a port that is taken is said at once
        from seqvae.cli.progress import Bars

        with Bars(quiet=computing.quiet) as bars:
            with phase("loading PyTorch", computing.quiet):
                from seqvae.evaluate.maps.chart import chart
                from seqvae.evaluate.maps.explorer import Explorer
                from seqvae.latent.codec import load
                from seqvae.properties.registry import get
                from seqvae.report.map.page import map_page

            for name in objective:
                get(name)
            codec = load(model, computing.device)
            rows: Any = source or codec.sample(_DRAWS, seed=config.seed)
            settings = replace(reading.settings(), all=True)
            found = chart(codec, rows, config, settings, batch_size=computing.batch_size, watch=bars, name=model)
            command = command_of(model, source, "map.html", given, reading) if source else ""
            page = map_page(found, view, command, live=True)
            explorer = Explorer(codec, found, objective)
            # The first click would wait for what is made only once, such as the rules of valence.
            explorer.at(found.extent.left + found.extent.side / 2, found.extent.bottom + found.extent.side / 2)
        open_at = "open {}\nCtrl-C ends it"  # said also to the quiet: without it there is nothing to open
        serve(explorer, page, listener, lambda address: print(open_at.format(address), file=sys.stderr, flush=True))
    computing.note("ended")
