"""What speaks: the graphs of a bundle, loaded when they are first needed, and the work that is under way."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from weakref import WeakSet

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL, SPEAKING_GRAPHS
from sparktts_onnx.errors import BundleError
from sparktts_onnx.hub.bundles import Bundle
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.codec.vocoder import Vocoder
from sparktts_onnx.runtime.codec.vocoder_stream import StreamOptions
from sparktts_onnx.runtime.graphs.sessions import Sessions
from sparktts_onnx.runtime.language.language_model import LanguageModel
from sparktts_onnx.runtime.language.prompting import Prompter
from sparktts_onnx.runtime.language.scheduler import Scheduler
from sparktts_onnx.runtime.speech.ahead import events_ahead
from sparktts_onnx.runtime.speech.report import Clock
from sparktts_onnx.runtime.speech.segment import Event, Segment, Segments
from sparktts_onnx.runtime.speech.speaking import SegmentSpeaker
from sparktts_onnx.runtime.values import path_named

MAX_SLOTS = 256


class Engine:
    """The one that turns segments into events; safe to share between threads."""

    def __init__(
        self, bundle: Bundle, *, device: str, threads: int | None, slots: int, packed_weights: str | Path | None
    ) -> None:
        self._bundle = bundle
        self.manifest = bundle.manifest
        self.slots = slots
        self.sessions = Sessions(
            bundle.folder,
            bundle.manifest,
            device=device,
            threads=threads,
            packed_weights=None if packed_weights is None else path_named("packed_weights", packed_weights),
            fetch=bundle.fetch,
        )
        self.vocoder = Vocoder(self.sessions, self.manifest.codec)
        self.prompter = Prompter(bundle.folder / self.manifest.tokenizer.name, self.manifest.token_ids)
        self.loaded: SegmentSpeaker | None = None
        """What speaks a segment; None where the graphs are not loaded."""
        self._lock = threading.Lock()
        self._working: WeakSet[Cancellation] = WeakSet()

    def began(self, work: Cancellation) -> None:
        """Work begins, which `close` ends."""
        with self._lock:
            self._working.add(work)

    def close(self) -> None:
        """End all work and free the graphs; speaking again loads them again."""
        with self._lock:
            working = list(self._working)
        for work in working:
            work.cancel("the model was closed while it was speaking")
        self._let_go()
        self.sessions.close()

    def events(
        self, segments: Segments, chunks: StreamOptions | None, *, writing: int, work: Cancellation, clock: Clock
    ) -> Generator[Event]:
        """Events of all segments in order; graphs that are not loaded are loaded when the first is asked for.

        Args:
            chunks: how to cut the sound; None gives segments whole.
            writing: most segments that the language model writes at once.
            work: ends it from elsewhere.
            clock: takes the seconds of loading.

        Raises:
            BundleError: the graphs do not load, or were altered.
            GenerationError: the work was cancelled.
        """
        with clock.timing("load"):
            speaker = self.speaker()

        def speak(segment: Segment, written: Callable[[], None]) -> Iterator[Event]:
            return speaker.speak(segment, chunks, work, written)

        with closing(events_ahead(segments, speak, writing=min(writing, self.slots), cancellation=work)) as events:
            for event in events:
                self.check_weights()
                yield event

    def check_weights(self) -> None:
        """Wait until all weights are compared with the manifest; let go of the model where they were altered."""
        try:
            self.sessions.check()
        except BundleError:
            self._let_go()
            raise

    def speaker(self) -> SegmentSpeaker:
        """What speaks a segment, its graphs loaded."""
        with self._lock:
            if self.loaded is None:
                self._bundle.fetch(SPEAKING_GRAPHS)
                with self.sessions.loading(SPEAKING_GRAPHS):
                    self.prompter.load()
                layout, alignment = self.manifest.language_model, self.manifest.alignment
                session = self.sessions[LANGUAGE_MODEL]
                model = LanguageModel(session, layout, slots=self.slots, alignment=alignment)
                self.loaded = SegmentSpeaker(self.manifest, self.prompter, Scheduler(model), self.vocoder)
            return self.loaded

    def _let_go(self) -> None:
        with self._lock:
            loaded, self.loaded = self.loaded, None
        if loaded is not None:
            loaded.close()
