"""Everything, one stage after another; the language model and the vocoder side by side.

python -m training --work work --to pretrained_models/Spark-TTS-mini
python -m training --work work --to FOLDER --from pretrained_models/Spark-TTS-mini --size finetune
"""

import argparse
import logging
import os
import subprocess
import sys
from pathlib import Path

from training.settings import Sizes

log = logging.getLogger("training")


def _command(module: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", f"training.{module}", *map(str, arguments)]


def _together(*commands: list[str]) -> None:
    """Run commands at once; if one fails, wait for the others, whose checkpoints stay good, then say so."""
    running = [(command, subprocess.Popen(command)) for command in commands]
    codes = [(command, process.wait()) for command, process in running]
    failed = [" ".join(command[1:]) for command, code in codes if code]
    if failed:
        raise SystemExit(f"failed: {'; '.join(failed)}. Run the same command again to go on from the last checkpoint")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Train the small voice from nothing to a checkpoint.")
    parser.add_argument("--work", type=Path, required=True, help="folder for speech, checkpoints and logs")
    parser.add_argument("--to", type=Path, required=True, help="folder of the finished checkpoint")
    parser.add_argument(
        "--from", dest="start", type=Path, help="published checkpoint: keep its codec, train its language model on"
    )
    parser.add_argument("--size", choices=Sizes.names(), default="full")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if given.start is None:
        _everything(given)
    else:
        _language_model(given)


def _language_model(given: argparse.Namespace) -> None:
    """Only the language model, from that of a published checkpoint, whose codec stays."""
    data, run, start = given.work / "data", given.work / "run", ("--from", given.start)
    size, device = ("--size", given.size), ("--device", given.device)
    threads = ("--threads", str(os.cpu_count() or 1))
    _together(_command("speechdata", "--out", data, *size))
    _together(_command("tokenize", "--data", data, "--out", run, *device, *start))
    _together(_command("language_stage", "--out", run, *size, *device, *threads, *start))
    _together(_command("publish", "--out", run, "--to", given.to, *start))


def _everything(given: argparse.Namespace) -> None:
    data, run = given.work / "data", given.work / "run"
    size, device = ("--size", given.size), ("--device", given.device)
    cores = os.cpu_count() or 1
    half = ("--threads", str(max(1, cores // 2)))
    _together(_command("speechdata", "--out", data, *size))
    _together(_command("token_stage", "--data", data, "--out", run, *size, *device, "--threads", str(cores)))
    _together(_command("speaker_stage", "--data", data, "--out", run, *size, *device, "--threads", str(cores)))
    _together(_command("tokenize", "--data", data, "--out", run, *device))
    _together(
        _command("language_stage", "--out", run, *size, *device, *half),
        _command("vocoder_stage", "--data", data, "--out", run, *size, *device, *half),
    )
    _together(_command("publish", "--out", run, "--to", given.to))


if __name__ == "__main__":
    main()
