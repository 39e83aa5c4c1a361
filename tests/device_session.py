"""A stand-in for a session on an accelerator."""

from typing import Any


class DeviceSession:
    """A session whose provider keeps its memory on a device, here that of the processor."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.recordings: list[str] = []

    def get_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def io_binding(self) -> Any:
        return self._session.io_binding()

    def run_with_iobinding(self, binding: Any, options: Any) -> None:
        self.recordings.append(options.get_run_config_entry("gpu_graph_id"))
        self._session.run_with_iobinding(binding, options)
