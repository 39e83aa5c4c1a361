"""`spark-tts-onnx`: speak a text into a file, to the loudspeaker, or as raw samples to stdout."""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

from sparktts_onnx import Cue, SparkTTSONNX, SpeechInfo, SpeechOptions, StreamOptions, VoiceLibrary, srt, webvtt
from sparktts_onnx.audio.formats import format_named
from sparktts_onnx.audio.parts import see_writable, whole_file
from sparktts_onnx.cli import arguments
from sparktts_onnx.cli.output import Progress, hear, say
from sparktts_onnx.errors import OptionError
from sparktts_onnx.files import read_text_file, standard_input_pieces, writing

DESCRIPTION = """Speak a text with a cloned, kept or created voice.

  clone a voice:   spark-tts-onnx --model M --prompt-path me.wav --text "Hello." --output-dir out
  keep it:         … --prompt-path me.wav --save-voice me.json
  use it again:    … --voice me.json --text-file book.txt --format mp3
  create a voice:  … --gender female --pitch high --text "Hello."
  hear it now:     … --stream
  several voices:  … --ssml --text '<speak>Hello. <break time="1s"/><voice name="onyx">Hi!</voice></speak>'
  while written:   some-program | spark-tts-onnx … --text-file - --stream

Other commands: spark-tts-onnx convert | publish | batch | revoice | tokens | voices | serve | wyoming (see --help).
The file that was written is the last line on stdout; everything else goes to stderr."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.set_defaults(run=run)
    what = parser.add_argument_group("what to say")
    text = what.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", metavar="TEXT", help="the text")
    text.add_argument("--text-file", metavar="FILE", help="a UTF-8 text file; - for standard input")
    what.add_argument("--ssml", action="store_true", help="the text is SSML: pauses, voices and tempos inside it")
    voice = parser.add_argument_group("voice (without one, a voice is created)")
    source = voice.add_mutually_exclusive_group()
    source.add_argument("--prompt-path", metavar="AUDIO", help="a few seconds of somebody's speech")
    source.add_argument("--voice", metavar="FILE", help="a voice file, from --save-voice")
    voice.add_argument(
        "--prompt-text", metavar="TEXT", help="what is said in the prompt, two minutes at most: clones its manner too"
    )
    voice.add_argument("--save-voice", metavar="FILE", help="keep the voice that speaks")
    arguments.add_voices(voice)
    parser.set_defaults(voices_dir=None)
    output = parser.add_argument_group("output")
    output.add_argument("--output-dir", metavar="DIR", help="folder to write to (default: outputs)")
    output.add_argument("--format", metavar="F", help=arguments.FORMATS_HELP)
    output.add_argument("--srt", action="store_true", help="write subtitles next to the file")
    output.add_argument(
        "--word-times",
        choices=("json", "vtt", "srt"),
        help="write when each word is heard beside the file, as NAME.words.json, .vtt or .srt",
    )
    arguments.add_stream(output)
    output.add_argument(
        "--flush-seconds",
        type=float,
        metavar="S",
        help="with --stream and text from standard input: speak what nothing follows for so long (default: 2)",
    )
    arguments.add_model(parser)
    arguments.add_speech(parser)


def run(options: argparse.Namespace) -> int:
    _check(options)
    text = _text(options)
    with arguments.open_model(options) as tts:
        if options.word_times and tts.manifest.no_word_times:
            raise OptionError(f"{tts.manifest.no_word_times}; leave out --word-times")
        _choose_voice(tts, options)
        how = arguments.speech_options(options)
        if isinstance(text, str) and options.ssml:
            how |= {
                "ssml": True,
                "voices": VoiceLibrary(options.voices_dir or arguments.VOICES_DIR, tts.manifest.codec).named_in(text),
            }
        info = _stream(tts, text, how, options) if options.stream else _write(tts, text, how, options)
    _tell(info)
    if info.file is not None:
        print(info.file)  # first, as writing subtitles may fail
        if options.srt:
            _write_beside(info.file.with_suffix(".srt"), srt(_cues(info)))
        if options.word_times:
            _write_beside(info.file.with_suffix(f".words.{options.word_times}"), _word_times(info, options.word_times))
    if options.save_voice is not None:
        say(f"kept the voice in {info.voice.save(options.save_voice)}")
    return 0


def _check(options: argparse.Namespace) -> None:
    """See that the options go together."""
    if options.prompt_text and not options.prompt_path:
        raise OptionError("--prompt-text belongs to a recording; give it with --prompt-path")
    if options.gender and (options.voice or options.prompt_path):
        raise OptionError("--gender belongs to a created voice; leave it out, or leave out the voice")
    of_files = {"--output-dir": options.output_dir, "--format": options.format, "--srt": options.srt or None}
    of_files["--word-times"] = options.word_times
    given = [name for name, value in of_files.items() if value is not None]
    if options.stream and given:
        raise OptionError(f"--stream writes no file; leave out {' and '.join(given)}, or leave out --stream")
    if not _in_pieces(options):
        arguments.see_used(options, ("flush_seconds",), needs="--stream and --text-file -, both without --ssml")
    if not options.ssml:
        arguments.see_used(options, ("voices_dir",), needs="--ssml")
    if options.format is not None:
        format_named(options.format)
    if options.save_voice is not None:
        see_writable(Path(options.save_voice))
    if not options.stream:
        see_writable(_folder(options), folder=True)


def _folder(options: argparse.Namespace) -> Path:
    return Path("outputs" if options.output_dir is None else options.output_dir)


def _in_pieces(options: argparse.Namespace) -> bool:
    """Whether the text is spoken while it still comes."""
    return bool(options.stream and options.text_file == "-" and not options.ssml)


def _text(options: argparse.Namespace) -> str | Iterator[str]:
    if options.text is not None:
        return str(options.text)
    if _in_pieces(options):
        return standard_input_pieces()
    return read_text_file(None if options.text_file == "-" else Path(options.text_file))


def _choose_voice(tts: SparkTTSONNX, options: argparse.Namespace) -> None:
    if options.prompt_path is not None:
        began = time.perf_counter()
        tts.process_prompt(options.prompt_path, options.prompt_text)
        say(f"enrolled {options.prompt_path} in {time.perf_counter() - began:.1f} s")
    elif options.voice is not None:
        tts.load_voice(options.voice)


def _write(tts: SparkTTSONNX, text: str | Iterator[str], how: SpeechOptions, options: argparse.Namespace) -> SpeechInfo:
    assert isinstance(text, str), "only a stream takes text in pieces"
    return tts.inference_to_file(
        text,
        _folder(options),
        file_format="wav" if options.format is None else options.format,
        on_progress=Progress("speaking"),
        **how,
    )


def _cues(info: SpeechInfo) -> list[Cue]:
    """What was written, shown while it is heard."""
    cues: list[Cue] = []
    for segment in info.segments:
        if segment.written or not cues:
            cues.append(Cue(segment.written, segment.start_seconds, segment.end_seconds))
        else:  # the rest of what is shown already
            cues[-1] = dataclasses.replace(cues[-1], end=segment.end_seconds)
    return cues


def _word_times(info: SpeechInfo, form: str) -> str:
    """When each word is heard, as the contents of a file."""
    words = info.words or ()
    if form == "json":
        rows = [
            {"word": word.text, "start": round(word.start_seconds, 3), "end": round(word.end_seconds, 3)}
            for word in words
        ]
        return json.dumps({"words": rows}, ensure_ascii=False, indent=1) + "\n"
    cues = [Cue(word.text, word.start_seconds, word.end_seconds) for word in words]
    return srt(cues) if form == "srt" else webvtt(cues)


def _write_beside(path: Path, text: str) -> None:
    with writing(path), whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def _stream(
    tts: SparkTTSONNX, text: str | Iterator[str], how: SpeechOptions, options: argparse.Namespace
) -> SpeechInfo:
    waits = StreamOptions(flush_seconds=2.0 if options.flush_seconds is None else options.flush_seconds)
    with tts.stream(text, stream_options=waits, **how) as stream:
        hear(stream, options.stream)
        assert stream.info is not None, "a stream that was heard to its end has its info"
        return stream.info


def _tell(info: SpeechInfo) -> None:
    stages = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in info.seconds.items())
    say(
        f"{info.duration_seconds:.2f} s of audio, {info.real_time_factor:.2f} times real time ({stages}); "
        f"{info.tokens} tokens in {len(info.segments)} segment{'s' if len(info.segments) > 1 else ''}, "
        f"stopped at {info.stop_reason}, seed {info.seed}"
    )
    for warning in info.warnings:
        say(f"warning: {warning}")
