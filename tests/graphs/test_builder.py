import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from okng.graphs.builder import IR_VERSION, OPSET, GraphBuilder


def doubling() -> onnx.ModelProto:
    """Build `x` -> `y` = 2 x, `z` = 4 x."""
    graph = GraphBuilder("doubling")
    x = graph.input("x", "float32", ("N", 3))
    two = graph.constant(np.float32(2))
    y = graph.node("Mul", x, two)
    graph.output(y, "y", ("N", 3))
    graph.output(graph.node("Mul", y, two), "z", ("N", 3))
    return graph.build()


def run(model: onnx.ModelProto, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    names = [value.name for value in model.graph.output]
    return dict(zip(names, ReferenceEvaluator(model).run(None, inputs), strict=True))


def names(model: onnx.ModelProto) -> list[str]:
    """Return the names of all values that nodes and initializers make."""
    made = [output for node in model.graph.node for output in node.output]
    return made + [tensor.name for tensor in model.graph.initializer]


def test_a_graph_does_what_was_written() -> None:
    """Nodes, constants and outputs come together as they were written."""
    outputs = run(doubling(), x=np.array([[1, 2, 3]], np.float32))
    assert outputs["y"].tolist() == [[2, 4, 6]]
    assert outputs["z"].tolist() == [[4, 8, 12]]


def test_versions_are_fixed() -> None:
    """The operator set and the format version do not follow the installed onnx."""
    model = doubling()
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
    assert model.ir_version == IR_VERSION


def test_equal_calls_give_equal_bytes() -> None:
    """Writing the same graph twice gives the same file."""
    first, second = (doubling().SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_what_no_output_needs_is_left_out() -> None:
    """Nodes and constants that lead to no output do not reach the file."""
    graph = GraphBuilder("cut")
    x = graph.input("x", "float32", ("N", 3))
    graph.node("Mul", x, graph.constant(np.full(1000, 7, np.float32)))
    graph.output(graph.node("Neg", x), "y", ("N", 3))
    model = graph.build()
    assert [node.op_type for node in model.graph.node] == ["Neg", "Identity"]
    assert not model.graph.initializer


def test_highest_is_the_highest() -> None:
    """`highest` keeps the largest values of each row."""
    graph = GraphBuilder("highest")
    x = graph.input("x", "float32", ("N", 4))
    graph.output(graph.highest(x, 2), "y", ("N", 2))
    outputs = run(graph.build(), x=np.array([[1, 9, 3, 5], [4, 2, 8, 0]], np.float32))
    assert outputs["y"].tolist() == [[9, 5], [8, 4]]


def test_splicing_one_graph_twice() -> None:
    """A graph can be spliced in again and again; each copy has names of its own."""
    graph = GraphBuilder("twice")
    x = graph.input("x", "float32", ("N", 3))
    first = graph.splice(doubling(), {"x": x})
    second = graph.splice(doubling(), {"x": first["z"]})
    graph.output(second["y"], "y", ("N", 3))
    model = graph.build()
    assert run(model, x=np.ones((1, 3), np.float32))["y"].tolist() == [[8, 8, 8]]
    assert len(set(names(model))) == len(names(model))


def test_splicing_only_what_is_used() -> None:
    """Of a spliced graph only what leads to an output is kept."""
    graph = GraphBuilder("part")
    spliced = graph.splice(doubling(), {"x": graph.input("x", "float32", ("N", 3))})
    graph.output(spliced["y"], "y", ("N", 3))
    assert [node.op_type for node in graph.build().graph.node].count("Mul") == 1


def test_splicing_needs_every_input() -> None:
    """An input that is not mapped is named."""
    with pytest.raises(ValueError, match="'x'"):
        GraphBuilder("none").splice(doubling(), {})


def test_an_unsound_graph_is_refused() -> None:
    """A graph that reads a value that nobody makes is not built."""
    graph = GraphBuilder("unsound")
    graph.output(graph.node("Neg", "nowhere"), "y", ("N",))
    with pytest.raises(onnx.checker.ValidationError):
        graph.build()
