from dataclasses import replace

import pytest

from okng.domain.errors import BadSetting
from okng.services.calibrate import DefectWish, Wish
from okng.services.recalibrate import by_defects, kept_defects
from okng.testing.models import tiny_calibration


def test_the_defects_of_the_training_set_the_threshold() -> None:
    """A model that keeps the scores of its defects needs no folder for a bound on escapes."""
    scores = tuple(0.3 + 0.01 * i for i in range(100))
    old = replace(tiny_calibration("0" * 64), defect_scores=scores)
    new = by_defects(kept_defects(old), DefectWish(max_escapes=0.05), Wish())(old, 2)
    assert new.promises[0].of == "defective"
    assert new.promises[0].rate <= 0.05
    assert new.review_threshold < scores[2]


def test_without_any_the_message_says_what_to_name() -> None:
    """A model that learned from good images alone asks for a folder of defects."""
    with pytest.raises(BadSetting, match="--defects FOLDER"):
        kept_defects(tiny_calibration("0" * 64))
