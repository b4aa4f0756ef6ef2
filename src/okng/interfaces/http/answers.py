"""What the service answers, for the OpenAPI document; made of the domain's records.

Models, inspections, people and sensitivity have modules of their own beside this one.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer

from okng.domain.detector_card import SettingKind
from okng.domain.records import JobState, UploadState

T = TypeVar("T")


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, protected_namespaces=())


class Problem(BaseModel):
    """RFC 9457. `code` is stable, for programs."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[dict[str, str]] = Field(default_factory=list)


class Listed(Answer, Generic[T]):
    """All there are."""

    items: list[T]


class Paged(Answer, Generic[T]):
    """Some of them; the next ones follow with `?cursor=`, None on the last page."""

    items: list[T]
    cursor: str | None


class ProductAnswer(Answer):
    name: str
    title: str
    created: datetime
    deleted: datetime | None


class SampleAnswer(Answer):
    """An image to try a product with; `label` is `good`, a defect's name, or None."""

    id: str
    name: str
    label: str | None
    image_url: str
    thumbnail_url: str


class DatasetAnswer(Answer):
    id: str
    product: str
    name: str
    layout: str
    counts: Mapping[str, int]
    created: datetime
    actor: str
    deleted: datetime | None


class TierAnswer(Answer):
    """`milliseconds` for one image, in the graph alone; None where the backbone is `missing`."""

    tier: str
    milliseconds: float | None
    missing: str | None


class TiersAnswer(Answer):
    """`state` is None before anybody has asked for a measurement."""

    state: JobState | None
    done: int
    total: int
    error: str | None
    tiers: list[TierAnswer]


class CheckupAnswer(Answer):
    """`diagnosis` is that of the newest check-up that was done, None before the first.

    Its findings have cases with images; each has a `number`, by which its picture can be asked for.
    """

    dataset_id: str
    state: JobState
    stage: str
    done: int
    total: int
    error: str | None
    diagnosis: Mapping[str, Any] | None


class EvaluationAnswer(Answer):
    """`state` is None before anybody has asked; `result` is that of the newest that was done.

    Its images have an order; by their place in it their pictures can be asked for.
    """

    model: str
    dataset_id: str
    state: JobState | None
    done: int
    total: int
    error: str | None
    result: Mapping[str, Any] | None


class ReceivedAnswer(Answer):
    """`notes` say what was left out of the archive."""

    dataset: DatasetAnswer
    notes: tuple[str, ...]


class UploadAnswer(Answer):
    id: str
    product: str
    name: str
    size: int
    received: int
    state: UploadState
    created: datetime
    actor: str
    error: str | None
    dataset_id: str | None


def _told(options: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out a mask's pixels; `masked` says whether there is one."""
    told = {name: value for name, value in options.items() if name != "mask_png"}
    return told | {"masked": options.get("mask_png") is not None}


class JobAnswer(Answer):
    id: str
    product: str
    dataset_id: str
    options: Annotated[Mapping[str, Any], PlainSerializer(_told, return_type=dict[str, Any])]
    state: JobState
    actor: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    stage: str
    done: int
    total: int
    attempts: int
    model: str | None
    error: str | None


class LogLine(Answer):
    number: int
    text: str


class SettingAnswer(Answer):
    """`least` and `most` are allowed, `above` and `below` are not; `choices` are words."""

    name: str
    title: str
    description: str
    kind: SettingKind
    default: JsonValue
    choices: list[str]
    least: float | None
    most: float | None
    above: float | None
    below: float | None


class DetectorAnswer(Answer):
    name: str
    summary: str
    names_defects: bool
    settings: list[SettingAnswer]
    missing: str | None


class DetectorsAnswer(Answer):
    detectors: list[DetectorAnswer]


class CurveAnswer(Answer):
    """`points` are (epoch, value), the first epoch 1."""

    name: str
    points: list[tuple[float, float]]


class StageAnswer(Answer):
    stage: str
    curves: list[CurveAnswer]


class CurvesAnswer(Answer):
    stages: list[StageAnswer]


class LogAnswer(Answer):
    """Lines after the one that was asked for; ask again with the last `number`."""

    lines: list[LogLine]
