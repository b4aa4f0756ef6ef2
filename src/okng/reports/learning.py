"""How a network learned: its losses over the epochs, as small charts."""

from collections.abc import Sequence

from okng.domain.learning import LearningCurve
from okng.reports.curves import Axis, Curve, Panel, picture_file, small_multiples

_COLUMNS = 2


def learning_chart(curves: Sequence[LearningCurve]) -> str:
    """Draw curves as one SVG file, a panel for each part that learned; empty without curves.

    A curve called `teacher: loss` belongs to the part `teacher`.
    """
    if not curves:
        return ""
    parts = dict.fromkeys(_part(curve) for curve in curves)
    panels = []
    for part in parts:
        own = [curve for curve in curves if _part(curve) == part]
        drawn = [
            Curve(curve.name.rpartition(": ")[2], curve.points, series, dots=len(curve.points) == 1)
            for series, curve in enumerate(own)
        ]
        panels.append(Panel(part or "loss", Axis("epoch"), Axis("", low=0.0), drawn))
    columns = min(_COLUMNS, len(panels))
    return picture_file(small_multiples("Learning", "Losses over the epochs.", panels, columns))


def _part(curve: LearningCurve) -> str:
    return curve.name.rpartition(": ")[0]
