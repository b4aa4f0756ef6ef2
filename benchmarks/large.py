"""Large images with defects of a few pixels, with and without tiles.

    python -m benchmarks.large [accuracy] [cost] [--full]

`accuracy`: rendered flanges of 4000 x 4000 px with defects that span 10 to 25 px, and mosaics of 64
magnetic tiles of which one is defective; each learned from good images alone, shrunk to what the
detector usually sees, and through tiles of 512 px. On good images that were not learned, also how
much the map steps where tiles begin and end, against elsewhere. `--full` takes more images and the
default bank: hours instead of minutes. `cost`: latency and peak memory against the image's size,
each in a process of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from PIL import Image

from benchmarks.setting import data_folder, table
from okng.adapters.datasets import read_dataset
from okng.adapters.sources.machined_part import MachinedPart, MachinedPartConfig
from okng.algorithms.calibration import hold_out
from okng.algorithms.pixels import MAX_PIXELS, decode_file
from okng.algorithms.tiles import TileGrid, lay_tiles
from okng.algorithms.view import Preparer
from okng.bootstrap import TrainingOptions, evaluate, load, runtime, train_dataset
from okng.detectors.memory import Memory, MemoryConfig
from okng.domain.dataset import Dataset, Split
from okng.domain.model import Model
from okng.domain.ports import silent
from okng.domain.view import View
from okng.graphs.tiled import tiled_graph
from okng.services.inspect import Inspector
from okng.services.prepare import PreparedImages
from okng.settings import Settings
from okng.testing.images import ArrayImages

SIDE_PX, CELL_PX = 4000, 16
TILE = {"tile_px": 512, "stride_px": 384}
SMALL = 0.032
"""The flange's defects span hundreds of pixels at this size; this makes them 10 to 25."""
KINDS = ("dent", "corrosion", "chip")
MOSAIC, MOSAIC_PX = 8, 256
"""Magnetic tiles in a row of a mosaic, and the side of each in pixels."""
SIDES = (1000, 2000, 4000, 8000)
WHOLE_SIDES, TRAINING_SIDES = SIDES[:2], SIDES[:3]
RUNS = 3


@dataclass(frozen=True)
class Counts:
    """How many images of each kind are made, and how many features the bank holds at most."""

    good: int
    test_good: int
    defective: int
    bank: int


FEW, FULL = Counts(6, 6, 9, 4096), Counts(40, 40, 60, 16_384)


def main() -> None:
    """Run what is named, or all of it."""
    arguments = _arguments()
    if arguments.measure:
        print(json.dumps(_MEASURES[arguments.measure](arguments.side)))
        return
    wanted = arguments.what or ["accuracy", "cost"]
    if "accuracy" in wanted:
        with tempfile.TemporaryDirectory(prefix="okng-large-") as folder:
            _accuracy(Path(folder), FULL if arguments.full else FEW)
    if "cost" in wanted:
        _cost()


def _accuracy(folder: Path, counts: Counts) -> None:
    settings = Settings(home=folder / "home")
    sets: tuple[tuple[str, Callable[[Path, Counts], None]], ...] = (
        ("mosaic", _write_mosaics),
        ("flange", _write_flanges),
    )
    for name, write in sets:
        write(folder / name, counts)
        _compare(name, read_dataset(folder / name), counts, settings)


def _compare(name: str, dataset: Dataset, counts: Counts, settings: Settings) -> None:
    """Train on one set in each way, and print how well each does."""
    rows, seams = [], []
    config = {"bank_size": counts.bank}
    for how, options in (
        ("shrunk to 256", TrainingOptions(config=config)),
        ("shrunk to 1024", TrainingOptions(config=config, size=(1024, 1024))),
        ("in tiles of 512", TrainingOptions(config=config, tile=TILE)),
    ):
        model = train_dataset(dataset, f"{name} {how}", options, settings, silent).model
        rows.append([how, *_judged(dataset, model, settings)])
        if options.tile is not None:
            seams.append(_steps(dataset, model, settings))
    side = model.manifest.view.width  # of the last, which sees every pixel
    learned = f"{side} px, {len(dataset.train_good)} good images to learn from"
    heads = ["looked at", "image AUROC", "pixel AUROC", "AUPRO", "good not OK"]
    table(f"{name}: {learned}", [*heads, "defects called OK", "s an image"], rows)
    heads = ["step at a tile's end", "step elsewhere", "ratio", "level there", "elsewhere"]
    table(f"{name}: seams in the maps of good images that were not learned", heads, seams)


