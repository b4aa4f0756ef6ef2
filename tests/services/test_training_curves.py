"""`okng.services.training_curves`."""

from math import inf

from okng.domain.learning import LearningCurve
from okng.services.training_curves import MOST_CURVES, MOST_JOBS, TrainingCurves


def test_figures_become_curves_by_stage() -> None:
    """In the order in which they were told; what is no finite number is left out."""
    curves = TrainingCurves()
    curves.add("a", "distil", 1, {"loss": 3.0})
    for epoch in (1, 2):
        curves.add("a", "learn", epoch, {"loss": 1 / epoch, "accuracy": inf if epoch == 1 else 0.5})
    found = curves.of("a")
    assert list(found) == ["distil", "learn"]
    assert found["learn"] == (
        LearningCurve("loss", ((1.0, 1.0), (2.0, 0.5))),
        LearningCurve("accuracy", ((2.0, 0.5),)),
    )
    assert curves.of("b") == {}


def test_a_training_that_begins_anew_draws_anew() -> None:
    """What was told of an epoch and those after it is void."""
    curves = TrainingCurves()
    for epoch in (1, 2, 3):
        curves.add("a", "learn", epoch, {"loss": float(epoch)})
    curves.add("a", "learn", 2, {"loss": 9.0})
    assert curves.of("a")["learn"][0].points == ((1.0, 1.0), (2.0, 9.0))


def test_curves_are_bounded() -> None:
    """So many trainings, so many curves of each; epochs below 1 are none."""
    curves = TrainingCurves()
    for job in range(MOST_JOBS + 1):
        curves.add(str(job), "learn", 1, {"loss": 1.0})
    assert curves.of("0") == {}
    assert curves.of(str(MOST_JOBS))
    curves.add("x", "learn", 1, {str(i): 1.0 for i in range(MOST_CURVES + 5)})
    assert len(curves.of("x")["learn"]) == MOST_CURVES
    curves.add("y", "learn", 0, {"loss": 1.0})
    assert curves.of("y") == {}
