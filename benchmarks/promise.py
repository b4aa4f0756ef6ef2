"""Does the promise hold? The share of trainings whose true overkill exceeds the promised bound.

    python -m benchmarks.promise [--trainings 200] [--blocks 100] [--side 32] [--sizes 600 20]
        [--real 10]

Each training is `okng.services.train.train` on good parts of the generator that no other training
sees: 600 parts, of which 299 are held out and promise at most 1 % overkill at 95 % confidence; and,
cross-fitted, 20 to 300 parts, which promise approximately. Each model then judges the same 20,000
fresh good parts (5,000 where it is cross-fitted); the share that is not OK is its true overkill.

To have so many trainings in half an hour, the graph is small: it sees `--side` pixels of a picture
of 64, and its bank has as many cells per cell of the map as by default. With `--blocks` the parts
of so many trainings are rendered, and further trainings draw theirs from all of these at random:
two of them share a few parts.

What is done is kept in `build/benchmarks`, and a run goes on where another ended. `--real` adds the
data sets: half of their good parts are drawn to train on and the others judged, all images of a
part on one side. The draws overlap, so that is a description, not a test.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

from benchmarks.kept import FOLDER, Kept
from benchmarks.parts import SEED, GoodParts
from benchmarks.promise_report import report
from benchmarks.setting import datasets
from benchmarks.shared_front import SharedFront
from okng.adapters.stores.model_folder import FolderModelStore
from okng.algorithms.calibration import hold_out
from okng.algorithms.pixels import MAX_PIXELS, decode_file
from okng.algorithms.view import Preparer
from okng.bootstrap import DEFAULT_SIZE
from okng.bootstrap.building import build_detector, build_runtime
from okng.detectors.memory import MemoryConfig
from okng.domain.arrays import Floats, Pixels, Scores
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.model import Model
from okng.domain.ports import silent
from okng.domain.view import View
from okng.graphs.features import feature_graph
from okng.services.prepare import PreparedImages
from okng.services.train import train
from okng.services.training_plan import TrainingPlan
from okng.settings import Settings

CAMERA_PX = 64
PARTS = 600
FRESH, FRESH_FEW = 20_000, 5_000
FEW = (20, 50, 100, 300)
FIRST_TRAINED = 1_000_000
"""Number of the first part that is trained on; those below are the fresh ones."""
BLOCK = 1000
BATCH = 50
CHECKED_TRAININGS, CHECKED = 5, 3
"""Of how many trainings the whole graph is compared with its halves, and on how many pictures."""


@dataclass
class Bench:
    """A runtime with a shared front, and a detector on it."""

    side: int
    settings: Settings = field(default_factory=lambda: Settings(runtime="onnxruntime"))

    def __post_init__(self) -> None:
        self.runtime = SharedFront(build_runtime("onnxruntime", self.settings, "CPU", "f32"))
        self.built = build_detector("memory", _config(self.side), self.runtime, self.settings)
        (backbone,) = self.built.backbones
        chosen = self.built.config
        front = feature_graph(
            backbone, chosen.stages, chosen.cell_px, self.side, self.side, chosen.neighbourhood
        )
        self.prepare = Preparer(View(self.side, self.side))
        self.shape = (front.channels, front.rows, front.columns)
        self.front = self.runtime.load(front.graph.SerializeToString())

    def train(self, samples: Sequence[Sample], home: Path) -> Model:
        """Train as `okng train` does, with its defaults, on good images."""
        plan = TrainingPlan(
            product="part",
            detector_name="memory",
            detector=self.built.detector,
            config=self.built.config.model_dump(mode="json"),
            backbones=tuple(one.card for one in self.built.backbones),
            view=self.prepare.view,
        )
        dataset = Dataset("part", home, "flat", tuple(samples))
        store = FolderModelStore(home / f"models-{len(samples)}")
        return train(dataset, plan, [self.runtime], store, _no_page, silent).model

    def check(self, model: Model, samples: Sequence[Sample]) -> None:
        """Make sure that the whole graph scores these images as its halves do."""
        pictures = np.stack([self.prepare(decode_file(sample.path)) for sample in samples])
        self.runtime.check(model.graph, pictures)

    def features(self, samples: Sequence[Sample]) -> Iterator[Floats]:
        """Yield the features of images, float32 `[C, h, w]`."""
        for sample in samples:
            yield self.runtime.features(self.prepare(decode_file(sample.path))[None])[0]

    def scores(self, model: Model, features: Floats) -> Scores:
        """Score pictures by their features, float32 `[n, C, h, w]`."""
        back = self.runtime.back(model.graph)
        blocks = range(0, len(features), BATCH)
        found = [back.run({"features": features[i : i + BATCH]})["score"] for i in blocks]
        return np.concatenate(found).astype(np.float64)


@dataclass(frozen=True)
class Population:
    """The parts that are trained on: as many blocks of `PARTS` as were asked for."""

    parts: GoodParts
    blocks: int

    def take(self, number: int, count: int) -> tuple[Pixels, bool]:
        """Return the parts of a training, and whether they were drawn from those of others.

        As long as there are blocks, or halves of blocks that suffice, they are its own.
        """
        if number < self.blocks:
            return self._block(number)[:count], False
        if 2 * count <= PARTS and number < 2 * self.blocks:
            return self._block(number - self.blocks)[-count:], False
        rng = np.random.default_rng([SEED, number])
        chosen = np.sort(rng.choice(self.blocks * PARTS, count, replace=False))
        return np.stack([self._block(i // PARTS)[i % PARTS] for i in chosen]), True

    def _block(self, number: int) -> Pixels:
        return self.parts.take(FIRST_TRAINED + number * PARTS, PARTS)


def main() -> None:
    """Train, judge, keep, and report all that has been kept."""
    arguments = _arguments()
    side = arguments.side
    kept = Kept(FOLDER / f"promise-{side}.jsonl")
    real = Kept(FOLDER / "promise-real.jsonl")
    with threadpool_limits(1):
        if arguments.trainings:
            parts, bench = GoodParts(FOLDER, CAMERA_PX), Bench(side)
            fresh = _fresh_features(parts, bench)
            population = Population(parts, arguments.blocks or arguments.trainings)
            for group in ((PARTS,), FEW):
                sizes = [n for n in group if n in arguments.sizes]
                for number in range(arguments.trainings if sizes else 0):
                    _one(number, sizes, population, bench, fresh, kept)
                    if population.blocks >= arguments.trainings:
                        bench.runtime.forget()
        for dataset in datasets([]) if arguments.real else ():
            _one_set(dataset, arguments.real, real)
    report(kept, real, side)


def _one_set(dataset: Dataset, repeats: int, kept: Kept) -> None:
    """Train on half of a data set's good parts, drawn anew each time, and judge the others."""
    missing = [i for i in range(repeats) if f"{dataset.name}/{i}" not in kept]
    if not missing:
        return
    good = [replace(s, split=Split.TRAIN) for s in dataset.samples if s.is_good]
    bench = Bench(DEFAULT_SIZE[0])
    with PreparedImages(good, bench.prepare, MAX_PIXELS, silent) as images:
        parts = images.parts()
    for i in missing:
        is_judged = hold_out(parts, len(np.unique(parts)) // 2, np.random.default_rng(i))
        chosen = [sample for sample, out in zip(good, is_judged, strict=True) if not out]
        others = [sample for sample, out in zip(good, is_judged, strict=True) if out]
        with tempfile.TemporaryDirectory(prefix="okng-promise-") as place:
            model = bench.train(chosen, Path(place))
        scores = [bench.scores(model, item[None]) for item in bench.features(others)]
        kept.add(f"{dataset.name}/{i}", record(model, np.concatenate(scores)))


def _one(
    number: int, sizes: Sequence[int], of: Population, bench: Bench, fresh: Floats, kept: Kept
) -> None:
    """Train on the first of a training's parts, and judge the fresh ones."""
    missing = [n for n in sizes if f"{n}/{number}" not in kept]
    if not missing:
        return
    pictures, drawn = of.take(number, max(missing))
    with tempfile.TemporaryDirectory(prefix="okng-promise-") as place:
        samples = list(_written(pictures, Path(place)))
        for n in missing:
            model = bench.train(samples[:n], Path(place))
            if number < CHECKED_TRAININGS:
                bench.check(model, samples[:CHECKED])
            judged = fresh if n == PARTS else fresh[:FRESH_FEW]
            kept.add(
                f"{n}/{number}", {"drawn": drawn, **record(model, bench.scores(model, judged))}
            )


def record(model: Model, fresh: Scores) -> dict[str, float | int | bool]:
    """Return what a model promises and what became of fresh good parts."""
    calibration = model.manifest.calibration
    (promise,) = calibration.promises
    return {
        "n": promise.n,
        "exact": promise.exact,
        "promised": promise.rate,
        "fresh": len(fresh),
        "not_ok": int((fresh > calibration.review_threshold).sum()),
        "ng": int((fresh > calibration.ng_threshold).sum()),
    }


def _no_page(*_: object) -> str:
    """Stand in for the model's page, which nobody would read."""
    return ""


def _config(side: int) -> dict[str, object]:
    """Return the default sizes of the bank, as shares of the map's cells."""
    share, default = (side / DEFAULT_SIZE[0]) ** 2, MemoryConfig()
    sizes = {"smallest_bank": default.smallest_bank, "bank_size": default.bank_size}
    return {name: round(share * size) for name, size in sizes.items()}


def _fresh_features(parts: GoodParts, bench: Bench) -> Floats:
    """Return the features of the fresh parts, float32 `[FRESH, C, h, w]`; kept in a file."""
    file = FOLDER / f"fresh-{bench.side}-{FRESH}.npy"
    if not file.exists():
        partial = file.with_suffix(".part")
        shape = (FRESH, *bench.shape)
        features = np.lib.format.open_memmap(partial, "w+", np.float32, shape)
        for first in range(0, FRESH, BLOCK):
            for i, picture in enumerate(parts.take(first, BLOCK), start=first):
                seen = bench.prepare(picture)[None]
                features[i] = bench.front.run({"image": seen})["features"][0]
            bench.runtime.forget()
        features.flush()
        partial.rename(file)
    kept: Floats = np.load(file, mmap_mode="r", allow_pickle=False)
    return kept


def _written(pictures: Pixels, folder: Path) -> Iterator[Sample]:
    """Write pictures without loss, as a camera would."""
    for i, picture in enumerate(pictures):
        path = folder / f"{i:04}.bmp"
        Image.fromarray(picture).save(path)
        yield Sample(path, "good", Split.TRAIN)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trainings", type=int, default=200, help="0: only report what is kept")
    parser.add_argument("--blocks", type=int, help="of parts that are rendered; default: for all")
    parser.add_argument("--side", type=int, default=32, help="of what the graph sees, in px")
    sizes = [PARTS, *FEW]
    parser.add_argument("--sizes", type=int, nargs="+", default=sizes, choices=sizes, help="parts")
    parser.add_argument("--real", type=int, default=0, metavar="N", help="draws of each data set")
    return parser.parse_args()


if __name__ == "__main__":
    main()
