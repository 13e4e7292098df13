"""Where chunks are processed."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config.checks import between, one_of, typed
from seqvae.errors import ConfigError


@dataclass(frozen=True)
@typed
class ExecutorConfig:
    """Where the chunks of a large task are worked on; it changes no result.

    Attributes:
        executor: `local` (this process), `processes` (several), `ray` (a Ray cluster; needs `seqvae[ray]`), or `auto`:
            several processes where there are enough work and cores.
        workers: how many of them; 0: one per core, of this machine or of the cluster.
        address: address of the Ray cluster; empty: the one in `RAY_ADDRESS`, else a cluster is started here.
    """

    executor: str = "auto"
    workers: int = 0
    address: str = ""

    def __post_init__(self) -> None:
        one_of("executor", self.executor, ("auto", "local", "processes", "ray"))
        between("workers", self.workers, 0, 100_000)
        if self.workers > 1 and self.executor == "local":
            raise ConfigError(f"workers: expected executor auto, processes or ray with it, got {self.executor}")
        if self.address and self.executor != "ray":
            raise ConfigError(f"address of a Ray cluster: expected executor ray with it, got {self.executor}")
