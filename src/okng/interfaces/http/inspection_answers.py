"""What the service answers of inspections, their parts, reviews, and quality over time."""

from datetime import datetime

from pydantic import Field

from okng.domain.verdict import Verdict
from okng.interfaces.http.answers import Answer, Problem


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
    `high`, and what exceeds `threshold` is outlined.
    """

    shape: tuple[int, int]
    data: str
    low: float
    high: float
    threshold: float
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
    kind: str | None = Field(description="What the model calls the defect, if it names any")
    classes: dict[str, float] = Field(description="The probability of each class it knows")
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
