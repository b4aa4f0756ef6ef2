"""Tables and a picture from results; ratios are the rival's figure over okng's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.setting import markdown
from okng.reports.bars import Bar, ratio_bars
from okng.reports.curves import picture_file

Result = Mapping[str, Any]
Key = tuple[str, int, str]


def render(results: Sequence[Result], out: Path) -> None:
    """Write `rivals.md` and a picture for each set into `out`, and print the tables.

    Of results for the same set, number of images, rival and runtime the last one counts.
    """
    groups: dict[Key, dict[str, Result]] = {}
    for result in results:
        key = (result["set"], result["images"], result["rival"])
        groups.setdefault(key, {})[result["runtime"]] = result
    texts = []
    for name, images in sorted({key[:2] for key in groups}):
        chosen = {key[2]: runs for key, runs in groups.items() if key[:2] == (name, images)}
        texts += [f"### {name}, {images} good images\n", *_tables(chosen)]
        file = out / f"{name}-{images}.svg"
        title = f"A rival's processor time over okng's: {name}, {images} good images, one thread"
        file.write_text(picture_file(ratio_bars(title, _bars(chosen))), encoding="utf-8")
    text = "\n".join(texts)
    (out / "rivals.md").write_text(text, encoding="utf-8")
    print(text)


def _tables(chosen: Mapping[str, Mapping[str, Result]]) -> list[str]:
    first = next(iter(next(iter(chosen.values())).values()))
    versions = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
    options = ", ".join(f"{k}={v}" for k, v in first["options"].items()) or "its defaults"
    compared = [row for name, runs in chosen.items() for row in _ratio_rows(name, runs)]
    figures = [_figure_row(name, runs) for name, runs in chosen.items()]
    ours = [run for runs in chosen.values() for run in runs.values()]
    figures.append(
        [
            "okng",
            _auroc(ours[0]["okng_auroc"]),
            _seconds([s for run in ours for s in run["okng_train_cpu_s"]]),
            "in it",
            "-",
            _milliseconds([ms for run in ours for ms in run["okng_latency_cpu_ms"]]),
            _whole([mib for run in ours for mib in run["okng_train_mib"]]),
            _whole([run["okng_latency_mib"] for run in ours]),
            f"{ours[0]['okng_model_mib']:.0f}",
            f"{first['okng_installed_mib']:.0f}",
        ]
    )
    return [
        f"{first['machine']}; {versions}; okng with {options}\n",
        "Times okng's (median, and least to most of rounds or turns):\n",
        markdown(["rival", "what", "by the clock", "by processor time"], compared),
        "The figures themselves, times in processor time:\n",
        markdown(_FIGURE_HEADS, figures),
    ]


_RUNTIMES = {"torch": "file to map, PyTorch", "openvino": "file to map, OpenVINO"}
_FIGURE_HEADS = [
    "",
    "image AUROC",
    "training s",
    "export s",
    "PyTorch ms",
    "OpenVINO ms",
    "training MiB",
    "judging MiB",
    "model MiB",
    "installed MiB",
]


def _ratio_rows(name: str, runs: Mapping[str, Result]) -> list[list[str]]:
    run = next(iter(runs.values()))
    rows = [[name, "training", *(_spread(ratios(run, f"train_{c}")) for c in ("s", "cpu_s"))]]
    for runtime, label in _RUNTIMES.items():
        if runtime in runs:
            latency = (ratios(runs[runtime], f"latency_{clock}") for clock in ("ms", "cpu_ms"))
            rows.append([name, label, *map(_spread, latency)])
    rows.append([name, "memory, training", _spread(ratios(run, "train_mib")), ""])
    for runtime, result in runs.items():
        memory = result["latency_mib"] / result["okng_latency_mib"]
        rows.append([name, f"memory, judging, {runtime}", f"{_short(memory)} x", ""])
    return rows


def _figure_row(name: str, runs: Mapping[str, Result]) -> list[str]:
    run = next(iter(runs.values()))
    found = {_auroc(runs[r]["auroc"]) for r in _RUNTIMES if r in runs}
    return [
        name,
        " / ".join(sorted(found)),
        _seconds(run["train_cpu_s"]),
        _seconds([run["export_cpu_s"]]),
        *(_milliseconds(runs[r]["latency_cpu_ms"]) if r in runs else "-" for r in _RUNTIMES),
        _whole(run["train_mib"]),
        " / ".join(f"{runs[r]['latency_mib']:.0f}" for r in _RUNTIMES if r in runs),
        f"{run['model_mib']:.0f}",
        f"{run['installed_mib']:.0f}",
    ]


def ratios(run: Result, name: str) -> list[float]:
    """Return the rival's over okng's, round by round."""
    return [theirs / ours for theirs, ours in zip(run[name], run[f"okng_{name}"], strict=True)]


def _bars(chosen: Mapping[str, Mapping[str, Result]]) -> list[Bar]:
    found = []
    for name, runs in chosen.items():
        run = next(iter(runs.values()))
        shown = {"training": ratios(run, "train_cpu_s")}
        for runtime, label in _RUNTIMES.items():
            if runtime in runs:
                shown[label] = ratios(runs[runtime], "latency_cpu_ms")
        for label, values in shown.items():
            found.append(Bar(name, label, float(np.median(values)), min(values), max(values)))
    return found


def _spread(values: Sequence[float]) -> str:
    middle = f"{_short(float(np.median(values)))} x"
    return (
        f"{middle} ({_short(min(values))} to {_short(max(values))})"
        if len(values) > 1
        else (f"{middle} (one round)")
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _auroc(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f}"


def _seconds(values: Sequence[float]) -> str:
    return f"{np.median(values):.1f}"


def _milliseconds(values: Sequence[float]) -> str:
    return f"{np.median(values):.1f}"


def _whole(values: Sequence[float]) -> str:
    return f"{np.median(values):.0f}"
