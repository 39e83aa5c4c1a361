"""Measures the JavaScript host in headless Chromium for docs/web.md: ids, sound, speed, first sound.

    PYTHONPATH=. python web/bench/chromium.py --bundles FOLDER

FOLDER holds bundles of the small voice by precision. The page and Python speak the same sentences, each greedily and
with a seed; the first sound is that of a stream, from a Worker.
"""

import argparse
import functools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from web.bench.measure import HEADER, WEB, in_python, row, sentences

FLAGS = ["--no-sandbox", "--disable-gpu"]
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


@contextmanager
def opened(bundles: Path, *, isolated: bool, chromium: str) -> Iterator[Page]:
    """A page that can import the host and fetch the bundles."""
    with tempfile.TemporaryDirectory() as root, sync_playwright() as driver:
        for name in ("demo", "src", "bench", "node_modules"):
            (Path(root) / name).symlink_to(WEB / name)
        (Path(root) / "bundles").symlink_to(bundles.resolve())
        handler = functools.partial(_Handler, directory=root, isolated=isolated)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.set_default_timeout(600_000)
        page.goto(f"http://127.0.0.1:{server.server_port}/demo/")
        yield page
        browser.close()
        server.shutdown()


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bundles", type=Path, required=True, help="bundles of the small voice by precision")
    options.add_argument("--sentences", type=int, default=50)
    options.add_argument("--precisions", nargs="+", default=["fp32", "int8"])
    options.add_argument("--chromium", default="/usr/bin/chromium")
    given = options.parse_args()
    said = sentences(given.sentences)
    print(f"{HEADER[0]} first sound, s (median) |\n{HEADER[1]}---|")
    for precision in given.precisions:
        expected = in_python(given.bundles / precision, said)
        print(f"{row(f'Python {precision}, 1 thread', expected, expected)} |")
        for threads in (1, 2):
            with opened(given.bundles, isolated=threads > 1, chromium=given.chromium) as page:
                found = page.evaluate("async (given) => (await import('/bench/page.js')).said(given)",
                                      {"precision": precision, "threads": threads, "sentences": said})  # fmt: skip
            name = f"Chromium {precision}, {threads} thread{'s' * (threads > 1)}"
            print(f"{row(name, expected, found['said'])} {np.median(found['firstSound']):.2f} |", flush=True)


if __name__ == "__main__":
    main()
