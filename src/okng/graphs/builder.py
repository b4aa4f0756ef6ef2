"""Write ONNX graphs a node at a time, with names that are the same on every run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
IR_VERSION = 9

_TYPES = {
    "uint8": TensorProto.UINT8,
    "float32": TensorProto.FLOAT,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}

Shape = Sequence[int | str]


class GraphBuilder:
    """Collects nodes and constants; `build` checks them and returns a model.

    Values are referred to by name. Names are counted up in the order of the calls, so equal calls
    give equal bytes. `prefix` keeps a loop's names apart from those of the graph around it.
    """

    def __init__(self, name: str, prefix: str = "") -> None:
        self._name = name
        self._prefix = prefix
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._around: dict[str, tuple[str, ...]] = {}
        self._count = 0

    def input(self, name: str, dtype: str, shape: Shape) -> str:
        self._inputs.append(helper.make_tensor_value_info(name, _TYPES[dtype], list(shape)))
        return name

    def output(self, value: str, name: str, shape: Shape, dtype: str = "float32") -> None:
        """Declare `value` as the graph's output `name`."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=f"output_{name}"))
        self._outputs.append(helper.make_tensor_value_info(name, _TYPES[dtype], list(shape)))

    def constant(self, array: NDArray[Any] | np.generic) -> str:
        name = self._fresh("constant")
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; returns the output's name."""
        name = self._fresh(op.lower())
        self._nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def highest(self, values: str, count: int, axis: int = 1) -> str:
        """Keep the `count` highest values along an axis, falling."""
        name = self._fresh("topk")
        outputs = [name, f"{name}_indices"]
        inputs = [values, self.ints(count)]
        self._nodes.append(helper.make_node("TopK", inputs, outputs, name=name, axis=axis))
        return name

    def loop(self, trips: str, body: "GraphBuilder", around: Sequence[str]) -> str:
        """Run `body` so many times; returns the name of its results, one behind the other.

        Args:
            trips: int64, how many times.
            body: takes the number of the trip (int64) and a condition (bool), and gives the
                condition and one result, in this order.
            around: the values of this graph that it uses.
        """
        name = self._fresh("loop")
        graph = body._graph()
        node = helper.make_node("Loop", [trips, ""], [name], name=name, body=graph)
        self._around[name] = tuple(around)
        self._nodes.append(node)
        return name

    def splice(self, model: onnx.ModelProto, inputs: Mapping[str, str]) -> dict[str, str]:
        """Copy another model's nodes into this one.

        `inputs` maps the other model's inputs to values of this graph. Returns the names that its
        outputs have here.
        """
        prefix = self._fresh("splice") + "/"
        names = dict(inputs)
        missing = {value.name for value in model.graph.input} - set(inputs)
        if missing:
            raise ValueError(f"splice lacks the inputs {sorted(missing)}")
        for tensor in model.graph.initializer:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = names[tensor.name] = prefix + tensor.name
            self._constants.append(copy)
        for node in model.graph.node:
            for output in node.output:
                names[output] = prefix + output
        for number, node in enumerate(model.graph.node):
            twin = onnx.NodeProto()
            twin.CopyFrom(node)
            twin.name = prefix + (node.name or str(number))
            twin.input[:] = [names[value] if value else "" for value in node.input]
            twin.output[:] = [names[value] if value else "" for value in node.output]
            around = [_move(body, names, prefix) for body in bodies(twin)]
            if around:
                self._around[twin.name] = tuple(sorted(set().union(*around)))
            self._nodes.append(twin)
        return {value.name: names[value.name] for value in model.graph.output}

    def build(self) -> onnx.ModelProto:
        """Return the model of all that the outputs need, checked."""
        model = helper.make_model(
            self._graph(),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="okng",
        )
        onnx.checker.check_model(model)
        return model

    def _graph(self) -> onnx.GraphProto:
        nodes, used = self._needed()
        constants = [tensor for tensor in self._constants if tensor.name in used]
        return helper.make_graph(nodes, self._name, self._inputs, self._outputs, constants)

    def _needed(self) -> tuple[list[onnx.NodeProto], set[str]]:
        """Return the nodes on a path to an output, in order, and the values that they use."""
        used = {value.name for value in self._outputs}
        nodes = []
        for node in reversed(self._nodes):
            if used.intersection(node.output):
                used.update(node.input, self._around.get(node.name, ()))
                nodes.append(node)
        return nodes[::-1], used

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{self._prefix}{stem}_{self._count}"


def bodies(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """Return the graphs within a node, of loops and branches."""
    return [
        body
        for attribute in node.attribute
        for body in ([attribute.g] if attribute.HasField("g") else [*attribute.graphs])
    ]


def _move(body: onnx.GraphProto, names: Mapping[str, str], prefix: str) -> set[str]:
    """Rename a body as the graph around it was renamed; return what of that graph it uses."""
    own = [*(value.name for value in body.input), *(tensor.name for tensor in body.initializer)]
    own += [value for node in body.node for value in node.output if value]
    known = {**names, **{name: prefix + name for name in own}}
    inside = {known[name] for name in own}
    used: set[str] = set()
    for named in (*body.input, *body.initializer, *body.output):
        named.name = known[named.name]
    for node in body.node:
        node.name = prefix + node.name
        node.input[:] = [known[value] if value else "" for value in node.input]
        node.output[:] = [known[value] if value else "" for value in node.output]
        used.update(node.input)
        for inner in bodies(node):
            used |= _move(inner, known, prefix)
    used.update(value.name for value in body.output)
    del body.value_info[:]
    return used - inside - {""}
