"""Suite: what a stream's look-ahead costs and gives.

The same tokens become sound in one piece and chunk by chunk; Whisper hears both. Next to it stands how many tokens a
listener waits for.
"""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.precision import Answers, Reading, compared
from benchmarks.sides import Wave, snr_db
from benchmarks.voice import Trial
from sparktts_onnx import StreamOptions, Voice
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import VocoderStream

LOOK_AHEADS = ((0, 0), (5, 5), (10, 0), (10, 3), (10, 5), (10, 10), (25, 5), (66, 66))
"""Of all chunks but the first, and of the first."""


class Streamed:
    """A vocoder whose sound is made chunk by chunk."""

    def __init__(self, vocoder: Vocoder, options: StreamOptions) -> None:
        self._vocoder, self._options = vocoder, options

    def chunks(self, ids: Sequence[int], global_ids: Sequence[int]) -> Iterator[Wave]:
        """Pieces float32 [N]."""
        d_vector = self._vocoder.d_vector(global_ids)
        stream = VocoderStream(self._vocoder, d_vector, self._options)
        yield from (chunk for token in ids if (chunk := stream.push(token)) is not None)
        yield stream.finish()

    def decode(self, ids: Sequence[int], global_ids: Sequence[int]) -> Wave:
        """Samples float32 [N]."""
        return np.concatenate(list(self.chunks(ids, global_ids)))


def first_chunks(codec: Streamed, answers: Sequence[Sequence[int]], voice: Voice, waves: Sequence[Wave]) -> list[float]:
    """Signal over deviation of each answer's first chunk, dB."""
    firsts = [next(codec.chunks(ids, voice.global_ids)) for ids in answers]
    return [min(200.0, snr_db(first, wave[: len(first)])) for first, wave in zip(firsts, waves, strict=True)]


def run(trial: Trial) -> dict[str, Any]:
    """Every look-ahead: the waves of some answers, the first chunks and the words of all."""
    listener = trial.listener("int8")
    with trial.open("int8") as tts:
        voice = tts.create_voice(gender="female", seed=1)
    answers, reading = Answers(listener, voice), Reading([voice], trial.ear, trial.texts, seeds=1)
    written = reading.answers(listener)
    ids = [listener.semantic_ids(answer) for answer in written]
    waves = reading.waves(listener, written)
    whole = reading.errors(waves)
    table = []
    for look_ahead, first in LOOK_AHEADS:
        options = StreamOptions(look_ahead=look_ahead, first_look_ahead=first)
        codec = Streamed(listener.vocoder, options)
        quality = first_chunks(codec, ids, voice, waves)
        row = {
            "look_ahead": look_ahead,
            "first_look_ahead": first,
            "first_snr_db_median": statistics.median(quality),
            "first_snr_db_worst": min(quality),
            "ids_before_sound": options.tokens_before_sound(listener.vocoder.context),
        }
        errors = reading.errors(reading.waves(listener, written, codec))
        table.append(row | answers.compare_codec(codec) | compared(errors, whole))
    return {"texts": len(trial.texts), "rows": table}
