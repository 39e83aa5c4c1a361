"""What commands give besides files: words and a progress bar on stderr, sound to hear or on stdout."""

import sys

from sparktts_onnx import SpeechStream, play
from sparktts_onnx.audio.encoding import encoder

_WIDTH = 24


def say(message: str) -> None:
    """Tell the person; results alone go to stdout."""
    print(message, file=sys.stderr)


def hear(stream: SpeechStream, how: str) -> None:
    """Take a stream to its end as `--stream` says: `play` it, or write raw 16-bit samples to stdout (`pcm`)."""
    if how == "play":
        play(stream, stream.sample_rate)
        return
    pcm = encoder("pcm", stream.sample_rate)
    for chunk in stream:
        sys.stdout.buffer.write(pcm.encode(chunk))
        sys.stdout.buffer.flush()
    sys.stdout.buffer.write(pcm.finish())


class Progress:
    """Redraws one line; prints nothing where stderr is not a terminal."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        if not self._shown:
            return
        filled = _WIDTH * done // max(1, total)
        bar = "█" * filled + "·" * (_WIDTH - filled)
        end = "\n" if done >= total else ""
        print(f"\r{self._what} {bar} {done}/{total}", end=end, file=sys.stderr, flush=True)
