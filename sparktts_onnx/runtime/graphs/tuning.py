"""Session settings that depend on the machine."""

import base64
import ctypes
import functools
import logging
import sys
from typing import Any

import numpy as np

from sparktts_onnx.runtime.graphs.onnx_runtime import ort

_PROBE = base64.b64decode(
    "CAg6hQEKLwoBcxIBYiIPQ29uc3RhbnRPZlNoYXBlKhYKBXZhbHVlKgoIARADKgF/QgF2oAEEChgKAWEKAWISAXkiDU1hdE11bEludGVnZXISAWcq"
    "CwgCEAc6AkAQQgFzWhMKAWESDgoMCAISCAoCCAQKAghAYhMKAXkSDgoMCAYSCAoCCAQKAggQQgQKABAR"
)
"""A graph: y int32 [4, 16] = MatMulInteger(a uint8 [4, 64], int8 [64, 16] of 127)."""
_PROBE_SUM = 255 * 127 * 64
EXACT_PRODUCTS = "session.x64quantprecision"
"""The setting that asks for exact products of 8-bit integers; graphs load more slowly with it."""
SPIN_MICROSECONDS = 100
"""As long as the steps between two products that are shared among threads."""
_SPIN_DURATION_SINCE = (1, 26)
"""ONNX Runtime; before, a thread that may spin does so for tens of milliseconds."""

_log = logging.getLogger(__name__)


def tune(options: Any) -> None:
    """Settings for every session on this machine.

    Threads wait for work `SPIN_MICROSECONDS` awake, then asleep: the language model and the vocoder run side by side,
    and threads of one that stay awake take the cores of the other. docs/performance.md has the figures.
    """
    spins = tuple(int(part) for part in ort.__version__.split(".")[:2]) >= _SPIN_DURATION_SINCE
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spins else "0")
    if spins:
        options.add_session_config_entry("session.intra_op.spin_duration_us", str(SPIN_MICROSECONDS))
    # Plans of memory are kept for every length that ever came, and lengths vary.
    options.enable_mem_pattern = False
    if not sums_exactly():
        options.add_session_config_entry(EXACT_PRODUCTS, "1")


def give_back_freed_memory() -> None:
    """Tell the C library to return what it holds but nobody uses: loading a graph leaves its unpacked weights there.

    Only glibc keeps such memory and can be asked.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


@functools.cache
def sums_exactly() -> bool:
    """Whether products of 8-bit integers are exact as they come.

    x86 processors without VNNI add pairs of products in 16 bits, which overflow; there ONNX Runtime is asked for its
    slower exact way. Asked of the computation itself, since no list of processors is complete.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(_PROBE, options, providers=["CPUExecutionProvider"])
    (sums,) = session.run(None, {"a": np.full((4, 64), 255, np.uint8)})
    exact = bool((sums == _PROBE_SUM).all())
    if not exact:
        _log.info("this processor's 8-bit products overflow; using exact ones")
    return exact
