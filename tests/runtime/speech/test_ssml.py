"""What each element of SSML does to the sound: how long it is silent, who speaks, how fast, and what is said."""

from pathlib import Path
from typing import Any

import nano
import numpy as np
import pytest
import soundfile

from sparktts_onnx import SparkTTSONNX, SpeechInfo, Voice
from sparktts_onnx.audio.joining import Span
from sparktts_onnx.bundle.manifest import SamplingDefaults
from sparktts_onnx.errors import NothingToSpeakError, OptionError, TextError, VoiceError
from sparktts_onnx.runtime.speech.planning import plan_segments
from sparktts_onnx.runtime.speech.report import Clock, Report
from sparktts_onnx.runtime.speech.request import make_utterance
from sparktts_onnx.runtime.speech.segment import HeardWord, SegmentBegins
from sparktts_onnx.runtime.voices.built_in import BuiltInVoices
from sparktts_onnx.runtime.voices.style import VoiceStyle

Heard = np.ndarray[Any, Any]
RATE = nano.SAMPLE_RATE
A, B = "Hello there.", "How are you?"
CREATED = nano.global_numbers(nano.answer(nano.create_prompt(A)))
"""Who speaks where the first segment is A and nobody is named."""


def spoken(tts: SparkTTSONNX, inside: str, **options: Any) -> tuple[Heard, SpeechInfo]:
    return tts.inference(f"<speak>{inside}</speak>", ssml=True, **{"temperature": 0, "seed": 1, **options})


