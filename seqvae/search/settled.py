"""What a new search settles before it is begun, from its budget and its workers."""

from __future__ import annotations

from dataclasses import replace

from seqvae.config import BATCH, INITIAL, OracleConfig, SearchConfig
from seqvae.config.optimizers import is_own
from seqvae.errors import UsageError
from seqvae.runtime.ray_pool import ray_library
from seqvae.search.storage.run_folder import DESIGN


def sizes_settled(config: SearchConfig, laboratory: bool) -> tuple[SearchConfig, dict[str, int]]:
    """Settle the sizes of the initial design and of rounds, where they are left open: a small budget must search too.

    Args:
        config: of the search.
        laboratory: there is no budget; the first plate settles the rest.

    Returns:
        The settings, and, where the first rounds must end with the initial design, its size as `DESIGN`.
    """
    campaign, fifth = config.campaign, INITIAL if laboratory else config.oracle.budget // 5
    batch = campaign.batch or min(BATCH, max(fifth, 1))
    initial = campaign.initial or min(INITIAL, max(fifth, 2))
    as_before = campaign.initial or initial == INITIAL or is_own(config.optimizer) or "initial" in config.idle()
    settled = replace(config, campaign=replace(campaign, batch=batch, initial=initial))
    return settled, {} if as_before else {DESIGN: initial}


def check_workers(config: OracleConfig) -> None:
    """Raise UsageError where Ray is missing, or a setting of workers is given and there are none."""
    if config.executor == "ray":
        ray_library()
    elif not config.workers and (config.timeout, config.retries) != (OracleConfig.timeout, OracleConfig.retries):
        raise UsageError(
            "oracle.timeout, oracle.retries: no effect without workers, since one process cannot end itself: set "
            "oracle.workers to 1 or more, or leave them out"
        )
