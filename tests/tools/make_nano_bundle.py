"""Makes `tests/data/nano_bundle` and `nano_bundle_fixed`: bundles of a few kilobytes whose every answer is arithmetic.

The only test tool that needs `onnx`. What the graphs answer stands in plain Python in `tests/nano.py`:

- A token's sound is a sum of sine waves over one hop, one for each channel that is on: a test reads the token, its
  neighbors and the speaker back from the samples. The recording side reads them in the same way, so a recording
  spoken by this bundle enrolls as the ids that it was spoken from.
- The language model has one real attention operator with two heads: one sees all positions alike and counts, the
  other sees the position before by rotation only. From these follow the next token and the end.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path

import onnx
from onnx import parser

sys.path.insert(0, str(Path(__file__).parent.parent))

import nano

from sparktts_onnx.bundle.contract import COMPONENTS, LANGUAGE_MODEL, TOKENIZER_NAME
from sparktts_onnx.bundle.manifest import (
    CodecLayout,
    GraphEntry,
    LanguageModelLayout,
    Manifest,
    Tensor,
    describe_file,
    write_manifest,
)

DATA = Path(__file__).parent.parent / "data"
OPSET = 17
HEADER = f'<ir_version: 8, opset_import: ["": {OPSET}, "com.microsoft": 1], producer_name: "make_nano_bundle">'
D, HOP = nano.CHANNELS, nano.HOP
LOW, SPEAKER = nano.LOW.start, nano.SPEAKER

WAVES = f"""
  cycles = Constant <value = float[{D}, 1] {{{", ".join(str(i + 1) for i in range(D))}}}> ()
  zero_f = Constant <value_float = 0.0> ()  one_f = Constant <value_float = 1.0> ()
  hop_f = Constant <value_float = {float(HOP)}> ()
  turn = Constant <value_float = {6.283185307179586 / HOP!r}> ()
  samples = Range (zero_f, hop_f, one_f)
  angles = Mul (cycles, samples)  radians = Mul (angles, turn)  waves = Sin (radians)
"""
"""`waves` float32 [D, hop]: channel c makes c + 1 cycles a hop."""

WAV2VEC2 = f"""
  {WAVES}
  border = Constant <value_ints = [0, 0, 0, {nano.BORDER}]> ()
  longer = Pad (waves, border)  axis = Constant <value_ints = [1]> ()  kernel = Unsqueeze (longer, axis)
  channel = Unsqueeze (wav, axis)  heard = Conv <strides = [{HOP}]> (channel, kernel)
  loud = Abs (heard)  features = Transpose <perm = [0, 2, 1]> (loud)
"""

ENCODER = "z = Transpose <perm = [0, 2, 1]> (features)"

QUANTIZER_TOKENIZE = """
  axis = Constant <value_ints = [1]> ()  a = Constant <value_ints = [0]> ()
  b = Constant <value_ints = [8]> ()  c = Constant <value_ints = [16]> ()
  lows = Slice (z, a, b, axis)  highs = Slice (z, b, c, axis)
  low = ArgMax <axis = 1, keepdims = 0> (lows)  high = ArgMax <axis = 1, keepdims = 0> (highs)
  eight = Constant <value_int = 8> ()  eights = Mul (high, eight)  semantic_tokens = Add (low, eights)
"""

SPEAKER_ENCODER = f"""
  {WAVES}
  axis = Constant <value_ints = [1]> ()  kernel = Unsqueeze (waves, axis)  channel = Unsqueeze (ref_wav, axis)
  heard = Conv <strides = [{HOP}]> (channel, kernel)  loud = Abs (heard)
  x_vector = ReduceMean <axes = [2], keepdims = 0> (loud)
  a = Constant <value_ints = [{SPEAKER.start}]> ()  b = Constant <value_ints = [{SPEAKER.stop}]> ()
  speaker = Slice (x_vector, a, b, axis)
  groups = Constant <value_ints = [0, 1, {nano.GLOBAL_TOKENS}, {nano.GLOBAL_CODES}]> ()
  grouped = Reshape (speaker, groups)  global_tokens = ArgMax <axis = 3, keepdims = 0> (grouped)
