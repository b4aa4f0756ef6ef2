from dataclasses import replace

from okng.domain.model import ClassCard
from okng.reports.model_card import render_model_card
from okng.testing.models import tiny_model


def test_card_shows_promise_scores_and_golden_images(nasty: str) -> None:
    """The page names the model, its promise and each golden image's score, and runs nothing."""
    model = tiny_model()
    manifest = replace(model.manifest, product=nasty)
    html = render_model_card(manifest, model.golden)
    assert "<script" not in html
    assert html.count("data:image/jpeg;base64,") == len(model.golden)
    for golden in manifest.golden:
        assert f"{golden.score:.6g}" in html
    assert "t most 1.00\N{NARROW NO-BREAK SPACE}% of good parts are not called OK" in html
    assert "defective scores" in html


def test_a_golden_image_that_cannot_be_shown_is_noted() -> None:
    """A broken picture leaves a note in its place."""
    model = tiny_model()
    name = model.manifest.golden[0].file
    html = render_model_card(model.manifest, {**model.golden, name: b"no image"})
    assert html.count("data:image/jpeg;base64,") == len(model.golden) - 1
    assert 'class="gone"' in html


def test_facts_are_said_once_and_as_people_write_them() -> None:
    """A fact that is a setting too appears once, lists are no Python, parts are not doubled."""
    model = tiny_model()
    data = replace(model.manifest.data, name="\udcff", images=200, parts=200)
    manifest = replace(
        model.manifest,
        config={"cell_px": 16, "stages": ["stride8", "stride16"]},
        facts={"cell_px": 16, "bank": 48},
        data=data,
    )
    html = render_model_card(manifest, model.golden)
    assert html.count("<dt>cell px</dt>") == 1
    assert "<dd>stride8, stride16</dd>" in html
    assert "<dd>200, each of another part</dd>" in html
    assert "200 of 200" not in html
    assert "\\udcff" in html.encode().decode()
    several = render_model_card(replace(manifest, data=replace(data, parts=1)), model.golden)
    assert "<dd>200 of 1 part</dd>" in several


def test_a_classifier_tells_what_it_learned_of_each_class(nasty: str) -> None:
    """Its images are not all good ones; how many of each class were learned is said."""
    model = tiny_model()
    good = render_model_card(model.manifest, model.golden)
    assert "<dt>Good images</dt>" in good
    classes = ClassCard(("good", nasty), (1200, 30), 1.0, 8)
    html = render_model_card(replace(model.manifest, classes=classes), model.golden)
    assert "<dt>Labelled images</dt>" in html
    assert "<dt>Good images</dt>" not in html
    assert "<dd>1,200 good, 30 " in html
    assert "<script" not in html
