"""How long does a training take, against its images' way through the backbone alone?

    python -m benchmarks.training

The whole of `okng.train` (reading, grouping, features, bank, cross-fitting, calibration, golden
images, parity on every runtime, storing) over the time in which the same runtime with the same
threads runs the backbone alone on the same prepared images; in turn, several times.
"""

import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.setting import data_folder, table
from okng.adapters.datasets import read_dataset
from okng.algorithms.pixels import decode_file
from okng.algorithms.view import Preparer
from okng.bootstrap import TrainingOptions, make_view, runtime, train_dataset
from okng.domain.dataset import Dataset
from okng.domain.ports import silent
from okng.graphs.backbone import load_backbone
from okng.graphs.features import backbones_alone
from okng.settings import Settings

TURNS = 5


def main() -> None:
    """Time both on bottle."""
    dataset = read_dataset(data_folder() / "bottle")
    rows = []
    for detector in ("memory", "gaussian"):
        options = TrainingOptions(detector=detector)
        with tempfile.TemporaryDirectory() as home:
            settings = Settings(home=Path(home))
            pairs = [_turn(dataset, options, settings) for _ in range(TURNS + 1)][1:]
        training, backbone = np.array(pairs).T
        ratios = training / backbone
        rows.append(
            [
                detector,
                f"{np.median(training):.2f}",
                f"{np.median(backbone):.2f}",
                f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})",
            ]
        )
    heads = ["detector", "training s", "backbone alone s", "ratio"]
    table(f"Training on bottle ({len(dataset.train_good)} images), one thread", heads, rows)


def _turn(dataset: Dataset, options: TrainingOptions, settings: Settings) -> tuple[float, float]:
    start = perf_counter()
    train_dataset(dataset, None, options, settings, silent)
    trained = perf_counter() - start
    view = make_view(options, settings)
    prepare = Preparer(view)
    images = [prepare(decode_file(sample.path)) for sample in dataset.train_good]
    backbone = load_backbone("efficientnet_lite0")
    graph = backbones_alone([(backbone, ("stride8", "stride16"))], view)
    session = runtime(settings).load(graph)
    start = perf_counter()
    for image in images:
        session.run({"image": image[None]})
    return trained, perf_counter() - start


if __name__ == "__main__":
    main()
