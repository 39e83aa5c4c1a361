"""wav2vec2 in small, trained from scratch, and its place in the published layout of 17 layers."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Wav2Vec2Config, Wav2Vec2Model

WIDTH = 64
LAYERS = (8, 9, 10, 12, 13, 15)
"""The layers that are trained. The others are zero, which in a pre-norm stack makes them the identity, so
the hidden states 11, 14 and 16 are those behind the third, fifth and sixth trained layer."""
_STATES = (3, 5, 6)
PUBLISHED_LAYERS = 17


def wav2vec2_config(layers: int) -> dict[str, Any]:
    """config.json of the model with a number of layers."""
    return {
        "model_type": "wav2vec2", "architectures": ["Wav2Vec2Model"], "hidden_size": WIDTH,
        "num_hidden_layers": layers, "num_attention_heads": 4, "intermediate_size": 192,
        "conv_dim": [16, 32, 48, 64, 64, 64, 64], "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2], "conv_bias": True, "feat_extract_norm": "layer",
        "feat_extract_activation": "gelu", "do_stable_layer_norm": True, "hidden_act": "gelu",
        "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4, "num_feat_extract_layers": 7,
        "layer_norm_eps": 1e-05, "vocab_size": 32, "apply_spec_augment": False, "hidden_dropout": 0.0,
        "attention_dropout": 0.0, "activation_dropout": 0.0, "feat_proj_dropout": 0.0, "layerdrop": 0.0,
        "final_dropout": 0.0,
    }  # fmt: skip


class Features(nn.Module):
    """The trained part: samples to the mean of three hidden states."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Wav2Vec2Model(Wav2Vec2Config(**wav2vec2_config(len(LAYERS))))

    def forward(self, wave: Tensor) -> Tensor:
        """float32 [B, N] to float32 [B, T, D]."""
        mean, variance = wave.mean(1, keepdim=True), wave.var(1, keepdim=True, unbiased=False)
        wave = (wave - mean) / torch.sqrt(variance + 1e-7)
        hidden, _ = self.model.feature_projection(self.model.feature_extractor(wave).transpose(1, 2))
        hidden = hidden + self.model.encoder.pos_conv_embed(hidden)
        states = []
        for i, layer in enumerate(self.model.encoder.layers):
            output = layer(hidden)
            hidden = output[0] if isinstance(output, tuple) else output
            if i + 1 in _STATES:
                states.append(hidden)
        return torch.stack(states).mean(0)

    def load_published_state(self, published: dict[str, Tensor]) -> None:
        """Take the trained part from what `published_state` gave."""
        state = {}
        for name in self.model.state_dict():
            parts = name.split(".")
            if parts[:2] == ["encoder", "layers"]:
                parts[2] = str(LAYERS[int(parts[2])])
            state[name] = published[".".join(["wav2vec2", *parts])]
        self.model.load_state_dict(state)

    def published_state(self) -> dict[str, Tensor]:
        """The state_dict of the 17-layer model that computes the same; its tensors by published name."""
        full = Wav2Vec2Model(Wav2Vec2Config(**wav2vec2_config(PUBLISHED_LAYERS)))
        mine = self.model.state_dict()
        state = {}
        for name, tensor in full.state_dict().items():
            parts = name.split(".")
            if parts[:2] == ["encoder", "layers"]:
                layer = int(parts[2])
                source = ".".join([*parts[:2], str(LAYERS.index(layer)), *parts[3:]]) if layer in LAYERS else ""
                tensor = mine[source] if source else torch.zeros_like(tensor)
            else:
                tensor = mine[name]
            state["wav2vec2." + name] = tensor
        return state
