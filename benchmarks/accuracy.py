"""Accuracy on data sets in any layout that okng knows.

    python -m benchmarks.accuracy [FOLDER ...] [--detector NAME] [--set KEY=VALUE] [--reference]

Without folders: bottle, magnetic tile, cookie and casting, each trained on its good images alone.
With `--reference` also the full-dimensional bank that the default gives up: every feature of every
training image as a candidate, 10 % of them kept (Roth et al. 2022, PatchCore-10 %), on the
default's cells and on cells of half the side. That takes minutes and gigabytes.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.setting import datasets, table
from okng.algorithms.metrics import auroc
from okng.algorithms.pixels import Preparer
from okng.bootstrap import TrainingOptions, evaluate, load, make_view, runtime, train_dataset
from okng.detectors.images import Chosen
from okng.detectors.memory import Memory, MemoryConfig
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.ports import Session, silent
from okng.services.prepare import PreparedImages
from okng.settings import Settings

HEADS = [
    "set",
    "trained on",
    "image AUROC",
    "pixel AUROC",
    "AUPRO",
    "overkill",
    "review",
    "escapes",
]
ALL = 10**7


def main() -> None:
    """Train, evaluate and print."""
    arguments = _arguments()
    config = dict(_pair(text) for text in arguments.set)
    options = TrainingOptions(detector=arguments.detector, config=config)
    sets = datasets(arguments.folders)
    rows = [_row(dataset, options) for dataset in sets]
    table(f"Accuracy of `{arguments.detector}` {config or ''}".strip(), HEADS, rows)
    if arguments.reference:
        figures = np.array([_references(dataset) for dataset in sets])
        _print_references([dataset.name for dataset in sets], figures)


def _row(dataset: Dataset, options: TrainingOptions) -> list[str]:
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        model = train_dataset(dataset, None, options, settings, silent).model
        inspector = load(model.name, settings=settings)
        result = evaluate(dataset, dataset.of(Split.TEST), inspector, settings)
    pixels = result.pixels
    return [
        dataset.name,
        f"{model.manifest.data.images - model.manifest.data.held_out}",
        _figure(result.image_auroc),
        _figure(pixels.auroc if pixels else None),
        _figure(pixels.aupro if pixels else None),
        *(f"{r.count} of {r.total}" for r in (result.overkill, result.good_reviewed)),
        f"{result.escapes.count} of {result.escapes.total}",
    ]


def _references(dataset: Dataset) -> list[float]:
    """Return the image AUROC of the default, and of 10 % banks on cells of 16 and 8 pixels.

    All three are trained on all good images of the training split.
    """
    settings, options = Settings(), TrainingOptions()
    samples = [s for s in dataset.of(Split.TEST) if s.label is not None]
    prepare = Preparer(make_view(options, settings))
    with (
        PreparedImages(dataset.train_good, prepare, settings.max_pixels, silent) as train,
        PreparedImages(samples, prepare, settings.max_pixels, silent) as test,
    ):
        everyone = Chosen(train, range(len(train)))
        configs = [MemoryConfig()]
        for cell_px in (16, 8):
            cells = len(train) * prepare.view.height * prepare.view.width // cell_px**2
            configs.append(
                MemoryConfig(
                    cell_px=cell_px,
                    blur_cells=MemoryConfig().blur_cells * 16 / cell_px,
                    bank_size=max(1, cells // 10),
                    smallest_bank=1,
                    sample_size=ALL,
                )
            )
        figures = []
        for config in configs:
            engine = runtime(settings)
            graph = Memory(config, engine).train(everyone, None, silent).graph
            figures.append(_auroc(engine.load(graph), test, test.samples))
        return figures


def _auroc(session: Session, images: PreparedImages, samples: Sequence[Sample]) -> float:
    scores = [
        float(session.run({"image": images[i][None]})["score"][0]) for i in range(len(images))
    ]
    found = auroc(np.array(scores), np.array([not sample.is_good for sample in samples]))
    return float("nan") if found is None else found


def _print_references(names: Sequence[str], figures: np.ndarray) -> None:
    lost = 100 * (figures[:, 1:] - figures[:, :1])
    rows = [
        [name, *(f"{value:.4f}" for value in own), *(f"{value:+.2f}" for value in gap)]
        for name, own, gap in zip(names, figures, lost, strict=True)
    ]
    mean = [f"{value:.4f}" for value in figures.mean(axis=0)]
    rows.append(["mean", *mean, *(f"{value:+.2f}" for value in lost.mean(axis=0))])
    heads = [
        "set",
        "default",
        "10 %, 16 px cells",
        "10 %, 8 px cells",
        "given up, points",
        "(8 px)",
    ]
    table("Image AUROC against the full-dimensional 10 % coreset", heads, rows)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _pair(text: str) -> tuple[str, object]:
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--detector", default="memory")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--reference", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
