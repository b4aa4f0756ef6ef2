"""What `okng inspect` writes: lists, overlays and maps."""

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from okng.algorithms.heatmap import heat_limits, outline, overlay
from okng.algorithms.pixels import decode_file
from okng.domain.errors import BadImage, BadSetting
from okng.domain.inspection import Inspection
from okng.domain.verdict import Verdict
from okng.interfaces.cli.inspection_paths import OVERLAY, draft_of, whole_path
from okng.interfaces.cli.output import json_text, plain
from okng.interfaces.cli.reporting import system_message
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


_LONGEST_NAME = 255
"""Bytes that the usual file systems allow to a name."""

_SHOWN = 10

Writer = Callable[[Inspection], None]
"""Takes one inspection after the other."""

Warn = Callable[[str], None]
"""Says what must not be overlooked."""


@contextmanager
def writers(
    csv_file: Path | None, jsonl: Path | None, pictures: Sequence[Writer], warn: Warn
) -> Iterator[list[Writer]]:
    """Open what was asked for, and close it whatever happens.

    Raises:
        OSError: a file cannot be written; names it.
    """
    with ExitStack() as open_files:
        asked = list(pictures)
        for kind, path in ((CsvWriter, csv_file), (JsonlWriter, jsonl)):
            if path is not None:
                file = open_files.enter_context(_appearing(path, warn))
                asked.append(kind(file))
        yield asked


class CsvWriter:
    """One row for each image; text cannot act as a formula in a spreadsheet."""

    def __init__(self, file: IO[str]) -> None:
        self._name = file.name
        self._rows = csv.writer(file)
        with _naming(self._name):
            self._rows.writerow(COLUMNS)

    def __call__(self, inspection: Inspection) -> None:
        cells = row(inspection)
        with _naming(self._name):
            self._rows.writerow([cell(cells[name]) for name in COLUMNS])


class JsonlWriter:
    """One JSON object on each line."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def __call__(self, inspection: Inspection) -> None:
        with _naming(self._file.name):
            self._file.write(json_text(inspection.record()) + "\n")


class Pictures:
    """Writes pictures; one that cannot be written is reported and counted, and the run goes on."""

    def __init__(self, write: Writer, folder: Path, warn: Warn) -> None:
        self._write, self._folder, self._warn = write, folder, warn
        self.failed = 0

    def __call__(self, inspection: Inspection) -> None:
        try:
            self._write(inspection)
        except OSError as error:
            self._report(system_message(error, self._folder))
        except BadImage as error:
            self._report(str(error))

    def _report(self, reason: str) -> None:
        self.failed += 1
        if self.failed <= _SHOWN:
            self._warn(f"not written: {reason}")


class OverlayWriter:
    """The image with its heatmap and, unless it is OK, outlined regions; in the image's format.

    An OK image has none: single cells may exceed the threshold where the score, which is over
    more of them, does not.
    """

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
        if inspection.verdict is not Verdict.OK:
            threshold = inspection.review_threshold
            shown = outline(shown, prediction.anomaly_map, threshold, roi=self._roi)
        file = io.BytesIO()
        Image.fromarray(shown).save(file, "JPEG" if suffix == ".jpg" else "PNG", quality=92)
        _put(target, file.getvalue())


class MapWriter:
    """The raw anomaly map, float32 `[h, w]` over the region of interest, in units of the score."""

    def __init__(self, folder: Path, root: Path) -> None:
        self._folder, self._root = folder, root

    def __call__(self, inspection: Inspection) -> None:
        if inspection.prediction is not None:
            target = place_for(Path(inspection.image), self._folder, self._root, ".npy")
            file = io.BytesIO()
            np.save(file, inspection.prediction.anomaly_map.astype(np.float32))
            _put(target, file.getvalue())


def place_for(path: Path, folder: Path, root: Path, ending: str) -> Path:
    """Return where an image's product goes, and make its folder.

    The place follows the image's below `root`, and the name keeps the image's own ending, so two
    images never share one. A name that would be too long for file systems is cut, with a hash.
    """
    absolute = whole_path(path)
    if absolute.is_relative_to(root):
        below = absolute.relative_to(root)
    else:  # on another drive
        below = Path(absolute.drive.strip(":\\/"), *absolute.parts[1:])
    target = folder / below.parent / _short(below.name, ending)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _short(name: str, ending: str) -> str:
    """Return `name + ending`, in 255 bytes at most."""
    encoded = os.fsencode(name)
    if len(encoded) + len(ending) <= _LONGEST_NAME:
        return name + ending
    ending = f"~{sha256(encoded).hexdigest()[:16]}{ending}"
    return encoded[: _LONGEST_NAME - len(ending)].decode("utf-8", "ignore") + ending


def _put(target: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    try:
        with _naming(str(target)):
            target.write_bytes(data)
    except OSError:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        raise


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


@contextmanager
def _appearing(path: Path, warn: Warn) -> Iterator[IO[str]]:
    """Open a list for writing; it takes its name, and another's place, when it is whole.

    Where the run ends early, what there is stays beside. Pipes and devices are written as it goes.
    """
    is_stream = path.is_relative_to("/dev") or (path.exists() and not path.is_file())
    # A link's own file is replaced, not the link.
    target = path if is_stream else Path(os.path.realpath(path))
    draft = path if is_stream else draft_of(target)
    file = draft.open("w", encoding="utf-8", errors="backslashreplace", newline="")
    try:
        yield file
        with _naming(str(draft)):
            file.close()
        if not is_stream:
            draft.replace(target)
    except BaseException:
        with suppress(OSError):
            file.close()
        if not is_stream:
            warn(f"{draft} has what was inspected until then")
        raise


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Put the file's name into errors of writing, which have none."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, name) from error
