"""COCO: boxes and segmentations in one JSON file.

The format: https://cocodataset.org/#format-data; its run lengths: `maskApi.c` of
https://github.com/cocodataset/cocoapi.
"""

from collections import defaultdict
from typing import Annotated, Any

from pydantic import BaseModel, Field

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
from okng.domain.errors import BadDataset
from okng.domain.masks import DrawnMask, Polygon, Runs

_Key = int | str
_Count = Annotated[int, Field(ge=0, le=1 << 40)]


class _Image(BaseModel):
    id: _Key
    file_name: str = Field(min_length=1)
    width: Side | None = None
    height: Side | None = None


class _RunLengths(BaseModel):
    size: tuple[Side, Side]
    counts: list[_Count] | str


class _Annotation(BaseModel):
    image_id: _Key
    category_id: _Key
    bbox: tuple[Coordinate, Coordinate, Coordinate, Coordinate] | tuple[()] | None = None
    segmentation: list[list[Coordinate]] | _RunLengths | None = None


class _Category(BaseModel):
    id: _Key
    name: Kind


class _Coco(BaseModel):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def _fits(content: object) -> bool:
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys()


def _entries(content: Any, where: str, images: ImageNames) -> list[Listed]:
    """Return the images; one without an annotation of a defect is good.

    Raises:
        BadDataset: it is not COCO, or contradicts itself.
    """
    coco = validated(_Coco, content, where)
    kinds = {category.id: category.name for category in coco.categories}
    known = {image.id for image in coco.images}
    if len(known) < len(coco.images):
        raise BadDataset(f"{where}: two images have the same id; export the list again")
    by_image: dict[_Key, list[_Annotation]] = defaultdict(list)
    for number, annotation in enumerate(coco.annotations):
        for key, among, what in (
            (annotation.image_id, known, "image"),
            (annotation.category_id, kinds, "category"),
        ):
            if key not in among:
                raise BadDataset(
                    f"{where}: annotations.{number} is of the {what} {key!r}, which is not listed"
                )
        if not is_plainly_good(kinds[annotation.category_id]):
            by_image[annotation.image_id].append(annotation)
    found = []
    for image in coco.images:
        place = f"{where}, image {image.id}"
        own = by_image[image.id]
        masks = tuple(mask for one in own for mask in _masks(image, one, place))
        label = label_of(kinds[one.category_id] for one in own)
        found.append(Listed(place, images.find(place, image.file_name), label, masks))
    return found


def _masks(image: _Image, annotation: _Annotation, where: str) -> list[DrawnMask]:
    """Return the area of one annotation: its segmentation or, where there is none, its box."""
    drawn, box = annotation.segmentation, annotation.bbox
    if isinstance(drawn, _RunLengths):
        height, width = drawn.size
        lengths = drawn.counts if isinstance(drawn.counts, list) else _counts(drawn.counts, where)
        if sum(lengths) != height * width:
            raise BadDataset(
                f"{where}: the runs of a segmentation cover {sum(lengths)} pixels of {width} x "
                f"{height}; export the list again"
            )
        return [DrawnMask(width, height, (Runs(tuple(lengths), by_columns=True),))]
    polygons = drawn or []
    if not polygons and box:
        x, y, width_px, height_px = box
        right, bottom = x + width_px, y + height_px
        polygons = [[x, y, right, y, right, bottom, x, bottom]]
    if not polygons:
        return []
    if image.width is None or image.height is None:
        raise BadDataset(f"{where}: its width and height are missing")
    if any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
        raise BadDataset(f"{where}: a polygon has no three corners x, y; mend or remove it")
    areas = tuple(Polygon(tuple(zip(p[::2], p[1::2], strict=True))) for p in polygons)
    return [DrawnMask(image.width, image.height, areas)]


def _counts(text: str, where: str) -> list[int]:
    """Decode compressed run lengths: 5 bits a character, each from the third a difference."""
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 40:
            raise BadDataset(f"{where}: a segmentation's run lengths are damaged")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        if len(counts) > 2:
            value += counts[-2]
        counts.append(value)
        value = shift = 0
    if shift or any(count < 0 for count in counts):
        raise BadDataset(f"{where}: a segmentation's run lengths are damaged")
    return counts


COCO = Format("COCO", _fits, _entries, ("images without an annotation are taken for good",))
