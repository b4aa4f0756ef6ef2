"""How one inspection, and the sum of many, look on a line."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from okng.domain.counting import counted
from okng.domain.inspection import Inspection
from okng.domain.verdict import Verdict
from okng.interfaces.cli.reporting import shown
from okng.interfaces.cli.wording import number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {
    Verdict.OK: "green",
    Verdict.REVIEW: "yellow",
    Verdict.NG: "bold red",
    Verdict.ERROR: "bold magenta",
}
_SYMBOLS = {Verdict.OK: "✔", Verdict.REVIEW: "?", Verdict.NG: "✘", Verdict.ERROR: "!"}
_ASCII = {"✔": "+", "✘": "x", "≤": "<=", "…": "~"}
_LEAST_NAME = 12
_WIDE = 100


def inspection_line(inspection: Inspection, console: "Console") -> "Text":
    """Return verdict, score against its threshold, p-value, time, name, and where.

    On a terminal the name gives way, from its left, so that the line stays one line.
    """
    from rich.text import Text

    name, verdict = shown(inspection.image), inspection.verdict
    text = Text(no_wrap=True, overflow="ignore")
    text.append(f"{_SYMBOLS[verdict]} {verdict.value:<6}", style=STYLES[verdict])
    if inspection.score is None or inspection.p_value is None:
        error = shown(inspection.error or "")
        text.append(f"  {error if name in error else f'{name}: {error}'}")
        text.overflow = "fold"
        text.no_wrap = False
        return _encodable(text, console)
    text.append(f"  {_comparison(inspection):>13}")
    text.append(f"  p {inspection.p_value:.3f}")
    total_ms = inspection.timing.total_ms if inspection.timing else 0.0
    text.append(f" {total_ms:>4.0f} ms  ", style="dim")
    where = _where(inspection, console)
    room = console.width - text.cell_len - (len(where) + 2 if where else 0)
    text.append(_cropped(name, max(room, _LEAST_NAME)) if console.is_terminal else name)
    if where:
        text.append(f"  {where}", style="dim")
    if console.is_terminal:
        text.truncate(console.width, overflow="ellipsis")
    return _encodable(text, console)


def summary_line(counts: Mapping[str, int], seconds: float, console: "Console") -> "Text":
    """Return how many images got which verdict, and how fast."""
    from rich.text import Text

    total = sum(counts.values())
    text = Text(f"{counted(total, 'image')}:")
    for verdict in (Verdict.OK, Verdict.REVIEW, Verdict.NG, Verdict.ERROR):
        count = counts[verdict.value]
        text.append(f"  {count:,} {verdict.value}", style=STYLES[verdict] if count else "dim")
    per_second = total / seconds if seconds > 0 else 0.0
    text.append(f"  in {seconds:.1f} s, {per_second:.0f} per second", style="dim")
    return _encodable(text, console)


def _comparison(inspection: Inspection) -> str:
    """Set the score against the highest threshold that it exceeds, or the one it keeps."""
    assert inspection.score is not None
    score, review, ng = inspection.score, inspection.review_threshold, inspection.ng_threshold
    if inspection.verdict is Verdict.OK:
        return f"{number(score)} ≤ {number(review)}"
    exceeded = ng if inspection.verdict is Verdict.NG and score > ng else review
    return f"{number(score)} > {number(exceeded)}"


def _where(inspection: Inspection, console: "Console") -> str:
    """Say where the strongest region is, in pixels, and how many more there are."""
    if not inspection.regions:
        return ""
    first, more = inspection.regions[0], len(inspection.regions) - 1
    box = first.box
    place = f"{box.width}x{box.height} at {box.x},{box.y}"
    if console.width < _WIDE:
        return place + (f" +{more}" if more else "")
    kind = f"{first.kind}, " if first.kind else ""
    text = f"{kind}{place}, {first.area_px:,} px, peak {number(first.peak_score)}"
    return text + (f" and {more} more" if more else "")


def _cropped(name: str, room: int) -> str:
    return name if len(name) <= room else f"…{name[-(room - 1) :]}"


def _encodable(text: "Text", console: "Console") -> "Text":
    """Replace signs that the terminal cannot show."""
    from rich.text import Text

    if console.encoding.startswith("utf"):
        return text
    plain = text.plain
    for sign, ascii_sign in _ASCII.items():
        plain = plain.replace(sign, ascii_sign)
    return Text(plain, style=text.style, no_wrap=text.no_wrap, overflow=text.overflow)
