"""Refuse ONNX graphs that need more than themselves, whoever made them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from okng.domain.errors import BadModel

if TYPE_CHECKING:
    import onnx

LARGEST_GRAPH = 1 << 30
"""Bytes. ONNX itself ends at 2 GiB."""


def check_self_contained(graph: bytes, mend: str) -> "onnx.ModelProto":
    """Return the graph, parsed, if it keeps everything in itself.

    No data in other files, only the default operator domain and no functions, so that any runtime
    serves it. `mend` ends each message.

    Raises:
        BadModel: it is anything else.
    """
    model = parse(graph, mend)
    for tensor in _tensors(model.graph):
        if tensor.external_data or tensor.data_location:
            raise BadModel(
                f"the graph keeps {tensor.name or 'a tensor'!r} in another file (external data), "
                f"which okng refuses: save it as one file, or {mend}"
            )
    _check_operators(model, mend)
    return model


def check_soundness(graph: bytes, mend: str) -> None:
    """Check that a graph is valid ONNX, shapes and all.

    Raises:
        BadModel: it is not.
    """
    import onnx

    try:
        onnx.checker.check_model(graph, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise BadModel(f"the graph is not valid ONNX ({reason[:200]}): {mend}") from error


def parse(graph: bytes, mend: str) -> "onnx.ModelProto":
    """Return a graph that is not looked into yet.

    Raises:
        BadModel: it is too large, empty or no ONNX.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    if len(graph) > LARGEST_GRAPH:
        raise BadModel(f"the graph has {len(graph)} bytes; at most {LARGEST_GRAPH} are accepted")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(graph)
    except DecodeError as error:
        raise BadModel(f"the graph is not ONNX, or it is cut off: {mend}") from error
    if not model.graph.node:
        raise BadModel(f"the graph is not ONNX, or it is empty: {mend}")
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
    for subgraph in subgraphs(graph):
        yield from _tensors(subgraph)


def subgraphs(graph: "onnx.GraphProto") -> "Iterator[onnx.GraphProto]":
    """Yield the graphs within a graph's nodes: branches and loops."""
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
            yield from attribute.graphs


def _nodes(graph: "onnx.GraphProto") -> "Iterator[onnx.NodeProto]":
    yield from graph.node
    for subgraph in subgraphs(graph):
        yield from _nodes(subgraph)


def _check_operators(model: "onnx.ModelProto", mend: str) -> None:
    if model.functions or model.training_info:
        raise BadModel(
            f"the graph has local functions or training parts, which are refused: {mend}"
        )
    domains = {opset.domain for opset in model.opset_import}
    domains |= {node.domain for node in _nodes(model.graph)}
    foreign = sorted(domains - {"", "ai.onnx"})
    if foreign:
        raise BadModel(
            f"the graph needs the operator domain {foreign[0][:60]!r}, but okng accepts the "
            f"default one only, so that every runtime can serve it: {mend}"
        )
