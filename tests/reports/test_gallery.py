import base64
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from okng.domain.arrays import Mask, Pixels
from okng.domain.evaluation import Evaluation
from okng.domain.verdict import Verdict
from okng.domain.view import Box
from okng.reports.gallery import THUMBNAIL_PX, cards, thumbnail


def _open(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_cards_show_the_picture_the_heat_and_the_truth(
    evaluation: Evaluation,
    load_image: Callable[[Path], Pixels],
    load_mask: Callable[[Path], Mask],
) -> None:
    """The heat is where the map is hot; only a defective image has a truth."""
    miss, false_call, _ = cards(
        evaluation.exhibits, evaluation.calibration, None, load_image, load_mask
    )
    heat = _open(miss.heat).astype(int)
    assert heat.shape == (90, 120, 3)
    assert np.abs(heat[:20, :30] - 120).max() < 12
    assert np.abs(heat[-5, -5] - 120).max() > 60
    assert miss.has_truth
    assert not false_call.has_truth
    assert np.abs(_open(false_call.picture).astype(int) - 120).max() < 12


def test_cards_are_cut_to_the_region_of_interest(
    evaluation: Evaluation,
    load_image: Callable[[Path], Pixels],
    load_mask: Callable[[Path], Mask],
) -> None:
    """With a region of interest the pictures show it alone."""
    roi = Box(10, 20, 50, 30)
    card = cards(evaluation.exhibits, evaluation.calibration, roi, load_image, load_mask)[0]
    assert (card.width, card.height) == (50, 30)
    assert _open(card.picture).shape == (30, 50, 3)
    assert not card.has_truth


def test_only_large_pictures_shrink() -> None:
    """A thumbnail has the stated longest side; a small picture stays as it is."""
    assert thumbnail(np.zeros((2000, 1000, 3), np.uint8)).shape == (
        THUMBNAIL_PX,
        THUMBNAIL_PX // 2,
        3,
    )
    assert thumbnail(np.zeros((30, 20, 3), np.uint8)).shape == (30, 20, 3)


def test_only_images_that_are_not_ok_have_outlines(
    evaluation: Evaluation,
    load_image: Callable[[Path], Pixels],
    load_mask: Callable[[Path], Mask],
) -> None:
    """An OK image shows its heat without outlines, and a sentence where cells exceed."""
    shown = {}
    for verdict in (Verdict.OK, Verdict.NG):
        exhibit = evaluation.exhibits[0]
        changed = replace(exhibit, result=replace(exhibit.result, verdict=verdict))
        calibration = replace(
            evaluation.calibration, review_threshold=float(exhibit.anomaly_map.mean())
        )
        shown[verdict] = cards([changed], calibration, None, load_image, load_mask)[0]
    assert shown[Verdict.OK].exceeds
    assert not shown[Verdict.NG].exceeds
    assert shown[Verdict.OK].heat != shown[Verdict.NG].heat
    whites = [(_open(shown[v].heat).min(axis=2) > 240).sum() for v in (Verdict.OK, Verdict.NG)]
    assert whites[0] < whites[1]
