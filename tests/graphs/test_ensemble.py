import numpy as np
import onnx
import pytest

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.adapters.runtimes.openvino import OpenVino
from okng.algorithms.logistic import softmax
from okng.domain.arrays import Floats, Mask, Pixels
from okng.domain.errors import BadModel
from okng.domain.ports import Runtime
from okng.graphs.builder import GraphBuilder
from okng.graphs.ensemble import Member, ensemble_graph
from okng.graphs.fusion import MapScale
from okng.graphs.signature import check_signature

RUNTIMES = [OnnxRuntime(OnnxRuntime.Config()), OpenVino(OpenVino.Config())]
PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)


def graph_of(gain: float, pool: int = 1, classes: int = 0) -> bytes:
    """Return a graph whose map is the image's red, pooled and times a gain."""
    graph = GraphBuilder("member")
    image = graph.input("image", "uint8", ("N", 8, 8, 3))
    red = graph.node("Gather", graph.node("Cast", image, to=1), graph.ints(0), axis=3)
    plane = graph.node("Reshape", red, graph.ints(-1, 1, 8, 8))
    if pool > 1:
        plane = graph.node("AveragePool", plane, kernel_shape=[pool] * 2, strides=[pool] * 2)
    plane = graph.node("Mul", plane, graph.constant(np.float32(gain)))
    side = 8 // pool
    plane = graph.node("Reshape", plane, graph.ints(-1, side, side))
    graph.output(graph.node("ReduceMax", plane, graph.ints(1, 2), keepdims=0), "score", ("N",))
    graph.output(plane, "anomaly_map", ("N", side, side))
    if classes:
        firsts = graph.node("Slice", plane, graph.ints(0), graph.ints(1), graph.ints(1))
        firsts = graph.node("Reshape", firsts, graph.ints(-1, side))
        firsts = graph.node("Slice", firsts, graph.ints(0), graph.ints(classes), graph.ints(1))
        graph.output(firsts, "class_scores", ("N", classes))
    return bytes(graph.build().SerializeToString())


def looping_graph() -> bytes:
    """Return a graph that finds the same in a loop which uses a value from around it."""
    graph = GraphBuilder("looping")
    image = graph.input("image", "uint8", ("N", 8, 8, 3))
    red = graph.node("Gather", graph.node("Cast", image, to=1), graph.ints(0), axis=3)
    red = graph.node("Reshape", red, graph.ints(-1, 8, 8))
    body = GraphBuilder("body", "inner/")
    trip = body.input("inner/trip", "int64", ())
    condition = body.input("inner/go_on", "bool", ())
    taken = body.node("Gather", red, body.node("Reshape", trip, body.ints(1)), axis=1)
    body.output(condition, "inner/still", (), "bool")
    body.output(taken, "inner/row", ("N", 1, 8))
    rows = graph.loop(graph.constant(np.int64(8)), body, [red])
    turned = graph.node("Transpose", rows, perm=[1, 0, 2, 3])
    plane = graph.node("Reshape", turned, graph.ints(-1, 8, 8))
    graph.output(graph.node("ReduceMax", plane, graph.ints(1, 2), keepdims=0), "score", ("N",))
    graph.output(plane, "anomaly_map", ("N", 8, 8))
    return bytes(graph.build().SerializeToString())


def run(graph: bytes, runtime: Runtime, pixels: Pixels = PIXELS) -> dict[str, Floats]:
    check_signature(graph)
    return dict(runtime.load(graph).run({"image": pixels}))


