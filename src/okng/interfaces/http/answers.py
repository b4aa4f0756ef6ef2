"""What the service answers, for the OpenAPI document; made of the domain's records."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from okng.domain.calibration import Evidence, Method
from okng.domain.people import Right, Role
from okng.domain.records import JobState, UploadState
from okng.domain.verdict import Verdict

T = TypeVar("T")

Rights = Annotated[frozenset[Right], PlainSerializer(sorted, return_type=list[Right])]


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


class LogAnswer(Answer):
    """Lines after the one that was asked for; ask again with the last `number`."""

    lines: list[LogLine]


class ModelAnswer(Answer):
    name: str
    product: str
    version: int
    aliases: tuple[str, ...]
    size_bytes: int
    created: str
    detector: str
    images: int
    graph_sha256: str
    calibrations: tuple[int, ...]
    damage: str | None


class ModelDetails(ModelAnswer):
    """A model with its card."""

    card: dict[str, Any]


class ImportAnswer(Answer):
    model: str
    original: str
    added: bool
    calibrations: tuple[int, ...]


class AliasAnswer(Answer):
    product: str
    alias: str
    model: str


class PromiseAnswer(Answer):
    of: str
    rate: float
    confidence: float
    exact: bool
    method: Method
    n: int
    wanted: float
    missing: int
    text: str


class CalibrationAnswer(Answer):
    """`good_scores` is their number; the scores stay with the model."""

    version: int
    graph_sha256: str
    review_threshold: float
    ng_threshold: float
    promises: list[PromiseAnswer]
    good_scores: int
    method: Method
    ng_rule: str
    created: str
    evidence: Evidence
    note: str
    author: str


class BoxAnswer(Answer):
    x: int
    y: int
    width: int
    height: int


class RegionAnswer(Answer):
    box: BoxAnswer
    area_px: int
    peak_score: float
    kind: str | None


class TimingAnswer(Answer):
    decode_ms: float
    view_ms: float
    graph_ms: float
    decide_ms: float
    total_ms: float


class MapAnswer(Answer):
    """The raw map: float32, little-endian, rows first, base64.

    It lies over `box` of the image. To show it as okng does, heat begins at `low` and is full at
    `high`.
    """

    shape: tuple[int, int]
    data: str
    low: float
    high: float
    box: BoxAnswer


class InspectionAnswer(Answer):
    """For `ERROR` the figures are None and `error` says what went wrong."""

    id: str
    at: datetime
    actor: str
    image: str
    verdict: Verdict
    product: str
    model: str
    graph_sha256: str
    calibration: int
    review_threshold: float
    ng_threshold: float
    time: str
    score: float | None
    p_value: float | None
    image_width: int | None
    image_height: int | None
    timing: TimingAnswer | None
    error: str | None
    regions: list[RegionAnswer]
    part_id: str | None
    lot: str | None
    view: str | None
    camera: str | None
    station: str | None
    key: str | None
    reviewed: Verdict | None
    defect: str | None = Field(description="What the newest review calls it")
    image_url: str | None
    thumbnail_url: str | None
    overlay: str | None = Field(None, description="JPEG, base64; on request")
    map: MapAnswer | None = Field(None, description="on request")
    picture: str | None = Field(None, description="PNG, base64; on request")


class AgainAnswer(Answer):
    """What a model makes of an image that another one judged."""

    model: str
    verdict: Verdict
    score: float | None
    review_threshold: float
    ng_threshold: float


class BatchItem(Answer):
    """One image's outcome: an inspection, or the problem that kept it from being one."""

    name: str
    inspection: InspectionAnswer | None
    problem: Problem | None


class BatchAnswer(Answer):
    items: list[BatchItem]


class PartAnswer(Answer):
    product: str
    part_id: str
    lot: str | None
    verdict: Verdict
    inspections: int
    first_at: datetime
    last_at: datetime


class ReviewAnswer(Answer):
    id: str
    inspection_id: str
    at: datetime
    reviewer: str
    verdict: Verdict
    defect: str | None
    note: str
    mask_url: str | None = Field(description="A PNG of the image's size, white where the defect is")
    withdrawn: datetime | None = Field(description="It no longer counts")


class ShareAnswer(Answer):
    """A share with its counts and its exact 95 % interval."""

    count: int
    of: int
    share: float | None
    low: float
    high: float


class PeriodAnswer(Answer):
    """One period; `share` is of what is not OK, `lower` and `upper` are its control limits."""

    start: datetime
    ok: int = Field(alias="OK")
    review: int = Field(alias="REVIEW")
    ng: int = Field(alias="NG")
    error: int = Field(alias="ERROR")
    passed: float | None = Field(alias="yield", description="Share of OK among what was judged")
    share: float | None
    lower: float | None
    upper: float | None
    signal: bool = Field(description="The share lies outside the limits")
    overkill: ShareAnswer = Field(description="Good ones among the reviewed that were not OK")
    escapes: ShareAnswer = Field(description="Bad ones among the reviewed sample of OK")


class ParetoAnswer(Answer):
    name: str = Field(description="Empty: reviewers gave no name")
    count: int
    cumulative: float


class QualityAnswer(Answer):
    """`centre` is the centre line of the p-chart; the shares are over all periods."""

    periods: list[PeriodAnswer]
    centre: float | None
    overkill: ShareAnswer
    escapes: ShareAnswer
    defects: list[ParetoAnswer]


class ToLearnAnswer(Answer):
    """Counts are of the newest 500 reviewed images; no candidate learns those to `compare`."""

    good: int
    defective: int
    compared: list[InspectionAnswer]


class HandedAnswer(Answer):
    """`items` nobody else gets for five minutes; `held` of `have` still are one's own."""

    items: list[InspectionAnswer]
    held: list[str]
    left: int = Field(description="All that one could review, up to 1,000")


class PersonAnswer(Answer):
    name: str
    role: Role
    active: bool
    must_change: bool
    created: datetime


class NewPersonAnswer(Answer):
    """`password` works once and is shown once."""

    person: PersonAnswer
    password: str


class TokenAnswer(Answer):
    id: str
    owner: str
    name: str
    rights: Rights
    created: datetime
    expires: datetime | None
    last_used: datetime | None
    revoked: bool


class NewTokenAnswer(Answer):
    """`secret` is shown once."""

    token: TokenAnswer
    secret: str


class SessionAnswer(Answer):
    """Whoever asks. `csrf` goes with every change that a browser asks for, as `X-CSRF-Token`."""

    name: str
    rights: Rights
    must_change: bool = False
    csrf: str | None = None


class AuditAnswer(Answer):
    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    previous: str
    hash: str


class AuditFaultAnswer(Answer):
    number: int
    reason: str


class AuditCheckAnswer(Answer):
    sound: bool
    entries: int
    head: int
    head_hash: str | None
    anchored: int
    faults: list[AuditFaultAnswer]


class AnchorAnswer(Answer):
    at: datetime
    number: int
    hash: str
