"""How the evaluation report shows names: whether the model is as sure as it is right."""

from okng.domain.naming import Naming, Sureness
from okng.reports.drawing import svg, text

_SIDE, _LEFT, _TOP, _BOTTOM = 360, 60, 12, 42


def reliability(naming: Naming) -> str:
    """Draw how often names were right against how sure the model was, after the temperature."""
    span = _SIDE - _TOP - _BOTTOM
    low = min([0.5, *(min(one.sure, one.right) for one in naming.calibrated.bins)])

    def at(sure: float, right: float) -> tuple[float, float]:
        x, y = ((value - low) / (1 - low) for value in (sure, right))
        return _LEFT + x * span, _TOP + (1 - y) * span

    parts = []
    for step in range(5):
        share = low + (1 - low) * step / 4
        x, y = at(share, share)
        parts.append(
            f'<path class="grid" d="M{x:.1f} {_TOP}V{_TOP + span}M{_LEFT} {y:.1f}h{span}"/>'
        )
        parts.append(text(x, _TOP + span + 16, f"{share:.0%}", "middle"))
        parts.append(text(_LEFT - 6, y + 4, f"{share:.0%}", "end"))
    (x0, y0), (x1, y1) = at(low, low), at(1, 1)
    parts.append(f'<path class="chance" d="M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"/>')
    points = [at(one.sure, one.right) for one in naming.calibrated.bins]
    parts.append(f'<path class="curve" d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in points)}"/>')
    for one, (x, y) in zip(naming.calibrated.bins, points, strict=True):
        where = f"{one.count} images: {one.sure:.1%} sure, {one.right:.1%} right"
        square = f"M{x - 4:.1f} {y - 4:.1f}h8v8h-8z"
        parts.append(f'<path class="mark ng" d="{square}"><title>{where}</title></path>')
    parts.append(text(_LEFT + span / 2, _SIDE - 6, "how sure the model was", "middle"))
    y = _TOP + span / 2
    parts.append(
        f'<text x="11" y="{y}" text-anchor="middle" transform="rotate(-90 11 {y})">'
        "how often it was right</text>"
    )
    return svg(_LEFT + span + 16, _SIDE, "As sure as right", sentence(naming), parts)


def sentence(naming: Naming) -> str:
    """Say how far sureness is from being right, with and without the temperature."""
    return (
        f"At temperature {naming.temperature:.3g} the model is off by "
        f"{_points(naming.calibrated)} on the mean; without it, by {_points(naming.uncalibrated)}. "
        f"Its loss on these images is {naming.calibrated.log_loss:.3g} nats (log loss)."
    )


def _points(sureness: Sureness) -> str:
    return f"{100 * sureness.error:.1f} points"
