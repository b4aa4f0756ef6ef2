"""What the service is sent, checked before anything happens."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue

from okng.domain.errors import BadSetting
from okng.domain.people import Right, Role
from okng.domain.view import PREPARATIONS
from okng.services.calibrate import DefectWish, Wish
from okng.services.recalibrate import ThresholdChoice
from okng.services.reviews import LONGEST_MASK
from okng.services.training_options import LONGEST_VIEW_MASK

NAME = r"^[a-z0-9](?:[a-z0-9_.-]{0,62}[a-z0-9_])?$"
UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_ALIAS = r"^[a-z][a-z0-9_-]{0,31}$"
_PERSON = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
_REFERENCE = r"^[a-z0-9][a-z0-9_.@-]*$"
_KIND = r"^[a-z0-9_.-]+$"
SHORT_ID = r"^[0-9a-f]{16}$"
PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""No control characters."""

WORDS = {
    NAME: "is no such name: it has 1 to 64 of a-z, 0-9, '.', '_' and '-', begins with a letter or "
    "digit, and does not end with '.' or '-'",
    UUID: "is no id: take it from an answer, as in 019a9f5e-7c00-7000-8000-000000000000",
    _ALIAS: "is no alias: it has 1 to 32 of a-z, 0-9, '_' and '-', and begins with a letter",
    _PERSON: "is no person's name: it has 1 to 64 of a-z, 0-9, '.', '_' and '-', and begins with a "
    "letter or digit",
    _REFERENCE: "names no model: say bottle-3 or bottle@candidate",
    _KIND: "is no such name: it has a-z, 0-9, '.', '_' and '-'",
    SHORT_ID: "is no id: take it from an answer, as in 0123456789abcdef",
    PLAIN: "holds control characters: send plain text",
}
"""What is said of a value that does not fit its pattern."""

ProductName = Annotated[str, Path(pattern=NAME, description="A product", examples=["bottle"])]
Id = Annotated[
    str,
    Path(pattern=UUID, description="A record", examples=["019a9f5e-7c00-7000-8000-000000000000"]),
]
Alias = Annotated[str, Path(pattern=_ALIAS, examples=["champion"])]
Version = Annotated[int, Path(ge=1, le=10**9, examples=[1])]
PersonName = Annotated[str, Path(pattern=_PERSON, examples=["ada"])]


def _in_utc(value: datetime) -> datetime:
    """Return a time that every store can keep."""
    if value.tzinfo is None:
        raise ValueError("has no time zone: give one (2026-01-31T12:00:00Z)")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside the years 1 to 9999: choose a time within") from None


Moment = Annotated[datetime, AfterValidator(_in_utc)]
Time = Annotated[Moment | None, Query(description="With a time zone")]

Cursor = Annotated[str | None, Query(max_length=500, description="Of the page before")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most")]
Short = Annotated[str | None, Query(min_length=1, max_length=200, pattern=PLAIN)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_max_length=10_000, allow_inf_nan=False)


class NewProduct(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "bottle"}]})

    name: str = Field(min_length=1, max_length=64, pattern=NAME)
    title: str = Field("", max_length=200, pattern=PLAIN)


class NewUpload(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "bottle.zip", "size": 1048576}]}
    )

    name: str = Field(min_length=1, max_length=100, pattern=PLAIN)
    size: int = Field(ge=1, le=1 << 44, description="Bytes")


