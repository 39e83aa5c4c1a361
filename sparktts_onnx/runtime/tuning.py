"""Session settings that depend on the machine."""

import base64
import functools
import logging
from typing import Any

import numpy as np

from sparktts_onnx.runtime.onnx_runtime import ort

_PROBE = base64.b64decode(
    "CAg6hQEKLwoBcxIBYiIPQ29uc3RhbnRPZlNoYXBlKhYKBXZhbHVlKgoIARADKgF/QgF2oAEEChgKAWEKAWISAXkiDU1hdE11bEludGVnZXISAWcq"
    "CwgCEAc6AkAQQgFzWhMKAWESDgoMCAISCAoCCAQKAghAYhMKAXkSDgoMCAYSCAoCCAQKAggQQgQKABAR"
)
"""A graph: y int32 [4, 16] = MatMulInteger(a uint8 [4, 64], int8 [64, 16] of 127)."""
_PROBE_SUM = 255 * 127 * 64

_log = logging.getLogger(__name__)


def tune(options: Any) -> None:
    """Settings for every session on this machine.

    Threads do not spin while they wait: the language model and the vocoder run side by side, and spinning threads of
    one take the cores of the other. On busy cores that made a token four times slower.
    """
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not sums_exactly():
        options.add_session_config_entry("session.x64quantprecision", "1")


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
