"""Lists of annotated images as labelling tools write them: find the files, read them, bounded."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from pydantic_core import from_json

from okng.adapters.datasets.image_names import ImageNames
from okng.domain.errors import BadDataset
from okng.domain.masks import MaskSource

MAX_BYTES = 128 * 2**20
MAX_LISTS = 8
"""Lists in one folder; where there are more, as where each image has its own, none is one."""

MAX_SIDE_PX = 1_000_000

LINES = frozenset({".manifest", ".jsonl"})
SUFFIXES = frozenset({".json"}) | LINES

FOLDERS = frozenset({"annotations", "annotation", "labels", "manifests", "manifest"})
"""Folders in which lists lie beside the images' own."""

SPLITS: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}

_Checked = TypeVar("_Checked", bound=BaseModel)

Coordinate = Annotated[float, Field(ge=-MAX_SIDE_PX, le=MAX_SIDE_PX)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]
Kind = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


@dataclass(frozen=True)
class Listed:
    """One image of a list, found. `where` says which entry it is, for errors."""

    where: str
    path: Path
    label: str | None
    masks: tuple[MaskSource, ...] = ()


@dataclass(frozen=True)
class Format:
    """How one tool writes lists. `content` is JSON's plain values, or `Lines`."""

    name: str
    fits: Callable[[object], bool]
    entries: Callable[[Any, str, ImageNames], list[Listed]]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lines:
    """The plain values of a file with one JSON document on each line, by line number."""

    rows: tuple[tuple[int, object], ...] = field(repr=False)


def lists_in(folder: Path) -> list[Path]:
    """Return the files that may be lists: at the top, below `annotations/` and `train/`, ..."""
    found = []
    try:
        below = sorted(
            path for path in folder.iterdir() if path.name.lower() in FOLDERS | {*SPLITS}
        )
        for place in [folder, *(path for path in below if path.is_dir())]:
            here = sorted(path for path in place.iterdir() if _may_be_list(path))
            found += here if len(here) <= MAX_LISTS else []
    except OSError as error:
        raise BadDataset(f"{error.filename}: cannot be read ({error.strerror})") from error
    return found


def split_named(file: Path) -> str | None:
    """Return `train`, `validation` or `test` where a list's name or folder says so."""
    if own := SPLITS.get(file.parent.name.lower()):
        return own
    said = {SPLITS[word] for word in re.findall("[a-z]+", file.stem.lower()) if word in SPLITS}
    return said.pop() if len(said) == 1 else None


def read_list(path: Path) -> object:
    """Return a list's plain values.

    Raises:
        BadDataset: it cannot be read, is too large, or no JSON; names the line where it can.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadDataset(f"{path}: cannot be read ({error.strerror})") from error
    if len(data) > MAX_BYTES:
        raise BadDataset(f"{path}: larger than {MAX_BYTES:,} bytes; divide the list")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if path.suffix.lower() not in LINES:
        return _json(data, str(path))
    rows = [
        (number, _json(line, f"{path}, line {number}"))
        for number, line in enumerate(data.splitlines(), start=1)
        if line.strip()
    ]
    return Lines(tuple(rows))


def validated(model: type[_Checked], values: object, where: str) -> _Checked:
    """Check plain values against what a format says.

    Raises:
        BadDataset: they are something else; names the first place where.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BadDataset(
            f"{where}: {place[:200]}: {first['msg']}; export the list again, or mend this entry"
        ) from error


def _may_be_list(path: Path) -> bool:
    is_hidden = path.name.startswith(".")
    return not is_hidden and path.suffix.lower() in SUFFIXES and path.is_file()


def _json(data: bytes, where: str) -> object:
    try:
        return from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise BadDataset(
            f"{where}: not JSON ({error}); export the list again, or take it away if it is none"
        ) from error
