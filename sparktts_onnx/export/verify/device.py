"""Where reference modules run while graphs are compared with them."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def check_device(*, cpu_only: bool) -> torch.device:
    """An accelerator where there is one and it may be used, otherwise the processor."""
    if not cpu_only and torch.cuda.is_available():
        # Ten bits of mantissa would fail the tolerances.
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        return torch.device("cuda")
    if not cpu_only and torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


@contextmanager
def on_device(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Move a module's weights for the time of a block."""
    try:
        module.to(device)
        yield
    finally:
        module.to("cpu")
