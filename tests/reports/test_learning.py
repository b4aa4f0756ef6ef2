import xml.etree.ElementTree as ElementTree

from okng.domain.learning import LearningCurve
from okng.reports.learning import learning_chart
from okng.reports.model_card import render_model_card
from okng.testing.models import tiny_model

CURVES = (
    LearningCurve("teacher: loss", ((1.0, 0.5), (2.0, 0.25))),
    LearningCurve("teacher: validation loss", ((1.0, 0.6), (2.0, 0.5))),
    LearningCurve("student: loss", ((1.0, 0.9),)),
)


def test_each_part_has_a_panel() -> None:
    """Teacher and student are drawn side by side, with one legend, as a picture of its own."""
    chart = learning_chart(CURVES)
    drawn = "".join(ElementTree.fromstring(chart).itertext())
    assert all(drawn.count(word) == 1 for word in ("teacher", "student", "validation loss"))


def test_nothing_learned_nothing_drawn() -> None:
    """Without curves there is no chart, and no section in the model's page."""
    assert learning_chart(()) == ""
    model = tiny_model()
    assert "How it learned" not in render_model_card(model.manifest, model.golden)
    html = render_model_card(model.manifest, model.golden, CURVES)
    assert "How it learned" in html
    assert "data:image/svg+xml;base64," in html
