"""llama.cpp as the peer: its model file written from the same weights, and its own loop of decoding and sampling.

The low-level functions are called, not the Python class, which would copy the logits of the whole vocabulary
at every step.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import numpy as np

from benchmarks.settings import Settings
from benchmarks.sides import TEMPERATURE, TOP_K, TOP_P, Logits, Written, stamped
from sparktts_onnx.bundle.manifest import IdRange
from sparktts_onnx.export.checkpoint.checkpoint import LANGUAGE_MODEL_FOLDER
from sparktts_onnx.export.checkpoint.weights import TensorFiles
from sparktts_onnx.export.language.config import read_decoder_config
from sparktts_onnx.export.language.weights import EMBEDDING

FORMATS = {"Q4_0": gguf.GGMLQuantizationType.Q4_0, "Q8_0": gguf.GGMLQuantizationType.Q8_0}
TOLERANCES = {"Q4_0": 0.7, "Q8_0": 0.12}
_CONTEXT = 1024
_log = logging.getLogger(__name__)


def gguf_path(settings: Settings, form: str, rows: IdRange) -> Path:
    """The peer's model file, cut to the same ids as ours, embedding and head alike; written where it is absent."""
    target = settings.bundles / f"{form}-cut.gguf"
    if target.is_file():
        return target
    _log.info("writing %s", target)
    config = read_decoder_config(settings.checkpoint / LANGUAGE_MODEL_FOLDER)
    files = TensorFiles(settings.checkpoint / LANGUAGE_MODEL_FOLDER)
    tensors = files.read_all(sorted(files.shapes))
    tensors[EMBEDDING] = embedding = tensors[EMBEDDING][rows.first : rows.stop]
    partial = target.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "qwen2")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(len(embedding))
    writer.add_tokenizer_model("no_vocab")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config.num_hidden_layers)
    for name, tensor in tensors.items():
        array, target_name = tensor.float().numpy(), names.get_name(name, (".weight", ".bias"))
        if array.ndim == 1:
            writer.add_tensor(target_name, array)
        else:
            writer.add_tensor(target_name, gguf.quants.quantize(array, FORMATS[form]), raw_dtype=FORMATS[form])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return partial.rename(target)


class LlamaLanguageModel:
    """llama.cpp on one model file."""

    def __init__(self, settings: Settings, form: str, rows: IdRange) -> None:
        """The file holds only `rows`, so id `rows.first` is its id 0."""
        self.name = f"llama.cpp {form}, cut head"
        self.tolerance = TOLERANCES[form]
        self._shift, self._count = rows.first, rows.count
        logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)  # hundreds of lines while it loads
        llama_cpp.llama_backend_init()
        path = str(gguf_path(settings, form, rows)).encode()
        self._model = llama_cpp.llama_model_load_from_file(path, llama_cpp.llama_model_default_params())
        options = llama_cpp.llama_context_default_params()
        options.n_ctx, options.n_batch, options.n_ubatch = _CONTEXT, 512, 512
        options.n_threads = options.n_threads_batch = settings.threads
        self._context = llama_cpp.llama_init_from_model(self._model, options)

    def logits(self, prompt: Sequence[int]) -> Logits:
        """Logits of the rows of speech."""
        self._restart()
        self._decode(prompt)
        values = llama_cpp.llama_get_logits_ith(self._context, -1)
        row: Logits = np.ctypeslib.as_array(values, (self._count,)).copy()
        return row

    def write(self, prompt: Sequence[int], count: int) -> list[Written]:
        """Sampled ids."""
        return stamped(self._generate(prompt, count))

    def _generate(self, prompt: Sequence[int], count: int) -> Iterator[int]:
        self._restart()
        sampler = _sampler()
        self._decode(prompt)
        for number in range(count):
            token = llama_cpp.llama_sampler_sample(sampler, self._context, -1) + self._shift
            yield token
            if number + 1 < count:
                self._decode([token])
        llama_cpp.llama_sampler_free(sampler)

    def close(self) -> None:
        """Free the model."""
        llama_cpp.llama_free(self._context)
        llama_cpp.llama_model_free(self._model)

    def _restart(self) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)

    def _decode(self, ids: Sequence[int]) -> None:
        array = (llama_cpp.llama_token * len(ids))(*(token - self._shift for token in ids))
        if status := llama_cpp.llama_decode(self._context, llama_cpp.llama_batch_get_one(array, len(ids))):
            raise RuntimeError(f"llama_decode returned {status}")


def _sampler() -> Any:
    chain = llama_cpp.llama_sampler_chain_init(llama_cpp.llama_sampler_chain_default_params())
    for part in (
        llama_cpp.llama_sampler_init_top_k(TOP_K),
        llama_cpp.llama_sampler_init_top_p(TOP_P, 1),
        llama_cpp.llama_sampler_init_temp(TEMPERATURE),
        llama_cpp.llama_sampler_init_dist(0),
    ):
        llama_cpp.llama_sampler_chain_add(chain, part)
    return chain
