"""Label Studio's JSON export: rectangles, polygons, ellipses, brush strokes and choices.

The format: https://labelstud.io/guide/export#Label-Studio-JSON-format-of-annotated-tasks; sides
are percent of the image's.
"""

import math
import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from okng.adapters.datasets.annotation_files import (
    Coordinate,
    Format,
    Kind,
    Listed,
    Side,
    validated,
)
from okng.adapters.datasets.class_names import is_plainly_good, label_of
from okng.adapters.datasets.image_names import ImageNames
from okng.adapters.datasets.label_studio_brush import alpha_runs
from okng.adapters.datasets.listing import IMAGE_SUFFIXES
from okng.domain.dataset import GOOD
from okng.domain.errors import BadDataset
from okng.domain.masks import DrawnMask, Point, Polygon, Runs

_NAMELESS = "defect"
_ELLIPSE_CORNERS = 64
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")


class _Result(BaseModel):
    type: str = ""
    original_width: Side | None = None
    original_height: Side | None = None
    value: dict[str, Any] = Field(default_factory=dict)


class _Annotation(BaseModel):
    result: list[_Result]
    was_cancelled: bool = False
    ground_truth: bool = False


class _Task(BaseModel):
    id: int | str | None = None
    data: dict[str, Any]
    annotations: list[_Annotation] = Field(default_factory=list)
    file_upload: str | None = None


class _Shape(BaseModel):
    """A region's value: which of these are there says what it is."""

    model_config = ConfigDict(populate_by_name=True)

    x: Coordinate | None = None
    y: Coordinate | None = None
    width: Coordinate | None = None
    height: Coordinate | None = None
    rotation: Coordinate = 0.0
    radius_x: Coordinate | None = Field(None, alias="radiusX")
    radius_y: Coordinate | None = Field(None, alias="radiusY")
    points: list[tuple[Coordinate, Coordinate]] | None = None
    rle: list[int] | None = None


class _Choices(BaseModel):
    choices: list[Kind]


class _Names(BaseModel):
    names: list[Kind]


def _fits(content: object) -> bool:
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, dict):
        return False
    if isinstance(first.get("data"), dict) and {"annotations", "completions"} & first.keys():
        return True
    return "annotation_id" in first and "annotator" in first  # JSON-MIN, which is refused


def _entries(content: Any, where: str, images: ImageNames) -> list[Listed]:
    """Return the images; tasks that nobody has annotated are unlabelled.

    Raises:
        BadDataset: it is no such export, or contradicts itself.
    """
    found = []
    for number, values in enumerate(content):
        if isinstance(values, dict) and "data" not in values and "annotation_id" in values:
            raise BadDataset(f"{where}: JSON-MIN of Label Studio; export it as JSON instead")
        task = validated(_Task, values, f"{where}, entry {number}")
        place = f"{where}, task {number if task.id is None else task.id}"
        label, masks = _truth(task, place)
        found.append(Listed(place, images.find(place, *_names(task, place)), label, masks))
    return found


def _names(task: _Task, where: str) -> list[str]:
    """Return what the image may be called; uploads have got a prefix that the original lacks."""
    texts = {key: value for key, value in task.data.items() if isinstance(value, str)}
    pictures = [
        value
        for value in texts.values()
        if any(value.lower().split("?X-", 1)[0].endswith(suffix) for suffix in IMAGE_SUFFIXES)
        or any(f"{suffix}?" in value.lower() for suffix in IMAGE_SUFFIXES)
    ]
    named = texts.get("image") or (pictures[0] if len(pictures) == 1 else "")
    if not named:
        what = "several images" if pictures else "no image"
        raise BadDataset(f"{where}: its data name {what}; okng takes tasks with one, `image`")
    names = [named, *([task.file_upload] if task.file_upload else [])]
    return names + [
        name[: -len(last)] + last[9:]
        for name in names
        if _UPLOAD_PREFIX.match(last := re.split(r"[/\\]", name)[-1])
    ]


def _truth(task: _Task, where: str) -> tuple[str | None, tuple[DrawnMask, ...]]:
    """Return label and masks by the annotation that counts: the ground truth, else the last."""
    valid = [one for one in task.annotations if not one.was_cancelled]
    if not valid:
        return None, ()
    chosen = next((one for one in valid if one.ground_truth), valid[-1])
    kinds: list[str] = []
    choices: list[str] = []
    masks: list[DrawnMask] = []
    for result in chosen.result:
        is_region = any(key in result.value for key in ("x", "points", "rle"))
        if result.type == "choices" and not is_region:
            choices += validated(_Choices, result.value, where).choices
        elif is_region and (labelled := _kinds(result, where)) is not None:
            defects = [kind for kind in labelled if not is_plainly_good(kind)]
            kinds += defects
            masks += _mask(result, where) if defects else []
    said_good = bool(choices) and label_of(choices) == GOOD
    if said_good and kinds:
        raise BadDataset(
            f"{where}: the choice is {choices[0]!r}, but {kinds[0]!r} is marked on it; mend one"
        )
    return label_of(kinds or choices), tuple(masks)


def _kinds(result: _Result, where: str) -> list[str] | None:
    """Return a region's labels; None where this result has only the shape, or is of other kind."""
    key = result.type if result.type in result.value else "labels"
    if not key.endswith("labels") or (key not in result.value and result.type != key):
        return None
    names = validated(_Names, {"names": result.value.get(key, [])}, where).names
    return names or [_NAMELESS]


def _mask(result: _Result, where: str) -> list[DrawnMask]:
    """Return the area of a region; a point has none."""
    shape = validated(_Shape, result.value, where)
    width, height = result.original_width, result.original_height
    if width is None or height is None:
        raise BadDataset(f"{where}: a region lacks original_width and original_height")
    area: Polygon | Runs
    if shape.rle is not None:
        area = Runs(alpha_runs(shape.rle, width * height, where))
    elif corners := _corners(shape, width, height):
        area = Polygon(tuple(corners))
    else:
        return []
    return [DrawnMask(width, height, (area,))]


def _corners(shape: _Shape, width: int, height: int) -> list[Point]:
    """Return a polygon in pixels; what is turned is turned in pixels, clockwise."""
    across, down = width / 100, height / 100
    if shape.points is not None:
        return [(x * across, y * down) for x, y in shape.points]
    if shape.x is None or shape.y is None:
        return []
    turn = math.radians(shape.rotation)
    if shape.radius_x is not None and shape.radius_y is not None:
        angles = [2 * math.pi * k / _ELLIPSE_CORNERS for k in range(_ELLIPSE_CORNERS)]
        offsets = [
            (shape.radius_x * across * math.cos(a), shape.radius_y * down * math.sin(a))
            for a in angles
        ]
    elif shape.width is not None and shape.height is not None:
        right, bottom = shape.width * across, shape.height * down
        offsets = [(0.0, 0.0), (right, 0.0), (right, bottom), (0.0, bottom)]
    else:
        return []
    cos, sin = math.cos(turn), math.sin(turn)
    x, y = shape.x * across, shape.y * down
    return [(x + dx * cos - dy * sin, y + dx * sin + dy * cos) for dx, dy in offsets]


LABEL_STUDIO = Format("Label Studio", _fits, _entries)