"""

ON_OFF = "depth = Constant <value_int = 8> ()  on_off = Constant <value = float[2] {0.0, 1.0}> ()"

QUANTIZER_DETOKENIZE = f"""
  {ON_OFF}
  low = Mod (semantic_tokens, depth)  high = Div (semantic_tokens, depth)
  lows = OneHot (low, depth, on_off)  highs = OneHot (high, depth, on_off)
  pads = Constant <value_ints = [0, 0, 0, 0, 0, {D - 16}]> ()
  digits = Concat <axis = 2> (lows, highs)  rows = Pad (digits, pads)
  z_q = Transpose <perm = [0, 2, 1]> (rows)
"""

SPEAKER_DETOKENIZE = f"""
  {ON_OFF}
  codes = OneHot (global_tokens, depth, on_off)
  flat = Constant <value_ints = [0, {nano.GLOBAL_TOKENS * nano.GLOBAL_CODES}]> ()  row = Reshape (codes, flat)
  pads = Constant <value_ints = [0, {SPEAKER.start}, 0, {D - SPEAKER.stop}]> ()  d_vector = Pad (row, pads)
"""


def echoes(source: str, reach: int, *, of_echoes: float = 0.0) -> str:
    """`before` and `after` [B, 1, T]: the low digit of the token `reach` away on either side, 0 past the ends.

    `of_echoes`: how much is added of the two echoes that the prenet left there.
    """
    levels = [*map(float, range(8)), *[0.0] * (D - 12), of_echoes, of_echoes, 0.0, 0.0]
    return f"""
  weights = Constant <value = float[1, {D}] {{{", ".join(map(str, levels))}}}> ()  level = MatMul (weights, {source})
  margins = Constant <value_ints = [0, 0, {reach}, 0, 0, {reach}]> ()  padded = Pad (level, margins)
  time = Constant <value_ints = [2]> ()  channels = Constant <value_ints = [1]> ()
  origin = Constant <value_ints = [0]> ()  far = Constant <value_ints = [9223372036854775807]> ()
  there = Constant <value_ints = [{2 * reach}]> ()  back = Constant <value_ints = [{-2 * reach}]> ()
  before = Slice (padded, origin, back, time)  after = Slice (padded, there, far, time)
"""


PRENET = f"""
  {echoes("z_q", nano.PRENET_CONTEXT)}
  spoken = ReduceMean <axes = [1], keepdims = 1> (d_vector)  share = Constant <value_float = {float(D)}> ()
  groups = Constant <value_float = {float(nano.GLOBAL_TOKENS)}> ()
  sum = Mul (spoken, share)  loudness = Div (sum, groups)  loudness_3d = Unsqueeze (loudness, time)
  before_d = Mul (before, loudness_3d)  after_d = Mul (after, loudness_3d)
  a = Constant <value_ints = [{D - 4}]> ()  b = Constant <value_ints = [{D - 2}]> ()
  first = Slice (z_q, origin, a, channels)  rest = Slice (z_q, b, far, channels)
  x = Concat <axis = 1> (first, before_d, after_d, rest)
