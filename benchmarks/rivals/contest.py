"""okng and a rival in turn, so that a busy machine slows both alike."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.rivals.worker import Worker, worker
from okng.algorithms.metrics import auroc
from okng.domain.dataset import Dataset, Sample, Split

BURST = 5
# Between 128 KiB and 32 MiB glibc's allocator learns to keep what is freed; the temporary arrays of
# a coreset's steps then pile up to gigabytes. Larger sets are beyond that range by themselves.
_RETURNING = {"MALLOC_MMAP_THRESHOLD_": str(8 << 20)}
_CLOCKS = ("ms", "cpu_ms")
_TRAINING = ("train_s", "train_cpu_s")


@dataclass(frozen=True)
class Rival:
    """A detector of anomalib's: `settings` differ from its defaults; `weights` as its side says."""

    name: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None


@dataclass(frozen=True)
class Effort:
    """How often to measure. No further round begins once a rival has trained for `longest_s`."""

    rounds: int
    turns: int
    longest_s: float


@dataclass(frozen=True)
class Arena:
    """Where it happens: both Pythons, the images, a folder for models."""

    okng: Path
    anomalib: Path
    images: Path
    models: Path
    options: Mapping[str, Any]

    def out(self, name: str) -> str:
        folder = self.models / name
        folder.mkdir(exist_ok=True)
        return str(folder)


@contextmanager
def copied(dataset: Dataset, count: int | None) -> Iterator[Path]:
    """Lay out the images as both sides read them (MVTec AD's layout), `count` good ones to train.

    Good images are taken at even steps through the training split.
    """
    good = dataset.train_good
    if count is not None and count < len(good):
        good = tuple(good[i * len(good) // count] for i in range(count))
    test = [sample for sample in dataset.of(Split.TEST) if sample.label is not None]
    places: dict[str, Sequence[Sample]] = {
        "train/good": good,
        "test/good": [sample for sample in test if sample.is_good],
        "test/bad": [sample for sample in test if sample.is_defective],
    }
    with tempfile.TemporaryDirectory(prefix="okng-rivals-") as place:
        for name, samples in places.items():
            folder = Path(place, name)
            folder.mkdir(parents=True)
            for index, sample in enumerate(samples):
                shutil.copyfile(sample.path, folder / f"{index:05d}{sample.path.suffix.lower()}")
        yield Path(place)


def train_in_turn(arena: Arena, rival: Rival, effort: Effort) -> dict[str, Any]:
    """Train okng, then the rival, `effort.rounds` times; each training in a process of its own."""
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    folder = str(arena.images)
    start = perf_counter()
    while len(theirs) < effort.rounds and (not theirs or perf_counter() - start < effort.longest_s):
        shutil.rmtree(arena.out("okng"))
        with worker(arena.okng, "okng_side") as side:
            out = arena.out("okng")
            ours.append(side.ask("train", folder=folder, out=out, options=dict(arena.options)))
        with worker(arena.anomalib, "anomalib_side", _RETURNING) as side:
            out = arena.out(rival.name)
            theirs.append(
                side.ask(
                    "train",
                    folder=folder,
                    out=out,
                    model=rival.model,
                    settings=dict(rival.settings),
                    weights=rival.weights,
                )
            )
            if len(theirs) == 1:
                exported = side.ask("export", out=out)
    return {
        **{f"okng_{name}": [answer[name] for answer in ours] for name in _TRAINING},
        **{name: [answer[name] for answer in theirs] for name in _TRAINING},
        "okng_train_mib": [answer["peak_mib"] for answer in ours],
        "train_mib": [answer["peak_mib"] for answer in theirs],
        "export_cpu_s": exported["export_cpu_s"],
        "okng_model_mib": ours[-1]["size_mib"],
        "model_mib": exported["size_mib"],
    }


def judge_in_turn(
    arena: Arena, rival: Rival, runtime: str, effort: Effort, rival_side: str = "anomalib_side"
) -> dict[str, Any]:
    """Time files in bursts, okng's and the rival's in turn; then score every test image.

    Both processes stay, each with its model loaded; one waits while the other works. The first
    turn warms both up and is not counted, nor is the first image of a burst.
    """
    files = sorted(str(file) for file in (arena.images / "test").rglob("*") if file.is_file())
    files = files[:: max(1, len(files) // (effort.turns * BURST))]
    with (
        worker(arena.okng, "okng_side") as okng,
        worker(arena.anomalib, rival_side) as anomalib,
    ):
        sides = {"okng": okng, "rival": anomalib}
        said = {
            "okng": okng.ask("load", out=arena.out("okng"), runtime="auto"),
            "rival": anomalib.ask("load", out=arena.out(rival.name), runtime=runtime),
        }
        medians: dict[str, list[float]] = {f"{s}_{clock}": [] for s in sides for clock in _CLOCKS}
        for turn in range(effort.turns + 1):
            burst = [files[(turn * BURST + i) % len(files)] for i in range(BURST)]
            for name, side in sides.items():
                said[name] |= side.ask("time", files=burst)
                for clock in _CLOCKS if turn else ():
                    medians[f"{name}_{clock}"].append(float(np.median(said[name][clock])))
        return {
            "runtime": runtime,
            "versions": {**said["okng"]["versions"], **said["rival"]["versions"]},
            **{f"okng_latency_{clock}": medians[f"okng_{clock}"] for clock in _CLOCKS},
            **{f"latency_{clock}": medians[f"rival_{clock}"] for clock in _CLOCKS},
            "okng_latency_mib": said["okng"]["peak_mib"],
            "latency_mib": said["rival"]["peak_mib"],
            "okng_auroc": _auroc(okng, arena.images),
            "auroc": _auroc(anomalib, arena.images) if rival.weights else None,
        }


def _auroc(side: Worker, images: Path) -> float | None:
    scores: list[float] = []
    labels: list[bool] = []
    for kind in ("good", "bad"):
        files = sorted(str(file) for file in (images / "test" / kind).iterdir())
        if not files:
            return None
        scores += side.ask("time", files=files)["scores"]
        labels += [kind == "bad"] * len(files)
    return auroc(np.array(scores), np.array(labels))
