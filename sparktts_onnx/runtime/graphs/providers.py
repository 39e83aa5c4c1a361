"""Which of ONNX Runtime's execution providers run the graphs."""

from collections.abc import Sequence

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.errors import OptionError, ProviderError

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""Names of devices, and the execution provider behind each."""

CPU, CUDA = PROVIDERS["cpu"], PROVIDERS["cuda"]

_AUTOMATIC = ("cuda", "directml", "coreml")
_FLASH_ATTENTION, _MEMORY_EFFICIENT_ATTENTION = 1, 2
_EXTRAS = ("cpu", "cuda", "directml", "openvino")


def choose_providers(device: str, available: Sequence[str]) -> list[str]:
    """Execution providers to ask for, best first; the CPU always comes last, for what others do not implement.

    Args:
        device: a key of `PROVIDERS`, or `auto` for the first of CUDA, DirectML, CoreML that is available, else the CPU.
        available: what ONNX Runtime says it has.
    """
    if device == "auto":
        device = next((name for name in _AUTOMATIC if PROVIDERS[name] in available), "cpu")
    if not isinstance(device, str) or device not in PROVIDERS:
        raise OptionError(f"device is {device!r}; expected one of auto, {', '.join(PROVIDERS)}", field="device")
    if PROVIDERS[device] not in available:
        hint = f"pip install 'sparktts-onnx[{device}]'" if device in _EXTRAS else "use a build that has it"
        raise ProviderError(
            f"this ONNX Runtime has no {PROVIDERS[device]}; it has {', '.join(available) or 'none'}: {hint}"
        )
    return list(dict.fromkeys((PROVIDERS[device], CPU)))


def provider_options(provider: str, graph: str) -> dict[str, str]:
    """Settings of a provider for one graph.

    CUDA: convolutions of every new length are planned by rule, since trying all ways takes seconds each time. A step
    of the language model is three hundred small kernels, which are recorded once and then started together. Its
    attention is not cuDNN's, which rounds differently every time: the same request would not get the same answer.
    """
    if provider != CUDA:
        return {}
    if graph != LANGUAGE_MODEL:
        return {"cudnn_conv_algo_search": "HEURISTIC"}
    return {"enable_cuda_graph": "1", "sdpa_kernel": str(_FLASH_ATTENTION | _MEMORY_EFFICIENT_ATTENTION)}
