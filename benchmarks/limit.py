"""How much of what this processor can do at most do the graphs reach?

    python -m benchmarks.limit [--tiers fast balanced accurate] [--turns 40]

One thread. The peak is that of large matrix products, measured in the same run on each runtime in
32-bit floats, bfloat16 and 8-bit integers; a graph's operations are those of its convolutions and
products (`benchmarks.operations`). Times are the processor's, so that other programs' turns do not
count, and everything is measured in turn, so that what slows the processor slows all alike. Shares
are of each turn's peak in 32-bit floats: that of the size and the runtime with the fastest
products, for a runtime may multiply one size worse than the other does. Their median is quoted with
the quartiles. The banks are those of 40 good parts. Where the processor has no instructions for a
precision, its "peak" shows just that.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import process_time

import numpy as np
from onnx import TensorProto, helper, load_model_from_string, numpy_helper

from benchmarks.kept import FOLDER
from benchmarks.operations import operations
from benchmarks.robustness import GOOD, SEED
from benchmarks.setting import table
from benchmarks.tiers import home, trained
from okng.adapters.datasets import read_dataset
from okng.adapters.runtimes.onnxruntime import OnnxRuntime, OnnxRuntimeConfig
from okng.adapters.runtimes.openvino import OpenVino, OpenVinoConfig
from okng.bootstrap import TIERS, render_demo
from okng.bootstrap.building import backbones, build_config
from okng.domain.arrays import Array
from okng.domain.ports import Runtime, Session
from okng.graphs.features import backbones_alone

SIDES = (512, 1024)
"""Of the square matrices of a product: 2 x side^3 operations, about as many as a graph's."""
PARTS = 40
"""That the graphs are trained on: enough for the smallest bank of the defaults."""
WARM_UP = 3
INSTRUCTIONS = {"bfloat16": ("avx512_bf16", "amx_bf16"), "8 bit": ("avx_vnni", "avx512_vnni")}


@dataclass(frozen=True)
class Task:
    """Something to time: a loaded graph with its input, and the operations that it takes."""

    runtime: str
    name: str
    operations: int
    run: Callable[[], object]


def main() -> None:
    """Load everything, time it in turns, and print both tables."""
    arguments = _arguments()
    runtimes: dict[str, Runtime] = {
        "OpenVINO": OpenVino(OpenVinoConfig()),
        "ONNX Runtime": OnnxRuntime(OnnxRuntimeConfig()),
    }
    peaks = [
        task
        for side in SIDES
        for name, runtime in runtimes.items()
        for task in _peaks(name, runtime, side)
    ]
    graphs = {tier: _graphs(tier) for tier in arguments.tiers}
    tasks = [
        _task(name, f"{tier}: {part}", graph, runtime.load(graph))
        for tier, parts in graphs.items()
        for part, graph in parts.items()
        for name, runtime in runtimes.items()
    ]
    everything = [*peaks, *tasks]
    turns = range(arguments.turns + WARM_UP)
    times = np.array([[_time(task.run) for task in everything] for _ in turns])[WARM_UP:]
    rates = np.array([task.operations for task in everything]) / times / 1e9
    _print_peaks(peaks, rates)
    in_fp32 = [column for column, task in enumerate(peaks) if "32 bit" in task.name]
    peak = max(in_fp32, key=lambda column: np.median(rates[:, column]))
    rows = []
    for column, task in enumerate(tasks, start=len(peaks)):
        shares = rates[:, column] / rates[:, peak]
        low, middle, high = np.percentile(shares, [25, 50, 75])
        rows.append(
            [
                f"{task.name}, {task.runtime}",
                f"{task.operations / 1e9:.2f}",
                f"{np.median(times[:, column]) * 1e3:.1f}",
                f"{np.median(rates[:, column]):.1f}",
                f"{middle:.0%} ({low:.0%} to {high:.0%})",
            ]
        )
    heads = [
        "graph, runtime",
        "10^9 operations",
        "processor ms",
        "10^9 / s",
        f"share of the peak, {peaks[peak].name} by {peaks[peak].runtime}",
    ]
    table("Share of the peak that the graphs reach", heads, rows)


