"""The whole path: text and a voice in, speech out."""

import dataclasses
import logging
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypedDict, Unpack

import numpy as np

from sparktts_onnx.audio.formats import format_named
from sparktts_onnx.audio.reading import Source
from sparktts_onnx.audio.signal import Wave
from sparktts_onnx.audio.writing import SpeechFile, free_name
from sparktts_onnx.bundle.contract import SPEAKING_GRAPHS
from sparktts_onnx.bundle.manifest import Manifest
from sparktts_onnx.errors import OptionError
from sparktts_onnx.hub.bundles import Bundle, open_bundle
from sparktts_onnx.runtime.cancellation import Cancellation
from sparktts_onnx.runtime.codec.vocoder_stream import StreamOptions
from sparktts_onnx.runtime.engine import MAX_SLOTS, Engine
from sparktts_onnx.runtime.speech.asynchronous import AsyncSpeechStream, write_all
from sparktts_onnx.runtime.speech.batching import BatchResults
from sparktts_onnx.runtime.speech.feed import TextFeed
from sparktts_onnx.runtime.speech.planning import plan
from sparktts_onnx.runtime.speech.report import Clock, Report
from sparktts_onnx.runtime.speech.request import SpeechOptions, Utterance, make_utterance, voiced
from sparktts_onnx.runtime.speech.result import SpeechInfo
from sparktts_onnx.runtime.speech.revoicing import Revoiced
from sparktts_onnx.runtime.speech.streaming import Progress, SpeechStream, UtteranceSound, finished, keep_nothing, whole
from sparktts_onnx.runtime.values import instance_of, path_named, whole_number
from sparktts_onnx.runtime.voices.built_in import BuiltInVoices
from sparktts_onnx.runtime.voices.enrollment import Enroller, Enrollment, EnrollOptions
from sparktts_onnx.runtime.voices.style import VoiceStyle
from sparktts_onnx.runtime.voices.voice import Voice, check_voice

_log = logging.getLogger(__name__)

SEGMENTS_AT_ONCE = 8
"""Most segments of one text that are in work, so that speaking it needs little memory."""
ITEMS_A_SLOT = 2
"""Items of a batch in work for each slot: while the vocoder speaks one, its slot writes another."""


class ModelOptions(TypedDict, total=False):
    """How a model runs; see `SparkTTSONNX`."""

    device: str
    threads: int | None
    slots: int
    packed_weights: str | Path | None


