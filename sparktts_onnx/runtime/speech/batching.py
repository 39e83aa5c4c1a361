"""Many utterances at once: spoken side by side, given back as they are done."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
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


class BatchResults:
    """Results in the order in which they are done; iterate it, leave early with `close` or by forgetting it."""

    def __init__(self, items: Iterable[Mapping[str, Any]], speak: Speak, *, at_once: int) -> None:
        """`speak` gets an item and what cancels it, which is the item's own.

        Items are taken only as places get free, so a batch may be endless.
        """
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="item")
        self._results = _results(enumerate(items), speak, self._pool, at_once)

    def __iter__(self) -> Iterator[BatchResult]:
        return self

    def __next__(self) -> BatchResult:
        return next(self._results)

    def close(self) -> None:
        """Stop the work and wait until it has stopped."""
        self._results.close()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _results(
    waiting: Iterator[tuple[int, Mapping[str, Any]]], speak: Speak, pool: ThreadPoolExecutor, at_once: int
) -> Generator[BatchResult]:
    running: dict[Future[BatchResult], int] = {}
    stops: dict[int, Cancellation] = {}
    try:
        while True:
            for index, item in islice(waiting, at_once - len(running)):
                stops[index] = Cancellation()
                running[pool.submit(_speak_item, index, item, speak, stops[index])] = index
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                del stops[running.pop(future)]
                yield future.result()
    finally:  # The garbage collector may run this in any thread, so nothing waits here.
        for stop in list(stops.values()):
            stop.cancel()
        pool.shutdown(wait=False, cancel_futures=True)


def _speak_item(index: int, item: Mapping[str, Any], speak: Speak, cancellation: Cancellation) -> BatchResult:
    try:
        if not isinstance(item, Mapping):
            raise OptionError(f"item {index} is {item!r}; expected a mapping with a text and its options")
        return BatchResult(index, speech=speak(item, cancellation))
    except SparkTTSError as error:
        return BatchResult(index, error=error)
