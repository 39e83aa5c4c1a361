"""Suite: what a stream's look-ahead costs and gives.

The same tokens become sound in one piece and chunk by chunk; Whisper hears both. Next to it stands how many tokens a
listener waits for.
"""

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.precision import Reading, compare_waves, compared
from benchmarks.sides import Wave, snr_db
from benchmarks.voice import Trial
from sparktts_onnx import StreamOptions
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import VocoderStream

LOOK_AHEADS = ((0, 0), (5, 5), (10, 0), (10, 3), (10, 5), (10, 10), (25, 5), (66, 66))
"""Of all chunks but the first, and of the first."""


def chunks(vocoder: Vocoder, options: StreamOptions, ids: Sequence[int], global_ids: Sequence[int]) -> Iterator[Wave]:
    """The sound of some ids as a stream makes it, float32 [N] each."""
    stream = VocoderStream(vocoder, vocoder.d_vector(global_ids), options)
    yield from (chunk for token in ids if (chunk := stream.push(token)) is not None)
    yield stream.finish()


def run(trial: Trial) -> dict[str, Any]:
    """Every look-ahead: the waves of some answers, the first chunks and the words of all."""
    listener = trial.listener("int8")
    with trial.open("int8") as tts:
        voice = tts.create_voice(gender="female", seed=1)
    reading = Reading([voice], trial.ear, trial.texts, seeds=1)
    written = reading.answers(listener)
    waves = reading.waves(listener.vocoder.decode, written)
    whole = reading.errors(waves)
    table = []
    for look_ahead, first in LOOK_AHEADS:
        options = StreamOptions(look_ahead=look_ahead, first_look_ahead=first)
        made = [list(chunks(listener.vocoder, options, answer.semantic_ids, voice.global_ids)) for answer in written]
        streamed, firsts = [np.concatenate(some) for some in made], [some[0] for some in made]
        quality = [min(200.0, snr_db(*pair)) for pair in zip(firsts, waves, strict=True)]
        row = {
            "look_ahead": look_ahead,
            "first_look_ahead": first,
            "wave_snr_db": compare_waves(streamed, waves),
            "first_snr_db_median": statistics.median(quality),
            "first_snr_db_worst": min(quality),
            "ids_before_sound": options.tokens_before_sound(listener.vocoder.context),
        }
        table.append(row | compared(reading.errors(streamed), whole))
    return {"texts": len(trial.texts), "rows": table}
