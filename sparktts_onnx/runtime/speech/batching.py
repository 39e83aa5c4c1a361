"""Many utterances at once: spoken side by side, given back as they are done."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.errors import GenerationError, OptionError, SparkTTSError
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.speech.result import SpeechInfo

Speech = tuple[Wave, SpeechInfo]
Speak = Callable[[Mapping[str, Any], Cancellation], Speech]


@dataclass(frozen=True)
class BatchResult:
    """What became of one item of a batch: speech or an error."""

    index: int
    """Position of the item, from 0."""
    speech: Speech | None = None
    error: SparkTTSError | None = None

    def get(self) -> Speech:
        """The speech.

        Raises:
            SparkTTSError: the item's own error.
        """
        if self.speech is None:
            raise self.error or GenerationError("the item was neither spoken nor refused")
        return self.speech


def speak_batch(items: Iterable[Mapping[str, Any]], speak: Speak, *, at_once: int) -> Iterator[BatchResult]:
    """Results in the order in which they are done; an item that fails does not disturb the others.

    `speak` gets an item and what cancels it, which is the item's own.

    Items are taken only as places get free, so a batch may be endless. Closing the iterator stops the work.
    """
    waiting = enumerate(items)
    running: dict[Future[BatchResult], Cancellation] = {}
    with ThreadPoolExecutor(at_once, thread_name_prefix="item") as pool:
        try:
            while True:
                for index, item in islice(waiting, at_once - len(running)):
                    cancellation = Cancellation()
                    running[pool.submit(_speak_item, index, item, speak, cancellation)] = cancellation
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    yield future.result()
        finally:
            for cancellation in running.values():
                cancellation.cancel()
            pool.shutdown(wait=True, cancel_futures=True)


def _speak_item(index: int, item: Mapping[str, Any], speak: Speak, cancellation: Cancellation) -> BatchResult:
    try:
        if not isinstance(item, Mapping):
            raise OptionError(f"item {index} is {item!r}; expected a mapping with a text and its options")
        return BatchResult(index, speech=speak(item, cancellation))
    except SparkTTSError as error:
        return BatchResult(index, error=error)
