"""Make a backbone's graph of any ONNX network that gives feature maps or tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from onnx import TensorProto, helper, version_converter

from okng.domain.arrays import Floats
from okng.domain.errors import BadBackbone, BadModel
from okng.graphs.builder import OPSET, GraphBuilder
from okng.graphs.self_contained import check_self_contained, check_soundness, parse, subgraphs
from okng.graphs.vision_transformer import IMAGENET_DEVIATION, IMAGENET_MEAN

Size = tuple[int, int]
"""Height, width."""

OLDEST_OPSET = 7
_LARGEST_SIDE = 4096
_MEND = "export it again as one file, with the default operators alone"


@dataclass(frozen=True)
class Use:
    """How a network takes images, and which of its values are features.

    It takes `(image * pixel_range / 255 - mean) / deviation`; None is ImageNet's mean and
    deviation, in that range. `outputs` names values of the graph, inner ones too; none: all outputs
    that are feature maps. With a `grid` (rows, columns), outputs are tokens `[N, tokens, C]`, of
    which the first `prefix_tokens` (None: as many as are too many) are no places. `size` is that of
    the image where the file leaves it open. `channels_last` holds of image and feature maps.
    """

    outputs: tuple[str, ...] = ()
    grid: tuple[int, int] | None = None
    prefix_tokens: int | None = None
    size: Size | None = None
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    pixel_range: float = 1.0
    is_bgr: bool = False
    channels_last: bool = False

    def scale_and_offset(self) -> tuple[Floats, Floats]:
        """Return what an image from 0 to 255 is multiplied by and what is added, by RGB channel.

        Raises:
            BadBackbone: these are no three numbers, or divide by nothing.
        """
        mean = np.array(IMAGENET_MEAN if self.mean is None else self.mean, np.float64)
        deviation = np.array(IMAGENET_DEVIATION if self.deviation is None else self.deviation)
        mean *= self.pixel_range if self.mean is None else 1
        deviation = deviation * (self.pixel_range if self.deviation is None else 1)
        if mean.size not in (1, 3) or deviation.size not in (1, 3) or not (deviation > 0).all():
            raise BadBackbone(
                "mean and deviation are one number, or three for red, green and blue; a deviation "
                "is above 0"
            )
        scale = np.broadcast_to(self.pixel_range / 255 / deviation, 3)
        offset = np.broadcast_to(-mean / deviation, 3)
        return scale.astype(np.float32), offset.astype(np.float32)


@dataclass(frozen=True)
class Foreign:
    """A network from a file, checked; `size` is that which it declares, None where it is open."""

    model: onnx.ModelProto
    input: str
    size: Size | None
    use: Use

    def prepared(self, image: Floats) -> Floats:
        """Return what the network itself takes for float32 `[N, 3, H, W]`, RGB, 0 to 255."""
        scale, offset = self.use.scale_and_offset()
        image = image * scale[:, None, None] + offset[:, None, None]
        image = image[:, ::-1] if self.use.is_bgr else image
        image = image.transpose(0, 2, 3, 1) if self.use.channels_last else image
        return np.ascontiguousarray(image, np.float32)

    def with_outputs(self) -> bytes:
        """Return the network as it is, with the values that are used, and no others, as outputs."""
        model = onnx.ModelProto()
        model.CopyFrom(self.model)
        declared = {value.name: value for value in self.model.graph.output}
        del model.graph.output[:]
        for name in self.use.outputs:
            model.graph.output.append(declared.get(name) or _value(name))
        return bytes(model.SerializeToString())

    def as_maps(self, values: Floats) -> Floats:
        """Bring a value of the network itself to `[N, C, rows, columns]`."""
        if self.use.grid is not None:
            rows, columns = self.use.grid
            skip = self.skipped(values.shape[1])
            values = values[:, skip : skip + rows * columns]
            return values.transpose(0, 2, 1).reshape(len(values), -1, rows, columns)
        return values.transpose(0, 3, 1, 2) if self.use.channels_last else values

    def skipped(self, tokens: int) -> int:
        """Return how many of so many tokens come before those of the grid.

        Raises:
            BadBackbone: there are too few.
        """
        assert self.use.grid is not None
        rows, columns = self.use.grid
        given = self.use.prefix_tokens
        skip = tokens - rows * columns if given is None else given
        if skip < 0 or skip + rows * columns > tokens:
            raise BadBackbone(
                f"it gives {tokens} tokens, which are too few for a grid of {rows} x {columns}"
                + (f" after {given}" if given else "")
            )
        return skip


def open_network(data: bytes, use: Use) -> Foreign:
    """Check a network and find out what it takes and gives.

    Raises:
        BadBackbone: it needs other files or foreign operators, has control flow, takes anything but
            one image, or has no such outputs.
    """
    try:
        model = check_self_contained(_without_unused_domains(data), _MEND)
        check_soundness(data, _MEND)
    except BadModel as error:
        raise BadBackbone(str(error)) from error
    if any(True for _ in subgraphs(model.graph)) or model.graph.sparse_initializer:
        raise BadBackbone("the graph has branches, loops or sparse weights: export it without")
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    if opset < OLDEST_OPSET:
        raise BadBackbone(f"the graph is of opset {opset}: export it with opset {OPSET}")
    name, size = _image(model.graph, use)
    outputs = use.outputs or _features(model.graph, use)
    known = {value for node in model.graph.node for value in node.output}
    if missing := [output for output in outputs if output not in known]:
        raise BadBackbone(f"the graph has no value {missing[0][:100]!r}; {_outputs(model.graph)}")
    return Foreign(model, name, size, replace(use, outputs=outputs))


def backbone_graph(network: Foreign, size: Size | None) -> bytes:
    """Build the graph that okng takes: image of 0 to 255 in, feature maps out.

    `size`: for images of that height and width alone; None: for images of any size.

    Raises:
        BadBackbone: the operators cannot be brought to okng's opset.
    """
    use = network.use
    graph = GraphBuilder("network")
    height, width = size or ("height", "width")
    x = graph.input("image", "float32", ("n", 3, height, width))
    scale, offset = (graph.constant(a[:, None, None]) for a in use.scale_and_offset())
    x = graph.node("Add", graph.node("Mul", x, scale), offset)
    if use.is_bgr:
        x = graph.node("Gather", x, graph.ints(2, 1, 0), axis=1)
    if use.channels_last:
        x = graph.node("Transpose", x, perm=[0, 2, 3, 1])
    values = graph.splice(_at_opset(network), {network.input: x})
    for name in use.outputs:
        value = values[name]
        if use.grid is not None:
            value = _plane(graph, value, network)
        elif use.channels_last:
            value = graph.node("Transpose", value, perm=[0, 3, 1, 2])
        graph.output(value, name, ("n", f"{name}_channels", f"{name}_rows", f"{name}_columns"))
    return bytes(graph.build().SerializeToString(deterministic=True))


def _plane(graph: GraphBuilder, tokens: str, network: Foreign) -> str:
    """Turn tokens into a map: those of the grid, which end `_after` those that are skipped."""
    assert network.use.grid is not None
    rows, columns = network.use.grid
    given = network.use.prefix_tokens
    # Counted from the end where nobody has said how many come first.
    start = -rows * columns if given is None else given
    end = np.iinfo(np.int64).max if given is None else given + rows * columns
    tokens = graph.node("Slice", tokens, graph.ints(start), graph.ints(int(end)), graph.ints(1))
    turned = graph.node("Transpose", tokens, perm=[0, 2, 1])
    return graph.node("Reshape", turned, graph.ints(0, 0, rows, columns))


def _at_opset(network: Foreign) -> onnx.ModelProto:
    """Return the network at okng's opset, its constants declared as constants alone."""
    model = onnx.load_model_from_string(network.with_outputs())
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    if all(opset.version == OPSET for opset in model.opset_import):
        return model
    try:
        return version_converter.convert_version(model, OPSET)
    except (RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["no reason given"])[-1]
        raise BadBackbone(
            f"the graph cannot be brought to opset {OPSET} ({reason[:200]}): export it with that "
            "opset"
        ) from error


