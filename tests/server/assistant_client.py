"""Lets a plugin of a voice assistant's framework speak once, in the environment that has it; see assistants.py.

python assistant_client.py livekit|pipecat '{"base_url": …, "api_key": …, "text": …, …}'   prints what was played
"""

import asyncio
import json
import sys
from typing import Any


async def livekit(text: str, **options: Any) -> dict[str, Any]:
    """As an agent's session does."""
    from livekit.agents.types import APIConnectOptions
    from livekit.plugins import openai

    speaker = openai.TTS(**options)
    seconds, rate, error = 0.0, 0, ""
    try:
        async with speaker.synthesize(text, conn_options=APIConnectOptions(max_retry=0)) as stream:
            async for event in stream:
                seconds, rate = seconds + event.frame.duration, event.frame.sample_rate
    except Exception as raised:  # noqa: BLE001  Not swallowed: the test gets it.
        error = repr(raised)
    await speaker.aclose()
    return {"seconds": seconds, "sample_rate": rate, "error": error}


async def pipecat(text: str, **options: Any) -> dict[str, Any]:
    """As a pipeline does, in one worker."""
    from pipecat.frames.frames import ErrorFrame, TTSAudioRawFrame
    from pipecat.services.openai.tts import OpenAITTSService

    settings = OpenAITTSService.Settings(voice=options.pop("voice"), speed=options.pop("speed", None))
    speaker = OpenAITTSService(settings=settings, sample_rate=24_000, **options)
    speaker._sample_rate = 24_000  # what the pipeline's first frame sets
    size, rate, error = 0, 0, ""
    async for frame in speaker.run_tts(text, "context"):
        if isinstance(frame, TTSAudioRawFrame):
            size, rate = size + len(frame.audio), frame.sample_rate
        elif isinstance(frame, ErrorFrame):
            error = frame.error
    return {"seconds": size / 2 / 24_000, "sample_rate": rate, "error": error}


if __name__ == "__main__":
    given = json.loads(sys.argv[2])
    print(json.dumps(asyncio.run({"livekit": livekit, "pipecat": pipecat}[sys.argv[1]](**given))))
