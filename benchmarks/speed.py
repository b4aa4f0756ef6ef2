"""How much slower than the backbone alone are the graph, and a file's way to its verdict?

    python -m benchmarks.speed

One thread. The backbone is cut where the graph cuts it, at the same size and with the same
reflected border, on the same runtime at the same precision. Everything is measured in turn, many
times over, so that a busy machine slows all alike; ratios are of each turn, and their median is
quoted with the quartiles. The bank of `memory` is the largest that the defaults allow.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.setting import data_folder, table
from okng.adapters.datasets import read_dataset
from okng.bootstrap import TrainingOptions, installed_runtimes, store, train_dataset
from okng.detectors.memory import MemoryConfig
from okng.domain.model import Model
from okng.domain.ports import Runtime, Session, silent
from okng.graphs.backbone import load_backbone
from okng.graphs.features import backbones_alone
from okng.services.inspect import Inspector
from okng.settings import Settings

TURNS = 150
WARM_UP = 20


def main() -> None:
    """Train on bottle with each detector, and time on every installed runtime."""
    rows = []
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        dataset = read_dataset(data_folder() / "bottle")
        files = [sample.path for sample in dataset.samples]
        for detector in sys.argv[1:] or ("memory", "gaussian"):
            config = {"smallest_bank": MemoryConfig().bank_size} if detector == "memory" else {}
            options = TrainingOptions(detector=detector, config=config)
            model = train_dataset(dataset, detector, options, settings, silent).model
            model = store(settings).load(model.name)
            rows += [_row(model, runtime, files) for runtime in installed_runtimes(settings)]
    heads = ["detector, runtime", "backbone ms", "graph / backbone", "file to verdict / backbone"]
    table("Latency, one thread, 256 x 256, JPEG of 512 x 512", heads, rows)


def _row(model: Model, runtime: Runtime, files: list[Path]) -> list[str]:
    view = model.manifest.view
    stages = tuple(str(name) for name in model.manifest.config["stages"])  # type: ignore[attr-defined]
    alone = runtime.load(backbones_alone([(load_backbone("efficientnet_lite0"), stages)], view))
    whole = runtime.load(model.graph)
    inspector = Inspector(model, whole)
    image = np.random.default_rng(0).integers(0, 256, (1, view.height, view.width, 3), np.uint8)

    def run(session: Session) -> Callable[[Path], object]:
        return lambda _: session.run({"image": image})

    steps = [run(alone), run(whole), inspector.inspect]
    turns = (files[turn % len(files)] for turn in range(TURNS + WARM_UP))
    times = np.array([[_time(step, file) for step in steps] for file in turns])
    times = times[WARM_UP:]
    ratios = times[:, 1:] / times[:, :1]
    name = f"{model.manifest.detector}, {runtime.label}"
    return [name, f"{np.median(times[:, 0]) * 1e3:.2f}", *map(_quartiles, ratios.T)]


def _time(step: Callable[[Path], object], file: Path) -> float:
    start = perf_counter()
    step(file)
    return perf_counter() - start


def _quartiles(ratios: np.ndarray) -> str:
    low, middle, high = np.percentile(ratios, [25, 50, 75])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
