"""Does the same seed give the same model twice, and a killed training the same as an unbroken one?

    python -m benchmarks.resuming [--detectors student autoencoder cnn transfer]

Each is trained three times by `okng train`, on a few epochs: twice without a break, and once with
kill -9 in the middle of the epochs and the same command again. Then the graphs and what they make
of the test images are compared. `student` and `autoencoder` learn bottle, the others casting.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.setting import data_folder, table

OKNG = (sys.executable, "-m", "okng.interfaces.cli.app")
SETTINGS = {
    "student": ("bottle", ["epochs=4", "strange=64", "teacher_epochs=2"]),
    "autoencoder": ("bottle", ["epochs=6"]),
    "cnn": ("casting", ["epochs=3", "augment=flip,rotate=180"]),
    "transfer": ("casting", ["epochs=2", "frozen_epochs=2", "augment=flip"]),
}
"""By detector: what is learned, and its settings."""
LONGEST_S = 1800.0


def main() -> None:
    """Train, break, compare; fail where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detectors", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    rows, differ = [], False
    for name in parser.parse_args().detectors:
        with tempfile.TemporaryDirectory() as folder:
            homes = [Path(folder) / which for which in ("once", "again", "killed")]
            for home in homes[:2]:
                _train(home, name)
            kept = _killed(homes[2], name)
            _train(homes[2], name)
            found = [_found(home, name) for home in homes]
        same = [found[0] == other for other in found[1:]]
        differ = differ or not all(same)
        words = ["the same" if one else "another" for one in same]
        rows.append([name, SETTINGS[name][0], f"{kept:,}", *words, f"{found[0][1]:.6f}"])
    heads = ["detector", "on", "bytes kept at the kill", "again", "killed and resumed", "AUROC"]
    table("The same training three times: graph, scores and metrics", heads, rows)
    sys.exit(1 if differ else 0)


def _command(name: str) -> list[str]:
    dataset, settings = SETTINGS[name]
    chosen = [word for setting in settings for word in ("--set", setting)]
    folder = data_folder() / dataset
    return [*OKNG, "train", str(folder), "--detector", name, "--size", "128", *chosen]


def _environment(home: Path) -> dict[str, str]:
    return os.environ | {"OKNG_HOME": str(home), "OMP_NUM_THREADS": "1"}


def _train(home: Path, name: str) -> None:
    subprocess.run(_command(name), env=_environment(home), check=True, stdout=subprocess.DEVNULL)


def _killed(home: Path, name: str) -> int:
    """Kill a training that has kept more than one epoch's end; return the bytes that are kept."""
    process = subprocess.Popen(
        _command(name), env=_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    seen: set[tuple[str, int]] = set()
    until = time.monotonic() + LONGEST_S
    while len(seen) < 2:
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"{name} ended before it could be killed")
        seen |= {(file.name, file.stat().st_mtime_ns) for file in _states(home)}
        time.sleep(0.05)
    time.sleep(1.0)  # into the next epoch
    process.kill()
    process.wait()
    return sum(file.stat().st_size for file in _states(home))


def _states(home: Path) -> Sequence[Path]:
    return sorted(home.rglob("unfinished/*.safetensors"))


def _found(home: Path, name: str) -> tuple[str, float, str]:
    """Return the graph's hash, the image AUROC and all that the evaluation says of the images."""
    (manifest,) = home.rglob("manifest.json")
    graph = json.loads(manifest.read_text("utf-8"))["files"]["model.onnx"]
    folder = data_folder() / SETTINGS[name][0]
    done = subprocess.run(
        [*OKNG, "evaluate", str(folder), "--json"],
        env=_environment(home), check=True, capture_output=True, text=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    scores = json.dumps([(image["image"], image["score"]) for image in said["images"]])
    return graph, float(said["image_auroc"]), scores


if __name__ == "__main__":
    main()
