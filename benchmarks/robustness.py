"""From where on does a model fail when light, focus, noise or position change?

    python -m benchmarks.robustness [FOLDER ...] [--tiers fast balanced accurate] [--most 60]

The test images of the generator's flange and of bottle, or of other folders, each shifted by known
amounts before they are inspected; the models were trained on unshifted images and keep their
thresholds. A shift counts as failed from the first level at which more than 5 points more of the
good parts are not OK, or more than 5 points more of the defective ones are OK, or image AUROC has
fallen by more than a point. `--most` limits the images of either class. What is done is kept in
`build/benchmarks`, and a run goes on where another ended.
"""

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.kept import FOLDER, Kept
from benchmarks.robustness_report import report
from benchmarks.setting import data_folder, datasets
from benchmarks.shifts import SHIFTS
from benchmarks.tiers import home, trained
from okng.adapters.datasets import read_dataset
from okng.algorithms.metrics import auroc
from okng.algorithms.pixels import decode_file
from okng.bootstrap import TIERS, render_demo
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.verdict import Verdict
from okng.services.inspect import Inspector

GOOD = 200
SEED = 7


def main() -> None:
    """Inspect, keep, and report all that has been kept."""
    arguments = _arguments()
    kept = Kept(FOLDER / "robustness.jsonl")
    sets = _sets(arguments.folders)
    for tier in arguments.tiers:
        for dataset in sets:
            _one(dataset, tier, arguments.most, kept)
    report(kept, [dataset.name for dataset in sets])


def _sets(folders: Sequence[str]) -> list[Dataset]:
    if folders:
        return datasets(folders)
    flange, _ = render_demo(FOLDER / "flange", GOOD, SEED, home())
    return [read_dataset(flange), read_dataset(data_folder() / "bottle")]


def _one(dataset: Dataset, tier: str, most: int, kept: Kept) -> None:
    """Inspect a set's test images at every level of every shift, and as they are."""
    jobs = [("as it is", 0.0)]
    jobs += [(name, level) for name, shift in SHIFTS.items() for level in shift.levels]
    jobs = [job for job in jobs if _key(dataset, tier, *job) not in kept]
    if not jobs:
        return
    inspector = trained(dataset, tier)
    samples = chosen(dataset.of(Split.TEST), most)
    pictures = [decode_file(sample.path) for sample in samples]
    defective = np.array([sample.is_defective for sample in samples])
    for name, level in jobs:
        shifted = (SHIFTS[name].apply(p, level) for p in pictures) if level else iter(pictures)
        record = judged(inspector, shifted, defective)
        kept.add(_key(dataset, tier, name, level), record)


def judged(inspector: Inspector, pictures: Any, defective: np.ndarray) -> dict[str, float | int]:
    """Inspect pictures, of which some are `defective` (bool `[n]`), and count."""
    found = [inspector.inspect(picture) for picture in pictures]
    scores = np.array([inspection.score for inspection in found], np.float64)
    verdicts = np.array([inspection.verdict for inspection in found])
    good = verdicts[~defective]
    return {
        "auroc": auroc(scores, defective) or 0.0,
        "good": len(good),
        "ng": int((good == Verdict.NG).sum()),
        "review": int((good == Verdict.REVIEW).sum()),
        "defective": int(defective.sum()),
        "escapes": int((verdicts[defective] == Verdict.OK).sum()),
    }


def chosen(samples: Sequence[Sample], most: int) -> list[Sample]:
    """Return at most so many good and so many defective samples, evenly from all of them."""
    taken: list[Sample] = []
    for wanted in (False, True):
        of = [s for s in samples if s.label is not None and s.is_defective is wanted]
        count = min(most, len(of))
        taken += [of[i * len(of) // count] for i in range(count)]
    return taken


def _key(dataset: Dataset, tier: str, name: str, level: float) -> str:
    return f"{dataset.name}/{tier}/{name}/{level:g}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--tiers", nargs="+", default=list(TIERS))
    parser.add_argument("--most", type=int, default=60)
    return parser.parse_args()


if __name__ == "__main__":
    main()
