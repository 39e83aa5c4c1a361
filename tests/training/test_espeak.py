"""espeak-ng, called as a library."""

import subprocess
import sys
from pathlib import Path

OFTEN = """
import sys
from pathlib import Path
from training import voices
from training.espeak import Espeak, data_folder

data = data_folder(Path(sys.argv[1]) / "espeak", voices.voice_files())
said, NAMES = [], ("adam", "diana", "clara")
for _ in range(4):
    library = Espeak(data)
    waves = [library.speak("Close the gate when you leave.", name, rate=160).wave for name in NAMES]
    said.append([wave.tobytes() for wave in waves])
assert all(each == said[0] for each in said) and len(set(said[0])) == 3
"""


def test_it_can_be_opened_several_times(tmp_path: Path) -> None:
    """In a process of its own: where it cannot, it hangs and takes the process with it."""
    subprocess.run([sys.executable, "-c", OFTEN, str(tmp_path)], check=True, timeout=60)
