"""Many utterances at once: spoken side by side, given back as they are done."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from queue import SimpleQueue
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


class BatchResults(Iterator[BatchResult]):
    """Results in the order in which they are done; iterate it, leave early with `close` or by forgetting it."""

    def __init__(self, items: Iterable[Mapping[str, Any]], speak: Speak, *, at_once: int) -> None:
        """`speak` gets an item and what cancels it, which is the item's own.

        Items are taken only as places get free, so a batch may be endless.
        """
        self._work = Cancellation()
        self._results = _results(enumerate(items), speak, at_once, self._work)

    def __next__(self) -> BatchResult:
        return next(self._results)

    def close(self) -> None:
        """Stop the work and wait until it has stopped."""
        self._results.close()
        self._work.join()


def _results(
    waiting: Iterator[tuple[int, Mapping[str, Any]]], speak: Speak, at_once: int, work: Cancellation
) -> Generator[BatchResult]:
    done: SimpleQueue[BatchResult | BaseException] = SimpleQueue()
    running = 0
    try:
        while True:
            work.own()
            for index, item in islice(waiting, at_once - running):
                work.start(partial(_speak_item, index, item, speak, work, done), name="item")
                running += 1
            if not running:
                return
            result = done.get()
            running -= 1
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:  # The garbage collector may run this in any thread, so nothing waits here.
        work.cancel()


def _speak_item(
    index: int,
    item: Mapping[str, Any],
    speak: Speak,
    work: Cancellation,
    done: "SimpleQueue[BatchResult | BaseException]",
) -> None:
    own = Cancellation(part_of=work)
    try:
        if not isinstance(item, Mapping):
            raise OptionError(f"item {index} is {item!r}; expected a mapping with a text and its options")
        with work.calling(own.cancel):
            done.put(BatchResult(index, speech=speak(item, own)))
    except SparkTTSError as error:
        done.put(BatchResult(index, error=error))
    except BaseException as error:  # noqa: BLE001  Not swallowed: who takes the results gets it.
        done.put(error)
