"""The language model as transformers computes it, from the config and the tensors that the graph is written from."""

from pathlib import Path

import torch
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from sparktts_onnx.export.checkpoint.weights import TensorFiles, load_strictly
from sparktts_onnx.export.language.config import DecoderConfig, read_decoder_config
from sparktts_onnx.export.language.weights import EMBEDDING, HEAD, expected_shapes


def read_reference(folder: Path) -> nn.Module:
    """The model of an `LLM` folder in float32.

    Raises:
        CheckpointError: it cannot be read.
    """
    config = read_decoder_config(folder)
    tensors = TensorFiles(folder).read_all(expected_shapes(config))
    if config.tied:
        tensors[HEAD] = tensors[EMBEDDING]
    settings = _settings(config)
    with torch.device("meta"):
        model = Qwen2ForCausalLM(settings)
    # Its frequencies are no tensor of the checkpoint.
    model.model.rotary_emb = type(model.model.rotary_emb)(config=settings)
    load_strictly(model, tensors, source=folder)
    result: nn.Module = model.eval().requires_grad_(False)
    return result


def _settings(config: DecoderConfig) -> Qwen2Config:
    settings = Qwen2Config(
        vocab_size=config.vocab_size,
        hidden_size=config.width,
        intermediate_size=config.intermediate,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        num_key_value_heads=config.kv_heads,
        max_position_embeddings=config.max_positions,
        rms_norm_eps=config.epsilon,
        rope_theta=config.rope_theta,
        tie_word_embeddings=config.tied,
    )
    settings.head_dim = config.head_dim
    settings._attn_implementation = "eager"
    return settings