"""

POSTNET = "pred_features = Tanh (x)"

AMPLITUDES = ", ".join(repr(amplitude) for amplitude in nano.AMPLITUDES)

DECODER = f"""
  {WAVES}
  end = Constant <value_ints = [-1]> ()  column = Unsqueeze (d_vector, end)  h = Add (x, column)
  {echoes("h", nano.DECODER_CONTEXT, of_echoes=nano.ECHO_OF_ECHO)}
  a = Constant <value_ints = [{D - 2}]> ()  first = Slice (h, origin, a, channels)
  all = Concat <axis = 1> (first, before, after)
  amplitudes = Constant <value = float[{D}, 1] {{{AMPLITUDES}}}> ()  scaled = Mul (all, amplitudes)
  seven = Constant <value_ints = [7]> ()  fifteen = Constant <value_ints = [15]> ()
  top_low = Gather <axis = 1> (h, seven)  top_high = Gather <axis = 1> (h, fifteen)
  silent = Mul (top_low, top_high)  gate = Sub (one_f, silent)  gated = Mul (scaled, gate)
  rows = Transpose <perm = [0, 2, 1]> (gated)  sound = MatMul (rows, waves)
  flat = Constant <value_ints = [0, 1, -1]> ()
"""
WHOLE = f"{DECODER} wav = Reshape (sound, flat)"
"""Of the bundle of fixed lengths."""
TRIMMED = f"""{DECODER}
  samples_a_token = Constant <value_int = {HOP}> ()  dropped = Mul (surplus, samples_a_token)
  one = Constant <value_ints = [1]> ()  from = Slice (dropped, origin, one)  last = Slice (dropped, one, far)
  every = Reshape (sound, flat)  shape = Shape (every)  length = Slice (shape, time, far)
  to = Sub (length, last)  wav = Slice (every, from, to, time)
"""
"""Of the bundle whose axes are dynamic: it obeys `surplus`."""

BODIES = {
    "wav2vec2": WAV2VEC2,
    "encoder": ENCODER,
    "quantizer_tokenize": QUANTIZER_TOKENIZE,
    "speaker_encoder": SPEAKER_ENCODER,
    "quantizer_detokenize": QUANTIZER_DETOKENIZE,
    "speaker_detokenize": SPEAKER_DETOKENIZE,
    "prenet": PRENET,
    "postnet": POSTNET,
}


def between(name: str, source: str, first: int, count: int) -> str:
    """`is_NAME` float: 1 where the id is of the kind; `n_NAME` float: its number there, else 0."""
    return f"""
  {name}_a = Constant <value_int = {first}> ()  {name}_b = Constant <value_int = {first + count}> ()
  {name}_from = GreaterOrEqual ({source}, {name}_a)  {name}_to = Less ({source}, {name}_b)
  {name}_is = And ({name}_from, {name}_to)  is_{name} = Cast <to = 1> ({name}_is)
  {name}_off = Sub ({source}, {name}_a)  {name}_off_f = Cast <to = 1> ({name}_off)
  n_{name} = Mul ({name}_off_f, is_{name})
