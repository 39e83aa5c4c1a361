"""The page in a real browser: headless Chromium, driven as a person would, over servers of the test's own."""

import dataclasses
import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from live_server import Live, listening
from playwright.sync_api import Browser, Page, expect, sync_playwright
from stand_in import StandIn, until

from sparktts_onnx import SparkTTSONNX
from sparktts_onnx.server import ServerSettings

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
SHOTS = os.environ.get("PAGE_SHOTS")
"""A folder for screenshots, where somebody wants to look at them."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def live(engine: StandIn, settings: ServerSettings) -> Iterator[Live]:
    with listening(engine, settings) as live:
        yield live


@pytest.fixture
def page(browser: Browser, live: Live) -> Iterator[Page]:
    yield from opened(browser, live)


def opened(browser: Browser, live: Live, **options: Any) -> Iterator[Page]:
    """The page, and at the end: nothing was fetched from elsewhere and no script failed."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(15_000)
    foreign: list[str] = []
    failures: list[str] = []
    page.on("request", lambda request: foreign.append(request.url) if elsewhere(request.url, live) else None)
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(live.url)
    expect(page.locator("#voice option").first).to_be_attached()
    yield page
    context.close()
    assert foreign == [] and failures == []


def elsewhere(url: str, live: Live) -> bool:
    return not url.startswith((live.url, "blob:", "data:"))


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def speak(page: Page, text: str) -> None:
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_role("button", name="Speak").click()


def clone(page: Page, recording: bytes, name: str) -> None:
    file = {"name": "me.wav", "mimeType": "audio/wav", "buffer": recording}
    page.get_by_label("Audio file").set_input_files(file)  # type: ignore[arg-type]
    page.locator("#clone-name").fill(name)
    page.locator("#consent").check()
    page.get_by_role("button", name="Keep this voice").click()


def test_speech_is_heard_while_it_is_made(page: Page, engine: StandIn) -> None:
    expect(page.locator("#server")).to_contain_text("ready")
    engine.step_seconds = 0.02
    speak(page, "long slowly")
    expect(page.locator("#told")).to_contain_text("first sound after")
    assert 0 < page.locator("#progress").evaluate("bar => bar.value") < 1
    assert engine.active == 1 and engine.steps < 600, "it is still being made"
    drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)"
    assert page.locator("#wave").evaluate(drawn)
    shot(page, "speaking")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#told")).to_have_text("Stopped.")
    assert until(lambda: engine.cancelled == 1)


def test_the_word_that_is_heard_is_marked(page: Page) -> None:
    text = "One slowly two, <b>three</b> four"
    page.evaluate("""() => { window.seen = []; new MutationObserver(() => seen.push([spoken.textContent,
      spoken.querySelector('mark')?.textContent ?? ''])).observe(spoken, { childList: true }); }""")
    speak(page, text)
    expect(page.locator("#told")).to_contain_text("of speech")
    expect(page.locator("#stop")).to_be_disabled()
    shown, marks = zip(*page.evaluate("seen"), strict=True)
    assert set(shown) == {text}
    heard = [mark for mark in marks if mark]
    words = iter(["One", "slowly", "two,", "<b>three</b>", "four"])
    assert len(heard) >= 3 and all(mark in words for mark in heard), f"in order, each once: {heard}"
    assert marks[-1] == "", "nothing is marked at the end"
    page.evaluate("seen.length = 0")
    page.get_by_role("button", name="Play One").click()
    page.wait_for_function("() => seen.some(([, mark]) => mark === '<b>three</b>')")
    shot(page, "marked")


def test_nothing_is_marked_where_the_bundle_cannot_tell_words(browser: Browser, settings: ServerSettings) -> None:
    with listening(StandIn(word_times=False), settings) as live:
        pages = opened(browser, live)
        page = next(pages)
        speak(page, "Hello there.")
        expect(page.locator("#told")).to_contain_text("of speech")
        expect(page.locator("#spoken")).to_be_hidden()
        next(pages, None)


