"""Accuracy of each tier on data sets in any layout that okng knows.

    python -m benchmarks.accuracy [FOLDER ...] [--tiers fast balanced accurate] [--seeds 3]

Without folders: bottle, magnetic tile, cookie and casting, each trained on its good images alone,
and casting once more on a split that keeps all images of a piece together (`okng doctor --split`).
In the place of a tier stands any detector by its name: `--tiers fast gaussian`. Results are kept,
so that a run goes on where one ended; `--fresh` forgets them, `--shown` prints them as they are.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.kept import FOLDER, Kept
from benchmarks.setting import data_folder, datasets, picture, table
from benchmarks.tiers import home, options
from okng.adapters.datasets import read_dataset
from okng.bootstrap import TIERS, TrainingOptions, evaluate, load, train_dataset
from okng.bootstrap.doctor import examine_dataset, write_split
from okng.domain.dataset import Dataset, Split
from okng.domain.ports import silent
from okng.reports.curves import Axis, Curve, Panel, small_multiples
from okng.services.calibrate import Wish
from okng.settings import Settings

MEASURES = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC", "aupro": "AUPRO"}
GROUPED = "casting, whole pieces"

Records = Sequence[dict[str, Any]]


def main() -> None:
    """Train and evaluate whatever is not there yet, and print."""
    arguments = _arguments()
    file = FOLDER / "accuracy.jsonl"
    if arguments.fresh:
        file.unlink(missing_ok=True)
    kept, sets = Kept(file), dict(_sets(arguments.folders))
    for seed in range(0 if arguments.shown else arguments.seeds):
        for name, dataset in sets.items():
            for tier in arguments.tiers:
                key = f"{name}/{tier}/{seed}"
                if key not in kept:
                    kept.add(key, _measured(dataset(), tier, seed))
                    print(key, kept.records[key]["image_auroc"], flush=True)
    _report(kept, list(sets), arguments.tiers)


def _sets(folders: Sequence[str]) -> Iterator[tuple[str, Callable[[], Dataset]]]:
    for dataset in datasets(folders):
        yield dataset.name, lambda dataset=dataset: dataset
    if not folders:
        yield GROUPED, _grouped_casting


def _grouped_casting() -> Dataset:
    """Split casting anew, every piece on one side, and read it."""
    file = FOLDER / "casting-grouped.csv"
    if not file.exists():
        checkup = examine_dataset(read_dataset(data_folder() / "casting"), Wish(), home())
        write_split(checkup, file, 0.3, 0, home())
    return read_dataset(file)


def _measured(dataset: Dataset, tier: str, seed: int) -> dict[str, Any]:
    """Train on the good images, judge the test images."""
    chosen = options(tier) if tier in TIERS else TrainingOptions(detector=tier)
    chosen = replace(chosen, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        # The tiers' backbones lie elsewhere; models are not kept.
        settings = Settings(home=Path(folder))
        (settings.home / "backbones").symlink_to(home().home / "backbones")
        model = train_dataset(dataset, None, chosen, settings, silent).model
        inspector = load(model.name, settings=settings)
        result = evaluate(dataset, dataset.of(Split.TEST), inspector, settings)
    data, pixels = model.manifest.data, result.pixels
    return {
        "trained": data.images - data.held_out,
        "tested": len(result.images),
        "image_auroc": result.image_auroc,
        "pixel_auroc": pixels.auroc if pixels else None,
        "aupro": pixels.aupro if pixels else None,
        "good": [result.overkill.count, result.good_reviewed.count, result.overkill.total],
        "escapes": [result.escapes.count, result.escapes.total],
        "kinds": {kind.kind: kind.record() for kind in result.kinds},
        "facts": dict(model.manifest.facts),
    }


def _report(kept: Kept, names: Sequence[str], tiers: Sequence[str]) -> None:
    every = {(name, tier): kept.under(f"{name}/{tier}/") for name in names for tier in tiers}
    found = {key: records for key, records in every.items() if records}
    heads = [
        "set", "tier", "seeds", "trained on", *MEASURES.values(),
        "good NG", "good REVIEW", "escapes",
    ]  # fmt: skip
    rows = [_row(name, tier, records) for (name, tier), records in found.items()]
    table("Accuracy: mean over seeds (lowest to highest)", heads, rows)
    for name in names:
        _print_kinds(name, {tier: found[name, tier] for tier in tiers if (name, tier) in found})
    _print_fusion(names, found)
    picture("accuracy.svg", _drawn(names, tiers, found))


def _row(name: str, tier: str, records: Records) -> list[str]:
    good, caught = (np.array([one[of] for one in records]) for of in ("good", "escapes"))
    return [
        name,
        tier,
        str(len(records)),
        str(records[0]["trained"]),
        *(_spread([one[measure] for one in records]) for measure in MEASURES),
        f"{good[:, 0].mean():.1f} of {good[0, 2]}",
        f"{good[:, 1].mean():.1f} of {good[0, 2]}",
        f"{caught[:, 0].mean():.1f} of {caught[0, 1]}",
    ]


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    return f"{np.mean(known):.4f} ({min(known):.4f}-{max(known):.4f})"


def _print_kinds(name: str, by_tier: dict[str, Records]) -> None:
    """Print how each kind of defect is told from good parts, and how many of it are stopped."""
    records = [one for some in by_tier.values() for one in some]
    rows = [
        [kind, *(_kind(some, kind) for some in by_tier.values())]
        for kind in dict.fromkeys(kind for one in records for kind in one["kinds"])
    ]
    table(f"{name}, by kind of defect: image AUROC, stopped", ["kind", *by_tier], rows)


def _kind(records: Records, kind: str) -> str:
    found = [one["kinds"][kind] for one in records]
    stopped = np.mean([one["stopped"]["count"] for one in found])
    area = np.mean([one["auroc"] for one in found])
    return f"{area:.4f}, {stopped:.1f} of {found[0]['stopped']['total']}"


def _print_fusion(names: Sequence[str], found: dict[tuple[str, str], Records]) -> None:
    """Print, paired over seeds, how the fusion stands beside the better and both of its members."""
    rows, means = [], []
    for name in names:
        trio = [found.get((name, tier), []) for tier in ("fast", "balanced", "accurate")]
        paired = min(map(len, trio))
        if not paired:
            continue
        values = np.array([[one["image_auroc"] for one in some[:paired]] for some in trio])
        gaps = 100 * (values[2] - values[:2].max(axis=0))
        means.append(values.mean(axis=1))
        rows.append([name, f"{gaps.mean():+.2f}", f"{gaps.min():+.2f}", f"{gaps.max():+.2f}"])
    if not rows:
        return
    fast, balanced, accurate = np.mean(means, axis=0)
    rows.append([f"mean over sets: {fast:.4f}, {balanced:.4f}, {accurate:.4f}", "", "", ""])
    heads = ["set", "accurate over the better of the two, points", "least", "most"]
    table("Fusion, image AUROC, paired over seeds", heads, rows)


def _drawn(
    names: Sequence[str], tiers: Sequence[str], found: dict[tuple[str, str], Records]
) -> str:
    panels = []
    for name in names:
        curves = []
        for series, (measure, words) in enumerate(MEASURES.items()):
            points = []
            for i, tier in enumerate(tiers, start=1):
                values = [one[measure] for one in found.get((name, tier), [])]
                if values and None not in values:
                    points.append((float(i), float(np.mean(values))))
            if points:
                curves.append(Curve(words, points, series, dots=True))
        words = ", ".join(f"{i}: {tier}" for i, tier in enumerate(tiers, start=1))
        x = Axis(words, low=0.6, high=len(tiers) + 0.4, whole=True)
        if curves:
            panels.append(Panel(name, x, Axis("", high=1.0), curves))
    return small_multiples("Accuracy", "Accuracy of each tier on each set.", panels, columns=3)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--tiers", nargs="+", default=list(TIERS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--shown", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
