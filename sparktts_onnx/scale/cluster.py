"""Joining a cluster, or being one."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

import ray

from sparktts_onnx.errors import OptionError

ADDRESS_VARIABLE = "RAY_ADDRESS"
"""Ray's own variable for the cluster to join, such as `auto` or `ray://head:10001`."""
_OBJECT_STORE_BYTES = 256 << 20
"""Shared memory of a cluster on this machine alone: chunks of sound are kilobytes and soon gone."""


@contextmanager
def joined(*, verbose: bool = False, cores: int | None = None) -> Iterator[None]:
    """The cluster that RAY_ADDRESS names, else one on this machine that ends with the block.

    Args:
        verbose: show what the workers write.
        cores: what a cluster on this machine counts; by default all, and two where there is but one.
    """
    if ray.is_initialized():
        yield
        return
    address = os.environ.get(ADDRESS_VARIABLE)
    counted = cores or max(2, os.cpu_count() or 1)  # a front end and a worker at least
    own = {"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES, "num_cpus": counted}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=verbose,
            logging_level=logging.INFO if verbose else logging.WARNING,
            **({} if address else own),
        )
    except (ConnectionError, ValueError) as error:
        raise OptionError(f"there is no Ray cluster at {address or 'this machine'}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()
