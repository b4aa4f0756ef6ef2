import numpy as np
import pytest
from benchmarks.limit import product
from benchmarks.operations import operations

from okng.adapters.runtimes.onnxruntime import OnnxRuntime, OnnxRuntimeConfig
from okng.domain.view import View
from okng.graphs.backbone import load_backbone
from okng.graphs.builder import GraphBuilder
from okng.graphs.features import backbones_alone
from okng.graphs.heads import MapScoring, nearest_neighbour_head


def test_convolutions_and_products_are_counted_by_hand() -> None:
    """2 operations for each output value, kernel place and channel of the group."""
    graph = GraphBuilder("counted")
    image = graph.input("image", "float32", ("N", 4, 10, 12))
    plain = graph.constant(np.ones((6, 4, 3, 3), np.float32))
    x = graph.node("Conv", image, plain, kernel_shape=[3, 3], strides=[2, 2])
    depthwise = graph.constant(np.ones((6, 1, 1, 1), np.float32))
    x = graph.node("Conv", x, depthwise, kernel_shape=[1, 1], group=6)
    x = graph.node("Reshape", graph.node("Relu", x), graph.ints(0, 6, 20))
    x = graph.node("MatMul", x, graph.constant(np.ones((20, 7), np.float32)))
    graph.output(x, "out", ("N", 6, 7))
    counts = operations(graph.build().SerializeToString())
    out = 6 * 4 * 5
    assert counts == {"Conv": 2 * out * 4 * 9 + 2 * out, "MatMul": 2 * 6 * 7 * 20}


def test_search_takes_cells_times_bank_times_dimensions() -> None:
    """The nearest-neighbour search is one product."""
    head = nearest_neighbour_head(
        np.ones((100, 24), np.float32), MapScoring(0.03, 0, np.ones((5, 6), np.bool_))
    )
    assert operations(head.SerializeToString()) == {"MatMul": 2 * 30 * 100 * 24}


def test_backbone_takes_about_what_its_paper_says() -> None:
    """EfficientNet-Lite0 has 407 million multiply-adds at 224 px; stride 16 is most of them."""
    backbone = load_backbone("efficientnet_lite0")
    graph = backbones_alone([(backbone, backbone.defaults.stages)], View(224, 224))
    total = sum(operations(graph).values())
    assert 0.5 * 2 * 407e6 < total < 1.3 * 2 * 407e6


@pytest.mark.parametrize("in_8_bit", [False, True])
def test_product_multiplies(in_8_bit: bool) -> None:
    """What the peak is measured with gives the product, quantized to about a hundredth of it."""
    session = OnnxRuntime(OnnxRuntimeConfig()).load(product(64, in_8_bit))
    found = session.run({"x": np.ones((1, 64, 64), np.float32)})["y"][0]
    columns = np.random.default_rng(1).random((64, 64), np.float32).sum(axis=0)
    assert found[0] == pytest.approx(columns, rel=0.01)
    assert operations(product(64)) == {"MatMul": 2 * 64**3}
