"""Tiers: what they stand for, what they cost, and the choice by a budget."""

from pathlib import Path

import numpy as np
import pytest

from okng.bootstrap import TIERS, TierTime, TrainingOptions, measure_tiers, settled
from okng.bootstrap.building import build_detector, installed_runtimes
from okng.bootstrap.tiers import chosen_tier
from okng.domain.errors import BadSetting
from okng.domain.ports import silent
from okng.settings import Settings
from okng.testing.backbones import stand_in_backbone
from okng.testing.images import ArrayImages, good_parts

TIMES = [TierTime("fast", 5.0), TierTime("balanced", 50.0), TierTime("accurate", 60.0)]
SMALL = TrainingOptions(size=(64, 64))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


@pytest.fixture
def with_backbone(settings: Settings, tmp_path: Path) -> Settings:
    """Return settings under which the tiers' backbone is there: Lite0 under its name."""
    stand_in_backbone(tmp_path / "backbones", "dinov2-small")
    return settings


def test_tiers_run_from_fast_to_accurate() -> None:
    """Their order is what a budget goes by."""
    assert list(TIERS) == ["fast", "balanced", "accurate"]


def test_a_tier_whose_backbone_is_missing_is_not_measured(settings: Settings) -> None:
    """It says what is missing; the fast one always has a time."""
    fast, balanced, accurate = measure_tiers(SMALL, settings, 20)
    assert fast.milliseconds
    assert (balanced.milliseconds, balanced.missing) == (None, "dinov2-small")
    assert accurate.missing == "dinov2-small"


def test_all_are_measured_where_the_backbone_is_there(with_backbone: Settings) -> None:
    """Each has a time, and nothing is missing."""
    times = measure_tiers(SMALL, with_backbone, 20)
    assert [one.tier for one in times] == list(TIERS)
    assert all(one.milliseconds and one.missing is None for one in times)


@pytest.mark.parametrize(
    ("budget", "detector"), [(5.0, "memory"), (55.0, "memory"), (1000.0, "fusion")]
)
def test_a_budget_takes_the_most_accurate_tier_that_fits(
    with_backbone: Settings, budget: float, detector: str
) -> None:
    """Of the tiers that need no longer, the last."""
    wanted = settled(TrainingOptions(budget_ms=budget), TIMES, with_backbone)
    assert wanted.detector == detector
    assert ("backbone" in wanted.config) == (budget == 55.0)
    assert (wanted.tier, wanted.budget_ms) == (None, None)


def test_a_budget_that_nothing_fits_is_refused_with_what_it_takes(settings: Settings) -> None:
    """The error names the fastest and what would mend it."""
    with pytest.raises(BadSetting, match=r"fast takes 5\.0 ms .* smaller size"):
        settled(TrainingOptions(budget_ms=4.0), TIMES, settings)


def test_a_tier_over_the_budget_is_refused(with_backbone: Settings) -> None:
    """Where both are given, both must hold."""
    with pytest.raises(BadSetting, match=r"accurate takes 60\.0 ms"):
        settled(TrainingOptions(tier="accurate", budget_ms=20.0), TIMES, with_backbone)
    assert settled(TrainingOptions(tier="fast", budget_ms=20.0), TIMES, with_backbone)


def test_a_missing_backbone_is_named_with_the_command(settings: Settings) -> None:
    """Whoever asks for a tier that cannot be had is told how to get it."""
    with pytest.raises(BadSetting, match="okng backbone pull dinov2-small"):
        chosen_tier(TrainingOptions(tier="balanced"), settings, 20, silent)


@pytest.mark.parametrize("options", [{"tier": "fast"}, {"budget_ms": 100.0}])
def test_a_tier_and_a_detector_exclude_each_other(
    settings: Settings, options: dict[str, object]
) -> None:
    """A tier is a detector."""
    with pytest.raises(BadSetting, match="gaussian"):
        settled(TrainingOptions(detector="gaussian", **options), TIMES, settings)


def test_an_unknown_tier_is_refused(settings: Settings) -> None:
    """With those there are."""
    with pytest.raises(BadSetting, match="fast, balanced, accurate"):
        chosen_tier(TrainingOptions(tier="best"), settings, 20, silent)


def test_settings_come_on_top_of_a_tier(with_backbone: Settings) -> None:
    """What a person says beats what the tier says."""
    options = TrainingOptions(tier="balanced", config={"bank_size": 100, "projection": 64})
    wanted = chosen_tier(options, with_backbone, 20, silent)
    assert wanted.config == {"backbone": "dinov2-small", "bank_size": 100, "projection": 64}


@pytest.mark.parametrize("name", ["memory", "gaussian", "fusion"])
def test_a_sketch_is_as_large_as_what_training_makes(name: str, settings: Settings) -> None:
    """Same signature, and within a few per cent the same bytes."""
    runtime = installed_runtimes(settings)[0]
    values = {"turns": 1, "altered": 0} if name == "memory" else {}
    if name == "fusion":
        values = {
            "members": [{"detector": "memory", "turns": 1, "altered": 0}, {"detector": "gaussian"}]
        }
    detector = build_detector(name, values, runtime, settings).detector
    images = ArrayImages(good_parts(5, 64))
    trained = detector.train(images, None, silent).graph
    sketch = detector.sketch(images.inspected, 5).graph  # type: ignore[attr-defined]
    assert len(sketch) == pytest.approx(len(trained), rel=0.03)
    pixels = {"image": np.zeros((1, 64, 64, 3), np.uint8)}
    one, other = (runtime.load(graph).run(pixels) for graph in (trained, sketch))
    assert {k: v.shape for k, v in one.items()} == {k: v.shape for k, v in other.items()}