def _without_unused_domains(data: bytes) -> bytes:
    """Drop the domains that a graph imports and does not use, as exporters leave them."""
    model = parse(data, _MEND)
    used = {node.domain for node in model.graph.node} | {"", "ai.onnx"}
    kept = [opset for opset in model.opset_import if opset.domain in used]
    if len(kept) == len(model.opset_import):
        return data
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return bytes(model.SerializeToString())


def _image(graph: onnx.GraphProto, use: Use) -> tuple[str, Size | None]:
    """Return the name of the input, and the size of the image where it is fixed."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(value.name for value in inputs) or "none"
        raise BadBackbone(f"a backbone takes one image; this network has the inputs {names[:200]}")
    taken = inputs[0].type.tensor_type
    dims = [dim.dim_value if dim.HasField("dim_value") else None for dim in taken.shape.dim]
    channel, other = (3, 1) if use.channels_last else (1, 3)
    has_channels = len(dims) == 4 and (
        dims[channel] == 3 or (dims[channel] is None and dims[other] != 3)
    )
    if taken.elem_type != TensorProto.FLOAT or not has_channels:
        wanted = "[N, H, W, 3]" if use.channels_last else "[N, 3, H, W]"
        hint = "" if use.channels_last or dims[-1:] != [3] else " (its colours come last: nhwc)"
        raise BadBackbone(
            f"its input {inputs[0].name} must be float32 {wanted}; it is of type "
            f"{TensorProto.DataType.Name(taken.elem_type)} and shape {dims}{hint}"
        )
    height, width = dims[1:3] if use.channels_last else dims[2:4]
    size = (height, width) if height and width else None
    if size and use.size and size != use.size:
        raise BadBackbone(f"it takes images of {width} x {height} alone; leave the size away")
    if max(size or use.size or (1, 1)) > _LARGEST_SIDE:
        raise BadBackbone(f"images of more than {_LARGEST_SIDE} px a side are not supported")
    return inputs[0].name, size or use.size


def _features(graph: onnx.GraphProto, use: Use) -> tuple[str, ...]:
    """Return the outputs that may be features, by their rank."""
    rank = 4 if use.grid is None else 3
    found = [
        value.name
        for value in graph.output
        if value.type.tensor_type.elem_type == TensorProto.FLOAT
        and (not value.type.tensor_type.HasField("shape") or len(_dims(value)) == rank)
    ]
    if not found:
        kind = "feature map [N, C, h, w]" if use.grid is None else "tokens [N, tokens, C]"
        tokens = use.grid is None and any(len(_dims(value)) == 3 for value in graph.output)
        hint = "; for tokens, state the grid" if tokens else "; an inner value may be named"
        raise BadBackbone(f"none of its outputs is {kind}: {_outputs(graph)}{hint}")
    return tuple(found)


def _outputs(graph: onnx.GraphProto) -> str:
    shown = [f"{value.name} [{', '.join(_dims(value))}]" for value in graph.output]
    return f"its outputs are {', '.join(shown)[:400]}"


def _dims(value: onnx.ValueInfoProto) -> Sequence[str]:
    dims = value.type.tensor_type.shape.dim
    return [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in dims]


def _value(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
