"""What the trainings of `benchmarks.promise` came to: tables and a picture."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.kept import Kept
from benchmarks.setting import picture, table
from okng.algorithms.binomial import binomial_cdf, binomial_sf, clopper_pearson
from okng.domain.arrays import Floats
from okng.reports.curves import Axis, Curve, Panel, small_multiples

CONFIDENCE = 0.95
HEADS = [
    "promise",
    "trainings",
    "judged",
    "promised at most",
    "overkill: mean",
    "median",
    "95 % of trainings below",
    "beyond the promise",
    "95 % interval",
]
_POOLS = 4000


def report(kept: Kept, real: Kept, side: int) -> None:
    """Print the tables and draw the picture."""
    groups = _by_size(kept.records)
    if groups:
        rows = [_row(_kind(records), records) for records in groups.values()]
        table(f"Does the promise hold? Good parts of the generator, {side} px", HEADS, rows)
        for records in groups.values():
            if records[0]["exact"]:
                _print_allowed(records)
        picture("promise.svg", _drawn(list(groups.values())))
    names = list(dict.fromkeys(key.split("/")[0] for key in real.records))
    if names:
        rows = [_row(f"{n}, {_kind(real.under(f'{n}/'))}", real.under(f"{n}/")) for n in names]
        table("The real sets: draws that overlap, as description", HEADS, rows)


def most_allowed(trainings: int, n: int, fresh: int, rate: float) -> int:
    """Return how many trainings exceed `rate` at most, in 95 of 100 experiments like this one.

    The threshold is the highest of n held-out scores and all trainings are judged on the same
    fresh parts. A training seems to exceed the rate if more than rate * fresh of them score above
    its threshold, so if all n lie below the (m + 1)-th highest fresh one, m = floor(rate * fresh).
    Its place V among all parts is distributed as Beta(fresh - m, m + 1), and given V the trainings
    are independent with the chance V^n. Integrated over V by quantiles of random draws.
    """
    m = int(rate * fresh + 1e-9)
    places = np.random.default_rng(0).beta(fresh - m, m + 1, _POOLS)
    low, high = 0, trainings
    while low < high:
        middle = (low + high) // 2
        reached = np.mean([binomial_cdf(middle, trainings, float(v) ** n) for v in places])
        low, high = (low, middle) if reached >= CONFIDENCE else (middle + 1, high)
    return low


def overkill(records: Sequence[dict[str, Any]]) -> Floats:
    return np.array([record["not_ok"] / record["fresh"] for record in records])


def beyond(records: Sequence[dict[str, Any]]) -> int:
    """Return how many trainings have more overkill than they promised."""
    return sum(record["not_ok"] / record["fresh"] > record["promised"] for record in records)


def _by_size(records: dict[str, dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    sizes = sorted({int(key.split("/")[0]) for key in records}, reverse=True)
    return {
        size: [record for key, record in records.items() if key.startswith(f"{size}/")]
        for size in sizes
    }


def _row(name: str, records: Sequence[dict[str, Any]]) -> list[str]:
    found, count = overkill(records), beyond(records)
    low, high = clopper_pearson(count, len(records), CONFIDENCE)
    return [
        name,
        f"{len(records)}",
        f"{records[0]['fresh']:,}",
        f"{np.mean([record['promised'] for record in records]):.2%}",
        f"{found.mean():.2%}",
        f"{np.median(found):.2%}",
        f"{np.quantile(found, CONFIDENCE):.2%}",
        f"{count} ({count / len(records):.1%})",
        f"{low:.1%} to {high:.1%}",
    ]


def _kind(records: Sequence[dict[str, Any]]) -> str:
    n = records[0]["n"]
    return f"split-conformal, n = {n}" if records[0]["exact"] else f"cross-fitted, n = {n}"


def _print_allowed(records: Sequence[dict[str, Any]]) -> None:
    n, fresh, rate = (records[0][name] for name in ("n", "fresh", "promised"))
    most = most_allowed(len(records), n, fresh, rate)
    chance = binomial_sf(beyond(records) - 1, len(records), 1 - CONFIDENCE)
    drawn = sum(record.get("drawn", False) for record in records)
    shared = (
        f" ({drawn} of the trainings drew their parts from those of the others)" if drawn else ""
    )
    print(
        f"{beyond(records)} of {len(records)} exact promises were exceeded; where the promise "
        f"holds, 95 of 100 such experiments show at most {most} (the chance of as many as were "
        f"seen, or more, at exactly 5 % is {chance:.2f}){shared}."
    )


def _drawn(groups: Sequence[Sequence[dict[str, Any]]]) -> str:
    few = sorted((g for g in groups if not g[0]["exact"]), key=lambda g: int(g[0]["n"]))
    panels = [_law(group) for group in groups if group[0]["exact"]]
    if few:
        panels += [_against_n(few), _exceeding(few)]
    about = "True overkill of independent trainings against what each of them promised."
    return small_multiples("Does the promise hold?", about, panels, columns=3)


def _law(records: Sequence[dict[str, Any]]) -> Panel:
    """Draw the distribution of the true overkill, and the one that theory says: 1 - (1 - x)^n."""
    found, n = np.sort(overkill(records)), records[0]["n"]
    top = float(max(found[-1], 1.6 * records[0]["promised"]))
    shares = [(float(x), (i + 1) / len(found)) for i, x in enumerate(found)]
    theory = [(float(x), 1 - (1 - float(x)) ** n) for x in np.linspace(0, top, 60)]
    return Panel(
        f"Split-conformal, n = {n}",
        Axis("true overkill", percent=True),
        Axis(f"share of {len(found)} trainings below", percent=True, low=0.0, high=1.0),
        [
            Curve("trainings", [(0.0, 0.0), *shares, (top, 1.0)], steps=True),
            Curve("theory", theory, series=1, dashed=True),
        ],
        [(records[0]["promised"], "promised")],
    )


def _against_n(groups: Sequence[Sequence[dict[str, Any]]]) -> Panel:
    def points(of: Any) -> list[tuple[float, float]]:
        return [(float(group[0]["n"]), max(float(of(group)), 1e-4)) for group in groups]

    return Panel(
        "Cross-fitted: overkill",
        Axis("good parts", is_log=True),
        Axis("true overkill", is_log=True, percent=True),
        [
            Curve("promised", points(lambda g: g[0]["promised"]), 2, dashed=True, dots=True),
            Curve(
                "95 % of trainings below",
                points(lambda g: np.quantile(overkill(g), CONFIDENCE)),
                3,
                dots=True,
            ),
            Curve("median", points(lambda g: np.median(overkill(g))), 4, dots=True),
        ],
    )


def _exceeding(groups: Sequence[Sequence[dict[str, Any]]]) -> Panel:
    sizes = [float(group[0]["n"]) for group in groups]
    shares = [beyond(group) / len(group) for group in groups]
    allowed = 1 - CONFIDENCE
    top = max(2 * allowed, 1.1 * max(shares))
    return Panel(
        "Cross-fitted: promise exceeded",
        Axis("good parts", is_log=True),
        Axis("share of trainings", percent=True, low=0.0, high=top),
        [
            Curve("allowed", [(sizes[0], allowed), (sizes[-1], allowed)], 2, dashed=True),
            Curve("exceeded", list(zip(sizes, shares, strict=True)), 0, dots=True),
        ],
    )
