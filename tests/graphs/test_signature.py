from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from okng.domain.errors import BadModel
from okng.graphs.builder import GraphBuilder
from okng.graphs.signature import Signature, check_signature


def sound() -> onnx.ModelProto:
    graph = GraphBuilder("test")
    image = graph.input("image", "uint8", ["N", 4, 6, 3])
    grey = graph.node("ReduceMean", graph.node("Cast", image, to=1), graph.ints(3), keepdims=0)
    graph.output(graph.node("ReduceMax", grey, graph.ints(1, 2), keepdims=0), "score", ["N"])
    graph.output(grey, "anomaly_map", ["N", 4, 6])
    return graph.build()


def refusal(model: onnx.ModelProto) -> str:
    with pytest.raises(BadModel) as caught:
        check_signature(model.SerializeToString())
    return str(caught.value)


def external(name: str) -> onnx.TensorProto:
    tensor = numpy_helper.from_array(np.zeros(2, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def branch(node: onnx.NodeProto) -> onnx.NodeProto:
    """Hide a node in the branch of an If."""
    output = helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "branch", [], [output])
    return helper.make_node("If", ["yes"], ["if"], then_branch=graph, else_branch=graph)


def test_sound_graph() -> None:
    """A graph with the one signature is accepted and its sizes are told."""
    assert check_signature(sound().SerializeToString()) == Signature(4, 6, 4, 6, None, True)


def test_class_scores() -> None:
    """A graph that names defects may add class_scores."""
    model = sound()
    node = helper.make_node("Unsqueeze", ["score", "axis"], ["class_scores"])
    model.graph.node.append(node)
    model.graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    model.graph.output.append(
        helper.make_tensor_value_info("class_scores", TensorProto.FLOAT, ["N", 1])
    )
    assert check_signature(model.SerializeToString()).classes == 1


@pytest.mark.parametrize("graph", [b"", b"PK\x03\x04", b"not onnx at all", b"\x00" * 100])
def test_not_onnx(graph: bytes) -> None:
    """Bytes that are no ONNX are refused."""
    with pytest.raises(BadModel, match="not ONNX"):
        check_signature(graph)


def test_truncated() -> None:
    """A graph that is cut off anywhere is refused."""
    graph = sound().SerializeToString()
    for length in range(0, len(graph) - 1, 7):
        with pytest.raises(BadModel):
            check_signature(graph[:length])


def test_external_initializer() -> None:
    """Weights in another file are refused."""
    model = sound()
    model.graph.initializer.append(external("w"))
    assert "external data" in refusal(model)


def test_external_constant_in_branch() -> None:
    """External data is found in an attribute of a node in a subgraph of a subgraph."""
    model = sound()
    hidden = helper.make_node("Constant", [], ["c"], value=external("w"))
    model.graph.node.append(branch(branch(hidden)))
    assert "external data" in refusal(model)


def test_external_sparse() -> None:
    """External data is found in sparse tensors."""
    model = sound()
    model.graph.sparse_initializer.add().values.CopyFrom(external("w"))
    assert "external data" in refusal(model)


def test_external_initializer_of_branch() -> None:
    """External data is found in the initializers of a subgraph."""
    model = sound()
    node = branch(helper.make_node("Identity", ["w"], ["c"]))
    node.attribute[0].g.initializer.append(external("w"))
    model.graph.node.append(node)
    assert "external data" in refusal(model)


def foreign_node(model: onnx.ModelProto) -> None:
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    model.graph.node.append(helper.make_node("Gelu", ["score"], ["g"], domain="com.microsoft"))


def hidden_foreign_node(model: onnx.ModelProto) -> None:
    model.graph.node.append(branch(helper.make_node("Run", [], ["g"], domain="evil")))


def function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Identity", ["a"], ["b"])
    model.functions.append(helper.make_function("f", "F", ["a"], ["b"], [node], []))


def unknown_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("NoSuchOperator", ["score"], ["g"]))


def dangling(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["nowhere"], ["g"]))


def wrong_types(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Add", ["image", "score"], ["g"]))


def other_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def input_name(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "pixels"
    model.graph.node[0].input[0] = "pixels"


def float_image(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT


def channels_first(model: onnx.ModelProto) -> None:
    dims = model.graph.input[0].type.tensor_type.shape.dim
    dims[1].dim_value, dims[3].dim_value = 3, 6


def batch_of_two(model: onnx.ModelProto) -> None:
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 2


def no_map(model: onnx.ModelProto) -> None:
    del model.graph.output[1]


def extra_output(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Identity", ["score"], ["more"]))
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["N"]))


def image_as_output(model: onnx.ModelProto) -> None:
    model.graph.output.append(model.graph.input[0])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (foreign_node, "operator domain 'com.microsoft'"),
        (hidden_foreign_node, "operator domain 'evil'"),
        (function, "functions"),
        (unknown_operator, "not valid ONNX"),
        (dangling, "not valid ONNX"),
        (wrong_types, "not valid ONNX"),
        (other_input, "one input, image"),
        (input_name, "one input, image"),
        (float_image, "image to be uint8"),
        (channels_first, "3 channels"),
        (batch_of_two, "N open or 1"),
        (no_map, "score and anomaly_map"),
        (extra_output, "score and anomaly_map"),
        (image_as_output, "score and anomaly_map"),
    ],
)
def test_refused(spoil: Callable[[onnx.ModelProto], None], reason: str) -> None:
    """A graph that departs from the signature, or from plain ONNX, is refused with the reason."""
    model = sound()
    spoil(model)
    assert reason in refusal(model)