def _peaks(name: str, runtime: Runtime, side: int) -> list[Task]:
    """Return the products of one size that this runtime can do, in each precision."""
    count = 2 * side**3
    image = np.random.default_rng(0).random((1, side, side), np.float32)

    def task(precision: str, session: Session) -> Task:
        return Task(name, f"{precision}, {side}", count, partial(session.run, {"x": image}))

    plain, whole = product(side), product(side, True)
    tasks = [task("32 bit", runtime.load(plain)), task("8 bit", runtime.load(whole))]
    if name == "OpenVINO":
        half = OpenVino(OpenVinoConfig(precision="bf16"))
        tasks.insert(1, task("bfloat16", half.load(plain)))
    return tasks


def product(side: int, in_8_bit: bool = False) -> bytes:
    """Build `x` float32 `[1, side, side]` times a constant; quantized as a quantized graph is.

    Quantized, the input becomes uint8 and the constant int8, each with a scale, and the runtime
    multiplies in whole numbers if it can.
    """
    rng = np.random.default_rng(1)
    weights = rng.random((side, side), np.float32)
    # 7 bits: without instructions for whole numbers, pairs of larger products overflow 16 bits.
    shape = [1, side, side]
    constants: dict[str, Array] = {"w": weights}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    if in_8_bit:
        constants = {
            "w8": np.rint(weights * 63).astype(np.int8),
            "sx": np.float32(1 / 255),
            "zx": np.uint8(0),
            "sw": np.float32(1 / 63),
            "zw": np.int8(0),
        }
        nodes = [
            helper.make_node("QuantizeLinear", ["x", "sx", "zx"], ["x8"]),
            helper.make_node("DequantizeLinear", ["x8", "sx", "zx"], ["xd"]),
            helper.make_node("DequantizeLinear", ["w8", "sw", "zw"], ["wd"]),
            helper.make_node("MatMul", ["xd", "wd"], ["y"]),
        ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("x", "y")]
    tensors = [numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()]
    graph = helper.make_graph(nodes, "product", values[:1], values[1:], tensors)
    opset = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString())


def _graphs(tier: str) -> dict[str, bytes]:
    """Return a tier's backbones alone, and its whole graph as trained on `PARTS` parts."""
    flange, _ = render_demo(FOLDER / "flange", GOOD, SEED, home())
    dataset = read_dataset(flange)
    few = replace(dataset, name=f"flange-{PARTS}", samples=dataset.train_good[:PARTS])
    model = trained(few, tier).model
    shelf, manifest = backbones(home()), model.manifest
    config = build_config(manifest.detector, manifest.config, home()).completed(shelf)
    networks = [(shelf.load(one.backbone), one.stages) for one in config.networks]
    return {"backbones": backbones_alone(networks, manifest.view), "graph": model.graph}


def _task(runtime: str, name: str, graph: bytes, session: Session) -> Task:
    shape = load_model_from_string(graph).graph.input[0].type.tensor_type.shape.dim
    size = [1, *(dim.dim_value for dim in shape[1:])]
    image = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    count = sum(operations(graph).values())
    return Task(runtime, name, count, partial(session.run, {"image": image}))


def _print_peaks(peaks: list[Task], rates: np.ndarray) -> None:
    rows = []
    for column, task in enumerate(peaks):
        precision, side = task.name.split(", ")
        ratios = rates[:, column] / rates[:, _index(peaks, task.runtime, f"32 bit, {side}")]
        rows.append(
            [
                f"{task.name}, {task.runtime}",
                f"{np.median(rates[:, column]):.1f}",
                f"{rates[:, column].max():.1f}",
                f"{np.median(ratios):.2f}",
                _instructions(precision),
            ]
        )
    heads = [
        "product, side, runtime",
        "10^9 / s, median",
        "best",
        "over fp32",
        "instructions of its own",
    ]
    table("Peak: products of square matrices, one thread", heads, rows)


def _instructions(precision: str) -> str:
    """Say whether the processor has instructions for a precision, where Linux tells."""
    wanted = INSTRUCTIONS.get(precision)
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return "?"
    if wanted is None:
        return "avx512f" if "avx512f" in flags else "avx2" if "avx2" in flags else "-"
    return ", ".join(name for name in wanted if name in flags) or "none"


def _index(tasks: list[Task], runtime: str, name: str) -> int:
    return next(i for i, t in enumerate(tasks) if (t.runtime, t.name) == (runtime, name))


def _time(run: Callable[[], object]) -> float:
    start = process_time()
    run()
    return process_time() - start


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiers", nargs="+", default=list(TIERS))
    parser.add_argument("--turns", type=int, default=40)
    return parser.parse_args()


if __name__ == "__main__":
    main()
