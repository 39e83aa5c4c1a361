"""The demo page in headless Chromium, on the nano bundle: everything happens in the browser, over plain static files.

Needs `npm ci` in web/.
"""

import functools
import io
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import nano
import numpy as np
import pytest
import soundfile
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sparktts_onnx import SparkTTSONNX, Voice

WEB = Path(__file__).parents[2] / "web"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
    *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
)
WAIT = 120_000
"""Milliseconds: loading takes most of them where the machine is busy."""
OURS_BEFORE_THE_MODEL = 60_000
"""Bytes of this project's own files that a browser may need before the first of the model's."""
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
TEXT = "Hello there, I am spoken here. And once more, a little longer, so that it takes a while to say all of it."


@dataclass
class Site:
    """A static site: the package's folder, and a bundle where the page looks for it."""

    headers: dict[str, str] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    """Names of files that come with a byte changed."""
    asked: list[tuple[str, int]] = field(default_factory=list)
    """Paths and bytes of what was sent."""
    url: str = ""


class _Handler(SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def __init__(self, *args: Any, site: Site, **named: Any) -> None:
        self.site = site
        super().__init__(*args, **named)

    def translate_path(self, path: str) -> str:
        path = path.partition("?")[0]
        if path.startswith("/demo/model/"):
            return str(nano.BUNDLE / path.removeprefix("/demo/model/"))
        return str(WEB / path.lstrip("/")) + ("/" if path.endswith("/") else "")

    def end_headers(self) -> None:
        for name, value in self.site.headers.items():
            self.send_header(name, value)
        super().end_headers()

    def do_GET(self) -> None:
        if self.path == "/demo/model/voices.json":
            codec = json.loads((nano.BUNDLE / "manifest.json").read_text("utf-8"))["codec"]["fingerprint"]
            data = json.dumps([{"codec": codec, "global_ids": [1, 2, 3, 4], "name": "one"}]).encode()
        else:
            path = Path(self.translate_path(self.path))
            path = path / "index.html" if path.is_dir() else path
            data = path.read_bytes() if path.is_file() else b""
        if not data:
            self.send_error(404)
            return
        if Path(self.path.partition("?")[0]).name in self.site.spoiled:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.site.asked.append((self.path.partition("?")[0], len(data)))
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type("x.html" if self.path.endswith("/") else self.path))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Nothing."""


@contextmanager
def served(site: Site) -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, site=site))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site.url = f"http://127.0.0.1:{server.server_port}/demo/"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert (WEB / "node_modules" / "onnxruntime-web").is_dir(), "run `npm ci` in web/ first"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def site() -> Iterator[Site]:
    with served(Site()) as site:
        yield site


@contextmanager
def opened(browser: Browser, site: Site, *, failures: bool = False, **options: Any) -> Iterator[Page]:
    """The page, and at the end: nothing was asked of another site, and no script failed."""
    context = browser.new_context(accept_downloads=True, **options)
    foreign: list[str] = []
    failed: list[str] = []
    context.on("request", lambda request: foreign.append(request.url) if elsewhere(request.url, site) else None)
    page = context.new_page()
    page.set_default_timeout(WAIT)
    expect.set_options(timeout=WAIT)
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(site.url)
    yield page
    context.close()
    assert foreign == [] and failed == []


def elsewhere(url: str, site: Site) -> bool:
    return not url.startswith((site.url.removesuffix("demo/"), "blob:", "data:"))


def load(page: Page) -> None:
    page.get_by_role("button", name="Load the model").click()
    expect(page.locator("#model")).to_contain_text(re.compile("is ready|not loaded"))
    assert page.locator("#problem").text_content() == ""
    expect(page.locator("#model")).to_contain_text("nano is ready")


def speak(page: Page, text: str = TEXT, voice: str = "site:one", seed: int = 1) -> None:
    page.get_by_label("Text", exact=True).fill(text)
    page.locator("#voice").select_option(voice)
    page.get_by_label("Seed").fill(str(seed))
    page.get_by_role("button", name="Speak").click()


def saved(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Path(download.value.path()).read_bytes()


def recording() -> bytes:
    """A recording that the nano bundle hears as speaker 6 0 3 5."""
    file = io.BytesIO()
    soundfile.write(file, np.tile(nano.sound([3, 17, 40, 60, 8], (6, 0, 3, 5)), 4), nano.SAMPLE_RATE, format="WAV")
    return file.getvalue()


def test_speech_is_streamed_and_is_what_python_says(browser: Browser, site: Site, tts: SparkTTSONNX) -> None:
    with opened(browser, site) as page:
        load(page)
        expect(page.locator("#model")).to_contain_text("on 1 thread")
        speak(page)
        expect(page.locator("#told")).to_contain_text("first sound after")
        expect(page.locator("#told")).to_contain_text("seed 1.")
        drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)"
        assert page.locator("#wave").evaluate(drawn)
        expect(page.locator("#player")).to_be_visible()
        wav, rate = soundfile.read(io.BytesIO(saved(page, "Save as WAV")), dtype="float32")
    voice = Voice(codec=tts.manifest.codec.fingerprint, global_ids=(1, 2, 3, 4))
    chunks = list(tts.stream(TEXT, voice=voice, seed=1, normalize=False))
    assert rate == nano.SAMPLE_RATE
    np.testing.assert_allclose(wav, np.concatenate(chunks), atol=1e-3)


def test_threads_where_the_page_is_isolated(browser: Browser) -> None:
    with served(Site(headers=ISOLATION)) as site, opened(browser, site) as page:
        assert page.evaluate("crossOriginIsolated")
        load(page)
        cores = page.evaluate("Math.min(4, navigator.hardwareConcurrency)")
        expect(page.locator("#model")).to_contain_text(f"on {cores} thread")
        speak(page)
        expect(page.locator("#told")).to_contain_text("seed 1.")


def test_work_is_stopped(browser: Browser, site: Site) -> None:
    with opened(browser, site) as page:
        load(page)
        speak(page, TEXT * 30)
        expect(page.locator("#told")).to_contain_text("First sound after")
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#told")).to_have_text("Stopped.")
        speak(page, "Again.", seed=2)
        expect(page.locator("#told")).to_contain_text("seed 2.")


def test_a_recording_becomes_a_voice_that_python_reads(
    browser: Browser, site: Site, manifest: Any, tmp_path: Path
) -> None:
    with opened(browser, site) as page:
        load(page)
        assert not any("speaker_encoder" in path for path, _ in site.asked), "loaded only where it is needed"
        page.get_by_label("Audio file").set_input_files(
            {"name": "me.wav", "mimeType": "audio/wav", "buffer": recording()}
        )  # type: ignore[arg-type]
        page.locator("#transcript").fill("One.")
        page.get_by_label("Name").fill("mine")
        page.locator("#consent").check()
        page.locator("#enroll").click()
        expect(page.locator("#kept")).to_have_text("mine is kept in this browser.")
        path = tmp_path / "mine.json"
        path.write_bytes(saved(page, "Save the chosen voice"))
        voice = Voice.load(path, manifest.codec)
        assert voice.global_ids == (6, 0, 3, 5) and voice.transcript == "One." and voice.origin == "me.wav"
        assert voice.semantic_ids is not None and voice.semantic_ids[:5] == (3, 17, 40, 60, 8) and voice.consent
        page.reload()
        load(page)
        speak(page, voice="kept:mine")
        expect(page.locator("#told")).to_contain_text("seed 1.")
        page.get_by_role("button", name="Remove the chosen voice").click()
        expect(page.locator("#kept")).to_have_text("mine is removed.")
        page.locator("#import").set_input_files(str(path))
        expect(page.locator("#voice")).to_have_value("kept:mine")


def test_the_microphone_is_recorded(browser: Browser, site: Site) -> None:
    with opened(browser, site, permissions=["microphone"]) as page:
        load(page)
        page.locator("#record").click()
        expect(page.locator("#record")).to_have_attribute("aria-pressed", "true")
        page.wait_for_timeout(1500)
        page.locator("#record").click()
        expect(page.locator("#recorded")).to_contain_text("s recorded.")
        page.get_by_label("Name").fill("beep")
        page.locator("#consent").check()
        page.locator("#enroll").click()
        expect(page.locator("#kept")).to_have_text("beep is kept in this browser.")


def test_after_the_first_load_no_network_is_needed(browser: Browser) -> None:
    site = Site()
    with served(site):
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(WAIT)
        expect.set_options(timeout=WAIT)
        page.goto(site.url)
        page.wait_for_function("() => navigator.serviceWorker.controller")
        page.wait_for_timeout(1000)
        load(page)
        speak(page)
        expect(page.locator("#told")).to_contain_text("seed 1.")
        site.spoiled.add("manifest.json")
        page.reload()
        page.get_by_role("button", name="Load the model").click()
        expect(page.get_by_role("alert")).to_contain_text("is not JSON")
    page.goto(site.url)
    load(page)
    speak(page, seed=3)
    expect(page.locator("#told")).to_contain_text("seed 3.")
    context.close()


def test_a_refused_quota_is_told_and_speech_goes_on(browser: Browser, site: Site) -> None:
    with opened(browser, site) as page:
        devtools = page.context.new_cdp_session(page)
        devtools.send("Storage.overrideQuotaForOrigin", {"origin": site.url.removesuffix("/demo/"), "quotaSize": 1000})
        load(page)
        expect(page.locator("#model")).to_contain_text("the browser does not keep the model")
        speak(page)
        expect(page.locator("#told")).to_contain_text("seed 1.")


@pytest.mark.parametrize(
    ("spoiled", "told"),
    [("decoder.onnx", "decoder.onnx was altered: its SHA-256"), ("manifest.json", "is not JSON")],
)
def test_a_damaged_model_is_told_and_not_kept(browser: Browser, site: Site, spoiled: str, told: str) -> None:
    site.spoiled.add(spoiled)
    with opened(browser, site) as page:
        page.get_by_role("button", name="Load the model").click()
        expect(page.get_by_role("alert")).to_contain_text(told)
        expect(page.get_by_role("button", name="Load the model")).to_be_enabled()
        site.spoiled.clear()
        load(page)


def test_webgpu_falls_back_where_there_is_none(browser: Browser, site: Site) -> None:
    with opened(browser, site) as page:
        page.locator("#device").select_option("webgpu")
        load(page)
        expect(page.locator("#model")).to_contain_text("the processor computes")
        speak(page)
        expect(page.locator("#told")).to_contain_text("seed 1.")


def test_little_of_ours_comes_before_the_model(browser: Browser, site: Site) -> None:
    with opened(browser, site) as page:
        load(page)
    names = [path for path, _ in site.asked]
    first = next(i for i, name in enumerate(names) if name.endswith(".onnx"))
    ours = sum(size for path, size in site.asked[:first] if "node_modules" not in path and "/model/" not in path)
    assert 10_000 < ours <= OURS_BEFORE_THE_MODEL


def test_the_page_is_used_with_keys_in_the_dark_and_on_a_small_screen(browser: Browser, site: Site) -> None:
    with opened(browser, site, color_scheme="dark", viewport={"width": 320, "height": 640}) as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(int(part) for part in dark[4:-1].split(",")) < 60
        controls = "document.querySelectorAll('input, select, textarea, button')"
        unnamed = f"[...{controls}].filter(e => !e.labels?.length && !e.textContent.trim()).length"
        assert page.evaluate(unnamed) == 0
        page.locator("#load").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#model")).to_contain_text("nano is ready")
        page.locator("#text").fill("Hello.")
        page.locator("#text").press("Control+Enter")
        expect(page.locator("#told")).to_contain_text("of speech")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
