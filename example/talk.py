"""Speak a text while it is still being written: what comes from stdin goes to a server, its sound into a file.

some-program | python example/talk.py talk.wav        # spark-tts-onnx serve runs on this machine
"""

import json
import sys
import threading
import wave

from websockets.sync.client import ClientConnection, connect

ADDRESS = "ws://127.0.0.1:8000/v1/audio/speech/stream"


def write(server: ClientConnection) -> None:
    """Send the text as it comes."""
    for line in sys.stdin:
        server.send(json.dumps({"type": "text", "text": line}))
    server.send(json.dumps({"type": "end"}))


def main(path: str = "talk.wav") -> None:
    """Say what is heard when, and write the sound."""
    with connect(ADDRESS, max_size=None) as server, wave.open(path, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        server.send(json.dumps({"type": "start", "voice": "alloy", "first_segment": "clause", "flush_seconds": 1}))
        threading.Thread(target=write, args=(server,), daemon=True).start()
        for message in server:
            if isinstance(message, bytes):
                file.writeframes(message)
                continue
            told = json.loads(message)
            if told["type"] == "words":
                print(*(f"{word['start']:.2f} {word['word']}" for word in told["words"]), sep="\n")
            elif told["type"] in ("done", "error"):
                print(told.get("error", {}).get("message") or f"{path}: {told['info']['duration_seconds']:.1f} s")
                return


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except ConnectionError as error:
        sys.exit(f"no answer from {ADDRESS}: {error}; is the server there?")
