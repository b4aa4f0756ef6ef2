"""How many operations a graph takes: the multiplications and additions of what it convolves.

Products count, too; everything else (activations, pooling, the choice of the highest cells) does
not: it takes time and none of the peak's operations, so it shows as a smaller share.
"""

from collections.abc import Callable, Mapping
from math import prod

from onnx import ModelProto, NodeProto, load_model_from_string, shape_inference

Shape = tuple[int, ...]


def operations(graph: bytes) -> dict[str, int]:
    """Return the operations for one image, by the ONNX operator that does them.

    Raises:
        ValueError: the shape of something that counts cannot be inferred.
    """
    model = load_model_from_string(graph)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    shapes = _shapes(shape_inference.infer_shapes(model, strict_mode=True, data_prop=True))
    counts: dict[str, int] = {}
    for node in model.graph.node:
        if count := _COUNTED.get(node.op_type):
            counts[node.op_type] = counts.get(node.op_type, 0) + count(node, shapes)
    return counts


def _shapes(model: ModelProto) -> Mapping[str, Shape]:
    graph = model.graph
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        dims = value.type.tensor_type.shape.dim
        shapes[value.name] = tuple(int(dim.dim_value) for dim in dims)
    return shapes


def _known(shapes: Mapping[str, Shape], name: str) -> Shape:
    shape = shapes.get(name, ())
    if not shape or not all(shape):
        raise ValueError(f"the shape of {name} is not known: {shape}")
    return shape


def _convolution(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    """Each output value is a sum over the kernel and the channels of its group."""
    weights, out = _known(shapes, node.input[1]), _known(shapes, node.output[0])
    return 2 * prod(out) * prod(weights[1:])


def _product(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    """Each output value is a sum over the inner dimension."""
    return 2 * prod(_known(shapes, node.output[0])) * _known(shapes, node.input[0])[-1]


def _general_product(node: NodeProto, shapes: Mapping[str, Shape]) -> int:
    turned = any(a.name == "transA" and a.i for a in node.attribute)
    inner = _known(shapes, node.input[0])[0 if turned else 1]
    return 2 * prod(_known(shapes, node.output[0])) * inner


_COUNTED: Mapping[str, Callable[[NodeProto, Mapping[str, Shape]], int]] = {
    "Conv": _convolution,
    "MatMul": _product,
    "Gemm": _general_product,
}
