"""How a network learned: its losses and accuracies over the epochs, as small charts."""

from collections.abc import Sequence

from okng.domain.learning import LearningCurve
from okng.reports.curves import Axis, Curve, Panel, picture_file, small_multiples

_COLUMNS = 2
_VALIDATION = "validation "
_LEARNED, _NOT_LEARNED = "images that are learned", "validation images"


def learning_chart(curves: Sequence[LearningCurve]) -> str:
    """Draw curves as one SVG file, a panel for each figure of each part; empty without curves.

    A curve called `teacher: validation loss` belongs to the part `teacher`, and to its loss.
    """
    if not curves:
        return ""
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
        panels.append(Panel(title, Axis("epoch"), y, drawn))
    columns = min(_COLUMNS, len(panels))
    description = "Losses and accuracies over the epochs."
    return picture_file(small_multiples("Learning", description, panels, columns))


def _panel_of(curve: LearningCurve) -> str:
    return curve.name.replace(_VALIDATION, "")


def _is_validation(curve: LearningCurve) -> bool:
    return _VALIDATION in curve.name
