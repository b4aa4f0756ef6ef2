import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import cv2
import numpy as np

from okng.domain.learning import Layer, LearningCurve
from okng.reports.learning import learning_chart, learning_png
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
    words = ("teacher: loss", "student: loss", "images that are learned", "validation images")
    assert all(drawn.count(word) == 1 for word in words)


def test_accuracy_stands_beside_the_loss() -> None:
    """Loss and accuracy have a panel each, the second in percent, and share the legend."""
    names = ("loss", "validation loss", "accuracy", "validation accuracy")
    curves = [LearningCurve(name, ((1.0, 0.5), (2.0, 0.9))) for name in names]
    drawn = list(ElementTree.fromstring(learning_chart(curves)).itertext())
    assert [text for text in drawn if text in names] == ["loss", "accuracy"]
    assert any(text.endswith(" %") for text in drawn)
    assert drawn.count("validation images") == 1


def test_epochs_are_whole() -> None:
    """Between two epochs there is nothing, so no tick stands there."""
    curves = [LearningCurve("loss", ((1.0, 10.0), (2.0, 30.0), (3.0, 20.0)))]
    drawn = list(ElementTree.fromstring(learning_chart(curves)).itertext())
    assert {"1", "2", "3"} <= set(drawn)
    assert not [text for text in drawn if text.startswith(("1.", "2."))]


def test_the_network_stands_in_the_models_page() -> None:
    """Layers are listed with what they give, hold and cost, and their sums."""
    model = tiny_model()
    layers = (
        Layer("convolution 3 x 3", (8, 32, 64), 216, 442368),
        Layer("ReLU", (8, 32, 64), 0, 0),
    )
    html = render_model_card(replace(model.manifest, layers=layers), model.golden)
    for part in ("What the network is made of", "8 &times; 32 &times; 64", "442,368"):
        assert part in html
    assert "made of" not in render_model_card(model.manifest, model.golden)


def test_picture_file() -> None:
    """The PNG has a panel for each figure beside each other, and each curve in its colour."""
    names = ("loss", "validation loss", "accuracy", "validation accuracy")
    curves = [LearningCurve(name, ((1.0, 0.5), (2.0, 0.9), (3.0, 0.7))) for name in names[::2]]
    curves += [LearningCurve(name, ((1.0, 0.2), (3.0, 0.4))) for name in names[1::2]]
    data = cv2.imdecode(np.frombuffer(learning_png(curves), np.uint8), cv2.IMREAD_COLOR_RGB)
    left, right = np.array_split(data, 2, axis=1)
    assert left.shape == right.shape
    for half in (left[80:], right[80:]):
        for colour in ((0x1F, 0x6F, 0xB2), (0xC2, 0x50, 0x0F)):
            assert (half == colour).all(axis=2).any()


def test_nothing_learned_nothing_drawn() -> None:
    """Without curves there is no chart, and no section in the model's page."""
    assert learning_chart(()) == ""
    model = tiny_model()
    assert "How it learned" not in render_model_card(model.manifest, model.golden)
    html = render_model_card(replace(model.manifest, curves=CURVES), model.golden)
    assert "How it learned" in html
    assert "data:image/svg+xml;base64," in html
