"""Standard streams that are closed, full, or do not take every letter: one message, no traceback, the file written."""

import io
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import nano
import pytest

from sparktts_onnx.cli.output import Progress, say
from sparktts_onnx.cli.streams import standard_streams

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "sparktts_onnx"]
SPEAK = ["--model-dir", str(nano.BUNDLE), "--seed", "1", "--threads", "1"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the shell closes and fills streams")


def shell(redirection: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = f'exec "$@" {redirection}'
    return subprocess.run(
        ["/bin/sh", "-c", script, "sh", *COMMAND, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
    )


def test_a_message_takes_the_place_of_a_progress_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with standard_streams():
        progress = Progress("speaking")
        progress(1, 3)
        say("line 1: bad")
        logging.StreamHandler().handle(logging.makeLogRecord({"msg": "a warning"}))
        progress(2, 3)
        logging.StreamHandler().handle(logging.makeLogRecord({"msg": "another"}))
        progress(3, 3)
        say("3 spoken")
    shown = [line.rpartition("\r")[2] for line in terminal.getvalue().split("\n")]
    assert shown == ["line 1: bad", "a warning", "another", f"speaking {'█' * 24} 3/3", "3 spoken", ""]
    lines = terminal.getvalue().split("\n")
    assert lines[0].count("█") == 8 and lines[0].endswith(f"\r{' ' * len('speaking  1/3' + 24 * '█')}\rline 1: bad")


def spoken(folder: Path) -> int:
    return len(list(folder.glob("*.wav")))


@pytest.mark.parametrize(
    ("redirection", "status", "said"),
    [
        (">&-", 1, "error: standard output is closed"),
        (">/dev/full", 1, "error: standard output cannot be written: No space left on device"),
        ("2>&-", 0, ""),
        ("2>/dev/full", 0, ""),
        ("<&- 2>&- >/dev/null", 0, ""),
    ],
)
def test_the_file_is_written_whatever_the_streams_are(tmp_path: Path, redirection: str, status: int, said: str) -> None:
    done = shell(redirection, *SPEAK, "--text", "Hi.", "--output-dir", str(tmp_path))
    assert done.returncode == status and "Traceback" not in done.stderr and "Exception" not in done.stderr
    assert spoken(tmp_path) == 1
    assert done.stderr.strip().splitlines()[-1:] == ([said] if said else [])
    if status == 0 and "/dev/null" not in redirection:
        assert done.stdout.strip().endswith(".wav") and done.stdout.count("\n") == 1


@pytest.mark.parametrize("name", ["größe", "声音"])
def test_a_path_is_printed_whatever_letters_the_terminal_has(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    done = shell("", *SPEAK, "--text", "Hi.", "--output-dir", str(folder), PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, spoken(folder)) == (0, 1), done.stderr
    assert done.stdout.isascii() and done.stdout.endswith(".wav\n") and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("redirection", "arguments", "status", "said"),
    [
        ("<&-", [*SPEAK, "--text-file", "-"], 1, "error: standard input is closed"),
        (">&-", [*SPEAK, "--text", "Hi.", "--stream", "pcm"], 1, "error: standard output is closed"),
        (">/dev/full", [*SPEAK, "--text", "Hi.", "--stream", "pcm"], 1, "error: No space left on device"),
        (">/dev/full", ["--help"], 1, "error: standard output cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_message(redirection: str, arguments: list[str], status: int, said: str) -> None:
    done = shell(redirection, *arguments)
    assert done.returncode == status
    assert done.stderr.startswith(said) and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("source", ["standard input", "file"])
def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path, source: str) -> None:
    """`yes | spark-tts-onnx …`, or a film in the place of a text, would fill the memory."""
    book = tmp_path / "book.txt"
    with book.open("wb") as file:
        file.truncate(4_000_001)
    given = ("<" + str(book), "-") if source == "standard input" else ("", str(book))
    done = shell(given[0], *SPEAK, "--text-file", given[1], "--output-dir", str(tmp_path / "out"))
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "has more than 4000000 bytes, which is more text than is spoken at once" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_ended_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    command = [*COMMAND, *SPEAK, "--text", "Hello there. " * 2000, "--output-dir", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while not list(tmp_path.iterdir()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(number)
        _, told = process.communicate()
    assert process.returncode == 130 and told.endswith("error: interrupted\n") and "Traceback" not in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("rest", "status", "said"),
    [
        (" And more, 你好。\r\n", 0, ""),
        ("\xe4\xbd", 1, "error: standard input is not UTF-8 text"),
        (None, 130, "error: interrupted"),
    ],
)
def test_text_is_spoken_while_it_is_written(rest: str | None, status: int, said: str) -> None:
    command = [*COMMAND, *SPEAK, "--text-file", "-", "--stream", "pcm", "--flush-seconds", "0.2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"\xef\xbb\xbfHello there")
        process.stdin.flush()
        assert len(process.stdout.read(1000)) == 1000  # and the other side still writes
        if rest is None:
            process.send_signal(signal.SIGINT)
            process.wait(20)
        sound, told = process.communicate((rest or "").encode("latin-1" if status else "utf-8"))
    last = told.decode().splitlines()[-1]
    assert process.returncode == status and "Traceback" not in told.decode()
    assert last.startswith(said) if status else " of audio, " in last, told
    assert bool(sound) or status == 130
