"""What an evaluation says of names."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from okng.domain.dataset import Sample, Split
from okng.domain.evaluation import Evaluation, Shelf
from okng.domain.inspection import Inspection
from okng.domain.model import ClassCard
from okng.domain.verdict import Prediction, Verdict
from okng.reports.evaluation import to_html
from okng.services.evaluate import evaluate
from okng.services.evaluate_naming import Named, misnamed, naming
from okng.testing.models import tiny_model

NAMES = ("good", "hole", "scratch")
CARD = ClassCard(NAMES, (10, 5, 5), 2.0, 20)
MANIFEST = replace(tiny_model().manifest, classes=CARD)
LABELS = [*NAMES * 4, "dent"]


def shares(index: int) -> dict[str, float]:
    """Return probabilities; two images get another class's name."""
    label = {4: "scratch", 6: "hole"}.get(index, LABELS[index])
    first = NAMES.index(label) if label in NAMES else 1
    rest = (0.4 - 0.02 * index) / 2
    return {name: 1 - 2 * rest if k == first else rest for k, name in enumerate(NAMES)}


def run() -> Evaluation:
    samples = [Sample(Path(f"/d/{i}.png"), label, Split.TEST) for i, label in enumerate(LABELS)]

    def inspect(sample: Sample) -> Inspection:
        classes = shares(int(sample.path.stem))
        score = 1 - classes["good"]
        return Inspection(
            str(sample.path), Verdict.NG, "tiny", "tiny-1", "0" * 64, 1, 0.5, 0.6, "now",
            score=score, p_value=0.5,
            prediction=Prediction(score, np.ones((2, 2), np.float32), (), classes),
        )  # fmt: skip

    return evaluate(
        inspect, samples, MANIFEST, MANIFEST.calibration, lambda _: np.zeros((2, 2), np.bool_)
    )


def test_names_are_judged_as_scikit_learn_does() -> None:
    """Accuracy, the report and the confusion matrix are over images of learned classes."""
    found = run().naming
    assert found is not None
    truth = [NAMES.index(label) for label in LABELS[:-1]]
    named = [int(np.argmax(list(shares(i).values()))) for i in range(len(truth))]
    assert found.confusion == tuple(map(tuple, metrics.confusion_matrix(truth, named).tolist()))
    assert (found.accuracy.count, found.accuracy.total) == (10, 12)
    reference = metrics.classification_report(
        truth, named, target_names=list(NAMES), output_dict=True
    )
    for one in found.classes:
        wanted = reference[one.name]
        assert one.precision == pytest.approx(wanted["precision"])
        assert one.recall == pytest.approx(wanted["recall"])
        assert one.f1 == pytest.approx(wanted["f1-score"])
        assert one.support == wanted["support"]
    assert found.f1 == pytest.approx(reference["macro avg"]["f1-score"])
    probabilities = np.array([list(shares(i).values()) for i in range(len(truth))])
    assert found.calibrated.log_loss == pytest.approx(metrics.log_loss(truth, probabilities))


def test_kinds_that_were_not_learned_are_told() -> None:
    """Their images are in no figure of names, and a note says so."""
    found = run()
    assert found.naming is not None
    assert found.naming.strangers == {"dent": 1}
    assert any("has not learned these classes" in note for note in found.notes)


def test_images_under_another_name_are_shown() -> None:
    """Each class's own, and the report has all of it; the record is JSON."""
    found = run()
    shown = [e.result for e in found.exhibits if e.shelf is Shelf.MISNAMED]
    assert [(one.label, one.named) for one in shown] == [("good", "hole"), ("hole", "scratch")]
    page = to_html(found, lambda _: np.zeros((4, 4, 3), np.uint8), lambda _: np.zeros((4, 4), bool))
    for text in ("Which was taken for which", "Named scratch", "As sure as right?", "10 of them"):
        assert text in page
    record = json.loads(json.dumps(found.record()))
    assert record["naming"]["accuracy"]["count"] == 10
    assert record["images"][4]["named"] == "scratch"


def test_the_surest_of_each_class_come_first() -> None:
    """The gallery has few of each class, those first of which the model was surest."""
    sure = [Named("hole", {"hole": 0.5 - i / 100, "good": 0.5 + i / 100}) for i in range(1, 9)]
    assert misnamed(sure) == [7, 6, 5, 4]
    assert misnamed([Named("dent", {"hole": 0.4, "good": 0.6})]) == []


def test_nothing_known_gives_no_figures() -> None:
    """Where no image is of a learned class there is nothing to say."""
    assert naming([Named("dent", dict.fromkeys(NAMES, 1 / 3))], CARD) is None
