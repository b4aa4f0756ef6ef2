"""The page that travels with a model: what it is, what it promises, what it was made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from okng.algorithms.pixels import decode
from okng.domain.errors import BadImage
from okng.domain.model import Manifest
from okng.reports import charts
from okng.reports.gallery import data_uri, thumbnail
from okng.reports.learning import learning_uri
from okng.reports.pages import encodable, environment

_GOLDEN_PX = 260


@dataclass(frozen=True)
class _Picture:
    file: str
    score: float
    uri: str = ""
    note: str = ""


def render_model_card(
    manifest: Manifest,
    golden: Mapping[str, bytes],
) -> str:
    """Return one self-contained HTML page; `golden` maps file names to image files."""
    calibration = manifest.calibration
    limits = calibration.review_threshold, calibration.ng_threshold
    text = (
        environment()
        .get_template("model_card.html.j2")
        .render(
            manifest=manifest,
            calibration=calibration,
            layers=manifest.layers,
            learning=learning_uri(manifest.curves),
            histograms={
                "wide": charts.histogram(calibration.good_scores, (), *limits),
                "narrow": charts.histogram(
                    calibration.good_scores, (), *limits, width=charts.NARROW
                ),
            },
            pictures=[
                _picture(shown.file, shown.score, golden[shown.file])
                for shown in manifest.golden
                if shown.file in golden
            ],
        )
    )
    return encodable(text)


def _picture(file: str, score: float, data: bytes) -> _Picture:
    """Draw a golden image; one that cannot be shown does not spoil the page."""
    try:
        return _Picture(file, score, data_uri(thumbnail(decode(data), _GOLDEN_PX)))
    except BadImage as error:
        return _Picture(file, score, note=str(error))
