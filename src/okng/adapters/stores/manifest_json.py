"""Manifests and calibrations as JSON: strict when read, the same bytes for the same content."""

import json
import math
import re
from dataclasses import asdict, replace
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from okng.domain.calibration import Calibration
from okng.domain.errors import BadModel
from okng.domain.model import MANIFEST_FORMAT, MOST_CLASSES, ClassCard, Manifest, Unseen
from okng.domain.product import is_product_name
from okng.domain.steps import amount_fault
from okng.domain.view import PREPARATIONS, View

LARGEST_JSON = 32 << 20
"""Bytes that a manifest or a calibration may have: 200,000 images take about 30 million."""

LARGEST_SIDE = 1 << 14
"""Pixels that a view or a map may have along a side."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the manifest as UTF-8 JSON with sorted keys.

    Raises:
        BadModel: it could not be read back (a mapping holds something that is not plain JSON, ...).
    """
    plain = {name: dict(getattr(manifest, name)) for name in ("config", "facts", "files")}
    data = _dump(asdict(replace(manifest, config={}, facts={}, files={})) | plain, "the manifest")
    read_manifest(data)
    return data


def calibration_bytes(calibration: Calibration) -> bytes:
    """Return the calibration as UTF-8 JSON with sorted keys.

    Raises:
        BadModel: it could not be read back.
    """
    data = _dump(asdict(calibration), "the calibration")
    read_calibration(data)
    return data


def read_manifest(data: bytes, where: str = "the manifest") -> Manifest:
    """Read a manifest; `where` names it in errors.

    Raises:
        BadModel: it is malformed, incomplete, of another format, or out of bounds.
    """
    values = _parse(data, where)
    _check_format(values, where)
    manifest: Manifest = _validate(_manifests(), data, where)
    fault = _manifest_fault(manifest)
    if fault:
        raise BadModel(f"{where}: {fault}")
    return manifest


def read_calibration(data: bytes, where: str = "the calibration") -> Calibration:
    """Read a calibration; `where` names it in errors.

    Raises:
        BadModel: it is malformed, incomplete or out of bounds.
    """
    _parse(data, where)
    calibration: Calibration = _validate(_calibrations(), data, where)
    fault = _calibration_fault(calibration)
    if fault:
        raise BadModel(f"{where}: {fault}")
    return calibration


# pydantic takes a configuration for foreign dataclasses only where they are inside something.
@cache
def _manifests() -> TypeAdapter[tuple[Manifest]]:
    return TypeAdapter(tuple[Manifest], config=_STRICT)


@cache
def _calibrations() -> TypeAdapter[tuple[Calibration]]:
    return TypeAdapter(tuple[Calibration], config=_STRICT)


def _dump(values: dict[str, Any], where: str) -> bytes:
    try:
        text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
        return text.encode() + b"\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise BadModel(f"{where} holds something that JSON cannot: {error}") from error