"""


def integer(name: str, value: int) -> str:
    return f"{name} = Constant <value_int = {value}> ()"


IDS = nano.TOKEN_IDS
_ANGLES = ", ".join(repr(angle) for angle in nano.ROTATION)
_LOOK_BACK = ", ".join(repr(value) for value in nano.look_back())

LANGUAGE_MODEL_BODY = f"""
  {between("text", "input_ids", 0, 256)}
  {between("global", "input_ids", IDS.global_tokens.first, IDS.global_tokens.count)}
  {between("semantic", "input_ids", IDS.semantic_tokens.first, IDS.semantic_tokens.count)}
  {between("gender", "input_ids", IDS.gender.first, IDS.gender.count)}
  {between("pitch", "input_ids", IDS.pitch_label.first, IDS.pitch_label.count)}
  {between("speed", "input_ids", IDS.speed_label.first, IDS.speed_label.count)}
  sixteen = Constant <value_float = 16.0> ()  n_byte = Mod <fmod = 1> (n_text, sixteen)
  gender_pitch = Add (n_gender, n_pitch)  n_label = Add (gender_pitch, n_speed)
  number = Add (n_global, n_semantic)
  end = Constant <value_ints = [-1]> ()
  v0 = Unsqueeze (is_text, end)  v1 = Unsqueeze (is_semantic, end)  v2 = Unsqueeze (n_byte, end)
  v3 = Unsqueeze (n_global, end)  v4 = Unsqueeze (n_label, end)  v5 = Unsqueeze (number, end)
  v6 = Unsqueeze (is_global, end)
  v = Concat <axis = 2> (v0, v1, v2, v3, v4, v5, v6)
  nine = Constant <value_ints = [0, 0, 0, 0, 0, 9]> ()  values = Pad (v, nine)

  look = Constant <value = float[1, 1, 48] {{{_LOOK_BACK}}}> ()
  shape = Shape (input_ids)  width = Constant <value_ints = [48]> ()  wide = Concat <axis = 0> (shape, width)
  queries_keys = Expand (look, wide)  qkv = Concat <axis = 2> (queries_keys, values)

  angles = Constant <value = float[1, 8] {{{_ANGLES}}}> ()
  zero_f = Constant <value_float = 0.0> ()  one_f = Constant <value_float = 1.0> ()
  last_f = Constant <value_float = {float(nano.MAX_POSITIONS)}> ()
  positions = Range (zero_f, last_f, one_f)  columns = Unsqueeze (positions, end)
  turned = Mul (columns, angles)  cos = Cos (turned)  sin = Sin (turned)

  attended, "present.0.key", "present.0.value" = com.microsoft.GroupQueryAttention
    <num_heads = 2, kv_num_heads = 1, do_rotary = 1, scale = 1.0>
    (qkv, "", "", "past_key_values.0.key", "past_key_values.0.value", seqlens_k, total_sequence_length, cos, sin)

  minus_one = Constant <value_int = -1> ()
  mean = Gather <axis = 1> (attended, minus_one)  last = Gather <axis = 1> (input_ids, minus_one)
  one_i = Constant <value = int32 {{1}}> ()
  totals = Add (seqlens_k, one_i)  totals_f = Cast <to = 1> (totals)  count = Unsqueeze (totals_f, end)
  sums_f = Mul (mean, count)  sums_r = Round (sums_f)  sums = Cast <to = 7> (sums_r)
  exact = Round (mean)  seen = Cast <to = 7> (exact)
  i0 = Constant <value_int = 0> ()  i1 = Constant <value_int = 1> ()  i2 = Constant <value_int = 2> ()
  i3 = Constant <value_int = 3> ()  i4 = Constant <value_int = 4> ()  i6 = Constant <value_int = 6> ()
  i21 = Constant <value_int = 21> ()
  texts = Gather <axis = 1> (sums, i0)  semantics = Gather <axis = 1> (sums, i1)
  text_sum = Gather <axis = 1> (sums, i2)  global_sum = Gather <axis = 1> (sums, i3)
  label_sum = Gather <axis = 1> (sums, i4)  globals = Gather <axis = 1> (sums, i6)
  before = Gather <axis = 1> (seen, i21)
  numbers = Cast <to = 7> (number)  present_number = Gather <axis = 1> (numbers, minus_one)
  pair = Add (present_number, before)

  {integer("k_walk", nano.WALK)} {integer("k_step", nano.WALK - 1)} {integer("k_rate", nano.TOKENS_PER_BYTE)}
  {integer("k_codes", nano.GLOBAL_CODES)} {integer("k_speakers", nano.GLOBAL_TOKENS)}
  {integer("k_attributes", nano.PITCH_VALUES.count)}
  {integer("t_semantic", IDS.semantic_tokens.first)} {integer("t_end_semantic", IDS.end_semantic)}
  {integer("t_global", IDS.global_tokens.first)} {integer("t_end_global", IDS.end_global)}
  {integer("t_start_semantic", IDS.start_semantic)} {integer("t_start_global", IDS.start_global)}
  {integer("t_attribute", nano.PITCH_VALUES.first)} {integer("t_end_style", IDS.end_style)}

  story = Add (text_sum, global_sum)  stride_0 = Mod (story, k_step)  stride = Add (stride_0, i1)
  walk_0 = Add (pair, stride)  walk = Mod (walk_0, k_walk)  walked = Add (walk, t_semantic)
  due = Mul (texts, k_rate)  unfinished = Less (semantics, due)
  speech = Where (unfinished, walked, t_end_semantic)

  timbre_0 = Add (text_sum, label_sum)  timbre_1 = Add (timbre_0, pair)  timbre_2 = Add (timbre_1, globals)
  timbre = Mod (timbre_2, k_codes)
  timbre_id = Add (timbre, t_global)  incomplete = Less (globals, k_speakers)
  speaker = Where (incomplete, timbre_id, t_end_global)
  attribute_0 = Mod (label_sum, k_attributes)  attribute = Add (attribute_0, t_attribute)

  {between("value", "last", nano.PITCH_VALUES.first, nano.PITCH_VALUES.count)}
  {between("speaking", "last", IDS.global_tokens.first, IDS.global_tokens.count)}
  at_style = Equal (last, t_end_style)  at_start_global = Equal (last, t_start_global)
  at_end_global = Equal (last, t_end_global)  at_speaker = Or (speaking_is, at_start_global)
  target_0 = Where (at_end_global, t_start_semantic, speech)
  target_1 = Where (at_speaker, speaker, target_0)
  target_2 = Where (value_is, t_start_global, target_1)
  target_id = Where (at_style, attribute, target_2)

  soft = Constant <value_float = {nano.SOFT}> ()  sharp = Constant <value_float = {nano.SHARP}> ()
  {between("soft_semantic", "target_id", IDS.semantic_tokens.first, IDS.semantic_tokens.count)}
  {between("soft_global", "target_id", IDS.global_tokens.first, IDS.global_tokens.count)}
  is_soft = Or (soft_semantic_is, soft_global_is)  slope = Where (is_soft, soft, sharp)
  slopes = Unsqueeze (slope, end)
  target_f = Cast <to = 1> (target_id)  targets = Unsqueeze (target_f, end)
  first_f = Constant <value_float = {float(nano.HEAD_FIRST)}> ()
  stop_f = Constant <value_float = {float(nano.HEAD_STOP)}> ()
  rows = Range (first_f, stop_f, one_f)
  distance = Sub (rows, targets)  square = Mul (distance, distance)  fall = Mul (square, slopes)
  logits = Neg (fall)
