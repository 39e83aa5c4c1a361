"""Unfinished files: what the dead leave is cleared by the next who writes there, what others write is left alone."""

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sparktts_onnx.audio import parts
from sparktts_onnx.audio.writing import SpeechFile, save
from sparktts_onnx.errors import OutputError

DEAD = 2**22 + 1
"""Above the largest process id that Linux gives."""


def test_the_next_who_writes_clears_what_the_dead_left(tmp_path: Path) -> None:
    ours = parts.part_beside(tmp_path / "a.wav").name
    host = ours.split("-")[0].removeprefix(".")
    left = tmp_path / f".{host}-{DEAD}-{'0' * 16}.part"
    kept = [
        tmp_path / f".{host}-1-{'0' * 16}.part",  # a living process's
        tmp_path / f".{'f' * 8}-{DEAD}-{'0' * 16}.part",  # another machine's
        tmp_path / ".important.part",
        tmp_path / f"{host}-{DEAD}-{'0' * 16}.part",
    ]
    for path in (left, *kept):
        path.write_bytes(b"half")
    parts._cleared.discard(os.path.realpath(tmp_path))
    save(tmp_path / "b.wav", np.zeros(800, np.float32), 16000)
    assert not left.exists()
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "b.wav"])


def test_a_folder_is_looked_through_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Path] = []
    monkeypatch.setattr(parts, "clear_parts", looked.append)
    for name in ("a.wav", "b.wav"):
        parts.part_beside(tmp_path / name)
    assert looked == [tmp_path]


def test_a_thread_never_clears_what_another_one_writes(tmp_path: Path) -> None:
    """Clearing comes before the first file of this process in a folder, however many begin together."""
    barrier, kept = threading.Barrier(8), []

    def write() -> None:
        barrier.wait()
        part = parts.part_beside(tmp_path / "a.wav")
        part.write_bytes(b"half")
        time.sleep(0.01)
        kept.append(part.exists())

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept == [True] * 8


@pytest.mark.parametrize("name", ["\0x/a.wav", "a\0.wav"])
def test_a_name_with_a_nul_is_one_message(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputError, match="choose another"), SpeechFile(tmp_path / name, 16000):
        pass
    assert list(tmp_path.iterdir()) == []
