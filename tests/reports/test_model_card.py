from dataclasses import replace

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
    assert "t most 1.00% of good parts are not called OK" in html
    assert "defective scores" in html


def test_a_golden_image_that_cannot_be_shown_is_noted() -> None:
    """A broken picture leaves a note in its place."""
    model = tiny_model()
    name = model.manifest.golden[0].file
    html = render_model_card(model.manifest, {**model.golden, name: b"no image"})
    assert html.count("data:image/jpeg;base64,") == len(model.golden) - 1
    assert 'class="gone"' in html
