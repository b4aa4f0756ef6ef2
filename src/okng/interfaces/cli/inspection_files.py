"""What `okng inspect` writes: lists, overlays and maps."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from okng.algorithms.heatmap import heat_limits, outline, overlay
from okng.algorithms.pixels import decode_file
from okng.domain.errors import BadSetting
from okng.domain.inspection import Inspection
from okng.interfaces.cli.inspection_paths import OVERLAY, whole_path
from okng.interfaces.cli.output import json_text, plain
from okng.services.inspect import Inspector

COLUMNS = (
    "image", "verdict", "score", "p_value", "review_threshold", "ng_threshold", "regions",
    "region_x", "region_y", "region_width", "region_height", "region_area_px",
    "region_peak_score", "product", "model", "graph_sha256", "calibration", "time",
    "image_width", "image_height", "decode_ms", "view_ms", "graph_ms", "decide_ms", "total_ms",
    "error",
)  # fmt: skip
"""Of the CSV file. `regions` is their number; the figures are of the first, the strongest."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_JPEG = {".jpg", ".jpeg"}


Writer = Callable[[Inspection], None]
"""Takes one inspection after the other."""


@contextmanager
def writers(
    csv_file: Path | None, jsonl: Path | None, pictures: Sequence[Writer]
) -> Iterator[list[Writer]]:
    """Open what was asked for, and close it whatever happens.

    Raises:
        OSError: a file cannot be written.
    """
    with ExitStack() as open_files:
        asked = list(pictures)
        if csv_file is not None:
            asked.append(CsvWriter(open_files.enter_context(_opened(csv_file))))
        if jsonl is not None:
            asked.append(JsonlWriter(open_files.enter_context(_opened(jsonl))))
        yield asked


class CsvWriter:
    """One row for each image; text cannot act as a formula in a spreadsheet."""

    def __init__(self, file: IO[str]) -> None:
        self._rows = csv.writer(file)
        self._rows.writerow(COLUMNS)

    def __call__(self, inspection: Inspection) -> None:
        cells = row(inspection)
        self._rows.writerow([cell(cells[name]) for name in COLUMNS])


class JsonlWriter:
    """One JSON object on each line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def __call__(self, inspection: Inspection) -> None:
        self._file.write(json_text(inspection.record()) + "\n")


class OverlayWriter:
    """The image with its heatmap and outlined regions; named after the image, in its format."""

    def __init__(
        self,
        folder: Path,
        root: Path,
        inspector: Inspector,
        max_pixels: int,
        inputs: frozenset[Path] = frozenset(),
    ) -> None:
        self._folder, self._root, self._max_pixels = folder, root, max_pixels
        self._roi = inspector.model.manifest.view.roi
        self._calibration = inspector.calibration
        self._inputs = inputs

    def __call__(self, inspection: Inspection) -> None:
        prediction = inspection.prediction
        if prediction is None:
            return
        path = Path(inspection.image)
        suffix = ".jpg" if path.suffix.lower() in _JPEG else ".png"
        target = place_for(path, self._folder, self._root, OVERLAY + suffix)
        if whole_path(target) in self._inputs:
            raise BadSetting(f"{target} is to be inspected: give another folder for --overlays")
        pixels = decode_file(path, self._max_pixels)
        limits = heat_limits(self._calibration, prediction.anomaly_map)
        shown = overlay(pixels, prediction.anomaly_map, *limits, roi=self._roi)
        threshold = inspection.review_threshold
        shown = outline(shown, prediction.anomaly_map, threshold, roi=self._roi)
        Image.fromarray(shown).save(target, quality=92)


class MapWriter:
    """The raw anomaly map, float32 `[h, w]` over the region of interest, in units of the score."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, root

    def __call__(self, inspection: Inspection) -> None:
        if inspection.prediction is not None:
            target = place_for(Path(inspection.image), self._folder, self._root, ".npy")
            np.save(target, inspection.prediction.anomaly_map.astype(np.float32))


def place_for(path: Path, folder: Path, root: Path, ending: str) -> Path:
    """Return where an image's product goes, and make its folder.

    The place follows the image's below `root`, and the name keeps the image's own ending, so two
    images never share one.
    """
    absolute = whole_path(path)
    if absolute.is_relative_to(root):
        below = absolute.relative_to(root)
    else:  # on another drive
        below = Path(absolute.drive.strip(":\\/"), *absolute.parts[1:])
    target = folder / below.parent / (below.name + ending)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def row(inspection: Inspection) -> dict[str, object]:
    """Return an inspection's record with one cell for each of `COLUMNS`."""
    record = inspection.record()
    regions = inspection.regions
    record["regions"] = len(regions)
    if regions:
        box = regions[0].box
        record |= {f"region_{name}": value for name, value in box.__dict__.items()}
        record |= {
            "region_area_px": regions[0].area_px,
            "region_peak_score": regions[0].peak_score,
        }
    timing = record.pop("timing")
    if isinstance(timing, dict):
        record |= timing
    return {name: record.get(name) for name in COLUMNS}


def cell(value: object) -> object:
    """Return a cell that a spreadsheet shows and never computes.

    Text that begins like a formula gets an apostrophe: OWASP, CSV Injection.
    """
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return plain(value)


def _opened(path: Path) -> IO[str]:
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
