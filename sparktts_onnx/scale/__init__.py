"""More than one machine: the server and batches on a Ray cluster (extra `ray`; serving also needs `server`)."""

import os

from sparktts_onnx.errors import MissingDependencyError

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when Ray starts: nothing is reported to anybody

try:
    import ray  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingDependencyError("working on a Ray cluster", needs="ray", extra="ray") from error
