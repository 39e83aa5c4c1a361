"""ECAPA-TDNN: the network that hears the voice in a mel spectrogram."""

from typing import cast

import torch
from torch import Tensor, nn

from sparktts_onnx.export.modules.mel import size_of

CHANNELS = 512
"""Fixed in the original, whatever the config says."""
RES2_SCALE = 8
BOTTLENECK = 128
DILATIONS = (2, 3, 4)
VARIANCE_FLOOR = 1e-7


class ConvReluNorm(nn.Module):
    """Convolution, ReLU, batch norm, in this order."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, padding: int = 0) -> None:
        super().__init__()
        self.conv = nn.Conv1d(in_channels, out_channels, kernel_size, padding=padding)
        self.bn = nn.BatchNorm1d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C_in, T] to float32 [B, C_out, T]."""
        return cast(Tensor, self.bn(torch.relu(self.conv(x))))


class Res2Block(nn.Module):
    """Channel groups convolved one after another, each adding the result before it; the last passes through."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.width = channels // RES2_SCALE
        count = RES2_SCALE - 1
        self.convs = nn.ModuleList(
            nn.Conv1d(self.width, self.width, 3, padding=dilation, dilation=dilation) for _ in range(count)
        )
        self.bns = nn.ModuleList(nn.BatchNorm1d(self.width) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, T] to float32 [B, C, T]."""
        groups = torch.split(x, self.width, dim=1)
        done: list[Tensor] = []
        for group, conv, norm in zip(groups, self.convs, self.bns, strict=False):
            done.append(norm(torch.relu(conv(group + done[-1] if done else group))))
        return torch.cat([*done, groups[-1]], dim=1)


class SqueezeExcite(nn.Module):
    """Scale each channel by what its mean over time says."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, BOTTLENECK)
        self.linear2 = nn.Linear(BOTTLENECK, channels)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, T] to float32 [B, C, T]."""
        gate = torch.sigmoid(self.linear2(torch.relu(self.linear1(x.mean(dim=2)))))
        return x * gate.unsqueeze(2)


class SERes2Block(nn.Module):
    """1×1 block, Res2, 1×1 block, squeeze-excite, and the input added."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.se_res2block = nn.Sequential(
            ConvReluNorm(channels, channels, 1),
            Res2Block(channels, dilation),
            ConvReluNorm(channels, channels, 1),
            SqueezeExcite(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, T] to float32 [B, C, T]."""
        return x + cast(Tensor, self.se_res2block(x))


class AttentiveStatistics(nn.Module):
    """Mean and deviation over time, weighted by an attention that knows the whole recording."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear1 = nn.Conv1d(3 * channels, BOTTLENECK, 1)
        self.linear2 = nn.Conv1d(BOTTLENECK, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """float32 [B, C, T] to float32 [B, 2 C]."""
        mean = x.mean(dim=2, keepdim=True)
        # Unbiased, but defined for a single frame too, where torch.var would give NaN.
        freedom = torch.clamp(size_of(x, 2) - 1, min=1).to(x.dtype)
        variance = (x - mean).pow(2).sum(dim=2, keepdim=True) / freedom
        context = [x, mean.expand_as(x), torch.sqrt(variance + VARIANCE_FLOOR).expand_as(x)]
        alpha = torch.softmax(self.linear2(torch.tanh(self.linear1(torch.cat(context, dim=1)))), dim=2)
        weighted = (alpha * x).sum(dim=2)
        spread = (alpha * x.pow(2)).sum(dim=2) - weighted.pow(2)
        return torch.cat([weighted, torch.sqrt(spread.clamp(min=VARIANCE_FLOOR))], dim=1)


class EcapaTdnn(nn.Module):
    """The whole network: a latent per frame and one x-vector."""

    def __init__(self, input_dim: int, out_dim: int, *, channels: int = CHANNELS) -> None:
        super().__init__()
        self.layer1 = ConvReluNorm(input_dim, channels, 5, padding=2)
        self.layer2 = SERes2Block(channels, DILATIONS[0])
        self.layer3 = SERes2Block(channels, DILATIONS[1])
        self.layer4 = SERes2Block(channels, DILATIONS[2])
        width = len(DILATIONS) * channels
        self.conv = nn.Conv1d(width, width, 1)
        self.pool = AttentiveStatistics(width)
        self.bn = nn.BatchNorm1d(2 * width)
        self.linear = nn.Linear(2 * width, out_dim)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [B, mels, T] to latents float32 [B, 3 channels, T] and x-vector float32 [B, D]."""
        first = self.layer1(mel)
        second = self.layer2(first)
        third = self.layer3(second)
        latent = torch.relu(self.conv(torch.cat([second, third, self.layer4(third)], dim=1)))
        return latent, self.linear(self.bn(self.pool(latent)))
