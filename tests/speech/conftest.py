"""The small voice of the repository, converted once a precision.

SPEECH_BUNDLES names a folder with a bundle of each precision, as scripts/test.sh makes it; without it, they are
made here.
"""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

VOICE = Path(__file__).parents[2] / "pretrained_models" / "Spark-TTS-mini"


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of the bundle of a precision."""

    @cache
    def converted(precision: str) -> Path:
        if "SPEECH_BUNDLES" in os.environ:
            return Path(os.environ["SPEECH_BUNDLES"]) / precision
        from sparktts_onnx.export.conversion import convert
        from sparktts_onnx.export.options import ConversionOptions

        target = tmp_path_factory.mktemp(precision) / "onnx"
        convert(ConversionOptions(VOICE, target, precision=precision, verify=False))
        return target

    return converted
