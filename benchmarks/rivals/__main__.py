"""okng against anomalib's PatchCore and PaDiM, in PyTorch and OpenVINO, on one thread.

    python -m benchmarks.rivals [FOLDER ...] [--images N] [--rival NAME] [--option KEY=VALUE]

Makes two environments with pip (one with this okng, one with anomalib), copies the images once,
and lets both train from that folder and judge its test images in turn. Without folders: bottle.
Every result is appended to results.jsonl in `--out`; `--render` makes table and picture from
what is there without measuring.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.rivals.contest import Arena, Effort, Rival, copied, judge_in_turn, train_in_turn
from benchmarks.rivals.environments import (
    cache_folder,
    installed_mib,
    okng_python,
    resnet18_file,
    rival_python,
)
from benchmarks.rivals.report import render
from benchmarks.setting import data_folder, datasets, machine

_RESNET18 = {"backbone": "resnet18"}
RIVALS = {
    "patchcore": ("patchcore", {}),
    "patchcore-small": ("patchcore", {"coreset_sampling_ratio": 0.01}),
    "patchcore-resnet18": ("patchcore", _RESNET18),
    "patchcore-resnet18-small": ("patchcore", {**_RESNET18, "coreset_sampling_ratio": 0.01}),
    "padim": ("padim", {}),
}
RUNTIMES = ("torch", "openvino")


def main() -> None:
    """Measure what was asked for, then write and print the table."""
    arguments = _arguments()
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    results = out / "results.jsonl"
    if not arguments.render:
        _measure(arguments, results)
    if not results.exists():
        raise SystemExit(f"there is no {results}: measure first, without --render")
    lines = results.read_text(encoding="utf-8").splitlines()
    render([json.loads(line) for line in lines], out)


def _measure(arguments: argparse.Namespace, results: Path) -> None:
    cache = Path(arguments.cache)
    okng, anomalib = okng_python(cache), rival_python(cache)
    sizes = {"okng_installed_mib": installed_mib(okng), "installed_mib": installed_mib(anomalib)}
    effort = Effort(arguments.rounds, arguments.turns, arguments.longest)
    options = dict(_pair(text) for text in arguments.option)
    chosen = arguments.rival or list(RIVALS)
    rivals = [_rival(name, arguments.pretrained, cache) for name in chosen]
    for dataset in datasets(arguments.folders or [str(data_folder() / "bottle")]):
        with copied(dataset, arguments.images) as images:
            count = len(list((images / "train" / "good").iterdir()))
            about = {"set": dataset.name, "images": count, "options": options, **sizes}
            for rival in rivals:
                with tempfile.TemporaryDirectory() as models:
                    arena = Arena(okng, anomalib, images, Path(models), options)
                    _contest(arena, rival, effort, about, results)


def _contest(
    arena: Arena, rival: Rival, effort: Effort, about: dict[str, Any], results: Path
) -> None:
    trained = train_in_turn(arena, rival, effort)
    for runtime in RUNTIMES:
        judged = judge_in_turn(arena, rival, runtime, effort)
        about = {**about, "rival": rival.name, "weights": _kind(rival.weights)}
        result = {"machine": machine(), **about, **trained, **judged}
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")


def _rival(name: str, pretrained: bool, cache: Path) -> Rival:
    """Give each the best weights there are: its own, ResNet18's from a package, or random ones."""
    model, settings = RIVALS[name]
    if pretrained:
        return Rival(name, model, settings, "pretrained")
    has_resnet18 = model == "padim" or settings.get("backbone") == "resnet18"
    return Rival(name, model, settings, str(resnet18_file(cache)) if has_resnet18 else None)


def _kind(weights: str | None) -> str:
    if weights is None:
        return "random"
    return "its own" if weights == "pretrained" else "ResNet18 from a package"


def _pair(text: str) -> tuple[str, object]:
    key, _, value = text.partition("=")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


def _arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.rivals",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="*", help="data sets in any layout that okng knows")
    parser.add_argument("--rival", action="append", choices=list(RIVALS), help="all unless given")
    parser.add_argument("--images", type=int, help="good images to train on; all unless given")
    parser.add_argument("--rounds", type=int, default=3, help="trainings of each side")
    parser.add_argument("--turns", type=int, default=20, help="bursts of five files of each side")
    parser.add_argument("--longest", type=float, default=600, help="seconds before the last round")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE",
                        help="of okng's training, as in detector=gaussian")  # fmt: skip
    parser.add_argument("--pretrained", action="store_true", help="anomalib downloads its weights")
    parser.add_argument("--cache", default=cache_folder(), help="folder of the environments")
    parser.add_argument("--out", default="rivals", help="folder of the results")
    parser.add_argument("--render", action="store_true", help="only from results that are there")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
