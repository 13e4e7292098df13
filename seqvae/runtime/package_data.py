"""Where the files of the package are."""

from __future__ import annotations

from pathlib import Path

from seqvae.errors import ConfigError


def cards_folder() -> Path:
    """The folder of dataset cards, samples and patterns: inside an installed package, or at the top of a checkout.

    Raises:
        ConfigError: if neither has it.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "datasets", package.parent / "datasets"):
        if any(folder.glob("*.toml")):
            return folder
    raise ConfigError(f"the dataset cards are missing: {package / 'datasets'} has none; install seqvae again")
