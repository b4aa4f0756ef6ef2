"""Refuse graphs that are not what every okng model is: one self-contained ONNX graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from okng.domain.errors import BadModel

if TYPE_CHECKING:
    import onnx

LARGEST_GRAPH = 1 << 30
"""Bytes. ONNX itself ends at 2 GiB."""

_MEND = "export the model again with okng"
_FLOAT, _UINT8 = 1, 2  # onnx.TensorProto.FLOAT and UINT8

_VALUES = {
    "image": (_UINT8, 4, "uint8 [N, H, W, 3]"),
    "score": (_FLOAT, 1, "float32 [N]"),
    "anomaly_map": (_FLOAT, 3, "float32 [N, h, w]"),
    "class_scores": (_FLOAT, 2, "float32 [N, K]"),
}

Dims = tuple[int | None, ...]


@dataclass(frozen=True)
class Signature:
    """Sizes that the graph declares; None where it leaves them open.

    `is_batched`: it takes any number of images at once, not one alone.
    """

    height: int | None
    width: int | None
    map_height: int | None
    map_width: int | None
    classes: int | None
    is_batched: bool


def check_signature(graph: bytes) -> Signature:
    """Check that a graph is self-contained, sound and has the one signature.

    Input `image` uint8 `[N or 1, H, W, 3]`; outputs `score` float32 `[N]`, `anomaly_map` float32
    `[N, h, w]` and, optionally, `class_scores` float32 `[N, K]`. Only the default operator domain
    and no functions, so that any runtime serves it.

    Raises:
        BadModel: it is anything else.
    """
    model = _parse(graph)
    for tensor in _tensors(model.graph):
        if tensor.external_data or tensor.data_location:
            raise BadModel(
                f"the graph keeps {tensor.name or 'a tensor'!r} in another file (external data), "
                f"which okng refuses: save it as one file, or {_MEND}"
            )
    _check_operators(model)
    signature = _check_interface(model.graph)
    _check_soundness(graph)
    return signature


def _parse(graph: bytes) -> "onnx.ModelProto":
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if len(graph) > LARGEST_GRAPH:
        raise BadModel(f"the graph has {len(graph)} bytes; at most {LARGEST_GRAPH} are accepted")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(graph)
    except DecodeError as error:
        raise BadModel(f"the graph is not ONNX, or it is cut off: {_MEND}") from error
    if not model.graph.node:
        raise BadModel(f"the graph is not ONNX, or it is empty: {_MEND}")
    return model


def _tensors(graph: "onnx.GraphProto") -> "Iterator[onnx.TensorProto]":
    """Yield every tensor of the graph and its subgraphs; protobuf itself bounds the depth."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
    for subgraph in _subgraphs(graph):
        yield from _tensors(subgraph)


def _subgraphs(graph: "onnx.GraphProto") -> "Iterator[onnx.GraphProto]":
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def _nodes(graph: "onnx.GraphProto") -> "Iterator[onnx.NodeProto]":
    yield from graph.node
    for subgraph in _subgraphs(graph):
        yield from _nodes(subgraph)


def _check_operators(model: "onnx.ModelProto") -> None:
    if model.functions or model.training_info:
        raise BadModel(
            f"the graph has local functions or training parts, which are refused: {_MEND}"
        )
    domains = {opset.domain for opset in model.opset_import}
    domains |= {node.domain for node in _nodes(model.graph)}
    foreign = sorted(domains - {"", "ai.onnx"})
    if foreign:
        raise BadModel(
            f"the graph needs the operator domain {foreign[0][:60]!r}, but okng accepts the "
            f"default one only, so that every runtime can serve it: {_MEND}"
        )


def _check_soundness(graph: bytes) -> None:
    import onnx

    try:
        onnx.checker.check_model(graph, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise BadModel(f"the graph is not valid ONNX ({reason[:200]}): {_MEND}") from error


def _check_interface(graph: "onnx.GraphProto") -> Signature:
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if [value.name for value in inputs] != ["image"]:
        raise _refusal("one input, image", ", ".join(v.name for v in inputs) or "none")
    image = _dims(inputs[0])
    if image[3] != 3:
        raise _refusal("image to have 3 channels, last", f"{image[3]}")
    names = [value.name for value in graph.output]
    optional = [] if "class_scores" in names else ["class_scores"]
    if sorted(["image", *names, *optional]) != sorted(_VALUES):
        raise _refusal("the outputs score and anomaly_map", ", ".join(names) or "none")
    outputs = {value.name: _dims(value) for value in graph.output}
    return Signature(
        height=image[1],
        width=image[2],
        map_height=outputs["anomaly_map"][1],
        map_width=outputs["anomaly_map"][2],
        classes=outputs["class_scores"][1] if "class_scores" in outputs else None,
        is_batched=image[0] is None,
    )


def _dims(value: "onnx.ValueInfoProto") -> Dims:
    """Return the value's dimensions, None where open, once its type and rank are as they should."""
    kind, rank, wanted = _VALUES[value.name]
    tensor = value.type.tensor_type
    if tensor.elem_type != kind or not tensor.HasField("shape") or len(tensor.shape.dim) != rank:
        found = f"element type {tensor.elem_type} and rank {len(tensor.shape.dim)}"
        raise _refusal(f"{value.name} to be {wanted}", found)
    dims = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
    if any(d is not None and d < 1 for d in dims) or dims[0] not in (None, 1):
        raise _refusal(f"{value.name} to be {wanted} with N open or 1", f"the shape {list(dims)}")
    return dims


def _refusal(wanted: str, found: str) -> BadModel:
    return BadModel(
        f"the graph is not an okng graph: expected {wanted}; found {found[:200]}: {_MEND}"
    )
