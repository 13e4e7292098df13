"""The settings of the optimisers, as `seqvae optimize --help-optimizer` shows them."""

from __future__ import annotations

import textwrap
from dataclasses import asdict

from seqvae.cli.flags import optimizer_settings
from seqvae.config import OPTIMIZERS
from seqvae.config.optimizers import name_of, settings_of
from seqvae.config.toml import flat

_WIDTH = 100


def print_optimizers(name: str | None) -> None:
    """Print each optimiser, or the one named, with its settings as flags; raises ConfigError for an unknown name."""
    if name is not None:
        settings_of(name)
    shown: dict[type, str] = {}
    for each, row in OPTIMIZERS.items():
        if name is not None and each != name_of(name):
            continue
        print(f"--optimizer {each}: {row.about}")
        like = shown.setdefault(type(row.config), each)
        usual = flat(asdict(OPTIMIZERS[like].config))
        if like != each:
            differ = [f"{key} {value}" for key, value in flat(asdict(row.config)).items() if usual[key] != value]
            print(f"    as {like}, with {', '.join(differ)}")
        else:
            for one in optimizer_settings(row.config):
                value = one.off if isinstance(one.default, bool) else type(one.default).__name__.upper()
                print(f"    {one.flag} {value}  [default: {one.default}]")
                print(textwrap.fill(one.about, _WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8))
        print()
