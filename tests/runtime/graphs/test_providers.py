"""Which execution providers are asked for."""

from typing import Any

import nano
import pytest

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.errors import OptionError, ProviderError
from sparktts_onnx.runtime.graphs.providers import PROVIDERS, choose_providers

CPU = "CPUExecutionProvider"


@pytest.mark.parametrize(("name", "provider"), list(PROVIDERS.items()))
def test_by_name_with_the_cpu_behind(name: str, provider: str) -> None:
    assert choose_providers(name, [CPU, provider, "XExecutionProvider"]) == list(dict.fromkeys((provider, CPU)))


@pytest.mark.parametrize(
    ("available", "chosen"),
    [
        ([CPU], [CPU]),
        (["CUDAExecutionProvider", CPU], ["CUDAExecutionProvider", CPU]),
        (["CoreMLExecutionProvider", CPU], ["CoreMLExecutionProvider", CPU]),
        (["DmlExecutionProvider", CPU], ["DmlExecutionProvider", CPU]),
        (["CoreMLExecutionProvider", CPU, "CUDAExecutionProvider"], ["CUDAExecutionProvider", CPU]),
        (["TensorrtExecutionProvider", "AzureExecutionProvider", CPU], [CPU]),
        (["OpenVINOExecutionProvider", CPU], [CPU]),
    ],
)
def test_automatically(available: list[str], chosen: list[str]) -> None:
    assert choose_providers("auto", available) == chosen


@pytest.mark.parametrize("device", ["gpu", "", "CUDA", None, 0, ["cpu"]])
def test_no_such_device(device: Any) -> None:
    with pytest.raises(OptionError, match="expected one of auto, cpu, cuda"):
        choose_providers(device, [CPU])


@pytest.mark.parametrize("device", ["cuda", "coreml", "directml", "openvino"])
def test_a_device_that_is_not_there(device: str) -> None:
    with pytest.raises(ProviderError, match=f"no {PROVIDERS[device]}; it has {CPU}") as raised:
        choose_providers(device, [CPU])
    assert device == "coreml" or f"sparktts-onnx[{device}]" in str(raised.value)


def test_the_info_says_which_ran(tts: SparkTTSONNX) -> None:
    info = tts.inference("Hi.", seed=1)[1]
    assert set(info.providers) >= {"language_model", "quantizer_detokenize", "speaker_detokenize", "prenet", "decoder"}
    assert set(info.providers.values()) == {CPU}
    with pytest.raises(ProviderError):
        SparkTTSONNX(nano.BUNDLE, device="cuda")
