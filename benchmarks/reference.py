"""What the default of `memory` gives up against the full-dimensional bank.

    python -m benchmarks.reference [FOLDER ...]

The reference takes every feature of every training image as a candidate and keeps 10 % of them
(Roth et al. 2022, PatchCore-10 %), on the default's cells and on cells of half the side. That takes
minutes and gigabytes. All train on all good images of the training split, without copies.
"""

import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.setting import datasets, table
from okng.algorithms.metrics import auroc
from okng.algorithms.view import Preparer
from okng.bootstrap import TrainingOptions, make_view, runtime
from okng.detectors.images import Chosen
from okng.detectors.memory import Memory, MemoryConfig
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.ports import Session, silent
from okng.services.prepare import PreparedImages
from okng.settings import Settings

ALL = 10**7


def main() -> None:
    """Train, score and print."""
    sets = datasets(sys.argv[1:])
    figures = np.array([_references(dataset) for dataset in sets])
    _print_references([dataset.name for dataset in sets], figures)


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
        configs = [MemoryConfig(turns=1, altered=0)]
        for cell_px in (16, 8):
            cells = len(train) * prepare.view.height * prepare.view.width // cell_px**2
            configs.append(
                MemoryConfig(
                    turns=1,
                    altered=0,
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


if __name__ == "__main__":
    main()
