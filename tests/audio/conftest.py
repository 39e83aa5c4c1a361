"""Speech for the audio tests: a committed recording, at the rate the model speaks at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sparktts_onnx.audio.reading import load_recording

RATE = 16_000
PROMPT = Path(__file__).parent.parent / "data" / "prompt.wav"


@pytest.fixture(scope="session")
def speech() -> NDArray[np.float32]:
    """float32 [N], 2.8 s of speech at 16 kHz."""
    return load_recording(PROMPT, sample_rate=RATE).normalized()
