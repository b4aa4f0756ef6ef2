"""What the shifts of `benchmarks.robustness` did: tables and a picture for each set."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.kept import Kept
from benchmarks.setting import picture, table
from benchmarks.shifts import SHIFTS
from okng.reports.curves import Axis, Curve, Panel, small_multiples

MORE, LESS_AUROC = 0.05, 0.01
"""Points by which shares may rise, and AUROC may fall, before a shift counts as failed."""
SUMMARY = ["set, tier", "as it is: AUROC, good not OK, escapes", *SHIFTS]
DETAILS = ["shift", "level", "image AUROC", "good NG", "good REVIEW", "escapes"]

Levels = Mapping[float, dict[str, Any]]


def report(kept: Kept, names: Sequence[str]) -> None:
    """Print where each model begins to fail and all levels, and draw a picture for each set."""
    rows = []
    for name in names:
        found = {tier: _by_shift(kept, name, tier) for tier in _tiers(kept, name)}
        for tier, shifts in found.items():
            rows.append(_summary(f"{name}, {tier}", shifts))
        if found:
            picture(f"robustness-{name}.svg", _drawn(name, found))
    units = ", ".join(f"{name} in {shift.unit}" for name, shift in SHIFTS.items())
    table(f"Holds up to (fails at), first reason: {units}", SUMMARY, rows)
    for name in names:
        for tier in _tiers(kept, name):
            table(f"{name}, {tier}", DETAILS, _details(_by_shift(kept, name, tier)))


def first_failure(base: dict[str, Any], levels: Levels, sign: int) -> tuple[float, float, str]:
    """Return the last level that holds and the first that fails, outwards from 0, and why.

    `levels` are those of one shift; `sign` chooses the side. The second is infinite where none
    fails; the reason is then empty.
    """
    held = 0.0
    for level in sorted((level for level in levels if level * sign > 0), key=abs):
        reason = why_failed(base, levels[level])
        if reason:
            return held, level, reason
        held = level
    return held, sign * float("inf"), ""


def why_failed(base: dict[str, Any], record: dict[str, Any]) -> str:
    """Return the first reason for which a shifted result counts as failed; empty if none."""
    if _not_ok(record) > _not_ok(base) + MORE:
        return "good not OK"
    if _escapes(record) > _escapes(base) + MORE:
        return "escapes"
    return "AUROC" if record["auroc"] < base["auroc"] - LESS_AUROC else ""


def _tiers(kept: Kept, name: str) -> list[str]:
    keys = [key.split("/") for key in kept.records]
    return list(dict.fromkeys(tier for of, tier, *_ in keys if of == name))


def _by_shift(kept: Kept, name: str, tier: str) -> dict[str, dict[float, dict[str, Any]]]:
    found: dict[str, dict[float, dict[str, Any]]] = {}
    for key, record in kept.records.items():
        of, by, shift, level = key.split("/")
        if (of, by) == (name, tier):
            found.setdefault(shift, {})[float(level)] = record
    return found


def _summary(name: str, shifts: Mapping[str, Levels]) -> list[str]:
    base = shifts["as it is"][0.0]
    cells = [f"{base['auroc']:.3f}, {_not_ok(base):.0%}, {_escapes(base):.0%}"]
    for shift in SHIFTS:
        levels = shifts.get(shift, {})
        signs = [sign for sign in (-1, 1) if any(level * sign > 0 for level in levels)]
        cells.append("; ".join(_words(first_failure(base, levels, sign)) for sign in signs) or "-")
    return [name, *cells]


def _words(found: tuple[float, float, str]) -> str:
    held, fails, reason = found
    held_words = f"{held:+g}" if held else "0"
    return f"{held_words} ({fails:+g}, {reason})" if reason else f"{held_words}"


def _details(shifts: Mapping[str, Levels]) -> list[list[str]]:
    return [
        [
            shift,
            f"{level:+g} {SHIFTS[shift].unit}" if level else "",
            f"{record['auroc']:.4f}",
            f"{record['ng']} of {record['good']}",
            f"{record['review']} of {record['good']}",
            f"{record['escapes']} of {record['defective']}",
        ]
        for shift, levels in shifts.items()
        for level, record in sorted(levels.items())
    ]


def _drawn(name: str, found: Mapping[str, Mapping[str, Levels]]) -> str:
    """Draw a row for each shift and a column for each measure; a curve is a tier."""
    panels = []
    for shift, settings in SHIFTS.items():
        for measure, read in _MEASURES.items():
            curves = []
            for series, (tier, shifts) in enumerate(found.items()):
                levels = sorted({0.0: shifts["as it is"][0.0], **shifts.get(shift, {})}.items())
                points = [(at, read(record)) for at, record in levels]
                curves.append(Curve(tier, points, series, dots=True))
            y = Axis("", percent=True, low=0.0, high=1.0)
            panels.append(Panel(f"{shift}: {measure}", Axis(settings.unit), y, curves))
    about = "Image AUROC, good parts not OK and escapes against controlled shifts of the image."
    return small_multiples(f"Robustness on {name}", about, panels, columns=len(_MEASURES))


def _not_ok(record: dict[str, Any]) -> float:
    return (record["ng"] + record["review"]) / record["good"]


def _escapes(record: dict[str, Any]) -> float:
    return record["escapes"] / record["defective"]


_MEASURES: Mapping[str, Callable[[dict[str, Any]], float]] = {
    "image AUROC": lambda record: float(record["auroc"]),
    "good not OK": _not_ok,
    "escapes": _escapes,
}