def test_speech_is_told_kept_in_the_session_and_played_again(page: Page, engine: StandIn) -> None:
    page.locator("#voice").select_option("nova")
    page.locator("#seed").fill("7")
    speak(page, "Hello there.")
    expect(page.locator("#told")).to_contain_text("0.5 s of speech, first sound after")
    text, options = engine.asked[-1]
    assert text == "Hello there." and options["seed"] == 7 and options["voice"].name == "nova"
    expect(page.locator("#history li")).to_contain_text("Hello there.")
    expect(page.locator("#player")).to_be_visible()
    page.wait_for_function("() => document.getElementById('player').duration > 0.45")
    page.get_by_role("button", name="Play Hello there.").click()
    page.get_by_role("button", name="Put Hello there.").click()
    expect(page.get_by_label("Text", exact=True)).to_be_focused()
    shot(page, "spoken")


def test_a_text_that_is_pasted_may_be_ssml(page: Page, engine: StandIn) -> None:
    text = "<speak>Hello.<voice name='onyx'>Hi!</voice></speak>"
    page.get_by_label("Text", exact=True).fill(text)
    page.get_by_label("Text", exact=True).dispatch_event("paste")
    expect(page.get_by_label("The text is SSML")).to_be_checked()
    page.get_by_role("button", name="Speak").click()
    expect(page.locator("#told")).to_contain_text("of speech, first sound after")
    assert engine.asked[-1][0] == text and engine.asked[-1][1]["voices"].keys() == {"onyx"}
    expect(page.locator("#history li")).to_contain_text("Hello.Hi!")
    page.get_by_label("The text is SSML").uncheck()
    page.get_by_role("button", name=re.compile("into the text field")).click()
    expect(page.get_by_label("The text is SSML")).to_be_checked()
    page.get_by_label("Text", exact=True).fill("<speak>Hello.")
    page.locator("#speak").click()
    expect(page.locator("#problem")).to_contain_text("SSML, line 1, column 14: no element found")


def test_speech_is_downloaded_in_every_format(page: Page) -> None:
    speak(page, "Hello there.")
    for name in ("mp3", "wav", "flac", "opus", "aac", "pcm"):
        page.locator("#format").select_option(name)
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Download", exact=True).click()
        data = Path(waiting.value.path()).read_bytes()
        assert waiting.value.suggested_filename.endswith(f".{name}") and len(data) > 500
        if name not in ("aac", "pcm"):
            assert soundfile.info(io.BytesIO(data)).frames > 0


def test_a_voice_is_cloned_from_a_file_with_consent(
    page: Page, settings: ServerSettings, recording: bytes, engine: StandIn
) -> None:
    file = {"name": "me.wav", "mimeType": "audio/wav", "buffer": recording}
    page.get_by_label("Audio file").set_input_files(file)  # type: ignore[arg-type]
    page.locator("#clone-name").fill("Anna")
    page.get_by_role("button", name="Keep this voice").click()
    expect(page.get_by_role("alert")).to_contain_text("has to agree")
    assert engine.enrolled == 0
    shot(page, "consent")
    clone(page, recording, "Anna")
    expect(page.locator("#made")).to_contain_text("Anna is kept.")
    expect(page.locator("#made")).to_contain_text("Note: only 1.0 s of speech.")
    expect(page.locator("#voice")).to_have_value("Anna")
    assert "permission to clone" in (settings.voices_dir / "Anna.json").read_text()
    speak(page, "Hello.")
    expect(page.locator("#history li")).to_contain_text("Anna")
    assert engine.asked[-1][1]["voice"].name == "Anna"


def test_a_recording_is_tried_without_being_kept(
    page: Page, settings: ServerSettings, recording: bytes, engine: StandIn
) -> None:
    file = {"name": "me.wav", "mimeType": "audio/wav", "buffer": recording}
    page.get_by_label("Audio file").set_input_files(file)  # type: ignore[arg-type]
    page.locator("#transcript").fill("What is said.")
    page.locator("#consent").check()
    page.get_by_role("button", name="Try it first").click()
    expect(page.locator("#told")).to_contain_text("of speech")
    assert engine.asked[-1][1]["voice"].transcript == "What is said."
    assert not settings.voices_dir.exists()


