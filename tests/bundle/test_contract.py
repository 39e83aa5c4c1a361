"""The table of graphs says what a bundle is, once."""

from sparktts_onnx.bundle.contract import COMPONENTS, ENROLLMENT_GRAPHS, LANGUAGE_MODEL, SPEAKING_GRAPHS


def test_every_graph_feeds_the_next_by_name_dtype_and_axes() -> None:
    made = {("wav", "float32", ("B", "N")), ("ref_wav", "float32", ("B", "N"))}
    made |= {("semantic_tokens", "int64", ("B", "T")), ("global_tokens", "int64", ("B", "1", "G"))}
    for spec in COMPONENTS.values():
        for tensor in spec.inputs:
            assert (tensor.name, tensor.dtype, tensor.axes) in made, f"nothing makes {tensor.name} for {spec.name}"
        made |= {(tensor.name, tensor.dtype, tensor.axes) for tensor in spec.outputs}


def test_names_are_keys() -> None:
    assert all(name == spec.name for name, spec in COMPONENTS.items())


def test_uses_name_known_graphs() -> None:
    known = {*COMPONENTS, LANGUAGE_MODEL}
    assert {*ENROLLMENT_GRAPHS, *SPEAKING_GRAPHS} == known - {"postnet"}
