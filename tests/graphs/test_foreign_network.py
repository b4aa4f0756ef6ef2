"""Networks of others: what is taken, what is made of it, and what is refused."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from okng.domain.arrays import Floats
from okng.domain.errors import BadBackbone
from okng.graphs.foreign_network import Use, backbone_graph, open_network

RAW = Use(mean=(0.0,), deviation=(1.0,), pixel_range=255)


def network(
    *nodes: onnx.NodeProto,
    outputs: dict[str, list[int | str | None]],
    image: tuple[int | str, ...] = ("n", 3, "h", "w"),
    opset: int = 17,
    kind: int = TensorProto.FLOAT,
    **constants: np.ndarray,
) -> bytes:
    graph = helper.make_graph(
        list(nodes),
        "net",
        [helper.make_tensor_value_info("pixels", kind, image)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, dims) for n, dims in outputs.items()],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    imports = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return bytes(model.SerializeToString())


def pooled(image: tuple[int | str, ...] = ("n", 3, "h", "w"), opset: int = 17) -> bytes:
    """Make a network of two mean poolings, every 4 and every 8 px."""
    square = {"kernel_shape": [4, 4], "strides": [4, 4]}
    return network(
        helper.make_node("AveragePool", ["pixels"], ["fine"], **square),
        helper.make_node("AveragePool", ["fine"], ["coarse"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["coarse"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
        outputs={"fine": ["n", 3, "a", "b"], "coarse": ["n", 3, "c", "d"], "logits": ["n", 3]},
        image=image,
        opset=opset,
    )


def tokens(prefix: int = 1) -> bytes:
    """Make a network of 4 x 6 tokens, each a square's mean, after others that hold 7."""
    return network(
        helper.make_node("AveragePool", ["pixels"], ["p"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Reshape", ["p", "sides"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["rows"], perm=[0, 2, 1]),
        helper.make_node("Shape", ["pixels"], ["count"], start=0, end=1),
        helper.make_node("Concat", ["count", "one"], ["first_sides"], axis=0),
        helper.make_node("Expand", ["seven", "first_sides"], ["first"]),
        helper.make_node("Concat", ["first", "rows"], ["tokens"], axis=1),
        outputs={"tokens": ["n", 24 + prefix, 3]},
        image=("n", 3, 32, 48),
        sides=np.array([0, 3, 24], np.int64),
        one=np.array([prefix, 3], np.int64),
        seven=np.array([[[7.0]]], np.float32),
    )


def picture(height: int = 32, width: int = 48) -> Floats:
    return np.random.default_rng(0).uniform(0, 255, (2, 3, height, width)).astype(np.float32)


def run(graph: bytes, image: Floats) -> dict[str, Floats]:
    session = onnxruntime.InferenceSession(graph)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"image": image}), strict=True))