def test_a_voice_is_recorded_with_the_microphone(page: Page, engine: StandIn) -> None:
    page.get_by_role("button", name="Record with the microphone").click()
    expect(page.locator("#recorded")).to_contain_text(re.compile(r"Recording: (0\.[5-9]|[1-9])"))
    page.get_by_role("button", name="Stop recording").click()
    expect(page.locator("#recorded")).to_contain_text("recorded")
    page.locator("#clone-name").fill("Me")
    page.locator("#consent").check()
    page.get_by_role("button", name="Keep this voice").click()
    expect(page.locator("#made")).to_contain_text("Me is kept.")
    assert engine.enrolled == 1


@pytest.mark.parametrize("press", ["Speak", "Rename Anna"])
def test_a_voice_that_was_deleted_elsewhere_leaves_the_lists(
    page: Page, settings: ServerSettings, recording: bytes, press: str
) -> None:
    clone(page, recording, "Anna")
    expect(page.locator("#voice")).to_have_value("Anna")
    (settings.voices_dir / "Anna.json").unlink()
    page.get_by_label("Text", exact=True).fill("Hello.")
    page.get_by_role("button", name=press, exact=True).click()
    if press != "Speak":
        page.get_by_label("New name").fill("Uncle")
        page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no voice 'Anna'")
    expect(page.locator("#voices li")).to_have_count(0)
    expect(page.locator("#voice option[value=Anna], #revoice-voice option[value=Anna]")).to_have_count(0)


def test_a_voice_is_created_heard_renamed_and_deleted(page: Page, settings: ServerSettings, engine: StandIn) -> None:
    page.locator("#gender").select_option("male")
    page.locator("#pitch").select_option("low")
    page.locator("#create-name").fill("Robot")
    page.get_by_role("button", name="Create and keep").click()
    expect(page.locator("#made")).to_contain_text("Robot is created and kept.")
    expect(page.locator("#told")).to_contain_text("of speech")
    assert engine.asked[-1][1]["voice"].name == "Robot"
    page.get_by_role("button", name="Rename Robot").click()
    page.get_by_label("New name").fill("Uncle")
    shot(page, "rename")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    expect(page.locator("#made")).to_contain_text("Robot is now called Uncle.")
    expect(page.locator("#voice")).to_have_value("Uncle")
    page.get_by_role("button", name="Delete Uncle").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("#voices li")).to_have_count(1)
    page.get_by_role("button", name="Delete Uncle").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#voices li")).to_have_count(0)
    assert list(settings.voices_dir.iterdir()) == []


def test_a_recording_gets_another_voice(page: Page, engine: StandIn, recording: bytes) -> None:
    page.get_by_role("button", name="Change the voice").click()
    expect(page.locator("#problem-text")).to_contain_text("no recording yet")
    file = {"name": "me.wav", "mimeType": "audio/wav", "buffer": recording}
    page.get_by_label("Recording", exact=True).set_input_files(file)  # type: ignore[arg-type]
    page.get_by_label("New voice", exact=True).select_option("nova")
    page.get_by_role("button", name="Change the voice").click()
    expect(page.locator("#revoice-told")).to_have_text("0.6 s in the voice nova.")  # MP3 ends in whole frames
    assert engine.asked[-1][1]["voice"].name == "nova"
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the recording in the new voice").click()
    assert soundfile.info(download.value.path()).duration == pytest.approx(0.5, abs=0.15)
    shot(page, "revoiced")


def test_errors_are_sentences(page: Page, engine: StandIn, recording: bytes) -> None:
    speak(page, "break it")
    expect(page.get_by_role("alert")).to_contain_text("the model failed; the server's log has the reason")
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#problem")).to_be_hidden()
    clone(page, b"this is no sound", "Nobody")
    expect(page.get_by_role("alert")).to_contain_text("cannot be read as audio")
    clone(page, recording, "../etc")
    expect(page.get_by_role("alert")).to_contain_text("cannot contain '/'")
    shot(page, "error")


