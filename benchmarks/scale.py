"""How do training time, memory and latency grow with the number of images and with their size?

    python -m benchmarks.scale [--images 10 30 ...] [--sides 64 128 ...] [--side 64] [--few 20]

Against the number: `okng.train` with its defaults on good parts of the generator, `--side` pixels
wide so that 10,000 of them are feasible; against the size: on `--few` parts. Each training runs in
a process of its own: its processor time (one thread; what other programs take does not count), its
peak of resident memory, the bank, and then the processor time of an inspection, from the file to
the verdict. The slope of a straight line through the logarithms is the exponent: 1 is proportional
to the number of images, or to that of pixels. What is done is kept in `build/benchmarks`.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

import numpy as np
from PIL import Image

from benchmarks.kept import FOLDER, Kept
from benchmarks.parts import GoodParts
from benchmarks.setting import picture, table
from okng.adapters.sources.machined_part import MachinedPart, MachinedPartConfig
from okng.bootstrap import TrainingOptions, load, train_dataset
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.ports import silent
from okng.reports.curves import Axis, Curve, Panel, small_multiples
from okng.settings import Settings

IMAGES = (10, 30, 100, 300, 1000, 3000, 10_000)
SIDES = (64, 128, 256, 512, 1024)
BLOCK = 1000
RUNS = 15
MEASURES = {
    "train_s": "training, s",
    "memory_mib": "peak memory, MiB",
    "latency_ms": "inspection, ms",
}
_SMALLEST_PX = 128

Records = Sequence[tuple[float, dict[str, float]]]


def main() -> None:
    """Measure what is missing, or, told so, one training in this process; print and draw."""
    arguments = _arguments()
    if arguments.one:
        print(json.dumps(_measure(Path(arguments.one), arguments.side)))
        return
    kept = Kept(FOLDER / "scale.jsonl")
    jobs = [(count, arguments.side) for count in arguments.images]
    jobs += [(arguments.few, side) for side in arguments.sides]
    for count, side in jobs:
        if f"{count}/{side}" not in kept:
            kept.add(f"{count}/{side}", _in_a_process(count, side))
    found = {tuple(map(int, key.split("/"))): record for key, record in kept.records.items()}
    by_images = sorted((n, r) for (n, side), r in found.items() if side == arguments.side)
    by_pixels = sorted((s * s, r) for (n, s), r in found.items() if n == arguments.few)
    _report(by_images, by_pixels, arguments.side, arguments.few)


def _in_a_process(count: int, side: int) -> dict[str, float]:
    """Write the images here, so that rendering burdens nobody's memory, and train elsewhere."""
    with tempfile.TemporaryDirectory(prefix="okng-scale-") as folder:
        _write(count, side, Path(folder) / "good")
        command = [sys.executable, "-m", "benchmarks.scale", "--one", folder, "--side", str(side)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    record: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return record


def _measure(folder: Path, side: int) -> dict[str, float]:
    """Train on the images of a folder, and time the graph."""
    paths = sorted((folder / "good").iterdir())
    samples = tuple(Sample(path, "good", Split.TRAIN) for path in paths)
    settings, options = Settings(home=folder / "home"), TrainingOptions(size=(side, side))
    dataset = Dataset("parts", folder, "flat", samples)
    before = process_time()
    model = train_dataset(dataset, None, options, settings, silent).model
    seconds = process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    inspector = load(model.name, settings=settings)
    times = [_timed(lambda: inspector.inspect(paths[0])) for _ in range(RUNS)]
    bank = float(model.manifest.facts["bank"])
    latency = 1000 * float(np.median(times))
    return {"train_s": seconds, "memory_mib": peak, "latency_ms": latency, "bank": bank}


def _write(count: int, side: int, folder: Path) -> None:
    """Write good parts without loss; small ones are those that are kept."""
    folder.mkdir()
    camera = MachinedPart(MachinedPartConfig(size_px=side)) if side >= _SMALLEST_PX else None
    for i in range(count):
        if camera is not None:
            pixels = camera.render(i).pixels
        else:
            pixels = GoodParts(FOLDER, side).take(i - i % BLOCK, BLOCK)[i % BLOCK]
        Image.fromarray(pixels).save(folder / f"{i:05}.bmp")


def _timed(run: Callable[[], object]) -> float:
    start = process_time()
    run()
    return process_time() - start


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the exponent b of y = a x^b that fits best in logarithms (least squares)."""
    x, y = np.log(np.array(points, np.float64)).T
    return float(np.polyfit(x, y, 1)[0])


def _report(by_images: Records, by_pixels: Records, side: int, few: int) -> None:
    measures = list(MEASURES)
    for title, first, records in (
        (f"Against the number of images, {side} px", "images", by_images),
        (f"Against the size, {few} images", "side, px", by_pixels),
    ):
        if len(records) < 2:
            continue
        shown = [n if first == "images" else round(n**0.5) for n, _ in records]
        rows: list[list[str]] = [
            [f"{n:,}", *(f"{r[m]:.4g}" for m in measures), f"{r['bank']:,.0f}"]
            for n, (_, r) in zip(shown, records, strict=True)
        ]
        upper = records[-max(2, len(records) // 2) :]
        for name, part in (("exponent, all", records), ("exponent, upper half", upper)):
            slopes = [slope([(n, r[m]) for n, r in part]) for m in measures]
            rows.append([name, *(f"{value:.2f}" for value in slopes), ""])
        if first == "images":
            (fewer, before), (more, after) = records[-2:]
            gained = [1000 * (after[m] - before[m]) / (more - fewer) for m in measures]
            rows.append(["for each further 1,000", *(f"{value:.4g}" for value in gained), ""])
        table(title, [first, *MEASURES.values(), "bank, cells"], rows)
    picture("scale.svg", _drawn(by_images, by_pixels, side, few))


def _drawn(by_images: Records, by_pixels: Records, side: int, few: int) -> str:
    panels = []
    for records, label in (
        (by_images, f"images of {side} px"),
        (by_pixels, f"pixels of each of {few} images"),
    ):
        for measure, title in MEASURES.items():
            points = [(float(n), record[measure]) for n, record in records]
            curve = Curve("", points, dots=True)
            # Logarithms would make much of the little by which memory grows.
            y = Axis("", is_log=True) if measure == "train_s" else Axis("", low=0.0)
            panels += [Panel(title, Axis(label, True), y, [curve])] if points else []
    about = "Training time, peak memory and latency against the number of images and their size."
    return small_multiples("How okng scales", about, panels, columns=3)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="*", default=list(IMAGES))
    parser.add_argument("--sides", type=int, nargs="*", default=list(SIDES))
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--few", type=int, default=20)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