class NewFolderDataset(Body):
    """A folder below one of the roots that the administrator has allowed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "bottle", "folder": "/data/parts/bottle"}]}
    )

    folder: str = Field(min_length=1, max_length=1000, pattern=PLAIN)
    name: str = Field(min_length=1, max_length=100, pattern=PLAIN)


class Region(Body):
    """In pixels of the original image."""

    x: int = Field(ge=0, le=10**6)
    y: int = Field(ge=0, le=10**6)
    width: int = Field(ge=1, le=10**6)
    height: int = Field(ge=1, le=10**6)


class Tile(Body):
    """Tiles of a large image; what is not said has the defaults of `okng train --tile`."""

    tile_px: int = Field(512, ge=32, le=2048, description="Side of a tile, in pixels")
    stride_px: int | None = Field(
        None, ge=16, le=2048, description="From one tile to the next, in pixels"
    )
    batch: int = Field(1, ge=1, le=64, description="Tiles that are computed at once")
    score_share: float = Field(
        0.005, ge=0, le=1, description="Share of a tile's map, its highest cells, that scores it"
    )


class NewJob(Body):
    """A training; what is not said has the defaults of `okng train`."""

    model_config = ConfigDict(
        str_max_length=LONGEST_VIEW_MASK,
        json_schema_extra={
            "examples": [{"dataset_id": "019a9f5e-7c00-7000-8000-000000000000", "size": [256, 256]}]
        },
    )

    dataset_id: str = Field(pattern=UUID)
    detector: str = Field("memory", min_length=1, max_length=100, pattern=_KIND)
    tier: Literal["fast", "balanced", "accurate"] | None = Field(
        None, description="Stands for a detector with its settings"
    )
    budget_ms: float | None = Field(
        None, gt=0, le=1e6, description="Take the most accurate tier that one image's time allows"
    )
    config: dict[str, JsonValue] = Field(default_factory=dict, max_length=50)
    size: tuple[int, int] | None = Field(
        None, description="Width and height of the graph's input; the backbone's own unless given"
    )
    tile: Tile | None = Field(
        None, description="Look through tiles, for large images; then `size` is the image's own"
    )
    roi: Region | None = None
    mask_png: str | None = Field(
        None,
        min_length=1,
        max_length=LONGEST_VIEW_MASK,
        description="Base64 of a PNG as large as the images, black where nothing is inspected",
    )
    prepare: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list,
        max_length=len(PREPARATIONS),
        description="Steps that all images go through before the graph, as in grey and clahe=2: "
        f"any of {', '.join(PREPARATIONS)}",
    )
    max_overkill: float = Field(0.01, gt=0, lt=1)
    confidence: float = Field(0.95, gt=0, lt=1)
    margin: float = Field(0.25, ge=0, le=100)
    calibration: Literal["auto", "split", "cross-fit"] = "auto"
    group_pattern: str | None = Field(None, max_length=200)
    seed: int = Field(0, ge=0, le=2**32 - 1)

    def options(self) -> dict[str, object]:
        """Return the options as plain values."""
        return self.model_dump(exclude={"dataset_id"})


class NewEvaluation(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dataset_id": "019a9f5e-7c00-7000-8000-000000000000"}]}
    )

    dataset_id: str = Field(pattern=UUID)


class TrainingAgain(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"dataset_id": "019a9f5e-7c00-7000-8000-000000000000"}]}
    )

    dataset_id: str = Field(pattern=UUID, description="What the reviewed images are added to")


class NewAlias(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"model": "bottle-3"}]})

    model: str = Field(min_length=1, max_length=100, pattern=_REFERENCE)


class NewCalibration(Body):
    """Choose one way: by a promise (nothing else), `threshold` by hand, or by labelled defects."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"max_overkill": 0.02}]})

    max_overkill: float = Field(0.01, gt=0, lt=1)
    confidence: float = Field(0.95, gt=0, lt=1)
    margin: float = Field(0.25, ge=0, le=100)
    threshold: float | None = None
    ng_threshold: float | None = None
    defects_dataset_id: str | None = Field(None, pattern=UUID)
    escape_cost: float | None = Field(None, gt=0, lt=1e9)
    defect_rate: float = Field(0.05, gt=0, lt=1)
    max_escapes: float | None = Field(None, gt=0, lt=1)
    note: str = Field("", max_length=500, pattern=PLAIN)

    def choice(self) -> ThresholdChoice:
        """Return what is wanted.

        Raises:
            BadSetting: it contradicts itself, or holds what would not be used.
        """
        self._check_in_use()
        asked = self.escape_cost is not None or self.max_escapes is not None
        return ThresholdChoice(
            Wish(self.max_overkill, self.confidence, self.margin),
            self.threshold,
            self.ng_threshold,
            DefectWish(self.escape_cost, self.defect_rate, self.max_escapes) if asked else None,
            self.defects_dataset_id,
        )

    def _check_in_use(self) -> None:
        given = self.model_fields_set
        by_other = self.threshold is not None or self.defects_dataset_id is not None
        if by_other and "max_overkill" in given:
            raise BadSetting(
                "max_overkill chooses the threshold as threshold and defects_dataset_id do: give "
                "one of them"
            )
        if self.ng_threshold is not None and "margin" in given:
            raise BadSetting("margin and ng_threshold each choose where NG begins: give one")
        if self.escape_cost is None and "defect_rate" in given:
            raise BadSetting("defect_rate goes with escape_cost: give both")


class ReviewWish(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"count": 2}]})

    have: list[Annotated[str, Field(pattern=UUID)]] = Field(
        default_factory=list, max_length=200, description="Ids that are with the reviewer already"
    )
    count: int = Field(1, ge=0, le=20, description="How many more at most")


class NewReview(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"verdict": "NG", "defect": "crack", "note": "at the rim"}]}
    )

    verdict: Literal["OK", "NG"]
    defect: str | None = Field(None, min_length=1, max_length=200, pattern=PLAIN)
    note: str = Field("", max_length=2000)
    mask_png: str | None = Field(
        None,
        max_length=LONGEST_MASK,
        description="Where the defect is: base64 of a PNG of the image's size, not black there",
    )


class TheseInspections(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ids": ["019a9f5e-7c00-7000-8000-000000000000"]}]}
    )

    ids: list[Annotated[str, Field(pattern=UUID)]] = Field(min_length=1, max_length=1000)


class NewKiosk(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "line-1", "product": "bottle"}]}
    )

    name: str = Field(min_length=1, max_length=64)
    product: str = Field(max_length=64, pattern=NAME)
    station: str | None = Field(None, min_length=1, max_length=200, pattern=PLAIN)


class NewPerson(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "ada", "role": "engineer"}]})

    name: str = Field(min_length=1, max_length=64)
    role: Role


class NewRole(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"role": "reviewer"}]})

    role: Role


class NewPassword(Body):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"old": "what it was", "new": "four unrelated plain words"}]
        }
    )

    old: str = Field(min_length=1, max_length=1000)
    new: str = Field(min_length=1, max_length=1000)


class NewToken(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "line-1", "rights": ["read", "inspect"]}]}
    )

    name: str = Field(min_length=1, max_length=100, pattern=PLAIN)
    rights: frozenset[Right] = Field(min_length=1)
    expires: Moment | None = Field(None, description="With a time zone; None is never")


class NewSession(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "admin", "password": "as it was shown"}]}
    )

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=1000)
