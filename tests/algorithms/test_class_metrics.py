import numpy as np
import pytest
from sklearn import metrics

from okng.algorithms.class_metrics import class_figures, confusion_matrix, overall


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("seed", range(3))
def test_all_figures_are_scikit_learns(classes: int, seed: int) -> None:
    """Confusion, precision, recall, F1, support and their means are those of scikit-learn."""
    rng = np.random.default_rng(seed)
    truth, named = rng.integers(0, classes, (2, 80))
    confusion = confusion_matrix(truth, named, classes, classes)
    assert np.array_equal(confusion, metrics.confusion_matrix(truth, named))
    reference = metrics.precision_recall_fscore_support(truth, named)
    found = [(c.precision, c.recall, c.f1, c.support) for c in class_figures(confusion)]
    assert np.allclose(np.array(found).T, reference)
    means = metrics.precision_recall_fscore_support(truth, named, average="macro")
    whole = overall(confusion)
    assert whole.accuracy == pytest.approx(metrics.accuracy_score(truth, named))
    assert (whole.precision, whole.recall, whole.f1) == pytest.approx(means[:3])


def test_what_cannot_be_known_is_none() -> None:
    """A class that does not occur has no recall, one that was never named no precision."""
    found = class_figures(np.array([[3, 1, 0], [0, 0, 0], [2, 0, 0]]))
    assert (found[1].precision, found[1].recall, found[1].f1) == (0, None, 0)
    assert (found[2].precision, found[2].recall) == (None, 0)
    reference = metrics.precision_recall_fscore_support(
        [0, 0, 0, 0, 2, 2], [0, 0, 0, 1, 0, 0], average="macro", zero_division=0
    )
    whole = overall(np.array([[3, 1, 0], [0, 0, 0], [2, 0, 0]]))
    assert (whole.precision, whole.recall, whole.f1) == pytest.approx(reference[:3])
    assert overall(np.zeros((2, 2), np.int64)).accuracy is None