def squares(image: Floats, side: int) -> Floats:
    n, c, h, w = image.shape
    return image.reshape(n, c, h // side, side, w // side, side).mean(axis=(3, 5))


@pytest.mark.parametrize("opset", [9, 13, 17, 18, 20])
def test_feature_maps_of_any_opset(opset: int) -> None:
    """Outputs that are maps are taken, others not, whatever opset the file is of."""
    graph = backbone_graph(open_network(pooled(opset=opset), RAW), None)
    found = run(graph, image := picture())
    assert set(found) == {"fine", "coarse"}
    np.testing.assert_allclose(found["fine"], squares(image, 4), rtol=1e-5)
    np.testing.assert_allclose(found["coarse"], squares(image, 8), rtol=1e-5)
    assert onnx.load_model_from_string(graph).opset_import[0].version == 18


def test_a_size_that_the_file_names_may_be_opened() -> None:
    """A file for 32 x 48 alone is built for other sizes, too, and for its own."""
    opened = open_network(pooled((1, 3, 32, 48)), RAW)
    assert opened.size == (32, 48)
    assert run(backbone_graph(opened, None), picture(64, 64))["fine"].shape == (2, 3, 16, 16)
    assert run(backbone_graph(opened, (32, 48)), picture())["fine"].shape == (2, 3, 8, 12)


def test_images_are_normalised_as_stated() -> None:
    """Range, mean, deviation and the order of colours are those of the network."""
    use = Use(mean=(0.1, 0.2, 0.3), deviation=(0.5, 0.25, 0.125), is_bgr=True, outputs=("fine",))
    opened = open_network(pooled(), use)
    image = picture()
    mean, deviation = (np.array(v)[:, None, None] for v in (use.mean, use.deviation))
    wanted = squares((image / 255 - mean) / deviation, 4)[:, ::-1]
    found = run(backbone_graph(opened, None), image)
    assert set(found) == {"fine"}
    np.testing.assert_allclose(found["fine"], wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(squares(opened.prepared(image), 4), wanted, rtol=1e-4, atol=1e-5)


def test_imagenet_unless_stated() -> None:
    """Without a word, images are normalised as nearly every published network wants them."""
    found = run(backbone_graph(open_network(pooled(), Use()), None), image := picture())
    mean = np.array([0.485, 0.456, 0.406])[:, None, None]
    deviation = np.array([0.229, 0.224, 0.225])[:, None, None]
    wanted = squares((image / 255 - mean) / deviation, 4)
    np.testing.assert_allclose(found["fine"], wanted, rtol=1e-4, atol=1e-5)


def test_colours_last() -> None:
    """A network that takes and gives colours last is turned."""
    data = network(
        helper.make_node("Mul", ["pixels", "two"], ["double"]),
        outputs={"double": ["n", "h", "w", 3]},
        image=("n", "h", "w", 3),
        two=np.float32(2),
    )
    opened = open_network(data, replace(RAW, channels_last=True))
    image = picture()
    np.testing.assert_allclose(run(backbone_graph(opened, None), image)["double"], 2 * image)
    assert opened.prepared(image).shape == (2, 32, 48, 3)
    np.testing.assert_allclose(opened.as_maps(2 * opened.prepared(image)), 2 * image)


@pytest.mark.parametrize(("prefix", "stated"), [(1, None), (5, None), (5, 5), (1, 1)])
def test_tokens(prefix: int, stated: int | None) -> None:
    """With the grid stated, tokens become a map; those before it are left away."""
    use = replace(RAW, grid=(4, 6), prefix_tokens=stated)
    opened = open_network(tokens(prefix), use)
    graph = backbone_graph(opened, opened.size)
    image = picture()
    np.testing.assert_allclose(run(graph, image)["tokens"], squares(image, 8), rtol=1e-5)
    session = onnxruntime.InferenceSession(opened.with_outputs())
    (theirs,) = session.run(None, {"pixels": opened.prepared(image)})
    np.testing.assert_allclose(opened.as_maps(theirs), squares(image, 8), rtol=1e-5)


def test_an_inner_value_may_be_named() -> None:
    """A classifier becomes a backbone by the name of a value within."""
    data = network(
        helper.make_node("AveragePool", ["pixels"], ["inner"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("GlobalAveragePool", ["inner"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["logits"]),
        outputs={"logits": ["n", 3]},
    )
    with pytest.raises(BadBackbone, match=r"logits \[n, 3\]; an inner value may be named"):
        open_network(data, RAW)
    opened = open_network(data, replace(RAW, outputs=("inner",)))
    assert run(backbone_graph(opened, None), picture())["inner"].shape == (2, 3, 8, 12)


def _external() -> bytes:
    model = onnx.load_model_from_string(tokens())
    tensor = next(t for t in model.graph.initializer if t.name == "seven")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    return bytes(model.SerializeToString())


def _branch() -> bytes:
    inner = helper.make_graph(
        [helper.make_node("Identity", ["pixels"], ["same"])],
        "then",
        [],
        [helper.make_tensor_value_info("same", TensorProto.FLOAT, None)],
    )
    return network(
        helper.make_node("If", ["yes"], ["x"], then_branch=inner, else_branch=inner),
        outputs={"x": ["n", 3, "h", "w"]},
        yes=np.array(True),
    )


def _two_inputs() -> bytes:
    model = onnx.load_model_from_string(pooled())
    model.graph.input.append(helper.make_tensor_value_info("k", TensorProto.FLOAT, [1]))
    return bytes(model.SerializeToString())


def _foreign_operator() -> bytes:
    model = onnx.load_model_from_string(pooled())
    model.graph.node[0].domain = "com.microsoft"
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return bytes(model.SerializeToString())


def _bytes_in() -> bytes:
    cast = helper.make_node("Cast", ["pixels"], ["x"], to=TensorProto.FLOAT)
    return network(cast, outputs={"x": ["n", 3, "h", "w"]}, kind=TensorProto.UINT8)


BAD = {
    "not ONNX": (b"\x80\x02}q\x00.", RAW, "not ONNX"),
    "cut": (pooled()[:-20], RAW, "not ONNX|not valid"),
    "external": (_external(), RAW, "external data"),
    "operators": (_foreign_operator(), RAW, "com.microsoft"),
    "branch": (_branch(), RAW, "branches, loops"),
    "inputs": (_two_inputs(), RAW, "has the inputs pixels, k"),
    "bytes": (_bytes_in(), RAW, "must be float32 .*type UINT8"),
    "last": (pooled(("n", "h", "w", 3)), RAW, r"not valid ONNX|its colours come last"),
    "tokens": (tokens(), RAW, r"tokens \[n, 25, 3\]; for tokens, state the grid"),
    "maps": (pooled(), replace(RAW, grid=(4, 6)), "none of its outputs is tokens"),
    "name": (pooled(), replace(RAW, outputs=("gone",)), "no value 'gone'"),
    "size": (tokens(), replace(RAW, grid=(4, 6), size=(64, 64)), "images of 48 x 32 alone"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_a_backbone(case: str) -> None:
    """Each is refused with one sentence that says why."""
    data, use, reason = BAD[case]
    with pytest.raises(BadBackbone, match=reason):
        open_network(data, use)


def test_a_deviation_of_nothing_is_refused() -> None:
    """Nothing is divided by zero."""
    with pytest.raises(BadBackbone, match="above 0"):
        backbone_graph(open_network(pooled(), replace(RAW, deviation=(1.0, 0.0, 1.0))), None)


def test_unused_domains_do_no_harm() -> None:
    """Exporters declare domains that no operator is of."""
    model = onnx.load_model_from_string(pooled())
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    graph = backbone_graph(open_network(model.SerializeToString(), RAW), None)
    assert {o.domain for o in onnx.load_model_from_string(graph).opset_import} == {""}
