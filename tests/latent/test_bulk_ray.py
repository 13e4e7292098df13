"""The Ray executor on a cluster of two nodes on this machine; skipped where Ray is not installed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import bulk_cases
import pytest

from seqvae.errors import UsageError
from seqvae.runtime.ray_pool import connected

pytest.importorskip("ray")
HERE = Path(bulk_cases.__file__).parent

# In a process of its own: Ray leaves threads, sockets and warnings behind, and the head wants a clean environment.
SCRIPT = """
import sys
import numpy as np
import ray
from ray.cluster_utils import Cluster

import executor_cases as cases
from bulk_cases import tiny_codec
from seqvae.config import DecodeConfig, ExecutorConfig
from seqvae.errors import InputError
from seqvae.runtime.executor import Job, run_chunks
from seqvae.latent import bulk, codec

quiet = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=quiet)
cluster.add_node(**{k: v for k, v in quiet.items() if k != "include_dashboard"})
ray.init(address=cluster.address, log_to_driver=False)
assert len([node for node in ray.nodes() if node["Alive"]]) == 2
config = ExecutorConfig("ray")
assert list(run_chunks(Job(cases.doubler), range(20), config)) == [2 * n for n in range(20)]
try:
    list(run_chunks(Job(cases.failing, ("token",)), range(9), config))
except InputError as error:
    assert "unknown token 'X'" in str(error)
else:
    raise AssertionError("no error")
how = DecodeConfig("sample", seed=3)
count = 2 * bulk.CHUNK + 7
there, here = (
    [text for part in bulk.Bulk(tiny_codec(), bulk.BulkSettings(where)).sample(count, how) for text in part.texts]
    for where in (config, ExecutorConfig("local"))
)
assert there == here and len(here) == count
assert ray.is_initialized(), "a connection that the caller made stays"
ray.shutdown()
cluster.shutdown()
print("same")
"""


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://localhost:{}"])
def test_a_cluster_that_does_not_answer_is_named_at_once(form):
    with socket.socket() as taken:  # bound and not listening: nobody answers there
        taken.bind(("127.0.0.1", 0))
        address = form.format(taken.getsockname()[1])
        with pytest.raises(UsageError, match=f"no Ray cluster answers at '{address}': start one with ray start"):
            connected(address, ExitStack())


def test_two_nodes_give_what_one_process_gives():
    path = os.pathsep.join([str(HERE.parent), str(HERE)])
    environment = {**os.environ, "PYTHONPATH": path, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=False, env=environment
    )
    assert done.stdout.splitlines()[-1:] == ["same"], done.stderr[-3000:]
