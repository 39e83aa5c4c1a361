"""Measures the demo page in headless Chromium for docs/web.md: answers equal to Python's, speed, first sound.

    PYTHONPATH=. python web/bench/chromium.py --bundles FOLDER

FOLDER holds bundles of the small voice by precision. An answer counts as equal where it has as many samples as
Python's for the same seed and differs from it by less than a hundredth.
"""

import argparse
import functools
import io
import re
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from playwright.sync_api import Page, sync_playwright

from sparktts_onnx import SparkTTSONNX, Voice
from web.bench.measure import VOICE, WEB, sentences

FLAGS = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"]
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, *args: Any, isolated: bool, **named: Any) -> None:
        self.isolated = isolated
        super().__init__(*args, **named)

    def end_headers(self) -> None:
        for name, value in ISOLATION.items() if self.isolated else ():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing."""


def spoken(page: Page, said: list[dict[str, Any]]) -> list[tuple[Any, list[float]]]:
    """Sound of each sentence, and seconds: of speech, until the first sound, of the work."""
    done = []
    for sentence in said:
        page.locator("#text").fill(sentence["text"])
        page.locator("#seed").fill(str(sentence["seed"]))
        page.locator("#speak").click()
        page.wait_for_function("() => /seed \\d+\\./.test(document.getElementById('told').textContent)")
        told = page.locator("#told").text_content() or ""
        with page.expect_download() as download:
            page.locator("#save").click()
        wav, _ = soundfile.read(io.BytesIO(Path(download.value.path()).read_bytes()), dtype="float32")
        done.append((wav, [float(number) for number in re.findall(r"(\d+\.\d) s", told)[:3]]))
    return done


def measure(bundles: Path, precision: str, said: list[dict[str, Any]], *, isolated: bool, chromium: str) -> str:
    """One row of the table."""
    with tempfile.TemporaryDirectory() as root, sync_playwright() as driver:
        for name in ("demo", "src", "node_modules"):
            (Path(root) / name).symlink_to(WEB / name)
        (Path(root) / "bundles").symlink_to(bundles.resolve())
        handler = functools.partial(_Handler, directory=root, isolated=isolated)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(f"http://127.0.0.1:{server.server_port}/demo/?model=/bundles/{precision}")
        page.locator("#load").click()
        page.wait_for_function("() => /is ready/.test(document.getElementById('model').textContent)")
        page.locator("#import").set_input_files(str(VOICE))
        page.wait_for_function("() => document.getElementById('voice').value === 'kept:adam'")
        model = page.locator("#model").text_content() or ""
        found = spoken(page, said)
        browser.close()
        server.shutdown()
    equal = 0
    with SparkTTSONNX(bundles / precision, device="cpu", threads=1) as tts:
        voice = Voice.load(VOICE)
        for sentence, (wav, _) in zip(said, found, strict=True):
            expected = np.concatenate(
                list(tts.stream(sentence["text"], voice=voice, seed=sentence["seed"], normalize=False))
            )
            equal += len(wav) == len(expected) and float(np.abs(wav - expected).max()) < 0.01
    times = np.array([seconds for _, seconds in found])
    speed, first = times[:, 0].sum() / times[:, 2].sum(), np.median(times[:, 1])
    threads = re.findall(r"on (\d+) thread", model)[0]
    return f"| {precision} | {threads} | {equal} of {len(found)} | {speed:.1f} | {first:.1f} |"


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bundles", type=Path, required=True, help="bundles of the small voice by precision")
    options.add_argument("--sentences", type=int, default=10)
    options.add_argument("--precisions", nargs="+", default=["fp32", "int8"])
    options.add_argument("--chromium", default="/usr/bin/chromium")
    given = options.parse_args()
    said = [sentence for sentence in sentences(given.sentences) if sentence["temperature"]]
    print("| precision | threads | equal answers | times real time | first sound, s (median) |\n|---|---|---|---|---|")
    for precision in given.precisions:
        for isolated in (False, True):
            row = measure(given.bundles, precision, said, isolated=isolated, chromium=given.chromium)
            print(row, flush=True)


if __name__ == "__main__":
    main()
