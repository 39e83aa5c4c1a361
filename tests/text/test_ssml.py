"""SSML as parts: which text, who, how, and how long it is silent; and what is no SSML is one error, fast."""

import subprocess
import sys
import time
from typing import Any

import pytest

from sparktts_onnx.errors import TextError, VoiceError
from sparktts_onnx.text.ssml import MAX_CHARACTERS, MAX_DEPTH, MOST_WARNINGS, Part, Ssml


def parts_of(inside: str) -> tuple[Part, ...]:
    return Ssml.read(f"<speak>{inside}</speak>").parts


@pytest.mark.parametrize(
    ("inside", "pauses"),
    [
        ("a", [0.0]),
        ("a<break/>b", [0.4, 0.0]),
        ("a<break time='250ms'/>b<break time='1.5s'/>c", [0.25, 1.5, 0.0]),
        ("a<break strength='none'/>b<break strength='x-strong'/>c", [0.0, 1.2, 0.0]),
        ("a<break strength='weak' time='.5s'/>b", [0.5, 0.0]),
        ("a<break time='1s'/> <break time='+2s'/>\n b", [3.0, 0.0]),
        ("a<break time='2s'/>", [2.0]),
        ("<p>a</p><p>b</p>c", [0.8, 0.8, 0.0]),
        ("<p><s>a</s><s>b</s></p><p><s>c</s></p>", [0.4, 0.8, 0.0]),
        ("<p>a</p><break time='100ms'/><p>b</p>", [0.1, 0.0]),
        ("<p>a<break strength='none'/></p><p>b</p>", [0.0, 0.0]),
        ("a <voice name='x'>b.</voice> c", [None, None, 0.0]),
    ],
)
def test_pauses(inside: str, pauses: list[float | None]) -> None:
    assert [part.pause_seconds for part in parts_of(inside)] == pauses


def test_a_pause_may_come_first() -> None:
    document = Ssml.read("<speak><p><break time='1s'/><break time='2s'/>a</p></speak>")
    assert (document.lead_seconds, len(document.parts)) == (3.0, 1)


@pytest.mark.parametrize(
    ("inside", "manners"),
    [
        ("a<voice name='x'>b<voice name='y y'>c</voice>d</voice>e", [{}, {"x"}, {"y y"}, {"x"}, {}]),
        ("<prosody rate='120%'>a</prosody>b", [{1.2}, {}]),
        ("<prosody rate='+50%'>a<prosody rate='-50%'>b</prosody></prosody>", [{1.5}, {0.5}]),
        ("<prosody rate='0.8'>a<prosody rate='fast'>b</prosody>c</prosody>", [{0.8}, {"speed": "high"}, {0.8}]),
        ("<prosody rate='x-slow' pitch='x-high'>a</prosody>", [{"speed": "very_low", "pitch": "very_high"}]),
        ("<prosody pitch='low'>a<prosody pitch='default' rate='default'>b</prosody></prosody>", [{"pitch": "low"}, {}]),
        ("<voice name='x'><prosody pitch='medium'>a</prosody>b</voice>", [{"x", ("pitch", "moderate")}, {"x"}]),
    ],
)
def test_who_speaks_and_how(inside: str, manners: list[Any]) -> None:
    def wanted(manner: Any) -> dict[str, Any]:
        if isinstance(manner, dict):
            return manner
        kinds = {str: "voice", float: "tempo"}
        return dict(each if isinstance(each, tuple) else (kinds[type(each)], each) for each in manner)

    expected = [{"voice": None, "tempo": 1.0, "speed": None, "pitch": None} | wanted(manner) for manner in manners]
    assert [{key: getattr(part, key) for key in row} for part, row in zip(parts_of(inside), expected, strict=True)] == (
        expected
    )


@pytest.mark.parametrize(
    ("inside", "written", "spoken"),
    [
        ("The <sub alias='World Wide Web'>WWW</sub>.", "The WWW.", "The World Wide Web."),
        ("Two\n   lines &amp; <![CDATA[<more>]]><!-- not this --> 你好", "Two lines & <more> 你好", None),
        ("<emphasis>un</emphasis>known<mark name='x'/>s", "unknowns", None),
    ],
)
def test_text_without_markup(inside: str, written: str, spoken: str | None) -> None:
    (part,) = parts_of(inside)
    assert (part.written, part.spoken) == (written, spoken or written)


def test_what_is_not_done_is_said_once() -> None:
    head = '<?xml version="1.0" encoding="UTF-16"?>\n<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis"'
    inside = "<mark name='a'/>a<mark name='b'/><prosody volume='loud' rate='fast' xml:lang='en'>b</prosody>"
    assert Ssml.read(f'{head} xml:lang="en-US">{inside}</speak>').warnings == (
        "SSML: <mark> is not known; its text is spoken",
        "SSML: the volume of <prosody> is not done",
    )
    many = "".join(f"<x{number}/>" for number in range(100))
    assert len(Ssml.read(f"<speak>{many}a</speak>").warnings) == MOST_WARNINGS


