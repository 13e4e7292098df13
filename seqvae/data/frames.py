"""Results as data frames of pandas, which is an extra."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from seqvae.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


def frame_of(columns: Mapping[str, Iterable[object]]) -> pd.DataFrame:
    """Return columns as a data frame.

    Raises:
        UsageError: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise UsageError("to_frame needs pandas: pip install 'seqvae[frames]'") from None
    return pd.DataFrame({title: list(cells) for title, cells in columns.items()})
