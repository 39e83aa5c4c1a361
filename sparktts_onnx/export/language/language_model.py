"""Export of the language model: `LLM/` of a checkpoint to `language_model.onnx` and its weights file."""

from pathlib import Path

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL, Precision
from sparktts_onnx.bundle.manifest import IdRange, LanguageModelLayout, TokenIds
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.tokenizer import read_token_ids
from sparktts_onnx.export.checkpoint.weights import TensorFiles
from sparktts_onnx.export.graphs.graph_file import GraphFile
from sparktts_onnx.export.graphs.storage import Head
from sparktts_onnx.export.language.config import DecoderConfig, read_decoder_config
from sparktts_onnx.export.language.graph import DecoderGraph
from sparktts_onnx.export.language.products import PRODUCTS
from sparktts_onnx.export.language.weights import DecoderWeights


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
    weights = DecoderWeights(config, TensorFiles(llm_folder))
    layout = language_model_layout(config, ids or read_token_ids(llm_folder), precision=precision, head=head)
    with GraphFile(target / f"{LANGUAGE_MODEL}.onnx", opset=opset) as graph:
        DecoderGraph(config, weights, PRODUCTS[precision], layout, graph).write()
    return layout


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
    if stop > config.vocab_size:
        raise CheckpointError(
            f"the tokenizer has ids up to {stop - 1}, the language model has {config.vocab_size} rows; "
            "they belong to different models"
        )
    return IdRange(first, stop - first) if head == "speech" else IdRange(0, config.vocab_size)
