"""Tiers: how accurate, and how fast on this machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from okng.bootstrap.building import backbones, build_detector, installed_runtimes
from okng.bootstrap.training_options import TrainingOptions, make_view
from okng.domain.errors import BadSetting
from okng.domain.ports import Progress, Sketched, silent
from okng.services.bench import time_calls
from okng.settings import Settings

_RUNS, _WARM_UP = 7, 2


@dataclass(frozen=True)
class Tier:
    """A detector with its settings, under the name of what it is good for."""

    name: str
    detector: str
    config: Mapping[str, object] = field(default_factory=dict)
    backbones: tuple[str, ...] = ()


_ACCURATE = "dinov2-small"
_CHOSEN_IN = {"projection": 32}
"""The larger network is what its tiers cost; their banks are chosen in fewer dimensions than others
are, as their figures were measured."""

TIERS: Mapping[str, Tier] = {
    tier.name: tier
    for tier in (
        Tier("fast", "memory"),
        Tier("balanced", "memory", {"backbone": _ACCURATE, **_CHOSEN_IN}, (_ACCURATE,)),
        Tier(
            "accurate",
            "fusion",
            {
                "members": (
                    {"detector": "memory", **_CHOSEN_IN},
                    {"detector": "memory", "backbone": _ACCURATE, **_CHOSEN_IN},
                )
            },
            (_ACCURATE,),
        ),
    )
}
"""From the fastest to the most accurate."""


@dataclass(frozen=True)
class TierTime:
    """What one image costs in a tier; `milliseconds` is None where a backbone is `missing`."""

    tier: str
    milliseconds: float | None
    missing: str | None = None


def measure_tiers(
    options: TrainingOptions,
    settings: Settings,
    images: int,
    progress: Progress = silent,
) -> list[TierTime]:
    """Time each tier's graph on the chosen runtime, as large as training would make it.

    Args:
        options: size, mask and settings of the detector that the training will have.
        settings: of the process.
        images: how many will be learned.
        progress: is told how far it is, as the stage `measure`.

    Returns:
        A time for each of `TIERS`, in their order: the median for one image, in the graph alone.
    """
    found = []
    here = backbones(settings).names()
    for done, tier in enumerate(TIERS.values()):
        progress("measure", done, len(TIERS))
        missing = next((name for name in tier.backbones if name not in here), None)
        spent = None
        if missing is None:
            spent = _milliseconds(in_tier(options, tier.name), settings, images)
        found.append(TierTime(tier.name, spent, missing))
    progress("measure", len(TIERS), len(TIERS))
    return found


def chosen_tier(
    options: TrainingOptions, settings: Settings, images: int, progress: Progress
) -> TrainingOptions:
    """Return the options with what their tier, or the best tier in their budget, stands for.

    Raises:
        BadSetting: as `settled`.
    """
    if options.tier is None and options.budget_ms is None:
        return options
    times: list[TierTime] = []
    if options.budget_ms is not None and options.tile is None:
        times = measure_tiers(options, settings, images, progress)
    return settled(options, times, settings)


def settled(
    options: TrainingOptions, times: Sequence[TierTime], settings: Settings
) -> TrainingOptions:
    """Do the same with what tiers were measured to cost.

    Raises:
        BadSetting: there is no such tier, none fits the budget, its backbone is missing, or a
            detector was chosen as well.
    """
    if options.detector != TrainingOptions.detector:
        raise BadSetting(
            f"a tier chooses the detector: leave out the tier and the budget, or {options.detector}"
        )
    name, budget_ms = options.tier, options.budget_ms
    if budget_ms is not None and options.tile is not None:
        raise BadSetting(
            "a budget cannot be kept through tiles, of which a large image has many: name the tier"
        )
    if name is None:
        name = best_within(times, budget_ms or 0)
    wanted = in_tier(options, name)
    here = backbones(settings).names()
    for backbone in TIERS[name].backbones:
        if backbone not in here:
            raise BadSetting(
                f"the tier {name} needs the backbone {backbone}: okng backbone pull {backbone}, or "
                f"okng backbone add {backbone} --from FILE"
            )
    spent = {one.tier: one.milliseconds or 0 for one in times}.get(name, 0)
    if budget_ms is not None and spent > budget_ms:
        raise _over(name, spent, budget_ms)
    return wanted


def in_tier(options: TrainingOptions, name: str) -> TrainingOptions:
    """Return the options with the tier's detector and settings; those given come on top.

    Raises:
        BadSetting: there is no such tier.
    """
    if name not in TIERS:
        raise BadSetting(f"there is no tier {name!r}: choose from {', '.join(TIERS)}")
    tier = TIERS[name]
    config = {**tier.config, **options.config}
    return replace(options, detector=tier.detector, config=config, tier=None, budget_ms=None)


def best_within(times: Sequence[TierTime], budget_ms: float) -> str:
    """Return the most accurate tier that costs no more.

    Raises:
        BadSetting: none does.
    """
    known = {one.tier: one.milliseconds for one in times if one.milliseconds is not None}
    for name, spent in reversed(known.items()):
        if spent <= budget_ms:
            return name
    fastest = min(known, key=lambda name: known[name])
    raise _over(fastest, known[fastest], budget_ms)


def _over(name: str, spent: float, budget_ms: float) -> BadSetting:
    return BadSetting(
        f"the tier {name} takes {spent:.1f} ms for one image here, and the budget is "
        f"{budget_ms:g} ms; take a smaller size, a smaller bank (bank_size) or a larger budget"
    )


def _milliseconds(options: TrainingOptions, settings: Settings, images: int) -> float:
    runtime = installed_runtimes(settings)[0]
    built = build_detector(options.detector, options.config, runtime, settings, options.within)
    view = make_view(options, settings, built.size)
    detector = cast(Sketched, built.detector)  # those of the tiers are
    inspected = np.ones((view.height, view.width), np.bool_)
    session = runtime.load(detector.sketch(inspected, images).graph)
    pixels = np.random.default_rng(0).integers(0, 256, (1, *inspected.shape, 3), np.uint8)
    (timing,) = time_calls([lambda: session.run({"image": pixels})], _RUNS, _WARM_UP)
    return timing.p50_ms
