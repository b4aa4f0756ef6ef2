"""Manifests of Amazon Lookout for Vision: one JSON document a line, one image each.

The format: https://docs.aws.amazon.com/lookout-for-vision/latest/developer-guide/manifest-files.html
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from okng.adapters.datasets.annotation_files import Format, Kind, Lines, Listed, validated
from okng.adapters.datasets.class_names import is_plainly_good, label_of
from okng.adapters.datasets.image_names import ImageNames
from okng.algorithms.pixels import decode_file
from okng.domain.dataset import GOOD
from okng.domain.errors import BadDataset, BadImage
from okng.domain.masks import Colour, ColouredMask

_SOURCE = "source-ref"
_METADATA = "-metadata"
_CLASSES, _PIXELS = "groundtruth/image-classification", "groundtruth/semantic-segmentation"
_BACKGROUND = "background"
_NAMELESS = "anomaly"
_WHITE: Colour = (255, 255, 255)


class _Classified(BaseModel):
    kind: Kind = Field(alias="class-name")


class _Colour(BaseModel):
    kind: Kind = Field(alias="class-name")
    colour: str | None = Field(None, alias="hex-color", pattern="^#[0-9a-fA-F]{6}$")


class _Segmented(BaseModel):
    colours: dict[str, _Colour] = Field(alias="internal-color-map")


class _Line(BaseModel):
    source: str = Field(alias=_SOURCE, min_length=1)


class _Reference(BaseModel):
    name: str = Field(min_length=1)


def _fits(content: object) -> bool:
    if not isinstance(content, Lines) or not content.rows:
        return False
    _, first = content.rows[0]
    return isinstance(first, dict) and _SOURCE in first


def _entries(content: Lines, where: str, images: ImageNames) -> list[Listed]:
    """Return the images of a manifest, with classification, segmentation or both.

    Raises:
        BadDataset: a line is none of a manifest, or contradicts itself.
    """
    return [_entry(values, f"{where}, line {number}", images) for number, values in content.rows]


def _entry(values: Any, where: str, images: ImageNames) -> Listed:
    """Return one line's image. A classification decides; else a mask with a defect's pixels."""
    source = validated(_Line, values, where).source
    path = images.find(where, source)
    said = [
        validated(_Classified, about, f"{where}, {key}").kind
        for key, about in _metadata(values, _CLASSES)
    ]
    segmented = [
        (
            validated(_Reference, {"name": values.get(key.removesuffix(_METADATA))}, where).name,
            validated(_Segmented, about, f"{where}, {key}"),
        )
        for key, about in _metadata(values, _PIXELS)
    ]
    if not said and not segmented:
        return Listed(where, path, None)
    if said and all(map(is_plainly_good, said)):
        return Listed(where, path, GOOD)
    kinds, masks = list(said), []
    for name, about in segmented:
        mask = ColouredMask(images.find(where, name, is_mask=True), _background(about))
        masks.append(mask)
        kinds += _shown(mask, about, where, is_certain=bool(said))
    label = label_of(kinds)
    return Listed(where, path, label, () if label == GOOD else tuple(masks))


def _metadata(values: Mapping[str, Any], kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (key, about)
        for key, about in values.items()
        if key.endswith(_METADATA) and isinstance(about, dict) and about.get("type") == kind
    ]


def _background(segmented: _Segmented) -> Colour:
    """Return the colour of what is no defect: white unless the map says otherwise."""
    for entry in segmented.colours.values():
        if entry.kind.lower() == _BACKGROUND and entry.colour:
            return _rgb(entry.colour)
    return _WHITE


def _shown(mask: ColouredMask, segmented: _Segmented, where: str, is_certain: bool) -> list[str]:
    """Return the kinds of defect in a mask.

    A map may name all kinds of a labelling job, so the mask itself is looked at, unless the map
    names one kind alone and it is certain that there is a defect.
    """
    kinds = {
        _rgb(entry.colour) if entry.colour else None: entry.kind
        for entry in segmented.colours.values()
        if entry.kind.lower() != _BACKGROUND
    }
    if is_certain and len(kinds) < 2:
        return list(kinds.values())
    try:
        pixels = decode_file(mask.path)
    except BadImage as error:
        raise BadDataset(f"{where}: the mask cannot be used: {error}") from error
    codes = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    colours = {(int(c) >> 16, int(c) >> 8 & 255, int(c) & 255) for c in np.unique(codes)}
    colours.discard(mask.background)
    found = [kind for colour, kind in kinds.items() if colour in colours]
    return found or ([_NAMELESS] if colours else [])


def _rgb(code: str) -> Colour:
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


LOOKOUT = Format("Lookout for Vision", _fits, _entries)
