"""What is learned step by step from good images, beside the memory of them.

    python -m benchmarks.learned [FOLDER] [--detectors memory student autoencoder] [--seeds 1]

Bottle unless a folder is named. Each is trained as `okng train` does and judges the test images:
image and pixel AUROC, AUPRO, the seconds of its training and the milliseconds of its graph for one
image. Results are kept, so that a run goes on where one ended; `--fresh` forgets them.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kept import FOLDER, Kept
from benchmarks.setting import data_folder, datasets, table
from okng.bootstrap import TrainingOptions, evaluate, load, train_dataset
from okng.domain.dataset import Dataset, Split
from okng.domain.ports import silent
from okng.settings import Settings

SETTINGS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "memory": ("memory", {}),
    "student": ("student", {}),
    "autoencoder": ("autoencoder", {}),
    "autoencoder, ssim": ("autoencoder", {"loss": "ssim"}),
}
"""By name: the detector and its settings."""


def main() -> None:
    """Train and evaluate whatever is not there yet, and print."""
    arguments = _arguments()
    file = FOLDER / "learned.jsonl"
    if arguments.fresh:
        file.unlink(missing_ok=True)
    kept = Kept(file)
    (dataset,) = datasets([arguments.folder or str(data_folder() / "bottle")])
    for seed in range(arguments.seeds):
        for name in arguments.detectors:
            key = f"{dataset.name}/{name}/{seed}"
            if key not in kept:
                kept.add(key, _measured(dataset, name, seed))
                print(key, kept.records[key]["image_auroc"], flush=True)
    rows = [
        [name, *_row(records)]
        for name in SETTINGS
        if (records := kept.under(f"{dataset.name}/{name}/"))
    ]
    heads = [
        "detector", "seeds", "trained on", "image AUROC", "pixel AUROC", "AUPRO", "training s",
        "graph ms",
    ]  # fmt: skip
    table(f"Learned from the good images of {dataset.name}", heads, rows)


def _measured(dataset: Dataset, name: str, seed: int) -> dict[str, Any]:
    detector, config = SETTINGS[name]
    options = TrainingOptions(detector=detector, config=config, seed=seed)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        training = train_dataset(dataset, None, options, settings, silent)
        inspector = load(training.model.name, settings=settings)
        found = evaluate(dataset, dataset.of(Split.TEST), inspector, settings)
    data, pixels, latency = training.model.manifest.data, found.pixels, found.graph_latency
    return {
        "trained": data.images - data.held_out,
        "image_auroc": found.image_auroc,
        "pixel_auroc": pixels.auroc if pixels else None,
        "aupro": pixels.aupro if pixels else None,
        "seconds": training.seconds,
        "graph_ms": latency.p50_ms if latency else None,
    }


def _row(records: list[dict[str, Any]]) -> list[str]:
    def mean(of: str, digits: int) -> str:
        values = [one[of] for one in records if one[of] is not None]
        return f"{np.mean(values):.{digits}f}" if values else "-"

    return [
        str(len(records)),
        str(records[0]["trained"]),
        *(mean(of, 3) for of in ("image_auroc", "pixel_auroc", "aupro")),
        mean("seconds", 0),
        mean("graph_ms", 1),
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--detectors", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--fresh", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