"""

CACHE = "float[B, 1, P, 16]"
LANGUAGE_MODEL_INPUTS = (
    f"int64[B, S] input_ids, int32[B] seqlens_k, int32 total_sequence_length, "
    f'{CACHE} "past_key_values.0.key", {CACHE} "past_key_values.0.value"'
)
LANGUAGE_MODEL_OUTPUTS = (
    f'float[B, {nano.HEAD_STOP - nano.HEAD_FIRST}] logits, {CACHE} "present.0.key", {CACHE} "present.0.value"'
)


def component_signature(name: str, fixed: int | None) -> tuple[str, str]:
    """Inputs and outputs of a component graph in ONNX text, the axes as the contract names them."""
    sizes = {"D": D, "G": nano.GLOBAL_TOKENS}
    if fixed is not None:
        samples = {"wav2vec2": fixed * HOP + nano.BORDER, "speaker_encoder": nano.REFERENCE, "decoder": fixed * HOP}
        sizes |= {"B": 1, "T": fixed, "F": fixed, "N": samples.get(name, 0)}
    types = {"float32": "float", "int64": "int64"}
    spec = COMPONENTS[name]
    inputs, outputs = (
        [f"{types[t.dtype]}[{', '.join(str(sizes.get(a, a)) for a in t.axes)}] {t.name}" for t in tensors]
        for tensors in (spec.inputs, spec.outputs)
    )
    options = () if fixed is not None else spec.options
    inputs += [f"{types[o.dtype]}[{o.axes[0]}] {o.name} = {{{', '.join('0' * int(o.axes[0]))}}}" for o in options]
    return ", ".join(inputs), ", ".join(outputs)


def write_graph(folder: Path, name: str, signature: tuple[str, str], body: str) -> GraphEntry:
    """Write one graph from its text and describe it."""
    model = parser.parse_model(f"{HEADER} {name} ({signature[0]}) => ({signature[1]}) {{ {body} }}")
    onnx.checker.check_model(model)
    path = folder / f"{name}.onnx"
    path.write_bytes(model.SerializeToString())
    optional = {entry.name for entry in model.graph.initializer}
    return GraphEntry(
        files=(describe_file(path),),
        opset=OPSET,
        precision="fp32",
        inputs=tuple(_tensor(value) for value in model.graph.input if value.name not in optional),
        outputs=tuple(_tensor(value) for value in model.graph.output),
        options=tuple(_tensor(value) for value in model.graph.input if value.name in optional),
    )


def _tensor(value: onnx.ValueInfoProto) -> Tensor:
    kind = value.type.tensor_type
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return Tensor(value.name, dtype, tuple(axis.dim_param or axis.dim_value for axis in kind.shape.dim))


def write_tokenizer(path: Path) -> None:
    """A byte-level tokenizer without merges and without added tokens: an id is a byte."""
    spec = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        "model": {"type": "BPE", "vocab": nano.byte_letters(), "merges": []},
    }
    path.write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")


def write_bundle(folder: Path, *, fixed: int | None = None) -> None:
    """Write a whole bundle; `fixed`: frames of every time axis, None for dynamic ones."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder / TOKENIZER_NAME)
    bodies = BODIES | {"decoder": TRIMMED if fixed is None else WHOLE}
    graphs = {name: write_graph(folder, name, component_signature(name, fixed), body) for name, body in bodies.items()}
    signature = (LANGUAGE_MODEL_INPUTS, LANGUAGE_MODEL_OUTPUTS)
    graphs[LANGUAGE_MODEL] = write_graph(folder, LANGUAGE_MODEL, signature, LANGUAGE_MODEL_BODY)
    manifest = Manifest(
        producer="make_nano_bundle",
        source="nano",
        licence="Apache-2.0",
        codec=codec_layout(fixed),
        language_model=LanguageModelLayout(
            layers=1,
            kv_heads=1,
            head_dim=16,
            max_positions=nano.MAX_POSITIONS,
            cache_dtype="float32",
            head_first_id=nano.HEAD_FIRST,
            head_rows=nano.HEAD_STOP - nano.HEAD_FIRST,
            vocab_size=nano.VOCABULARY,
        ),
        token_ids=IDS,
        graphs=graphs,
        tokenizer=describe_file(folder / TOKENIZER_NAME),
    )
    write_manifest(folder, manifest)


def codec_layout(fixed: int | None) -> CodecLayout:
    return CodecLayout(
        fingerprint=hashlib.sha256(b"nano").hexdigest(),
        sample_rate=nano.SAMPLE_RATE,
        hop_length=HOP,
        reference_samples=nano.REFERENCE,
        reference_hop=HOP,
        volume_normalize=True,
        feature_dim=D,
        condition_dim=D,
        semantic_codes=nano.SEMANTIC_CODES,
        global_codes=nano.GLOBAL_CODES,
        global_tokens=nano.GLOBAL_TOKENS,
        prenet_context=nano.PRENET_CONTEXT,
        decoder_context=nano.DECODER_CONTEXT,
        fixed_frames=fixed,
    )


def main() -> None:
    """Write both bundles."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=DATA, help="folder to write both bundles into")
    data = options.parse_args().data
    write_bundle(data / "nano_bundle")
    write_bundle(data / "nano_bundle_fixed", fixed=nano.FIXED_FRAMES)


if __name__ == "__main__":
    main()
