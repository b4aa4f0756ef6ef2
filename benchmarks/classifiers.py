"""How well classifiers tell good from defective, and kinds of defect from each other.

    python -m benchmarks.classifiers [--detectors probe] [--seeds 5] [--tasks pieces ...]

`pieces`: casting split anew for each seed so that all images of a piece are on one side; the figure
that counts. `published`: casting as it is published, where most test images show pieces that are
trained on. `held`: of its training images alone, 30 % of each class held out at random, image by
image as published; `folds`: each of them named by a network that learned the other four of five
folds, a piece always in one. By these two settings are chosen before the test images are looked at.
`kinds`: neu, six kinds and no good class, in five such folds; `probe` with each backbone. Classes
are named by the highest class score, and every threshold comes from training images alone. In
`--detectors` stand the trials of `TRIALS`, and any classifier by its name, with its defaults:
`--detectors probe cnn transfer transfer-cross-fit`.
Results are kept, so that a run goes on where one ended; `--fresh` forgets them, `--shown` prints
them as they are.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.kept import FOLDER, Kept
from benchmarks.remembering import Remembering
from benchmarks.setting import data_folder, table
from benchmarks.tiers import added, home
from okng.adapters.datasets import read_dataset
from okng.algorithms.class_metrics import class_figures, confusion_matrix, overall
from okng.algorithms.splitting import stratified_folds
from okng.algorithms.view import Preparer
from okng.bootstrap import evaluate
from okng.bootstrap.building import BuiltDetector, build_detector, runtime
from okng.detectors.images import Chosen
from okng.domain.arrays import Array, Floats
from okng.domain.dataset import Dataset, Split, class_names
from okng.domain.ports import Classifier, Runtime, Truth, silent
from okng.domain.view import View
from okng.services.inspect import Inspector
from okng.services.prepare import PreparedImages
from okng.services.split import split_samples
from okng.services.survey import Survey
from okng.services.train import train
from okng.services.training_plan import CalibrationPlan, TrainingPlan
from okng.settings import Settings
from okng.testing.stores import MemoryStore

TEST_SHARE = 0.3
FOLDS = 5
BACKBONES = ("efficientnet_lite0", "dinov2-small")
NEU_SIDE = {"dinov2-small": 196}
"""Images of neu are 200 px wide: what is nearest to that and fits."""
_LIES_ANYHOW = "flip,rotate=180,brightness=0.1"
"""Castings are round and lie in any direction, strips of steel have no right way up."""


@dataclass(frozen=True)
class Trial:
    """A classifier with settings: on casting `settings`, on neu `kinds`; else the defaults."""

    detector: str
    settings: Mapping[str, object] = field(default_factory=dict)
    kinds: Mapping[str, object] = field(default_factory=dict)
    calibration: CalibrationPlan = CalibrationPlan.AUTO


TRIALS: Mapping[str, Trial] = {
    "cnn": Trial(
        "cnn",
        {"augment": _LIES_ANYHOW, "epochs": 24},
        {"augment": _LIES_ANYHOW, "epochs": 20},
    ),
    "cnn-cross-fit": Trial(
        "cnn",
        {"augment": _LIES_ANYHOW, "epochs": 24},
        calibration=CalibrationPlan.CROSS_FIT,
    ),
    "cnn-short": Trial("cnn", {"augment": _LIES_ANYHOW, "epochs": 12}),
    "cnn-short-as-it-is": Trial("cnn", {"epochs": 12}),
    "cnn-as-it-is": Trial("cnn", {"epochs": 24}),
    "transfer": Trial("transfer", kinds={"epochs": 2}),
    "transfer-cross-fit": Trial("transfer", calibration=CalibrationPlan.CROSS_FIT),
}
"""By name. Augmentation of `cnn` is what castings do; epochs are what there was time for.
`transfer-cross-fit` and `cnn-cross-fit` have the settings of `transfer` and
`cnn`, but learn all training images, as `probe` does by itself, and none is held out."""


def main() -> None:
    """Train and evaluate whatever is not there yet, and print."""
    arguments = _arguments()
    file = FOLDER / "classifiers.jsonl"
    if arguments.fresh:
        file.unlink(missing_ok=True)
    kept = Kept(file)
    runs = {
        "pieces": lambda name: _pieces(name, kept, arguments.seeds),
        "published": lambda name: _published(name, kept),
        "held": lambda name: _held(name, kept, arguments.seeds),
        "folds": lambda name: _folds(name, kept),
        "kinds": lambda name: _kinds(name, kept),
    }
    for task in () if arguments.shown else arguments.tasks:
        for name in arguments.detectors:
            runs[task](name)
    _report(kept, arguments.detectors)


def _pieces(name: str, kept: Kept, seeds: int) -> None:
    casting = read_dataset(data_folder() / "casting")
    missing = [s for s in range(seeds) if f"pieces/{name}/{s}" not in kept]
    if not missing:
        return
    with Survey(casting, View(256, 256), home().max_pixels, silent) as survey:
        samples, parts = tuple(survey.samples), survey.parts
    for seed in missing:
        split = split_samples(samples, parts, TEST_SHARE, seed)
        # Every image says its piece, so that the training has nothing to guess.
        named = tuple(replace(s, group=f"part-{p}") for s, p in zip(split, parts, strict=True))
        record = _measured(replace(casting, samples=named), name, seed)
        pieces = {split: len({s.group for s in named if s.split is split}) for split in Split}
        record["pieces"] = [pieces[Split.TRAIN], pieces[Split.TEST]]
        _add(kept, f"pieces/{name}/{seed}", record)


def _published(name: str, kept: Kept) -> None:
    if f"published/{name}/0" not in kept:
        casting = read_dataset(data_folder() / "casting")
        _add(kept, f"published/{name}/0", _measured(casting, name, 0))


def _held(name: str, kept: Kept, seeds: int) -> None:
    casting = read_dataset(data_folder() / "casting")
    samples = tuple(s for s in casting.samples if s.split is Split.TRAIN)
    for seed in range(seeds):
        if f"held/{name}/{seed}" not in kept:
            split = split_samples(samples, np.arange(len(samples)), TEST_SHARE, seed)
            record = _measured(replace(casting, samples=split), name, seed)
            _add(kept, f"held/{name}/{seed}", record)


def _folds(name: str, kept: Kept) -> None:
    if f"folds/{name}/0" not in kept:
        casting = read_dataset(data_folder() / "casting")
        samples = tuple(s for s in casting.samples if s.split is Split.TRAIN)
        learned = replace(casting, samples=samples)
        _add(kept, f"folds/{name}/0", _folded(learned, name, _trial(name).settings))


def _kinds(name: str, kept: Kept) -> None:
    backbones = {"probe": BACKBONES, "transfer": BACKBONES[:1]}
    for backbone in backbones.get(_trial(name).detector, ("",)):
        key = f"kinds/{name}, {backbone}/0" if backbone else f"kinds/{name}/0"
        if key not in kept:
            values = {**({"backbone": backbone} if backbone else {}), **_trial(name).kinds}
            _add(kept, key, _folded(read_dataset(data_folder() / "neu"), name, values))


def _trial(name: str) -> Trial:
    return TRIALS.get(name, Trial(name))


def _add(kept: Kept, key: str, record: dict[str, Any]) -> None:
    kept.add(key, record)
    print(key, record["figures"]["accuracy"], flush=True)


def _measured(dataset: Dataset, name: str, seed: int) -> dict[str, Any]:
    """Train as `okng train` does, and judge the test images."""
    settings = home()
    with Remembering(runtime(settings)) as remembering:
        trial = _trial(name)
        built = _built(trial.detector, {"seed": seed, **trial.settings}, remembering, settings)
        plan = TrainingPlan(
            product=dataset.name,
            detector_name=trial.detector,
            detector=built.detector,
            config=built.plain_config(),
            backbones=tuple(one.card for one in built.backbones),
            view=View(*built.size),
            seed=seed,
            max_pixels=settings.max_pixels,
            is_slow=built.is_slow,
            calibration=trial.calibration,
        )
        done = train(dataset, plan, [remembering], MemoryStore(), lambda *_: "")
    model = done.model
    # Also copies of training images are judged, as published; who reads the figure is told.
    data = replace(model.manifest.data, digests=())
    model = replace(model, manifest=replace(model.manifest, data=data))
    inspector = Inspector(model, runtime(settings).load(model.graph))
    found = evaluate(dataset, dataset.of(Split.TEST), inspector, settings)
    naming = found.naming
    assert naming is not None
    return {
        "trained": model.manifest.data.images - model.manifest.data.held_out,
        "tested": naming.accuracy.total,
        "names": list(naming.names),
        "confusion": [list(row) for row in naming.confusion],
        "figures": _figures(np.array(naming.confusion)),
        "sureness": [naming.uncalibrated.error, naming.calibrated.error],
        "auroc": found.image_auroc,
        "good": [found.overkill.count, found.good_reviewed.count, found.overkill.total],
        "escapes": [found.escapes.count, found.escapes.total],
        "facts": dict(model.manifest.facts),
        "seconds": done.seconds,
    }


def _folded(dataset: Dataset, name: str, values: Mapping[str, object]) -> dict[str, Any]:
    """Name every image by a graph that learned, and chose, from the other folds alone."""
    settings = home()
    start = perf_counter()
    samples = tuple(replace(s, split=Split.TRAIN) for s in dataset.samples)
    names = class_names(samples)
    with Remembering(runtime(settings)) as remembering:
        built = _built(_trial(name).detector, values, remembering, settings)
        side = NEU_SIDE.get(str(values.get("backbone")), built.size[0])
        prepare = Preparer(View(side, side))
        with PreparedImages(samples, prepare, settings.max_pixels, silent) as images:
            parts = images.parts()
            labels = np.array([names.index(str(s.label)) for s in images.samples])
            folds = stratified_folds(parts, labels, FOLDS)
            scores = _class_scores(built, images, names, labels, parts, folds, remembering)
    confusion = confusion_matrix(labels, scores.argmax(axis=1), len(names), len(names))
    return {
        "trained": len(labels) - len(labels) // FOLDS,
        "tested": len(labels),
        "parts": len(np.unique(parts)),
        "side": side,
        "names": list(names),
        "confusion": confusion.tolist(),
        "figures": _figures(confusion),
        "seconds": perf_counter() - start,
    }


def _class_scores(
    built: BuiltDetector,
    images: PreparedImages,
    names: tuple[str, ...],
    labels: Array,
    parts: Array,
    folds: Array,
    on: Runtime,
) -> Floats:
    """Return class scores `[n, K]`, each by a graph that knows nothing of its fold."""
    detector = built.detector
    assert isinstance(detector, Classifier)
    if detector.cross_fits and not built.is_slow:
        truth = Truth(names, labels.tolist(), parts.tolist())
        trained = detector.train_labelled(images, truth, folds.tolist(), silent)
        assert trained.class_scores is not None
        return trained.class_scores
    scores = np.empty((len(labels), len(names)), np.float32)
    for fold in range(FOLDS):
        rest, own = (np.flatnonzero(side).tolist() for side in (folds != fold, folds == fold))
        truth = Truth(names, labels[rest].tolist(), parts[rest].tolist())
        trained = detector.train_labelled(Chosen(images, rest), truth, None, silent)
        session = on.load(trained.graph)
        for i in own:
            scores[i] = session.run({"image": images[i][None]})["class_scores"][0]
    return scores


def _built(
    name: str, values: Mapping[str, object], on: Runtime, settings: Settings
) -> BuiltDetector:
    """Build a classifier; a backbone that is not there yet is added."""
    if "backbone" in values:
        added(str(values["backbone"]))
    built = build_detector(name, values, on, settings)
    if not isinstance(built.detector, Classifier):
        raise SystemExit(f"{name} learns from good images alone: name classifiers")
    return built


def _figures(confusion: Array) -> dict[str, Any]:
    found = overall(confusion)
    classes = class_figures(confusion)
    return {
        "accuracy": found.accuracy,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "classes": [[c.precision, c.recall, c.f1, c.support] for c in classes],
    }


def _report(kept: Kept, detectors: Sequence[str]) -> None:
    heads = ["split, detector", "seeds", "images tested", *_FIGURES, "AUROC",
             "good NG", "good REVIEW", "escapes"]  # fmt: skip
    rows = []
    for task, words in _SPLITS:
        for name in detectors:
            if records := kept.under(f"{task}/{name}/"):
                rows.append(_row(f"{words}, {name}", records))
    table("casting: mean over seeds (lowest to highest)", heads, rows)
    heads = ["detector, backbone", "side", "images", "parts", *_FIGURES]
    for task, words in _FOLDED:
        folded = {key: one for key, one in kept.records.items() if key.startswith(f"{task}/")}
        rows = [
            [key.split("/")[1], one["side"], one["tested"], one["parts"], *_shown([one])]
            for key, one in folded.items()
        ]
        table(f"{words}: {FOLDS} folds", heads, rows)
    first = {key: one for key, one in kept.records.items() if key.endswith("/0")}
    for key, one in first.items():
        _print_confusion(key, one)


_FIGURES = ("accuracy", "precision", "recall", "f1")

_FOLDED = (("folds", "casting, its training images"), ("kinds", "neu, six kinds"))
_SPLITS = (("pieces", "whole pieces"), ("published", "as published"), ("held", "held out"))

Records = Sequence[dict[str, Any]]


def _row(title: str, records: Records) -> list[object]:
    good, caught = (np.array([one[of] for one in records]) for of in ("good", "escapes"))
    return [
        title,
        len(records),
        f"{np.mean([one['tested'] for one in records]):.0f}",
        *_shown(records),
        _spread([one["auroc"] for one in records]),
        f"{good[:, 0].mean():.1f} of {good[:, 2].mean():.0f}",
        f"{good[:, 1].mean():.1f} of {good[:, 2].mean():.0f}",
        f"{caught[:, 0].mean():.1f} of {caught[:, 1].mean():.0f}",
    ]


def _shown(records: Records) -> list[str]:
    return [_spread([one["figures"][name] for one in records]) for name in _FIGURES]


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.4f}"
    return f"{np.mean(values):.4f} ({min(values):.4f}-{max(values):.4f})"


def _print_confusion(key: str, one: Mapping[str, Any]) -> None:
    """Print how many images of each class (rows) got which name (columns)."""
    rows = [[name, *row] for name, row in zip(one["names"], one["confusion"], strict=True)]
    table(f"{key}: rows are the truth, columns the names", ["", *one["names"]], rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detectors", nargs="+", default=["probe"])
    parser.add_argument("--tasks", nargs="+", default=["pieces", "published", "kinds"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--shown", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
