"""How a network learned: its losses and accuracies over the epochs, as small charts."""

from base64 import b64encode
from collections.abc import Sequence

from okng.algorithms.pictures import png
from okng.domain.learning import LearningCurve
from okng.reports.curves import Axis, Curve, Panel, picture_file, small_multiples
from okng.reports.raster import rastered

_COLUMNS = 2
_VALIDATION = "validation "
_LEARNED, _NOT_LEARNED = "images that are learned", "validation images"


def learning_chart(curves: Sequence[LearningCurve]) -> str:
    """Draw curves as one SVG file; empty without curves."""
    if not curves:
        return ""
    panels = _panels(curves)
    description = "Losses and accuracies over the epochs."
    chart = small_multiples("Learning", description, panels, min(_COLUMNS, len(panels)))
    return picture_file(chart)


def learning_uri(curves: Sequence[LearningCurve]) -> str:
    """Return the same as a `data:` URI for a page; empty without curves."""
    chart = learning_chart(curves)
    return f"data:image/svg+xml;base64,{b64encode(chart.encode()).decode()}" if chart else ""


def learning_png(curves: Sequence[LearningCurve]) -> bytes:
    """Draw curves, at least one, as one PNG."""
    panels = _panels(curves)
    return png(rastered(panels, min(_COLUMNS, len(panels))))


def _panels(curves: Sequence[LearningCurve]) -> list[Panel]:
    """Return a panel for each figure of each part that learned.

    A curve called `teacher: validation loss` belongs to the part `teacher`, and to its loss.
    """
    panels = []
    for title in dict.fromkeys(_panel_of(curve) for curve in curves):
        own = [curve for curve in curves if _panel_of(curve) == title]
        drawn = [
            Curve(
                _NOT_LEARNED if _is_validation(curve) else _LEARNED,
                curve.points,
                series=int(_is_validation(curve)),
                dots=len(curve.points) == 1,
            )
            for curve in own
        ]
        is_share = title.endswith("accuracy")
        y = Axis("", percent=True, high=1.0) if is_share else Axis("", low=0.0)
        panels.append(Panel(title, Axis("epoch", whole=True), y, drawn))
    return panels


def _panel_of(curve: LearningCurve) -> str:
    return curve.name.replace(_VALIDATION, "")


def _is_validation(curve: LearningCurve) -> bool:
    return _VALIDATION in curve.name
