"""What every audio module means by a wave, and the few measurements they share."""

import numpy as np
from numpy.typing import NDArray

Wave = NDArray[np.float32]
"""float32 [N]: one channel of samples in [-1, 1]."""
SILENCE_LEVEL = 0.003
"""Root mean square of a block that holds no speech: 50 dB under full scale, above the hiss of a vocoder."""


def decibels(ratio: float) -> float:
    """A ratio of amplitudes in decibels, never minus infinity."""
    return 20.0 * float(np.log10(max(ratio, 1e-9)))


def amplitude(decibel: float) -> float:
    """Decibels as a ratio of amplitudes."""
    return float(10.0 ** (decibel / 20.0))


def block_levels(wav: Wave, block: int) -> NDArray[np.float64]:
    """float64 [N // block]: root mean square of each whole block of `wav` float32 [N]."""
    whole = wav[: len(wav) // block * block].astype(np.float64)
    levels: NDArray[np.float64] = np.sqrt(np.mean(whole.reshape(-1, block) ** 2, axis=1))
    return levels
