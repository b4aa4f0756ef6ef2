"""What few good images are worth: accuracy and wrong verdicts against their number.

    python -m benchmarks.few [FOLDER ...] [--tier fast] [--draws 3] [--most 100]

Trains on 1, 2, 4, 8 and 16 good images of each set, drawn anew each time, once as okng does it and
once without altered or turned copies, and judges up to `--most` test images of each truth.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kept import FOLDER, Kept
from benchmarks.setting import data_folder, picture, table
from benchmarks.tiers import home, options
from okng.adapters.datasets import read_dataset
from okng.bootstrap import evaluate, load, train_dataset
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.ports import silent
from okng.reports.curves import Axis, Curve, Panel, small_multiples
from okng.settings import Settings

COUNTS = (1, 2, 4, 8, 16)
SETS = ("bottle", "cookie", "magnetic_tile", "casting")
WAYS: Mapping[str, Mapping[str, object]] = {
    "with copies": {},
    "without": {"turns": 1, "altered": 0},
}
_GOOD, _BAD = "good not OK", "escapes"

Found = Mapping[str, Mapping[int, Sequence[dict[str, Any]]]]


def main() -> None:
    """Train and judge whatever is not there yet, print and draw."""
    arguments = _arguments()
    kept = Kept(FOLDER / "few.jsonl")
    folders = [Path(f) for f in arguments.folders] or [data_folder() / name for name in SETS]
    for folder in folders:
        dataset = read_dataset(folder)
        for draw in range(arguments.draws):
            for count in COUNTS:
                for way in WAYS:
                    key = f"{dataset.name}/{arguments.tier}/{way}/{count}/{draw}"
                    if key not in kept:
                        kept.add(key, _measured(dataset, arguments, way, count, draw))
        _report(dataset.name, arguments.tier, kept)
    names = [read_dataset(folder).name for folder in folders]
    picture("few.svg", _drawn(names, arguments.tier, kept))


def _measured(
    dataset: Dataset, arguments: argparse.Namespace, way: str, count: int, draw: int
) -> dict[str, Any]:
    rng = np.random.default_rng(draw)
    good = _some(dataset.train_good, count, rng)
    test = [s for s in dataset.of(Split.TEST) if s.label is not None]
    judged = [
        *_some([s for s in test if s.is_good], arguments.most, rng),
        *_some([s for s in test if not s.is_good], arguments.most, rng),
    ]
    few = replace(dataset, samples=(*good, *judged))
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder))
        (settings.home / "backbones").symlink_to(home().home / "backbones")
        chosen = options(arguments.tier, **WAYS[way])
        model = train_dataset(few, None, chosen, settings, silent).model
        result = evaluate(few, judged, load(model.name, settings=settings), settings)
    stopped = result.overkill.count + result.good_reviewed.count
    return {
        "auroc": result.image_auroc,
        "good": [stopped, result.overkill.total],
        "escapes": [result.escapes.count, result.escapes.total],
        "facts": dict(model.manifest.facts),
        "promised": [promise.rate for promise in model.manifest.calibration.promises],
    }


def _some(samples: Sequence[Sample], count: int, rng: np.random.Generator) -> list[Sample]:
    chosen = rng.permutation(len(samples))[:count]
    return [samples[i] for i in sorted(chosen)]


def _report(name: str, tier: str, kept: Kept) -> None:
    heads = ["good images", "promised", *(f"{way}: AUROC, {_GOOD}, {_BAD}" for way in WAYS)]
    found = _found(name, tier, kept)
    rows = []
    for count in COUNTS:
        promised = [rate for one in found["with copies"][count] for rate in one["promised"]]
        said = f"{np.mean(promised):.0%}" if promised else "nothing"
        rows.append([str(count), said, *(_words(found[way][count]) for way in WAYS)])
    table(f"{name}, {tier}: few good images", heads, rows)


def _words(records: Sequence[dict[str, Any]]) -> str:
    aurocs = [one["auroc"] for one in records]
    low, high = min(aurocs), max(aurocs)
    shares = f"{_share(records, 'good'):.0%}, {_share(records, 'escapes'):.0%}"
    return f"{np.mean(aurocs):.3f} ({low:.3f}-{high:.3f}), {shares}"


def _share(records: Sequence[dict[str, Any]], what: str) -> float:
    return sum(one[what][0] for one in records) / sum(one[what][1] for one in records)


def _found(name: str, tier: str, kept: Kept) -> Found:
    return {
        way: {count: kept.under(f"{name}/{tier}/{way}/{count}/") for count in COUNTS}
        for way in WAYS
    }


def _drawn(names: Sequence[str], tier: str, kept: Kept) -> str:
    panels = []
    for name in names:
        curves = []
        for way, by_count in _found(name, tier, kept).items():
            measures = {
                "image AUROC": [float(np.mean([o["auroc"] for o in r])) for r in by_count.values()],
                _GOOD: [_share(records, "good") for records in by_count.values()],
                _BAD: [_share(records, "escapes") for records in by_count.values()],
            }
            for series, (measure, values) in enumerate(measures.items()):
                points = list(zip(map(float, COUNTS), values, strict=True))
                is_plain = way == "without"
                name_of = f"{measure}, {way}"
                curves.append(Curve(name_of, points, series, dashed=is_plain, dots=not is_plain))
        x = Axis("good images", is_log=True)
        panels.append(Panel(name, x, Axis("", percent=True, low=0.0, high=1.0), curves))
    about = "Image AUROC, good parts not OK and escapes against the number of good images."
    return small_multiples("Few images", about, panels, columns=2)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--tier", default="fast")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--most", type=int, default=100)
    return parser.parse_args()


if __name__ == "__main__":
    main()
