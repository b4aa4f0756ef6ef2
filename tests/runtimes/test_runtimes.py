import os
import threading
import time
from collections.abc import Callable

import numpy as np
import openvino
import pytest

from okng import plugins
from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.adapters.runtimes.openvino import OpenVino
from okng.domain.errors import BadSetting, MissingExtra
from okng.domain.ports import Runtime
from okng.graphs.builder import GraphBuilder
from okng.testing.models import tiny_graph, tiny_score
from okng.testing.runtimes import RUNTIME_CHECKS, RuntimeTrial, check_runtime, check_runtime_class


@pytest.mark.parametrize("check", RUNTIME_CHECKS, ids=lambda check: check.__name__)
def test_every_runtime_conforms(runtime: Runtime, check: Callable[[RuntimeTrial], None]) -> None:
    """Each runtime that is shipped does what the conformance suite asks."""
    check(RuntimeTrial(runtime))


@pytest.mark.parametrize("name", plugins.names("runtime"))
def test_every_runtime_class_conforms(name: str) -> None:
    """Each has described settings, and refuses devices and precisions that do not exist."""
    check_runtime_class(plugins.load("runtime", name))


@pytest.mark.parametrize("name", plugins.names("runtime"))
def test_runtimes_are_called_as_in_the_table(name: str) -> None:
    """A runtime's own name is the one by which it is chosen."""
    assert plugins.load("runtime", name).name == name


def test_label_says_device_and_precision(runtime: Runtime) -> None:
    """People read what computes where, and how finely."""
    assert runtime.label.endswith("CPU f32")


def test_more_threads_give_the_same_score(runtime: Runtime) -> None:
    """Threads change the time, not the answer."""
    several = type(runtime)(type(runtime).Config(threads=2))
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(1, 8, 8, 3)
    score = several.load(tiny_graph()).run({"image": pixels})["score"]
    assert score[0] == pytest.approx(tiny_score(pixels[0]), rel=1e-6)


@pytest.mark.parametrize("precision", ["f16", "bf16", "int8"])
def test_onnxruntime_refuses_a_precision_that_it_would_ignore(precision: str) -> None:
    """On a CPU it computes as the graph says, so another precision is refused, with the mend."""
    with pytest.raises(BadSetting, match=f"{precision}.*f32"):
        OnnxRuntime(OnnxRuntime.Config(precision=precision))


def test_onnxruntime_takes_device_names_in_any_case() -> None:
    """`cpu` is the CPU."""
    assert "cpu" in OnnxRuntime(OnnxRuntime.Config(device="cpu")).label


@pytest.mark.parametrize("runtime_class", [OnnxRuntime, OpenVino])
def test_unknown_device_is_refused_with_those_there_are(runtime_class: type) -> None:
    """A device that is not here is refused, and the CPU offered."""
    with pytest.raises(BadSetting, match=r"'TPU'.*CPU"):
        runtime_class(runtime_class.Config(device="TPU"))


@pytest.mark.parametrize(("precision", "capability"), [("f16", "FP16"), ("bf16", "BF16")])
def test_openvino_computes_in_half_precision_or_refuses(precision: str, capability: str) -> None:
    """Where the processor has it, OpenVINO passes the suite within the tolerance of half precision;
    elsewhere it would compute in another without a word, so the setting is refused."""
    config = OpenVino.Config(precision=precision)
    if capability in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        check_runtime(OpenVino(config), tolerance=0.02 if precision == "f16" else 0.05)
    else:
        with pytest.raises(BadSetting, match=rf"{precision} .*choose from f32"):
            OpenVino(config)


@pytest.mark.parametrize(
    ("offered", "precision", "choice"),
    [(["FP16", "INT8"], "f32", "f16"), (["FP32", "BF16"], "f16", "f32, bf16")],
)
def test_openvino_offers_what_the_device_computes_in(
    monkeypatch: pytest.MonkeyPatch, offered: list[str], precision: str, choice: str
) -> None:
    """A refused precision names those that the device has."""
    monkeypatch.setattr(openvino.Core, "get_property", lambda *asked: offered)
    with pytest.raises(BadSetting, match=f"choose from {choice}$"):
        OpenVino(OpenVino.Config(precision=precision))


def test_openvino_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without OpenVINO the error names the command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"pip install 'okng\[openvino\]'"):
        OpenVino(OpenVino.Config())


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system binds no threads")
def test_no_core_is_taken_for_oneself(runtime: Runtime) -> None:
    """While a graph runs its thread may run anywhere: other processes would take the same core."""
    graph, rng = GraphBuilder("slow"), np.random.default_rng(0)
    x = graph.node("Cast", graph.input("image", "uint8", ("N", 8, 8, 3)), to=1)
    x = graph.node("Reshape", x, graph.ints(-1, 192))
    weights = rng.normal(size=(192, 4096)).astype(np.float32)
    for turned in (weights, weights.T, weights, weights.T):
        x = graph.node("MatMul", x, graph.constant(turned))
    graph.output(graph.node("ReduceMean", x, graph.ints(1), keepdims=0), "score", ["N"])
    session = runtime.load(graph.build().SerializeToString())
    thread, allowed, running = threading.get_native_id(), os.sched_getaffinity(0), True
    seen: list[set[int]] = []

    def watch() -> None:
        while running:
            seen.append(os.sched_getaffinity(thread))
            time.sleep(0.0005)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        for _ in range(200):
            session.run({"image": np.zeros((1, 8, 8, 3), np.uint8)})
    finally:
        running = False
        watching.join()
    assert len(seen) > 10
    assert all(cores == allowed for cores in seen)
