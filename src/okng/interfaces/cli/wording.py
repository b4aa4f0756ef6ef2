"""How results are put for people."""

from collections.abc import Sequence
from math import floor, log10
from typing import TYPE_CHECKING

from okng.domain.counting import counted
from okng.interfaces.cli.output import Output

if TYPE_CHECKING:
    from okng.domain.calibration import Calibration
    from okng.domain.dataset import Dataset
    from okng.services.prepare import Refused

_MOST_CLASSES = 24
_SHOWN_REFUSED = 3


def number(value: float) -> str:
    """Write a score with four significant figures, never in exponents where they can be avoided."""
    if value == 0 or not 1e-4 <= abs(value) < 1e7:
        return f"{value:.4g}"
    return f"{value:.{max(0, 3 - floor(log10(abs(value))))}f}"


def say_dataset(output: Output, dataset: "Dataset", notes: bool = True) -> None:
    """Show how a folder was understood: layout, counts by class and split, notes."""
    from okng.domain.dataset import GOOD, Split

    counts = dataset.counts()
    labels = sorted({label for _, label in counts}, key=lambda label: (label != GOOD, label))
    splits = [split for split in Split if any(of is split for of, _ in counts)]
    output.line(f"{dataset.name}: {counted(len(dataset.samples), 'image')}, {dataset.layout}")
    output.line()
    rows = [
        [label, *(f"{counts[split, label]:,}" if (split, label) in counts else "-"
                  for split in splits)]
        for label in labels[:_MOST_CLASSES]
    ]  # fmt: skip
    if len(labels) > _MOST_CLASSES:
        rest = labels[_MOST_CLASSES:]
        sums = [sum(counts.get((split, label), 0) for label in rest) for split in splits]
        rows.append([f"{len(rest)} more kinds", *(f"{number_of:,}" for number_of in sums)])
    output.table(["class", *(split.value for split in splits)], rows)
    output.line()
    for text in dataset.notes if notes else ():
        output.note(text)


def dataset_record(dataset: "Dataset") -> dict[str, object]:
    """Return the same for JSON."""
    counts: dict[str, dict[str, int]] = {}
    for (split, label), count in sorted(dataset.counts().items()):
        counts.setdefault(split.value, {})[label] = count
    return {
        "name": dataset.name,
        "root": dataset.root,
        "layout": dataset.layout,
        "images": len(dataset.samples),
        "counts": counts,
        "notes": dataset.notes,
    }


def thresholds(calibration: "Calibration") -> str:
    return (
        f"REVIEW above {number(calibration.review_threshold)}, "
        f"NG above {number(calibration.ng_threshold)}"
    )


def calibration_rows(calibration: "Calibration") -> list[tuple[str, str | Sequence[str]]]:
    """Return what a calibration says of itself, labelled."""
    rows: list[tuple[str, str | Sequence[str]]] = [
        ("Thresholds", thresholds(calibration)),
        ("Promise", [str(promise) for promise in calibration.promises] or "nothing"),
        ("NG", calibration.ng_rule),
    ]
    if calibration.note:
        rows.append(("Note", calibration.note))
    return rows


def calibration_record(calibration: "Calibration") -> dict[str, object]:
    """Return a calibration for JSON, without its scores but for their number."""
    from dataclasses import asdict

    counts = {name: len(getattr(calibration, name)) for name in ("good_scores", "defect_scores")}
    record = asdict(calibration) | counts
    record["promises"] = [asdict(p) | {"text": str(p)} for p in calibration.promises]
    return record


def refused_rows(refused: "Sequence[Refused]") -> list[tuple[str, str | Sequence[str]]]:
    """Say which images could not be used: all in number, a few by name."""
    if not refused:
        return []
    lines = [f"{counted(len(refused), 'image')} could not be used:"]
    lines += [_reason(one) for one in refused[:_SHOWN_REFUSED]]
    if len(refused) > _SHOWN_REFUSED:
        lines.append(f"and {len(refused) - _SHOWN_REFUSED} more")
    return [("Refused", lines)]


def refused_record(refused: "Sequence[Refused]") -> list[dict[str, object]]:
    """Return the same for JSON, all of them."""
    return [{"image": one.path, "reason": one.reason} for one in refused]


def _reason(refused: "Refused") -> str:
    path = str(refused.path)
    return refused.reason if refused.reason.startswith(path) else f"{path}: {refused.reason}"


def quoted(text: object) -> str:
    """Return an argument as a shell takes it."""
    import shlex

    return shlex.quote(str(text))