@pytest.mark.parametrize(
    ("document", "line", "column", "message"),
    [
        ("Hello.", 1, 1, "syntax error; it has to be well-formed XML within <speak>"),
        ("<speak>\n 你好 <brea", 2, 5, "unclosed token"),
        ("<speak>\n<p>a</s></speak>", 2, 7, "mismatched tag"),
        ("<speak>a", 1, 9, "no element found"),
        ("<speak>a</speak><speak/>", 1, 17, "junk after document element"),
        ("<speak>a &nbsp; b</speak>", 1, 10, "undefined entity"),
        ("<ssml>a</ssml>", 1, 1, "the outermost element is <ssml>; expected <speak>"),
        ("<speak>\n  <break time='abc'/></speak>", 2, 3, "time is 'abc'; expected seconds"),
        ("<speak><break time='-1s'/></speak>", 1, 8, "time is '-1s'"),
        ("<speak><break time='61s'/></speak>", 1, 8, "the pause is 61 s; at most 60 s"),
        ("<speak><break time='40s'/><break time='40s'/></speak>", 1, 27, "the pause is 80 s"),
        ("<speak><break strength='huge'/></speak>", 1, 8, "strength is 'huge'; expected one of none, x-weak"),
        ("<speak><prosody rate='5000%'>a</prosody></speak>", 1, 8, "rate is '5000%'; expected 25% to 400%"),
        ("<speak><prosody rate='+1'>a</prosody></speak>", 1, 8, "rate is '\\+1'; expected one of default"),
        ("<speak><prosody rate='quick'>a</prosody></speak>", 1, 8, "rate is 'quick'; expected one of default, x-slow"),
        ("<speak><prosody pitch='+10%'>a</prosody></speak>", 1, 8, "pitch is '\\+10%'; expected one of default, x-low"),
        ("<speak><voice>a</voice></speak>", 1, 8, "<voice> names nobody"),
        ("<speak>\n\n  <sub>a</sub></speak>", 3, 3, "<sub> has no alias"),
        ("<!DOCTYPE speak><speak>a</speak>", 1, 16, "a DTD .* is not taken"),
    ],
)
def test_a_fault_is_one_message_with_its_place(document: str, line: int, column: int, message: str) -> None:
    with pytest.raises(TextError, match=rf"^SSML, line {line}, column {column}: {message}") as raised:
        Ssml.read(document)
    assert raised.value.field == "text"


def test_an_unknown_voice_has_its_place() -> None:
    def check(name: str) -> None:
        raise VoiceError(f"there is no voice {name!r}")

    with pytest.raises(VoiceError, match=r"^SSML, line 2, column 1: there is no voice 'Bob'"):
        Ssml.read("<speak>\n<voice name=' Bob '>a</voice></speak>", check)


LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (f'<!DOCTYPE speak [<!ENTITY l0 "ha">{LAUGHS}]><speak>&l9;</speak>', "a DTD"),
        ('<!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak>a</speak>', "a DTD"),
        ('<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><speak>&x;</speak>', "a DTD"),
        ("<speak>" + "<p>" * 100_000, f"more than {MAX_DEPTH} elements"),
        ("<speak>" + "a" * MAX_CHARACTERS + "</speak>", f"the limit is {MAX_CHARACTERS}"),
        ("<speak a='" + "b" * 900_000 + "'>", "no element found"),
        ("<speak>" + "<break/>" * 100_000 + "</speak>", "at most 60 s"),
        ("<" + "s" * 900_000 + "/>", "the outermost element is"),
        ("<speak><break time='" + "9" * 900_000 + "s'/></speak>", "time is '999"),
        ("<speak>\0</speak>", "invalid token"),
        ("<speak>\udcff</speak>", "is not a character"),
        ("<speak " + " ".join(f"a{n}=''" for n in range(80_000)) + " a1=''>", "duplicate attribute"),
    ],
)
def test_a_hostile_document_is_one_error_fast(document: str, message: str) -> None:
    began = time.process_time()
    with pytest.raises(TextError, match=message) as raised:
        Ssml.read(document)
    assert time.process_time() - began < 1
    assert len(str(raised.value)) < 200


def test_a_start_brings_no_client_of_http() -> None:
    """It takes 30 ms to import, and importlib.resources 9."""
    code = "import sys, sparktts_onnx.runtime.pipeline; print({'http.client', 'importlib.resources'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "set()\n"
