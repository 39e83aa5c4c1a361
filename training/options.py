"""The command line that the stages share."""

import argparse
import logging
from pathlib import Path

import torch

from training.settings import Sizes


def stage_options(description: str, *, data: bool = True) -> argparse.ArgumentParser:
    """Options of a stage; `data`: it reads speech."""
    parser = argparse.ArgumentParser(description=description)
    if data:
        parser.add_argument("--data", type=Path, required=True, help="folder of the speech")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and logs")
    parser.add_argument("--size", choices=Sizes.names(), default="full")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves them as they are")
    parser.add_argument("--minutes", type=float, help="fit the whole training into this time")
    return parser


def prepare_process(threads: int) -> None:
    """Log to the terminal and compute with so many threads; 0 leaves them as they are."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if threads:
        torch.set_num_threads(threads)
