"""The options of a training job, from and to plain values."""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from okng.algorithms.pixels import decode_mask
from okng.domain.errors import BadImage, BadRequest, BadSetting
from okng.domain.view import LONGEST_TILED_SIDE_PX, Box, parse_preparations
from okng.services.calibrate import Wish
from okng.services.training_plan import CalibrationPlan

LONGEST_VIEW_MASK = 700_000
"""Characters of base64: with it, a request's body stays below its limit."""

_LONGEST_PATTERN = 200
_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class JobOptions:
    """What may be chosen for a training job; everything has the default of `okng train`.

    `tier` or `budget_ms` stand for a detector with its settings. `size` is (width, height) of the
    graph's input, the backbone's own unless given; `tile` holds the settings of tiles (`tile_px`,
    `stride_px`, ...), through which large images are looked at; `roi` is in pixels of the original
    image; `mask_png` is the base64 of a PNG of that size, black where nothing is inspected;
    `prepare` are steps of preparation, as in `("grey", "clahe=2")`.
    """

    detector: str = "memory"
    tier: str | None = None
    budget_ms: float | None = None
    config: Mapping[str, object] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    tile: Mapping[str, object] | None = None
    roi: Box | None = None
    mask_png: str | None = None
    prepare: tuple[str, ...] = ()
    max_overkill: float = 0.01
    confidence: float = 0.95
    margin: float = 0.25
    calibration: CalibrationPlan = CalibrationPlan.AUTO
    group_pattern: str | None = None
    seed: int = 0

    @property
    def wish(self) -> Wish:
        return Wish(self.max_overkill, self.confidence, self.margin)

    @classmethod
    def read(cls, values: Mapping[str, object]) -> Self:
        """Read plain values.

        Raises:
            BadRequest: a name is unknown, or a value cannot be used.
        """
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            known = ", ".join(f.name for f in fields(cls))
            raise BadRequest(f"a training has no option {unknown[0][:100]!r}; it has {known}")
        read: dict[str, Any] = {name: _READERS[name](name, value) for name, value in values.items()}
        options = cls(**read)
        try:
            _ = options.wish
        except BadSetting as error:
            raise BadRequest(str(error)) from error
        return options

    def plain(self) -> dict[str, object]:
        """Return what `read` reads."""
        size = None if self.size is None else list(self.size)
        changed = {"size": size, "prepare": list(self.prepare)}
        return asdict(self) | changed | {"calibration": self.calibration.value}


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,99}", value):
        raise BadRequest(f"{name} must be a name of a-z, 0-9, '-', '_' and '.'")
    return value


def _settings(name: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise BadRequest(f"{name} must hold settings by name")
    return dict(value)


def _tile(name: str, value: object) -> Mapping[str, object] | None:
    return None if value is None else _settings(name, value)


def _whole(name: str, value: object, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BadRequest(f"{name} must be a whole number from {low} to {high}")
    return value


def _number(name: str, value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadRequest(f"{name} must be a number")
    return float(value)


def _positive(name: str, value: object) -> float:
    if (number := _number(name, value)) <= 0:
        raise BadRequest(f"{name} must be above 0")
    return number


def _size(name: str, value: object) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise BadRequest(f"{name} must be [width, height] in pixels")
    width, height = (_whole(name, side, 1, LONGEST_TILED_SIDE_PX) for side in value)
    return width, height


def _roi(name: str, value: object) -> Box | None:
    if value is None:
        return None
    sides = ("x", "y", "width", "height")
    if not isinstance(value, Mapping) or set(value) != set(sides):
        raise BadRequest(f"{name} must have x, y, width and height, in pixels of the image")
    lows = {"x": 0, "y": 0, "width": 1, "height": 1}
    return Box(*(_whole(f"{name}.{side}", value[side], lows[side], 10**6) for side in sides))


def _mask(name: str, value: object) -> str | None:
    if value is None:
        return None
    refused = f"{name} must be the base64 of a PNG, black where nothing is inspected"
    if not isinstance(value, str) or len(value) > LONGEST_VIEW_MASK:
        raise BadRequest(f"{refused}, of at most {LONGEST_VIEW_MASK:,} characters")
    try:
        mask = decode_mask(b64decode(value, validate=True))
    except (ValueError, BadImage) as error:
        raise BadRequest(f"{refused}: {error}") from error
    if not mask.any():
        raise BadRequest(f"{name} is black all over: leave something to be inspected")
    return value


def _steps(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(text, str) for text in value):
        raise BadRequest(f"{name} must be a list of steps, as in ['grey', 'clahe=2']")
    try:
        return tuple(map(str, parse_preparations(value)))
    except BadSetting as error:
        raise BadRequest(str(error)) from error


def _plan(name: str, value: object) -> CalibrationPlan:
    if value not in list(CalibrationPlan):
        raise BadRequest(f"{name} must be one of {', '.join(CalibrationPlan)}")
    return CalibrationPlan(str(value))


def _pattern(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_PATTERN:
        raise BadRequest(f"{name} must be a regular expression of {_LONGEST_PATTERN} characters")
    try:
        groups = re.compile(value).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise BadRequest(f"{name} is no regular expression: {error}") from error
    if not groups:
        raise BadRequest(f"{name} needs a group in parentheses: it finds the part's id")
    return value


_READERS: Mapping[str, Callable[[str, object], object]] = {
    "detector": _text,
    "tier": lambda name, value: None if value is None else _text(name, value),
    "budget_ms": lambda name, value: None if value is None else _positive(name, value),
    "config": _settings,
    "size": _size,
    "tile": _tile,
    "roi": _roi,
    "mask_png": _mask,
    "prepare": _steps,
    "max_overkill": _number,
    "confidence": _number,
    "margin": _number,
    "calibration": _plan,
    "group_pattern": _pattern,
    "seed": lambda name, value: _whole(name, value, 0, _LARGEST_SEED),
}