def everywhere(side: int = 8) -> Mask:
    return np.ones((side, side), bool)


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda r: r.name)
def test_scores_and_maps_are_scaled_and_averaged(runtime: Runtime) -> None:
    """Each member's score and map are brought to its scale; coarser maps to the finest grid."""
    members = [
        Member("a", graph_of(1.0), MapScale(100, 50), 8, 8),
        Member("b", graph_of(0.1, pool=2), MapScale(5, 2), 4, 4),
    ]
    found = run(ensemble_graph(members, (8, 8), everywhere()), runtime)
    fine, coarse = (run(one.graph, runtime) for one in members)
    wanted = ((fine["score"] - 100) / 50 + (coarse["score"] - 5) / 2) / 2
    assert found["score"] == pytest.approx(wanted, abs=1e-4)
    assert found["anomaly_map"].shape == (3, 8, 8)
    blocks = found["anomaly_map"].reshape(3, 4, 2, 4, 2).mean((2, 4))
    means = fine["anomaly_map"].reshape(3, 4, 2, 4, 2).mean((2, 4))
    inner = np.s_[:, 1:-1, 1:-1]
    rough = ((means - 100) / 50 + (coarse["anomaly_map"] - 5) / 2) / 2
    assert np.abs(blocks - rough)[inner].mean() < 0.3 * rough.std()
    assert "class_scores" not in found


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda r: r.name)
def test_class_scores_are_mean_logarithms_of_tempered_probabilities(runtime: Runtime) -> None:
    """Their softmax is the normalised geometric mean of what each member says, tempered."""
    members = [
        Member("a", graph_of(0.02, classes=3), MapScale(0, 2), 8, 8, temperature=2.0),
        Member("b", graph_of(0.01, classes=3), MapScale(0, 0.5), 8, 8, temperature=0.5),
    ]
    found = run(ensemble_graph(members, (8, 8), everywhere()), runtime)
    shares = [softmax(run(one.graph, runtime)["class_scores"] / one.temperature) for one in members]
    product = np.sqrt(shares[0] * shares[1])
    wanted = product / product.sum(axis=1, keepdims=True)
    assert softmax(found["class_scores"]) == pytest.approx(wanted, abs=1e-5)


def test_classes_of_some_members_only_are_left_out() -> None:
    """Where not every member is asked for its classes, the graph names none."""
    members = [
        Member("a", graph_of(0.02, classes=3), MapScale(0, 2), 8, 8, temperature=2.0),
        Member("b", graph_of(0.01), MapScale(0, 1), 8, 8),
    ]
    assert check_signature(ensemble_graph(members, (8, 8), everywhere())).classes is None


def test_what_is_hidden_is_the_lowest_of_the_map() -> None:
    """Cells that are not inspected never stand out."""
    cells = everywhere()
    cells[:, :3] = False
    members = [Member(n, graph_of(g), MapScale(300, 1), 8, 8) for n, g in (("a", 1), ("b", 2))]
    shown = run(ensemble_graph(members, (8, 8), cells), RUNTIMES[0])["anomaly_map"]
    lowest = shown[:, :, 3:].min(axis=(1, 2))
    assert shown[:, :, :3] == pytest.approx(np.broadcast_to(lowest[:, None, None], (3, 8, 3)))


@pytest.mark.parametrize("runtime", RUNTIMES, ids=lambda r: r.name)
def test_members_with_loops(runtime: Runtime) -> None:
    """Graphs with loops, as those that look through tiles, are joined without a clash."""
    loops = [Member(name, looping_graph(), MapScale(0, 1), 8, 8) for name in "ab"]
    plain = Member("c", graph_of(1.0), MapScale(0, 1), 8, 8)
    found = run(ensemble_graph([*loops, plain], (8, 8), everywhere()), runtime)
    assert found["anomaly_map"] == pytest.approx(PIXELS[..., 0].astype(np.float32), abs=1e-3)


def test_another_opset_is_refused() -> None:
    """A graph that was not made for this version's operators is named."""
    model = onnx.load_model_from_string(graph_of(1.0))
    model.opset_import[0].version = 17
    old = Member("old-1", model.SerializeToString(), MapScale(0, 1), 8, 8)
    with pytest.raises(BadModel, match="old-1 is of ONNX opset 17"):
        ensemble_graph(
            [old, Member("b", graph_of(2.0), MapScale(0, 1), 8, 8)], (8, 8), everywhere()
        )
