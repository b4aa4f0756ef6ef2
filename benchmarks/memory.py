"""Does training take more memory when there are more images?

    python -m benchmarks.memory

Trains on 200 and on all 763 good images of magnetic tile, each in a process of its own, and
compares the peaks of resident memory.
"""

import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.setting import data_folder, table
from okng.adapters.datasets import read_dataset
from okng.bootstrap import TrainingOptions, train_dataset
from okng.domain.ports import silent
from okng.settings import Settings

FEW = 200


def main() -> None:
    """Measure both, or, told a number, train on that many and print the peak in MiB."""
    if len(sys.argv) > 1:
        print(_peak(int(sys.argv[1])))
        return
    everything = len(read_dataset(data_folder() / "magnetic_tile").train_good)
    peaks = {count: _measure(count) for count in (FEW, everything)}
    rows = [[count, peak, f"{peak / peaks[FEW]:.2f}"] for count, peak in peaks.items()]
    table("Peak memory of a training", ["images", "MiB", f"over {FEW} images"], rows)


def _measure(count: int) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", str(count)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _peak(count: int) -> int:
    dataset = read_dataset(data_folder() / "magnetic_tile")
    chosen = replace(dataset, samples=dataset.train_good[:count])
    with tempfile.TemporaryDirectory() as home:
        train_dataset(chosen, None, TrainingOptions(), Settings(home=Path(home)), silent)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
