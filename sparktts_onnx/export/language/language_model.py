"""Export of the language model: `LLM/` of a checkpoint to `language_model.onnx` and its weights file."""

from pathlib import Path

from sparktts_onnx.bundle.contract import LANGUAGE_MODEL
from sparktts_onnx.bundle.manifest import IdRange, LanguageModelLayout, TokenIds
from sparktts_onnx.errors import CheckpointError
from sparktts_onnx.export.checkpoint.tokenizer import read_token_ids
from sparktts_onnx.export.checkpoint.weights import TensorFiles
from sparktts_onnx.export.graphs.graph_file import GraphFile
from sparktts_onnx.export.graphs.storage import Head, Precision
from sparktts_onnx.export.language.config import DecoderConfig, read_decoder_config
from sparktts_onnx.export.language.graph import DecoderGraph, HeadRange
from sparktts_onnx.export.language.products import HalfProducts, Products
from sparktts_onnx.export.language.quantize import BlockFormat, BlockProducts, RowProducts
from sparktts_onnx.export.language.weights import DecoderWeights

_PRODUCTS: dict[Precision, Products] = {
    "fp32": Products(),
    "fp16": HalfProducts(),
    "int8": RowProducts(),
    "int4": BlockProducts(BlockFormat(4, 32)),
}
"""How each precision stores its weights and multiplies with them.

fp16 is for accelerators: everything in the graph is float16, its attention cache too.

int4: the head and the rows of speech in the embedding keep 8 bits, which on a trained voice takes a third off the
divergence that 4 bits cause, for 2 % of the bytes that a token reads. With larger blocks ONNX Runtime's products round
otherwise for one row than for several, so that an answer would depend on what else is being spoken.
"""


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
    rows = head_range(config, ids or read_token_ids(llm_folder), head)
    products = _PRODUCTS[precision]
    with GraphFile(target / f"{LANGUAGE_MODEL}.onnx", opset=opset) as graph:
        DecoderGraph(config, weights, products, rows, graph).write()
    return LanguageModelLayout(
        layers=config.num_hidden_layers,
        kv_heads=config.num_key_value_heads,
        head_dim=config.cache_dim,
        max_positions=config.max_position_embeddings,
        cache_dtype=products.dtype,
        head_first_id=rows.first,
        head_rows=rows.rows,
        vocab_size=config.vocab_size,
    )


def head_range(config: DecoderConfig, ids: TokenIds, head: Head) -> HeadRange:
    """The rows that the output head keeps."""
    spans = (ids.global_tokens, ids.semantic_tokens, *ids.attributes)
    written = [ids.end_of_text, ids.start_global, ids.end_global, ids.start_semantic, ids.end_semantic]
    spans = (*spans, *(IdRange(token, 1) for token in written))
    speech = HeadRange(min(span.first for span in spans), max(span.stop for span in spans))
    if speech.stop > config.vocab_size:
        raise CheckpointError(
            f"the tokenizer has ids up to {speech.stop - 1}, the language model has {config.vocab_size} rows; "
            "they belong to different models"
        )
    return speech if head == "speech" else HeadRange(0, config.vocab_size)
