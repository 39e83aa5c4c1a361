"""pocketsphinx as a judge of speech in tests: good at saying which of a few sentences it heard."""

import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pocketsphinx import Decoder

SAMPLE_RATE = 16000
DITHER = 2e-3
"""White noise under the speech, of full scale; the recognizer needs some."""
_MARGIN_SECONDS = 0.2

Wave = NDArray[np.float32]


def evaluation_texts() -> list[str]:
    """Twenty short sentences that no stage of training has seen."""
    file = Path(__file__).parents[1] / "training" / "evaluation.json"
    return [str(text) for text in json.loads(file.read_text(encoding="utf-8"))["sentences"]]


def plain(text: str) -> str:
    """Small letters and single spaces."""
    return " ".join(re.sub(r"[^a-z ]", " ", text.lower()).split())


class ClosedSet:
    """Which of a few sentences was said."""

    def __init__(self, sentences: Sequence[str]) -> None:
        known = " | ".join(plain(sentence) for sentence in sentences)
        with tempfile.TemporaryDirectory() as folder:
            grammar = Path(folder) / "sentences.gram"
            grammar.write_text(f"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {known} ;\n")
            self._decoder = Decoder(jsgf=str(grammar), cmn="batch", samprate=SAMPLE_RATE, loglevel="FATAL")

    def recognize(self, wave: Wave) -> str:
        """The plain sentence heard, or nothing."""
        return _decoded(self._decoder, wave)


class Dictation:
    """Any English words."""

    def __init__(self) -> None:
        self._decoder = Decoder(cmn="batch", samprate=SAMPLE_RATE, loglevel="FATAL")

    def recognize(self, wave: Wave) -> str:
        """What was heard."""
        return _decoded(self._decoder, wave)


def _decoded(decoder: Decoder, wave: Wave) -> str:
    pause = np.zeros(int(_MARGIN_SECONDS * SAMPLE_RATE), np.float32)
    loud = np.concatenate([pause, wave * (0.6 / max(float(np.abs(wave).max(initial=0.0)), 1e-6)), pause])
    loud = loud + DITHER * np.random.default_rng(0).standard_normal(len(loud))
    decoder.start_utt()
    decoder.process_raw((np.clip(loud, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()
    heard = decoder.hyp()
    return str(heard.hypstr) if heard is not None else ""
