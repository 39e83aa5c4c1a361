"""The language model as a graph of ONNX Runtime's fused operators, written node by node.

A Qwen2 decoder: fused query, key and value product; grouped-query attention that rotates, and that writes keys and
values in place; fused gate and up product. Only the last position of the last layer goes on to the output head, and
the head has only the rows that speech can use.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL, Head, Precision, Tensor
from sparktts_onnx.bundle.manifest import IdRange, LanguageModelLayout, TokenIds
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.tokenizer import OTHER_MODEL, read_token_ids
from sparktts_onnx.export.graph_file import MICROSOFT, GraphComparison, GraphFile
from sparktts_onnx.export.language.config import DecoderConfig, read_decoder_config
from sparktts_onnx.export.language.products import PRODUCTS, Products
from sparktts_onnx.export.language.weights import DecoderWeights, language_model_files


@dataclass(frozen=True)
class DecoderGraph:
    """Writes the decoder into a graph file."""

    config: DecoderConfig
    weights: DecoderWeights
    products: Products
    layout: LanguageModelLayout
    graph: GraphFile

    def write(self) -> None:
        """Write every node and weight, then the file."""
        config, graph = self.config, self.graph
        table = self.weights.read("model.embed_tokens.weight")
        stream = self.products.embed(graph, "input_ids", "embedding", table=table)
        self._write_rotary_tables()
        x = self._first_norm(stream)
        for layer in range(config.num_hidden_layers):
            x, stream = self._layer(layer, x, stream)
        self._write_head(x, table)
        graph.finish(*graph_tensors(self.layout))

    @property
    def _group(self) -> int:
        """Query heads for each key head in the graph."""
        sizes = [size for size in self.products.query_groups if size >= self.config.group]
        return min(sizes, default=self.config.group)

    def _first_norm(self, x: str) -> str:
        gain = self._gain("layers.0.norm", self._read(0, "input_layernorm.weight"))
        epsilon = self.config.rms_norm_eps
        return self.graph.op(
            "SimplifiedLayerNormalization", [x, gain], "layers.0/norm", axis=-1, epsilon=epsilon, stash_type=1
        )

    def _layer(self, layer: int, x: str, stream: str) -> tuple[str, str]:
        """One layer: normalized input and residual stream in, the next layer's (or the head's) out."""
        last = layer == self.config.num_hidden_layers - 1
        attended = self._attend(layer, x)
        if last:
            attended, stream = self._last_position(attended), self._last_position(stream)
        output = self.weights.attention_output(layer, group=self._group)
        mixed = self.products.linear(self.graph, attended, f"layers.{layer}/output", weight=output, bias=None)
        x, stream = self._norm(
            mixed, stream, f"layers.{layer}/post_norm", self._read(layer, "post_attention_layernorm.weight")
        )
        fed = self._feed_forward(layer, x)
        gain = self.weights.read("model.norm.weight") if last else self._read(layer + 1, "input_layernorm.weight")
        return self._norm(fed, stream, "norm" if last else f"layers.{layer + 1}/norm", gain)

    def _attend(self, layer: int, x: str) -> str:
        weight, bias = self.weights.queries_keys_values(layer, group=self._group)
        qkv = self.products.linear(self.graph, x, f"layers.{layer}/qkv", weight=weight, bias=bias)
        past = [f"past_key_values.{layer}.key", f"past_key_values.{layer}.value"]
        present = [f"present.{layer}.key", f"present.{layer}.value"]
        name = f"layers.{layer}/attention"
        return self.graph.op(
            "GroupQueryAttention",
            [qkv, "", "", *past, "seqlens_k", "total_sequence_length", "rotary.cos", "rotary.sin"],
            name,
            outputs=[name, *present],
            domain=MICROSOFT,
            num_heads=self._group * self.config.num_key_value_heads,
            kv_num_heads=self.config.num_key_value_heads,
            do_rotary=1,
            scale=self.config.head_dim**-0.5,
        )

    def _feed_forward(self, layer: int, x: str) -> str:
        weight = np.concatenate([self._read(layer, f"mlp.{part}_proj.weight") for part in ("gate", "up")])
        both = self.products.linear(self.graph, x, f"layers.{layer}/gate_up", weight=weight, bias=None)
        name = f"layers.{layer}/split"
        halves = [f"{name}:gate", f"{name}:up"]
        parts: dict[str, Any] = {"num_outputs": 2} if self.graph.opset >= 18 else {}
        self.graph.op("Split", [both], name, outputs=halves, axis=-1, **parts)
        gate = self.graph.op("QuickGelu", [halves[0]], f"layers.{layer}/silu", domain=MICROSOFT, alpha=1.0)
        gated = self.graph.op("Mul", [gate, halves[1]], f"layers.{layer}/gated")
        down = self._read(layer, "mlp.down_proj.weight")
        return self.products.linear(self.graph, gated, f"layers.{layer}/down_proj", weight=down, bias=None)

    def _norm(self, x: str, stream: str, name: str, gain: np.ndarray) -> tuple[str, str]:
        """The RMS norm of x + stream, and x + stream itself."""
        added = f"{name}:stream"
        normed = self.graph.op(
            "SkipSimplifiedLayerNormalization",
            [x, stream, self._gain(f"{name}.gain", gain)],
            name,
            outputs=[name, "", "", added],
            domain=MICROSOFT,
            epsilon=self.config.rms_norm_eps,
        )
        return normed, added

    def _gain(self, name: str, gain: np.ndarray) -> str:
        return self.graph.weight(name, gain.astype(self.products.dtype))

    def _last_position(self, x: str) -> str:
        """[B, S, D] to [B, 1, D]."""
        index = self.graph.shared("last_index", np.array([-1], np.int64))
        return self.graph.op("Gather", [x, index], f"{x}:last", axis=1)

    def _write_head(self, x: str, table: np.ndarray) -> None:
        tied, first = self.config.tie_word_embeddings, self.layout.head_first_id
        rows = table if tied else self.weights.read("lm_head.weight")
        stop = first + self.layout.head_rows
        logits = self.products.head(self.graph, x, table=rows, first=first, stop=stop, tied=tied)
        axis = self.graph.shared("last_axis", np.array([1], np.int64))
        self.graph.op("Squeeze", [logits, axis], "head/logits", outputs=["logits"])

    def _write_rotary_tables(self) -> None:
        """cos and sin [positions, Dh / 2]; angles in double precision, zero where the head is padded."""
        frequencies = np.zeros(self.config.cache_dim // 2)
        half = np.arange(0, self.config.head_dim, 2) / self.config.head_dim
        frequencies[: len(half)] = self.config.rope_theta**-half
        angles = np.outer(np.arange(self.config.max_position_embeddings), frequencies)
        self.graph.weight("rotary.cos", np.cos(angles).astype(self.products.dtype))
        self.graph.weight("rotary.sin", np.sin(angles).astype(self.products.dtype))

    def _read(self, layer: int, name: str) -> np.ndarray:
        return self.weights.read(f"model.layers.{layer}.{name}")


def write_language_model(
    llm_folder: Path,
    target: Path,
    *,
    precision: Precision = "fp32",
    head: Head = "speech",
    opset: int = 17,
    ids: TokenIds | None = None,
) -> LanguageModelLayout:
    """Write `language_model.onnx` and `language_model.onnx.data` into the folder `target`, which is there.

    `head`: rows of the output head, those of the ids that speech can use or the whole vocabulary; `ids`: of its
    tokenizer, where that lies elsewhere.
    """
    config = read_decoder_config(llm_folder)
    weights = DecoderWeights(config, language_model_files(llm_folder))
    layout = language_model_layout(config, ids or read_token_ids(llm_folder), precision=precision, head=head)
    with GraphFile(target / f"{LANGUAGE_MODEL}.onnx", opset=opset) as graph:
        DecoderGraph(config, weights, PRODUCTS[precision], layout, graph).write()
    return layout


def differing_weights(llm_folder: Path, written: Path, layout: LanguageModelLayout, precision: Precision) -> list[str]:
    """Names of the weights of a written graph that are not those of an `LLM` folder, stored as the precision has it."""
    config = read_decoder_config(llm_folder)
    weights = DecoderWeights(config, language_model_files(llm_folder))
    comparison = GraphComparison(written)
    DecoderGraph(config, weights, PRODUCTS[precision], layout, comparison).write()
    return comparison.strangers


def language_model_layout(
    config: DecoderConfig, ids: TokenIds, *, precision: Precision, head: Head
) -> LanguageModelLayout:
    """The geometry of the graph.

    Raises:
        CheckpointError: the language model does not have all ids of speech.
    """
    rows = _head_rows(config, ids, head)
    return LanguageModelLayout(
        layers=config.num_hidden_layers,
        kv_heads=config.num_key_value_heads,
        head_dim=config.cache_dim,
        max_positions=config.max_position_embeddings,
        cache_dtype=PRODUCTS[precision].dtype,
        head_first_id=rows.first,
        head_rows=rows.count,
        vocab_size=config.vocab_size,
    )


def _head_rows(config: DecoderConfig, ids: TokenIds, head: Head) -> IdRange:
    """The ids that the output head keeps rows of."""
    written = [ids.end_of_text, ids.start_global, ids.end_global, ids.start_semantic, ids.end_semantic]
    spans = (ids.global_tokens, ids.semantic_tokens, *ids.attributes, *(IdRange(token, 1) for token in written))
    first, stop = min(span.first for span in spans), max(span.stop for span in spans)
    if ids.stop > config.vocab_size:
        raise CheckpointError(OTHER_MODEL.format(ids.stop - 1, config.vocab_size))
    return IdRange(first, stop - first) if head == "speech" else IdRange(0, config.vocab_size)


def cache_names(prefix: str, layers: int) -> list[str]:
    """Names of the cache's tensors, keys and values of each layer in turn."""
    return [f"{prefix}.{layer}.{part}" for layer in range(layers) for part in ("key", "value")]


def graph_tensors(layout: LanguageModelLayout) -> tuple[list[Tensor], list[Tensor]]:
    """The graph's inputs and outputs: B rows, S new ids a row, P positions that the cache has room for.

    Logits are those of the last position; the cache that comes out may share the memory of the one that goes in.
    """
    kind = layout.cache_dtype, ("B", layout.kv_heads, "P", layout.head_dim)
    inputs = [
        Tensor("input_ids", "int64", ("B", "S")),
        Tensor("seqlens_k", "int32", ("B",)),
        Tensor("total_sequence_length", "int32", ()),
        *(Tensor(name, *kind) for name in cache_names("past_key_values", layout.layers)),
    ]
    outputs = [
        Tensor("logits", "float32", ("B", layout.head_rows)),
        *(Tensor(name, *kind) for name in cache_names("present", layout.layers)),
    ]
    return inputs, outputs