class SparkTTSONNX:
    """Spark-TTS from one bundle; safe to share between threads, but for `process_prompt` and `load_voice`.

    These two remember a voice for all later calls that name none: share a model only with voices named in each call.

    with SparkTTSONNX("pretrained_models/Spark-TTS-mini") as tts:
        voice = tts.process_prompt("prompt.wav")
        wav, info = tts.inference(text="Hello there.", voice=voice, save_dir="outputs")
    """

    DEFAULT_SLOTS: Final = 16
    """Answers at once, where nothing else is asked for; docs/performance.md has what they give and take."""

    def __init__(
        self,
        model: str | Path | Bundle,
        *,
        device: str = "auto",
        threads: int | None = None,
        slots: int = DEFAULT_SLOTS,
        packed_weights: str | Path | None = None,
    ) -> None:
        """Open a bundle; its graphs are loaded when they are first used.

        Args:
            model: a bundle, a folder that holds bundles (as a checkpoint does under `onnx`), or the id of a model on
                the Hugging Face hub, `org/name[@revision]`, whose files are fetched when they are needed. A folder
                that exists is never taken for an id.
            device: auto, cpu, cuda, directml, coreml or openvino.
            threads: threads a graph computes with; by default the cores this process may use.
            slots: answers that the language model writes at once; of one text at most 8.
            packed_weights: a folder that keeps the weights as this machine's processor wants them. They are put there
                once and then mapped, not copied: processes start sooner and share them. Only on the CPU; the folder
                grows to about one and a half times the bundle's speaking part.

        Raises:
            BundleError: no bundle there, or an incomplete or altered one.
            HubError: the hub does not give it.
            OptionError, ProviderError: a bad option, a device that this ONNX Runtime does not have.
        """
        slots = whole_number("slots", slots, 1, MAX_SLOTS)
        if not isinstance(model, Bundle):
            path_named("model", model)
            model = open_bundle(model, device=device)
        self.bundle: Bundle = model
        self.manifest: Manifest = model.manifest
        self._engine = Engine(model, device=device, threads=threads, slots=slots, packed_weights=packed_weights)
        self._enroller = Enroller(self._engine.sessions, self.manifest.codec)
        self._prompt: Voice | None = None
        self._built_in = BuiltInVoices()

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path,
        *,
        revision: str | None = None,
        precision: str | None = None,
        local_files_only: bool = False,
        **options: Unpack[ModelOptions],
    ) -> Self:
        """Open a model by its id on the hub, or a folder; errors are those of `SparkTTSONNX`.

        Args:
            model: as `SparkTTSONNX` takes it.
            revision: of an id: a branch, a tag or a commit.
            precision: which bundle where there are several: fp32, fp16, int8 or int4.
            local_files_only: take what the cache has, and ask nobody.
            options: as `SparkTTSONNX` takes them.
        """
        path_named("model", model)
        bundle = open_bundle(
            model,
            revision=revision,
            precision=precision,
            device=options.get("device", "auto"),
            local_files_only=local_files_only,
        )
        return cls(bundle, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def sample_rate(self) -> int:
        """Samples a second of everything that is spoken."""
        return self.manifest.codec.sample_rate

    def close(self) -> None:
        """Stop all work and free the graphs; speaking again loads them again."""
        self._engine.close()

    def process_prompt(self, path: Source, transcript: str | None = None, *, name: str | None = None) -> Voice:
        """Enroll a recording as the original does, and remember the voice for calls that name none.

        What a person should know about the recording is logged as warnings; `enroll` returns it.

        Args:
            path: any audio file that soundfile reads, or PyAV where it is installed; or an open binary file.
            transcript: what is said in it, where known; the language model then also hears how it is said.
            name: a name for the voice.

        Raises:
            RecordingError: the recording cannot be used.
        """
        enrollment = self.enroll([path], transcript, name=name)
        for warning in enrollment.warnings:
            _log.warning("%s", warning)
        self._prompt = enrollment.voice
        return enrollment.voice

    def enroll(
        self,
        recordings: Sequence[Source],
        transcript: str | None = None,
        *,
        name: str | None = None,
        options: EnrollOptions | None = None,
    ) -> Enrollment:
        """A voice from one or several recordings of one speaker, with what is to be said about them.

        Raises:
            RecordingError: a recording cannot be used.
            OptionError: no recording, or a bad option.
        """
        given = EnrollOptions() if options is None else options
        how = instance_of("options", given, EnrollOptions, "EnrollOptions")
        return self._enroller.enroll(recordings, transcript, name=name, options=how)

    def load_voice(self, path: str | Path) -> Voice:
        """Read a voice file that belongs to this bundle's codec, and remember it for calls that name none.

        Raises:
            VoiceError: no such file, not a voice, or a voice of another codec.
        """
        self._prompt = Voice.load(path, self.manifest.codec)
        return self._prompt

    def create_voice(
        self,
        gender: str | float | None = None,
        pitch: str | float | None = None,
        speed: str | float | None = None,
        *,
        seed: int | None = None,
        text: str = "This is the voice that I have made for you.",
    ) -> Voice:
        """A voice that the model makes up while it speaks `text`."""
        style = VoiceStyle.of(gender, pitch, speed)
        options = {"gender": style.gender, "pitch": style.pitch, "speed": style.speed, "seed": seed}
        return finished(self._speech(text, options), keep_nothing).voice

    def inference(
        self,
        text: str,
        *,
        save_dir: str | Path | None = None,
        file_format: str = "wav",
        on_progress: Progress | None = None,
        **options: Unpack[SpeechOptions],
    ) -> tuple[Wave, SpeechInfo]:
        """Speak a text of any length.

        Args:
            text: what to say.
            save_dir: folder to write a file into, named by the time; `info.file` is its path.
            file_format: wav, flac, mp3, opus, aac, m4a or pcm.
            on_progress: called after every segment.
            options: see `SpeechOptions`.

        Returns:
            float32 [N] in [-1, 1] at `sample_rate`, and a report about it.

        Raises:
            TextError, OptionError, VoiceError, OutputError: each says what was wrong.
        """
        suffix = format_named(file_format).suffixes[0]
        speech = self._speech(text, options, on_progress=on_progress)
        if save_dir is None:
            return whole(speech)
        pieces: list[Wave] = []
        info = _write(speech, save_dir, suffix, also=pieces.append)
        return np.concatenate(pieces), info

    def inference_to_file(
        self,
        text: str,
        save_dir: str | Path,
        *,
        file_format: str = "wav",
        on_progress: Progress | None = None,
        **options: Unpack[SpeechOptions],
    ) -> SpeechInfo:
        """As `inference`, into a file only: sound is written as it is made, so that long texts need no more memory.

        The file appears under its name, `info.file`, when it is complete. FLAC and M4A are held until then, compressed.
        """
        suffix = format_named(file_format).suffixes[0]
        return _write(self._speech(text, options, on_progress=on_progress), save_dir, suffix, also=keep_nothing)

    def inference_batch(self, items: Iterable[Mapping[str, Any]]) -> list[tuple[Wave, SpeechInfo]]:
        """Speak many texts at once; every item is the same as alone with its seed.

        Args:
            items: mappings of `text` and any of `SpeechOptions`.

        Raises:
            the error of the first item that failed, once all others are done.
        """
        return [result.get() for result in sorted(self.iter_batch(items), key=lambda result: result.index)]

    def iter_batch(self, items: Iterable[Mapping[str, Any]]) -> BatchResults:
        """As `inference_batch`, each result as soon as it is there; an error is a result."""
        given = instance_of("items", items, Iterable, "an iterable of mappings")
        self.bundle.fetch(SPEAKING_GRAPHS)  # here, and not in a thread that Ctrl-C does not reach
        return BatchResults(given, self._speak_item, at_once=ITEMS_A_SLOT * self._engine.slots)

    def stream(
        self,
        text: str | Iterable[str] | TextFeed,
        *,
        stream_options: StreamOptions | None = None,
        **options: Unpack[SpeechOptions],
    ) -> SpeechStream:
        """Speak a text of any length chunk by chunk, each as soon as it can be made; arguments as `inference`.

        `text` may come in pieces while it is spoken, from any iterable of strings or a `TextFeed`. A thread takes them;
        an error that the iterable raises is raised behind the sound of the segments before it.
        """
        given = StreamOptions() if stream_options is None else stream_options
        chunks = instance_of("stream_options", given, StreamOptions, "StreamOptions")
        return self._speech(text if isinstance(text, str) else TextFeed.of(text), options, chunks=chunks, writing=1)

    def astream(
        self,
        text: str | Iterable[str] | TextFeed | AsyncIterable[str],
        *,
        stream_options: StreamOptions | None = None,
        **options: Unpack[SpeechOptions],
    ) -> AsyncSpeechStream:
        """As `stream`, for `async for`; `text` may be an async iterable too. Errors come with the first chunk."""
        begin = partial(self.stream, stream_options=stream_options, **options)
        if not isinstance(text, AsyncIterable):
            return AsyncSpeechStream(partial(begin, text))
        feed = TextFeed()
        return AsyncSpeechStream(partial(begin, feed), partial(write_all, text, feed))

    def revoice(self, recording: Source, voice: Voice) -> tuple[Wave, SpeechInfo]:
        """A recording in another voice: its words and its timing, which the language model has no part in.

        Of the voice only the speaker counts. The recording should be one person's speech: music and noise come out as
        something like speech. It may have any length: it is heard in windows of 20 s that overlap, each leveled by
        itself, and the sound ends up to 25 ms before the recording does. How it is said is kept as far as the codec
        puts that into semantic ids; pitch and timbre are the voice's.

        Returns:
            float32 [N] in [-1, 1] at `sample_rate`, and a report about it.

        Raises:
            RecordingError: the recording cannot be used.
            VoiceError: the voice is of another codec.
        """
        return whole(self.revoice_stream(recording, voice))

    def revoice_stream(self, recording: Source, voice: Voice) -> SpeechStream:
        """As `revoice`, chunk by chunk, in memory that does not grow; the first comes once 40 s or all were read."""
        check_voice(instance_of("voice", voice, Voice, "a Voice (see enroll and Voice.load)"), self.manifest.codec)
        revoiced, work = Revoiced(self._enroller.content, self._engine.vocoder, recording, voice), Cancellation()
        self._engine.began(work)
        chunks = revoiced.chunks(work, self._engine.sessions.providers, self.bundle.model_id)
        return SpeechStream(revoiced, chunks, work)

    def warm_up(self) -> None:
        """Fetch and load what speaking needs now rather than at the first request."""
        self._engine.speaker()
        self._engine.check_weights()

    def _utterance(self, text: str | TextFeed, options: Mapping[str, Any]) -> Utterance:
        whole, in_pieces = ("", True) if isinstance(text, TextFeed) else (text, False)
        utterance = make_utterance(whole, options, self.manifest.sampling, in_pieces=in_pieces)
        prompt = self._prompt if options.get("gender") is None else None
        return voiced(utterance, self.manifest.codec, prompt, lambda name: self._built_in.get(name, self.create_voice))

    def _speak_item(self, item: Mapping[str, Any], cancellation: Cancellation) -> tuple[Wave, SpeechInfo]:
        options = {key: value for key, value in item.items() if key != "text"}
        return whole(self._speech(item.get("text", ""), options, writing=1, cancellation=cancellation))

    def _speech(
        self,
        text: str | TextFeed,
        options: Mapping[str, Any],
        *,
        chunks: StreamOptions | None = None,
        writing: int = SEGMENTS_AT_ONCE,
        cancellation: Cancellation | None = None,
        on_progress: Progress | None = None,
    ) -> SpeechStream:
        """Speech on its way, as `Engine.events` takes it; all that speaks goes through here.

        What to say and how is validated before anything is loaded.
        """
        clock, work = Clock(listened=chunks is not None), cancellation or Cancellation()
        with clock.timing("text"):
            utterance = self._utterance(text, options)
            segments = plan(utterance, text, chunks, self.manifest.codec, work)
        self._engine.began(work)
        if on_progress is not None and not callable(on_progress):
            raise OptionError(f"on_progress is {on_progress!r}; expected a function", field="on_progress")
        providers, model_id = self._engine.sessions.providers, self.bundle.model_id
        sound = UtteranceSound(Report(utterance, self.manifest.codec, clock, providers, model_id), on_progress)
        events = self._engine.events(segments, chunks, writing=writing, work=work, clock=clock)
        return SpeechStream(sound, sound.chunks(events, segments), work)


def _write(speech: SpeechStream, save_dir: str | Path, suffix: str, *, also: Callable[[Wave], None]) -> SpeechInfo:
    """Speak into a new file of a folder; it is opened first, so that a bad folder fails before the work."""
    with SpeechFile(free_name(path_named("save_dir", save_dir), suffix), speech.sample_rate) as file:

        def take(piece: Wave) -> None:
            file.write(piece)
            also(piece)

        info = finished(speech, take)
    return dataclasses.replace(info, file=file.path)