def _parse(data: bytes, where: str) -> dict[str, Any]:
    """Parse JSON strictly: finite numbers, no key twice, real Unicode; an object at the top."""
    if len(data) > LARGEST_JSON:
        raise BadModel(f"{where} has {len(data)} bytes; at most {LARGEST_JSON} are accepted")
    try:
        values = json.loads(
            data.decode(), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite
        )
        json.dumps(values, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise BadModel(f"{where} is not valid JSON ({error}); restore it from a copy") from error
    if not isinstance(values, dict):
        raise BadModel(f"{where} is not a JSON object; restore it from a copy")
    return values


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key occurs twice")
    return values


def _check_format(values: dict[str, Any], where: str) -> None:
    found = values.get("format")
    if type(found) is not int:
        raise BadModel(f"{where}: the field format is missing or not a number")
    if found > MANIFEST_FORMAT:
        raise BadModel(
            f"{where}: made by a newer okng (format {found}; this version reads "
            f"{MANIFEST_FORMAT}): upgrade okng"
        )
    if found != MANIFEST_FORMAT:
        raise BadModel(
            f"{where}: format {found} is unknown (this version reads {MANIFEST_FORMAT}): "
            "train the model again"
        )


def _validate(adapter: TypeAdapter[tuple[Any]], data: bytes, where: str) -> Any:
    try:
        return adapter.validate_json(b"[" + data + b"]")[0]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"][1:])[:200]
        reason = {
            "missing": "is missing",
            "unexpected_keyword_argument": "is unknown to this version",
        }.get(first["type"], f"is wrong ({first['msg']})")
        raise BadModel(
            f"{where}: the field {place or 'at the top'} {reason}: restore it from a copy, or "
            "train the model again"
        ) from error


def _manifest_fault(manifest: Manifest) -> str | None:
    view = manifest.view
    sides = (view.width, view.height, manifest.map_width, manifest.map_height)
    roi = view.roi
    digests = manifest.data.digests
    hashes = [*manifest.files.values(), *digests, *(one.sha256 for one in manifest.backbones)]
    if not is_product_name(manifest.product):
        return f"the product {manifest.product[:80]!r} is not a possible name"
    if manifest.version < 1:
        return f"the version {manifest.version} is below 1"
    if not all(1 <= side <= LARGEST_SIDE for side in sides):
        return f"view and map must have 1 to {LARGEST_SIDE} pixels a side"
    if roi is not None and (roi.x < 0 or roi.y < 0 or roi.width < 1 or roi.height < 1):
        return "view.roi must lie inside an image"
    if fault := _preparation_fault(view):
        return f"view.prepare: {fault}"
    if manifest.tolerance < 0:
        return "tolerance is negative"
    if not all(_SHA256.fullmatch(text) for text in hashes):
        return "a SHA-256 is not 64 hexadecimal digits"
    if any(later < earlier for earlier, later in pairwise(digests)):
        return "data.digests are not in ascending order"
    if digests and len(digests) != manifest.data.images:
        return f"data.digests are {len(digests)}, but the images {manifest.data.images}"
    if manifest.unseen is not None and (fault := _unseen_fault(manifest.unseen, len(digests))):
        return f"unseen: {fault}"
    return _class_fault(manifest.classes) or _calibration_fault(manifest.calibration)


def _preparation_fault(view: View) -> str | None:
    for step in view.prepare:
        if (kind := PREPARATIONS.get(step.name)) is None:
            return f"this version knows no step {step.name[:80]!r}"
        if fault := amount_fault(step, kind):
            return f"{step.name}: {fault}"
    return None


def _unseen_fault(unseen: Unseen, images: int) -> str | None:
    if not len(unseen.scores) == len(unseen.parts) == images:
        return "scores and parts are not as many as data.digests"
    if any(not 0 <= place < images for place in unseen.defective):
        return "defective names an image that is not there"
    return None


def _class_fault(card: ClassCard | None) -> str | None:
    if card is None:
        return None
    if not 2 <= len(card.names) <= MOST_CLASSES or len(set(card.names)) < len(card.names):
        return f"classes.names must be 2 to {MOST_CLASSES} different names"
    if len(card.images) != len(card.names):
        return "classes.images are not as many as classes.names"
    if card.temperature <= 0:
        return "classes.temperature is not above 0"
    return None


def _calibration_fault(calibration: Calibration) -> str | None:
    scores = calibration.good_scores
    if calibration.version < 1:
        return f"the calibration's version {calibration.version} is below 1"
    if not _SHA256.fullmatch(calibration.graph_sha256):
        return "the calibration's graph_sha256 is not 64 hexadecimal digits"
    if any(later < earlier for earlier, later in pairwise(scores)):
        return "the calibration's good_scores are not in ascending order"
    if any(later < earlier for earlier, later in pairwise(calibration.defect_scores)):
        return "the calibration's defect_scores are not in ascending order"
    return None