def _write_flanges(folder: Path, counts: Counts) -> None:
    """Write flanges in the layout of MVTec AD; the defects take turns."""
    part = MachinedPart(MachinedPartConfig(size_px=SIDE_PX, defect_scale=SMALL))
    jobs = [("train/good", i, None) for i in range(counts.good)]
    jobs += [("test/good", counts.good + i, None) for i in range(counts.test_good)]
    jobs += [
        (f"test/{kind}", i // len(KINDS), kind)
        for i in range(counts.defective)
        for kind in [KINDS[i % len(KINDS)]]
    ]
    for place, index, kind in jobs:
        made = part.render(index, kind)
        _save(folder / place / f"{index:03}.jpg", made.pixels)
        if kind is not None:
            mask = made.mask.astype(np.uint8) * 255
            _save(folder / "ground_truth" / kind / f"{index:03}_mask.png", mask)


def _write_mosaics(folder: Path, counts: Counts) -> None:
    """Write mosaics of good magnetic tiles; in a defective one, one of them is defective."""
    dataset = read_dataset(data_folder() / "magnetic_tile")
    good = dataset.train_good
    bad = [s for s in dataset.samples if s.is_defective and s.masks]
    rng = np.random.default_rng(0)
    with PreparedImages(good, Preparer(View(64, 64)), MAX_PIXELS, silent) as images:
        parts = images.parts()
    # Tiles of the test are not those that are learned, nor these in another light.
    is_learned = hold_out(parts, len(np.unique(parts)) // 2, rng)
    learned, unseen = np.flatnonzero(is_learned), np.flatnonzero(~is_learned)
    shape = (MOSAIC * MOSAIC_PX, MOSAIC * MOSAIC_PX)
    jobs = [("train/good", i, learned) for i in range(counts.good)]
    jobs += [("test/good", i, unseen) for i in range(counts.test_good)]
    jobs += [("test/defect", i, unseen) for i in range(counts.defective)]
    for place, index, among in jobs:
        pixels = np.zeros((*shape, 3), np.uint8)
        for number, which in enumerate(rng.choice(among, MOSAIC**2)):
            _piece(pixels, number)[:] = _square(decode_file(good[which].path))
        if place.endswith("defect"):
            sample = bad[int(rng.integers(len(bad)))]
            number, mask = int(rng.integers(MOSAIC**2)), np.zeros(shape, np.uint8)
            _piece(pixels, number)[:] = _square(decode_file(sample.path))
            shown = decode_file(sample.masks[0])[..., 0]
            _piece(mask, number)[:] = (_square(shown) > 127) * np.uint8(255)
            _save(folder / "ground_truth" / "defect" / f"{index:03}_mask.png", mask)
        _save(folder / place / f"{index:03}.jpg", pixels)


def _piece(pixels: np.ndarray, number: int) -> np.ndarray:
    """Return the place of one magnetic tile in a mosaic, a view."""
    row, column = divmod(number, MOSAIC)
    top, left = row * MOSAIC_PX, column * MOSAIC_PX
    return pixels[top : top + MOSAIC_PX, left : left + MOSAIC_PX]


def _square(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(pixels, (MOSAIC_PX, MOSAIC_PX), interpolation=cv2.INTER_AREA))


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, quality=95)


def _judged(dataset: Dataset, model: Model, settings: Settings) -> list[str]:
    start = perf_counter()
    samples = dataset.of(Split.TEST)
    result = evaluate(dataset, samples, load(model.name, settings=settings), settings)
    seconds = (perf_counter() - start) / len(samples)
    pixels, good = result.pixels, result.good_reviewed
    stopped = result.overkill.count + good.count
    figures = [result.image_auroc, *((pixels.auroc, pixels.aupro) if pixels else (None, None))]
    return [
        *("-" if value is None else f"{value:.3f}" for value in figures),
        f"{stopped} of {good.total}",
        f"{result.escapes.count} of {result.escapes.total}",
        f"{seconds:.1f}",
    ]


def _steps(dataset: Dataset, model: Model, settings: Settings) -> list[str]:
    """Compare steps between neighbouring cells, and the level, at tiles' ends with elsewhere."""
    view = model.manifest.view
    everywhere = np.ones((view.height, view.width), np.bool_)
    grid = lay_tiles(everywhere, TILE["tile_px"], TILE["stride_px"], CELL_PX)
    inspector = load(model.name, settings=settings)
    maps = []
    for sample in dataset.of(Split.TEST):
        if sample.is_good:
            prediction = inspector.inspect(sample.path).prediction
            assert prediction is not None
            maps.append(prediction.anomaly_map)
    found = np.array(maps)
    steps, levels = [], []
    for axis, side in ((1, grid.down), (2, grid.across)):
        starts = np.array(side.starts)
        ends = sorted({*starts[1:], *(starts[:-1] + side.tile)})
        at_end = np.isin(np.arange(side.cells - 1), np.array(ends) - 1)
        step = np.abs(np.diff(found, axis=axis)).mean(axis=(0, 3 - axis))
        level = found.mean(axis=(0, 3 - axis))
        level = (level[1:] + level[:-1]) / 2
        steps.append((step[at_end].mean(), step[~at_end].mean()))
        levels.append((level[at_end].mean(), level[~at_end].mean()))
    (at, off), (level_at, level_off) = np.mean(steps, axis=0), np.mean(levels, axis=0)
    return [f"{at:.3f}", f"{off:.3f}", f"{at / off:.2f}", f"{level_at:.2f}", f"{level_off:.2f}"]


def _cost() -> None:
    rows = []
    for side in SIDES:
        tiled = _measured("tiled", side)
        whole = _measured("whole", side) if side in WHOLE_SIDES else None
        training = _measured("training", side) if side in TRAINING_SIDES else None
        rows.append(
            [
                side,
                f"{3 * side * side / 2**20:.0f}",
                tiled["tiles"],
                f"{tiled['seconds']:.2f}",
                f"{1000 * tiled['seconds'] / tiled['tiles']:.0f}",
                f"{tiled['peak']:.0f}",
                f"{whole['peak']:.0f}" if whole else "-",
                f"{training['peak']:.0f}" if training else "-",
            ]
        )
    heads = ["side px", "pixels MiB", "tiles", "s an image", "ms a tile", "peak MiB"]
    title = "A tiled graph (bank of 16,384) against the image's size, one thread"
    table(title, [*heads, "untiled: peak MiB", "training on 3 images: peak MiB"], rows)


def _measured(what: str, side: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.large", "--measure", what, "--side", str(side)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _inner(side: int) -> bytes:
    """Return the graph of a detector for images of this side, with the largest bank."""
    config = MemoryConfig(smallest_bank=MemoryConfig().bank_size, turns=1)
    return Memory(config, runtime(Settings())).train(_textures(16, side), None, silent).graph


def _measure_tiled(side: int) -> dict[str, float]:
    grid = lay_tiles(np.ones((side, side), np.bool_), TILE["tile_px"], TILE["stride_px"], CELL_PX)
    return _timed(tiled_graph(_inner(grid.tile_px), grid, 1, 0.005), side) | _tiles(grid)


def _measure_whole(side: int) -> dict[str, float]:
    config = MemoryConfig(smallest_bank=MemoryConfig().bank_size, turns=1)
    graph = Memory(config, runtime(Settings())).train(_textures(3, side), None, silent).graph
    return _timed(graph, side)


def _timed(graph: bytes, side: int) -> dict[str, float]:
    session, picture = runtime(Settings()).load(graph), _texture(side)[None]
    taken = []
    for _ in range(RUNS):
        start = perf_counter()
        session.run({"image": picture})
        taken.append(perf_counter() - start)
    return {"seconds": min(taken), "peak": _peak()}


def _measure_training(side: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="okng-large-") as folder:
        place = Path(folder)
        for number in range(3):
            _save(place / "parts" / f"{number}.jpg", _texture(side, number))
        options, settings = TrainingOptions(tile=TILE), Settings(home=place / "home")
        dataset = read_dataset(place / "parts")
        model = train_dataset(dataset, None, options, settings, silent).model
        Inspector(model, runtime(settings).load(model.graph)).inspect(place / "parts" / "0.jpg")
    return {"peak": _peak()}


def _tiles(grid: TileGrid) -> dict[str, float]:
    return {"tiles": len(grid.kept)}


def _textures(count: int, side: int) -> ArrayImages:
    return ArrayImages([_texture(side, seed) for seed in range(count)])


def _texture(side: int, seed: int = 0) -> np.ndarray:
    """Return a rough surface, cheaply made: a patch of noise laid side by side."""
    rng = np.random.default_rng(seed)
    patch = rng.integers(90, 160, (500, 500, 1), np.uint8).repeat(3, axis=2)
    repeats = -(-side // 500)
    return np.tile(patch, (repeats, repeats, 1))[:side, :side]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


_MEASURES: dict[str, Callable[[int], dict[str, float]]] = {
    "tiled": _measure_tiled,
    "whole": _measure_whole,
    "training": _measure_training,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", metavar="accuracy|cost")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--measure", choices=sorted(_MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--side", type=int, default=1000, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