def test_a_server_that_is_gone_is_told(browser: Browser, engine: StandIn, settings: ServerSettings) -> None:
    with listening(engine, settings) as live:
        pages = opened(browser, live)
        page = next(pages)
    speak(page, "Hello.")
    expect(page.get_by_role("alert")).to_contain_text("cannot be reached")
    next(pages, None)


def test_everything_can_be_done_with_the_keyboard(page: Page, engine: StandIn) -> None:
    page.get_by_label("Text", exact=True).focus()
    page.keyboard.type("Hello keys.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#told")).to_contain_text("of speech")
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    wanted = {"voice", "tempo", "seed", "speak", "format", "download", "recording", "record", "consent", "gender"}
    assert wanted <= reached


def test_every_control_has_a_name_for_screen_readers(page: Page) -> None:
    nameless = """() => [...document.querySelectorAll('input, select, textarea, button, audio, canvas, progress')]
      .filter(e => !(e.labels?.length || e.textContent.trim() || e.getAttribute('aria-label') || e.tagName === 'AUDIO'))
      .map(e => e.outerHTML)"""
    assert page.evaluate(nameless) == []
    assert page.locator("h1").count() == 1 and page.locator("html").get_attribute("lang") == "en"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out_from_their_ground(browser: Browser, live: Live, scheme: str) -> None:
    pages = opened(browser, live, color_scheme=scheme)
    page = next(pages)
    contrast = """() => {
      const channel = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
      const light = (c) => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => channel(v / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
      const ground = (e) => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
        if (!/, 0\\)|transparent/.test(c)) return c; } return 'rgb(255,255,255)'; };
      return [...document.querySelectorAll('h1, h2, h3, p, label, button, .hint, select, input, textarea')]
        .filter(e => e.offsetParent && !e.disabled).map(e => {
          const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
          return [(a + 0.05) / (b + 0.05), e.outerHTML.slice(0, 60)]; })
        .filter(([ratio]) => ratio < 4.5);
    }"""
    assert page.evaluate(contrast) == []
    shot(page, scheme)
    next(pages, None)


def test_narrow_screens_need_no_sideways_scrolling(browser: Browser, live: Live, recording: bytes) -> None:
    pages = opened(browser, live, viewport={"width": 320, "height": 640})
    page = next(pages)
    clone(page, recording, "A voice with quite a long name " + "x" * 30)
    expect(page.locator("#voices li")).to_have_count(1)
    speak(page, "Hello " + "x" * 200)
    expect(page.locator("#told")).to_contain_text("of speech")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    shot(page, "narrow")
    next(pages, None)


def test_a_key_is_asked_for_once(browser: Browser, engine: StandIn, settings: ServerSettings) -> None:
    key = "correct-horse-battery"
    with listening(engine, dataclasses.replace(settings, api_key=key)) as live:
        context = browser.new_context()
        page = context.new_page()
        page.goto(live.url)
        for typed in ("wrong-wrong-wrong", key):
            page.locator("#key").fill(typed)
            page.get_by_role("button", name="Use it").click()
        expect(page.locator("#voice option").first).to_be_attached()
        speak(page, "Hello.")
        expect(page.locator("#told")).to_contain_text("of speech")
        context.close()


def test_over_a_real_model_too(browser: Browser, model: SparkTTSONNX, settings: ServerSettings) -> None:
    with listening(model, settings) as live:
        pages = opened(browser, live)
        page = next(pages)
        clone(page, Path(__file__).parents[1].joinpath("data", "prompt.wav").read_bytes(), "Prompt")
        expect(page.locator("#made")).to_contain_text("Prompt is kept.")
        speak(page, "One two three. 你好。")
        expect(page.locator("#told")).to_contain_text(re.compile(r"\d s of speech, first sound after"))
        next(pages, None)
