"""What the service answers of scores whose truth is known, as plain values and as a description."""

from okng.domain.records import JobState
from okng.interfaces.http.answers import Answer
from okng.interfaces.http.records import API
from okng.services.sample_scores import Scoring
from okng.services.sensitivity import KnownScore, Sensitivity, Source


class ScoringAnswer(Answer):
    """How far the scoring of labelled images is; `state` is null where there was none.

    `dataset` was scored, `newest` would be by the next scoring. `left_out` counts images that the
    model was made from, that got no score, or that were too many.
    """

    state: JobState | None
    stage: str
    done: int
    total: int
    error: str | None
    dataset: str | None
    newest: str | None
    left_out: int


class ScoreAnswer(Answer):
    """A raw score and what the part was; `source` is `calibration`, `sample` or `review`.

    `label` is `good` or a defect's name where it is known. The calibration's scores have no image.
    """

    score: float
    good: bool
    source: Source
    label: str | None
    name: str | None
    thumbnail_url: str | None


class ScoresAnswer(Answer):
    """`more_reviewed`: older reviewed inspections were left out."""

    model: str
    scoring: ScoringAnswer
    scores: list[ScoreAnswer]
    more_reviewed: bool


def scoring_record(scoring: Scoring) -> dict[str, object]:
    return {key: value for key, value in vars(scoring).items() if key != "samples"}


def scores_record(known: Sensitivity, product: str, version: int) -> dict[str, object]:
    """Return all scores as `ScoresAnswer` describes them, ready for JSON."""
    samples = f"{API}/products/{product}/models/{version}/scores"
    places = {Source.SAMPLE: samples, Source.REVIEW: f"{API}/inspections"}
    return {
        "model": known.model,
        "scoring": scoring_record(known.scoring),
        "scores": [_score(one, places) for one in known.scores],
        "more_reviewed": known.more_reviewed,
    }


def _score(one: KnownScore, places: dict[Source, str]) -> dict[str, object]:
    shown = None if one.id is None else f"{places[one.source]}/{one.id}/thumbnail"
    plain = {key: value for key, value in vars(one).items() if key != "id"}
    return plain | {"thumbnail_url": shown}