def silences(wav: Heard) -> list[int]:
    """Samples of each stretch of digital silence that is longer than 10 ms."""
    edges = np.flatnonzero(np.diff(np.concatenate([[1.0], wav != 0, [1.0]])))
    return [int(length) for length in np.diff(edges)[::2] if length > RATE // 100]


def speakers(wav: Heard, info: SpeechInfo) -> list[tuple[int, ...]]:
    starts = [round(segment.start_seconds * RATE) for segment in info.segments]
    return [nano.heard_speaker(wav[start : start + 10 * nano.HOP]) for start in starts]


@pytest.mark.parametrize(
    ("inside", "seconds"),
    [
        (f"{A}<break time='300ms'/>{B}", [0.3]),
        (f"Hello<break time='2s'/>there<break strength='x-strong'/>{B}", [2.0, 1.2]),
        (f"{A}<break/>{B}", [0.4]),
        (f"<p>{A}</p><p>{B}</p>", [0.8]),
        (f"<p><s>{A}</s><s>{B}</s></p>", [0.4]),
        (f"<break time='1s'/>{A}<break strength='none'/>{B}<break time='500ms'/>", [1.0, 0.5]),
        (f"{A} <voice name='one'>{B}</voice>", [0.4]),
        (f"{A}<break time='1s'/>***<break time='1s'/>{B}", [2.0]),
        (f"***<break time='1s'/>{A}", [1.0]),
    ],
)
def test_pauses_have_their_length_in_samples(
    tts: SparkTTSONNX, voice: Voice, inside: str, seconds: list[float]
) -> None:
    wav, info = spoken(tts, inside, voice=voice, voices={"one": voice})
    assert silences(wav) == pytest.approx([RATE * length for length in seconds], abs=3)
    assert len(wav) == pytest.approx(info.tokens * nano.HOP + RATE * sum(seconds), abs=3)


def test_a_document_without_markup_sounds_as_its_text(tts: SparkTTSONNX, voice: Voice) -> None:
    text = f"{A} {B} It costs $5, as the W3C says, of late. " * 5
    plain, info = tts.inference(text, voice=voice, seed=1, temperature=0)
    wav, same = spoken(tts, text.replace(" ", "\n "), voice=voice)
    np.testing.assert_array_equal(wav, plain)
    assert same.segments == info.segments
    assert len(same.segments) > 1


def test_voices_take_turns_and_each_stays_itself(tts: SparkTTSONNX, voice: Voice, other_voice: Voice) -> None:
    inside = f"{A}<voice name='one'>{A}<voice name='Two'>{B}</voice>{B}</voice>{B}<voice name='Two'>{A}</voice>{A}"
    wav, info = spoken(tts, inside, voices={"one": voice, "Two": other_voice})
    one, two = voice.global_ids, other_voice.global_ids
    assert speakers(wav, info) == [CREATED, one, two, one, CREATED, two, CREATED]
    assert info.voice.global_ids == CREATED


def test_a_created_voice_that_comes_second_is_one_voice(tts: SparkTTSONNX, voice: Voice) -> None:
    turns = f"<voice name='one'>{B}</voice>{A}" * 5
    wav, info = spoken(tts, turns, voices={"one": voice})
    assert speakers(wav, info) == [voice.global_ids, CREATED] * 5
    wav, info = spoken(tts, turns, voices={"one": voice}, gender="male", temperature=0.9)
    assert len(set(speakers(wav, info)[1::2])) == 1


def test_built_in_voices_are_made_once(tts: SparkTTSONNX, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    create = tts.create_voice
    monkeypatch.setattr(tts, "create_voice", lambda **style: made.append(style) or create(**style))
    wav, info = spoken(tts, f"<voice name='Onyx'>{A}</voice><voice name='nova'>{B}</voice>" * 2)
    expected = [create(**style).global_ids for style in made]
    assert [(style["gender"], style["pitch"]) for style in made] == [("male", "very_low"), ("female", "high")]
    assert speakers(wav, info) == expected * 2
    assert speakers(*spoken(tts, f"<voice name=' onyx'>{A}</voice>")) == expected[:1]
    assert len(made) == 2
    assert BuiltInVoices.STYLES.keys() == {name.lower() for name in BuiltInVoices.STYLES}


@pytest.mark.parametrize(("rate", "factor"), [("200%", 2), ("50%", 0.5), ("-20%", 0.8), ("fast", 1.3), ("x-slow", 0.6)])
def test_rate_is_the_length_of_the_sound(tts: SparkTTSONNX, voice: Voice, rate: str, factor: float) -> None:
    wav, info = spoken(tts, f"{A}<prosody rate='{rate}'>{B}</prosody>{A}", voice=voice)
    plain, _ = spoken(tts, f"{A}<prosody>{B}</prosody>{A}", voice=voice)
    lengths = [segment.end_seconds - segment.start_seconds for segment in info.segments]
    tokens = [segment.tokens * nano.HOP / RATE for segment in info.segments]
    assert [length / token for length, token in zip(lengths, tokens, strict=True)] == pytest.approx(
        [1, 1 / factor, 1], abs=0.03
    )
    first = round(info.segments[0].end_seconds * RATE)
    np.testing.assert_array_equal(wav[:first], plain[:first])
    assert silences(wav) == pytest.approx([0.4 * RATE] * 2, abs=RATE // 200)


def test_levels_are_asked_of_a_created_voice(tts: SparkTTSONNX, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts: list[tuple[int, ...]] = []
    create = tts._engine.prompter.create

    def noted(text: str, style: VoiceStyle) -> tuple[int, ...]:
        prompts.append(create(text, style))
        return prompts[-1]

    monkeypatch.setattr(tts._engine.prompter, "create", noted)
    inside = f"{A}<prosody pitch='x-high' rate='slow'>{B}</prosody><prosody pitch='low'>{A}</prosody>{B}"
    wav, info = spoken(tts, f"{inside}<voice name='onyx'>{A}<prosody rate='x-fast'>{B}</prosody></voice>")
    own = [(A, 0, 2, 2), (B, 0, 4, 1), (A, 0, 1, 2), (B, 0, 2, 2), (B, 1, 0, 4)]
    expected = [tuple(nano.create_prompt(*each)) for each in own]
    assert set(prompts) >= set(expected)
    assert len(prompts) == len(expected) + 1  # and the one that made onyx
    assert speakers(wav, info)[:4] == [CREATED] * 4
    assert len(set(speakers(wav, info)[4:])) == 1
    assert info.warnings == ()


def test_a_recorded_voice_has_no_levels_of_pitch(tts: SparkTTSONNX, voice: Voice) -> None:
    inside = "{}<prosody pitch='high'>{}</prosody><voice name='one'><prosody pitch='low'>{}</prosody></voice>"
    wav, info = spoken(tts, inside.format(A, B, A), voice=voice, voices={"one": voice})
    plain, _ = spoken(
        tts, f"{A}<prosody>{B}</prosody><voice name='one'>{A}</voice>", voice=voice, voices={"one": voice}
    )
    np.testing.assert_array_equal(wav, plain)
    assert [warning.split(":")[1] for warning in info.warnings] == [
        " the pitch of the voice stays",
        " the pitch of 'one' stays",
    ]


def test_an_alias_is_heard_and_what_was_written_is_told(tts: SparkTTSONNX, voice: Voice) -> None:
    wav, info = spoken(tts, "The <sub alias='World Wide Web'>WWW</sub> is big.", voice=voice)
    (segment,) = info.segments
    assert nano.heard(wav) == nano.spoken("The World Wide Web is big.", voice.global_ids)
    assert (segment.text, segment.written) == ("The World Wide Web is big.", "The WWW is big.")


def test_unknown_elements_are_spoken_and_told(tts: SparkTTSONNX, voice: Voice) -> None:
    wav, info = spoken(tts, "Hello <emphasis>there</emphasis>.<audio src='http://x/y.wav'/>", voice=voice)
    assert nano.heard(wav) == nano.spoken(A, voice.global_ids)
    assert [warning[:20] for warning in info.warnings] == ["SSML: <emphasis> is ", "SSML: <audio> is not"]


def test_words_have_their_times_as_they_were_written_in_the_tempo_of_their_part(
    tts: SparkTTSONNX, voice: Voice
) -> None:
    text = "<speak><prosody rate='200%'>The <sub alias='World Wide Web'>WWW</sub> is.</prosody></speak>"
    utterance = make_utterance(text, {"ssml": True, "tempo": 2.0}, SamplingDefaults())
    (segment,) = plan_segments(utterance, tts.manifest.codec)
    report = Report(utterance, tts.manifest.codec, Clock(listened=False), dict, None)
    report.begin_segment(SegmentBegins(segment, voice))
    starts = [(segment.text.index(word), second) for second, word in enumerate(segment.text.split())]
    report.place_words([HeardWord(at, at + 1, second, second + 1) for at, second in starts], Span(1.0, 9.0, 1.0))
    times = [(word.text, word.start_seconds, word.end_seconds) for word in report.words or ()]
    assert times == [("The", 0.5, 0.75), ("WWW", 0.75, 1.5), ("is.", 1.5, 1.75)]


DIALOGUE = (
    f"<break time='100ms'/>{A}<voice name='one'>{B}<break time='1s'/></voice>"
    f"<prosody rate='150%'>{A} {B}</prosody><p>{B}</p>"
)


def test_every_way_to_take_speech_gives_the_same(
    tts: SparkTTSONNX, voice: Voice, other_voice: Voice, tmp_path: Path
) -> None:
    options: dict[str, Any] = {"ssml": True, "voices": {"one": other_voice}, "voice": voice, "seed": 4, "tempo": 1.25}
    text = f"<speak>{DIALOGUE}</speak>"
    whole, info = tts.inference(text, **options)
    with tts.stream(text, **options) as stream:
        pieces = list(stream)
    assert len(pieces) > len(info.segments)
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=2e-3)
    (batched, _), _ = tts.inference_batch([{"text": text, **options}, {"text": A}])
    np.testing.assert_array_equal(batched, whole)
    file = tts.inference_to_file(text, tmp_path, **options).file
    assert file is not None
    np.testing.assert_allclose(soundfile.read(file)[0], whole, atol=1e-4)
    assert info.duration_seconds == len(whole) / RATE


def test_the_lexicon_and_numbers_are_read_part_by_part_in_the_language_of_all(tts: SparkTTSONNX) -> None:
    text = "<speak>我有<break/>5<break/>个苹果。<voice name='alloy'>25</voice></speak>"
    utterance = make_utterance(text, {"ssml": True, "voices": None}, SamplingDefaults())
    object.__setattr__(utterance, "voices", {"alloy": None})
    assert [segment.text for segment in plan_segments(utterance, tts.manifest.codec)] == [
        "我有",
        "五",
        "个苹果。",
        "二十五",
    ]


@pytest.mark.parametrize(
    ("text", "options", "error", "message"),
    [
        (
            "<speak>\n<voice name='Zoe'>a</voice></speak>",
            {},
            VoiceError,
            "SSML, line 2, column 1: there is no voice 'Zoe'; voices are one, alloy",
        ),
        ("<speak>a<break time='abc'/></speak>", {}, TextError, "SSML, line 1, column 9: time is 'abc'"),
        ("<speak><p> <break/></p></speak>", {}, NothingToSpeakError, "there is nothing to speak"),
        ("Hello.", {}, TextError, "SSML, line 1, column 1: syntax error"),
        (["<speak>", "a</speak>"], {}, OptionError, "ssml is set, and the text comes in pieces"),
        ("<speak>a</speak>", {"ssml": "yes"}, OptionError, "ssml is 'yes'; expected True or False"),
        ("<speak>a</speak>", {"voices": {"x": "x.json"}}, OptionError, "'x'.* is 'x.json'; expected a Voice"),
        ("<speak>a</speak>", {"voices": ["x"]}, OptionError, "voices is .*; expected a mapping"),
    ],
)
def test_what_is_wrong_is_one_error_before_anything_is_spoken(
    tts: SparkTTSONNX, voice: Voice, text: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tts.stream(text, **{"ssml": True, "voices": {"one": voice}, **options})
    assert tts._engine.loaded is None
