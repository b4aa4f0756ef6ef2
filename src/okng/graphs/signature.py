"""Refuse graphs that are not what every okng model is: one self-contained ONNX graph."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from okng.domain.errors import BadModel
from okng.graphs.self_contained import check_self_contained, check_soundness

if TYPE_CHECKING:
    import onnx

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
    model = check_self_contained(graph, _MEND)
    signature = _check_interface(model.graph)
    check_soundness(graph, _MEND)
    return signature


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
