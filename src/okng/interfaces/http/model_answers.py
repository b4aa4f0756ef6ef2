"""What the service answers of models and their calibrations."""

from typing import Any

from okng.domain.calibration import Evidence, Method, Subject
from okng.interfaces.http.answers import Answer


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
    """`good_scores` and `defect_scores` are their numbers; the scores stay with the model."""

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
    subject: Subject
    defect_scores: int
