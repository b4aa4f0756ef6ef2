"""A small evaluation with pictures that do not exist on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from okng.domain.arrays import Mask, Pixels
from okng.domain.dataset import GOOD
from okng.domain.evaluation import (
    Evaluation,
    Exhibit,
    ImageResult,
    KindResult,
    Latency,
    PixelResult,
    Shelf,
)
from okng.domain.model import BackboneCard
from okng.domain.rates import Rate
from okng.domain.verdict import Verdict
from okng.testing.models import tiny_model

NASTY = "<script>alert('x')</script>"


@pytest.fixture
def nasty() -> str:
    """Return a name that would run if it were not escaped."""
    return NASTY


@pytest.fixture
def evaluation() -> Evaluation:
    """Return results with an escape, overkill, a failure and names that contain markup."""
    manifest = replace(
        tiny_model().manifest,
        product=NASTY,
        backbones=(BackboneCard("net", "ab" * 32, "Apache-2.0"),),
        config={"share": 0.1, NASTY: NASTY},
        facts={"seconds": 1.23456},
    )
    rows = [
        (f"{NASTY}.png", GOOD, Verdict.NG, 0.7),
        ("good/1.png", GOOD, Verdict.OK, 0.2),
        ("good/2.png", GOOD, Verdict.ERROR, None),
        ("hole/1.png", NASTY, Verdict.OK, 0.3),
        ("hole/2.png", NASTY, Verdict.REVIEW, 0.6),
        ("hole/3.png", NASTY, Verdict.NG, 0.9),
    ]
    images = tuple(
        ImageResult(name, label, verdict, score, None if score is None else 0.02, None)
        for name, label, verdict, score in rows
    )
    images = (*images[:2], replace(images[2], error=f"broken {NASTY}"), *images[3:])
    heat = np.array([[0.0, 0.0], [0.0, 0.9]], np.float32)
    exhibits = (
        Exhibit(Shelf.MISS, images[3], Path("hole1"), (Path("mask1"),), heat),
        Exhibit(Shelf.FALSE_CALL, images[0], Path("good0"), (), heat),
        Exhibit(Shelf.CATCH, images[5], Path("hole3"), (Path("mask3"),), heat),
    )
    none = dict.fromkeys(Verdict, 0)
    return Evaluation(
        dataset=NASTY,
        created="2024-05-01T12:00:00+00:00",
        manifest=manifest,
        calibration=manifest.calibration,
        runtime="some runtime, CPU",
        images=images,
        parts=6,
        image_auroc=0.6667,
        average_precision=0.8,
        f1_max=0.75,
        f1_threshold=0.6,
        roc=((0.0, 0.0), (0.0, 1 / 3), (0.5, 1.0), (1.0, 1.0)),
        precision_recall=((1 / 3, 1.0), (1.0, 0.75)),
        pixels=PixelResult(0.987, 0.9012, 5, 3, 256, 1, 2),
        confusion={
            GOOD: none | {Verdict.OK: 1, Verdict.NG: 1, Verdict.ERROR: 1},
            "defective": none | {Verdict.OK: 1, Verdict.REVIEW: 1, Verdict.NG: 1},
        },
        overkill=Rate(1, 2, 0.0126, 0.9874),
        good_reviewed=Rate(0, 2, 0.0, 0.8419),
        escapes=Rate(1, 3, 0.0084, 0.9057),
        kinds=(KindResult(NASTY, Rate(2, 3, 0.094, 0.9916), Rate(1, 3, 0.0084, 0.9057), 0.6667),),
        total_latency=Latency(12.34, 56.78),
        graph_latency=Latency(9.87, 43.21),
        notes=(f"a note {NASTY}",),
        exhibits=exhibits,
    )


@pytest.fixture
def load_image() -> object:
    def load(path: Path) -> Pixels:
        return np.full((90, 120, 3), 120, np.uint8)

    return load


@pytest.fixture
def load_mask() -> object:
    def load(path: Path) -> Mask:
        mask = np.zeros((90, 120), np.bool_)
        mask[60:80, 70:110] = True
        return mask

    return load
