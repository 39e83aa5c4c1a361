"""Writes the recordings with known word times that a conversion finds alignment heads with. Needs espeak-ng.

python -m scripts.make_alignment_recordings
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from training.espeak import SAMPLE_RATE, Espeak, data_folder

FOLDER = Path(__file__).parents[1] / "sparktts_onnx" / "export" / "alignment" / "recordings"
RATE = 165
"""Words a minute."""
VOICES = ("m1", "f2")
"""Variants that come with espeak-ng, in turn."""
SENTENCES = (
    "A gray horse stood near the wooden gate.",
    "Seven boats crossed the lake before noon.",
    "She wrote a short letter to her brother.",
    "The baker opens his shop at six.",
    "Strong wind broke the window of the tower.",
    "Nine tired travelers slept under a bridge.",
    "He carried the heavy basket to the market.",
    "Fresh bread and butter taste good together.",
    "Our neighbor paints small pictures of birds.",
    "The river was deep and very cold.",
)


def main() -> None:
    """Write `speech.ogg`, one recording after another, and `speech.json`."""
    entries, waves = [], []
    with tempfile.TemporaryDirectory() as folder:
        espeak = Espeak(data_folder(Path(folder), []))
        for number, text in enumerate(SENTENCES):
            voice = VOICES[number % len(VOICES)]
            said = espeak.speak(text, voice, rate=RATE)
            starts = {str(first): round(seconds, 3) for seconds, first, _ in said.words if first >= 0}
            entries.append({"text": text, "voice": voice, "samples": len(said.wave), "word_starts": starts})
            waves.append(said.wave)
    FOLDER.mkdir(exist_ok=True)
    soundfile.write(FOLDER / "speech.ogg", np.concatenate(waves), SAMPLE_RATE, format="OGG", subtype="OPUS")
    (FOLDER / "speech.json").write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
