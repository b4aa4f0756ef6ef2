"""The view inside the graph against the view before the graph."""

import base64
import io
from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import compose, helper
from PIL import Image

from okng.adapters.runtimes.onnxruntime import OnnxRuntime, OnnxRuntimeConfig
from okng.algorithms.view import Preparer
from okng.domain.errors import BadModel, BadSetting
from okng.domain.view import Box, View, parse_preparations
from okng.graphs.builder import GraphBuilder
from okng.graphs.camera import camera_graph
from okng.graphs.resize import Size
from okng.graphs.signature import check_signature


def red_graph(view: View) -> bytes:
    """Return a graph whose map is the first channel and whose score is its mean."""
    graph = GraphBuilder("red")
    image = graph.input("image", "uint8", ("N", view.height, view.width, 3))
    levels = graph.node("Cast", image, to=1)
    first = graph.node("Gather", levels, graph.ints(0), axis=3)
    first = graph.node("ReduceSum", first, graph.ints(3), keepdims=0)
    graph.output(graph.node("ReduceMean", first, graph.ints(1, 2), keepdims=0), "score", ("N",))
    graph.output(first, "anomaly_map", ("N", view.height, view.width))
    return bytes(graph.build().SerializeToString())


def run(graph: bytes, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    session = OnnxRuntime(OnnxRuntimeConfig()).load(graph)
    return np.asarray(session.run({"image": pixels})["anomaly_map"])


def mask_png(mask: NDArray[np.bool_]) -> str:
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@st.composite
def cases(draw: st.DrawFn) -> tuple[View, Size, int]:
    """A camera's size and a view that fits it: any region, any size, with a mask or without."""
    source = Size(draw(st.integers(4, 80)), draw(st.integers(4, 80)))
    height, width = draw(st.integers(2, 48)), draw(st.integers(2, 48))
    roi = None
    if draw(st.booleans()):
        x, y = draw(st.integers(0, source.width - 1)), draw(st.integers(0, source.height - 1))
        wide = draw(st.integers(1, source.width - x))
        roi = Box(x, y, wide, draw(st.integers(1, source.height - y)))
    seed = draw(st.integers(0, 99))
    png = None
    if draw(st.booleans()):
        png = mask_png(np.random.default_rng(seed).random((height, width)) < 0.7)
    return View(width, height, roi, png), source, seed


@settings(max_examples=60)
@given(cases(), st.sampled_from(["rgb", "bgr"]))
def test_the_graph_sees_what_the_view_shows(case: tuple[View, Size, int], channels: str) -> None:
    """Crop, resize, mask and channels give the view's pixels, a few of them one level off."""
    view, source, seed = case
    prepare = Preparer(view)
    pixels = np.random.default_rng(seed).integers(
        0, 256, (2, source.height, source.width, 3), np.uint8
    )
    exported = camera_graph(red_graph(view), view, prepare.mask, source, channels)  # type: ignore[arg-type]
    given_pixels = np.ascontiguousarray(pixels[..., ::-1]) if channels == "bgr" else pixels
    found = run(exported, given_pixels)
    wanted = np.stack([prepare(one)[..., 0] for one in pixels]).astype(np.float32)
    assert found.shape == wanted.shape
    difference = np.abs(found - wanted)
    assert difference.max() <= 1
    assert (difference > 0).sum() <= max(1, 0.05 * difference.size)


@settings(max_examples=20)
@given(cases(), st.sampled_from(["rgb", "bgr"]))
def test_grey_is_in_the_graph(case: tuple[View, Size, int], channels: str) -> None:
    """A view without colour is exported as well; where nothing is resized, to the last bit."""
    given_view, source, seed = case
    view = replace(given_view, prepare=parse_preparations(["grey"]))
    prepare = Preparer(view)
    pixels = np.random.default_rng(seed).integers(
        0, 256, (source.height, source.width, 3), np.uint8
    )
    exported = camera_graph(red_graph(view), view, prepare.mask, source, channels)  # type: ignore[arg-type]
    given_pixels = np.ascontiguousarray(pixels[..., ::-1]) if channels == "bgr" else pixels
    seen = Size(view.roi.height, view.roi.width) if view.roi else source
    exact = seen == Size(view.height, view.width)
    found, wanted = run(exported, given_pixels[None])[0], prepare(pixels)[..., 0]
    assert np.abs(found - wanted).max() <= (0 if exact else 1)


def test_grey_of_every_level_is_exact() -> None:
    """Without a resize the graph's grey is the view's, for colours of all kinds."""
    view = View(256, 256, prepare=parse_preparations(["grey"]))
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    found = run(camera_graph(red_graph(view), view, None, Size(256, 256)), pixels[None])[0]
    assert np.array_equal(found, Preparer(view)(pixels)[..., 0])


@pytest.mark.parametrize("step", ["clahe", "denoise", "illumination", "normalise"])
def test_what_a_graph_cannot_do_exactly_is_refused(step: str) -> None:
    """Other preparation is not approximated: the export is refused, with what to do instead."""
    view = View(8, 8, prepare=parse_preparations([step]))
    with pytest.raises(BadSetting, match=f"train a model without --prepare {step}"):
        camera_graph(red_graph(view), view, None, Size(16, 16))


def test_signature_and_metadata() -> None:
    """The exported graph has the one signature, at the camera's size, and says what it is."""
    view = View(32, 24)
    exported = camera_graph(red_graph(view), view, None, Size(50, 70), metadata={"okng.x": "1"})
    signature = check_signature(exported)
    assert (signature.height, signature.width) == (50, 70)
    assert (signature.map_height, signature.map_width, signature.is_batched) == (24, 32, True)
    props = onnx.load_model_from_string(exported).metadata_props
    assert {prop.key: prop.value for prop in props} == {"okng.x": "1"}


def test_names_that_are_taken() -> None:
    """A graph whose own names begin like the new ones is exported all the same."""
    view = View(8, 8)
    model = compose.add_prefix(
        onnx.load_model_from_string(red_graph(view)),
        "camera/",
        rename_inputs=False,
        rename_outputs=False,
    )
    exported = camera_graph(model.SerializeToString(), view, None, Size(16, 16))
    pixels = np.full((1, 16, 16, 3), 9, np.uint8)
    assert set(np.unique(run(exported, pixels))) == {9}


def test_a_branch_that_takes_the_image() -> None:
    """The image is replaced inside of branches too."""
    view = View(8, 8)
    model = onnx.load_model_from_string(red_graph(view))
    image = next(node for node in model.graph.node if "image" in node.input)
    inner = helper.make_graph(
        [helper.make_node("Cast", ["image"], ["inside"], to=1)],
        "inner",
        [],
        [helper.make_tensor_value_info("inside", 1, ["N", 8, 8, 3])],
    )
    always = onnx.numpy_helper.from_array(np.array(True), "always")
    branch = helper.make_node(
        "If", ["always"], list(image.output), then_branch=inner, else_branch=inner
    )
    model.graph.initializer.append(always)
    model.graph.node.remove(image)
    model.graph.node.insert(0, branch)
    exported = camera_graph(model.SerializeToString(), view, None, Size(16, 24))
    pixels = np.full((1, 16, 24, 3), 5, np.uint8)
    assert set(np.unique(run(exported, pixels))) == {5}


def test_a_region_outside_the_input() -> None:
    """A camera that does not see the region of interest is refused, with the sizes."""
    view = View(8, 8, Box(30, 0, 40, 20))
    with pytest.raises(BadSetting, match="40 x 20, which an input of 64 x 64 does not contain"):
        camera_graph(red_graph(view), view, None, Size(64, 64))


def test_an_old_graph() -> None:
    """A graph of an opset that lacks the operators is refused."""
    view = View(8, 8)
    model = onnx.load_model_from_string(red_graph(view))
    identity = [
        helper.make_node("Cast", ["image"], ["f"], to=1),
        helper.make_node("ReduceMean", ["f"], ["anomaly_map"], axes=[3], keepdims=0),
        helper.make_node("ReduceMean", ["f"], ["score"], axes=[1, 2, 3], keepdims=0),
    ]
    graph = helper.make_graph(identity, "old", model.graph.input, model.graph.output)
    old = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)
    with pytest.raises(BadModel, match="opset 11"):
        camera_graph(old.SerializeToString(), view, None, Size(16, 16))
