"""What all benchmarks share: where the data are, what the machine is, how results are shown."""

import os
import platform
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from okng.adapters.datasets import read_dataset
from okng.domain.dataset import Dataset
from okng.reports.curves import picture_file

SETS = ("bottle", "magnetic_tile", "cookie", "casting")

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def data_folder() -> Path:
    """Return the folder with the data sets: `OKNG_DATA`, or `../shared/data` beside the project."""
    folder = Path(os.environ.get("OKNG_DATA") or _BESIDE)
    if not folder.is_dir():
        raise SystemExit(f"no data at {folder}: set OKNG_DATA to a folder with {', '.join(SETS)}")
    return folder


def datasets(folders: Sequence[str]) -> list[Dataset]:
    """Read the named folders, or the four standard sets."""
    chosen = [Path(f) for f in folders] or [data_folder() / name for name in SETS]
    return [read_dataset(folder) for folder in chosen]


def machine() -> str:
    """Describe the machine in a line."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, {date.today()}"


def table(title: str, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table under a title and the machine's name."""
    print(f"\n### {title}\n\n{machine()}\n")
    print(markdown(heads, rows), flush=True)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table, its first column to the left and the others to the right."""
    rule = ["---" if i == 0 else "---:" for i in range(len(heads))]
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join(rule) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def picture(name: str, chart: str) -> None:
    """Write a chart to the documents' pictures, or to the folder that `OKNG_PICTURES` names."""
    folder = Path(os.environ.get("OKNG_PICTURES") or PICTURES)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(picture_file(chart), encoding="utf-8")
    print(f"drawn: {folder / name}\n")
