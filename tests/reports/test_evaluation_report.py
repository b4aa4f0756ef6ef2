import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from okng.domain.arrays import Mask, Pixels
from okng.domain.dataset import GOOD
from okng.domain.errors import BadImage
from okng.domain.evaluation import Evaluation
from okng.domain.rates import Rate
from okng.domain.verdict import Verdict
from okng.reports.evaluation import comparison, headline, noun, summary, to_html, to_json

LoadImage = Callable[[Path], Pixels]
LoadMask = Callable[[Path], Mask]
VOID = {"meta", "img", "br", "link"}


class _Page(HTMLParser):
    """Gathers tags, attributes and text, and checks that tags are closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(evaluation: Evaluation, load_image: LoadImage, load_mask: LoadMask) -> _Page:
    return _Page(to_html(evaluation, load_image, load_mask))


def test_names_cannot_bring_markup(page: _Page, nasty: str) -> None:
    """A product, file, kind, dataset or setting named like a script is shown, not run."""
    assert page.named("script") == []
    assert page.text.count(nasty) >= 8


def test_page_needs_nothing_else(page: _Page) -> None:
    """All pictures are inline, nothing is linked, and the page forbids itself the rest."""
    sources = [image["src"] or "" for image in page.named("img")]
    assert len(sources) == 6
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert page.named("link") == []
    policies = [m["content"] for m in page.named("meta") if "http-equiv" in m]
    assert policies[0] is not None
    assert policies[0].startswith("default-src 'none'")
    for _, attributes in page.tags:
        assert not (attributes.get("href") or "").startswith(("http", "//"))


def test_charts_can_be_read_aloud(page: _Page) -> None:
    """Every chart is an image with a title and a description."""
    charts = [svg for svg in page.named("svg") if svg.get("class") == "chart"]
    assert len(charts) >= 5
    assert all(chart.get("role") == "img" for chart in charts)
    assert len(page.named("desc")) == len(charts)


@pytest.mark.parametrize(
    "figure",
    [
        "0.667",  # image AUROC
        "0.800",  # average precision
        "0.750",  # F1
        "0.987",  # pixel AUROC
        "0.901",  # AUPRO
        "REVIEW above 0.5",
        "NG above 0.625",
        "12.3",  # latency
        "43.2",
        "1 of 3 defective parts",
        "1 of 2 good parts",
        "Apache-2.0",
        "ab" * 32,
        "at most 1.00\N{NARROW NO-BREAK SPACE}% of good parts are not called OK"[1:],
    ],
)
def test_figures_are_shown(page: _Page, figure: str) -> None:
    """Each figure of the evaluation is on the page."""
    assert figure in page.text


def test_failures_are_shown(page: _Page, nasty: str) -> None:
    """The image that failed is named with its reason, and the verdicts gain a column."""
    assert f"broken {nasty}" in page.text
    assert page.text.count("ERROR") >= 2


def test_json_has_the_same_content(evaluation: Evaluation) -> None:
    """JSON holds the figures, is finite, and names every image."""
    plain = json.loads(to_json(evaluation))
    assert plain["image_auroc"] == 0.6667
    assert plain["pixels"]["aupro"] == 0.9012
    assert plain["confusion"]["defective"] == {"OK": 1, "REVIEW": 1, "NG": 1, "ERROR": 0}
    assert plain["escapes"]["value"] == pytest.approx(1 / 3)
    assert plain["calibration"]["promises"][0]["text"].startswith("at most 1.00%")
    assert plain["latency"]["graph"]["p99_ms"] == 43.21
    assert plain["card"]["backbones"][0]["licence"] == "Apache-2.0"
    assert len(plain["images"]) == plain["counts"]["images"] == 6


def test_a_picture_that_is_gone_spoils_nothing(evaluation: Evaluation, load_mask: LoadMask) -> None:
    """Where the gallery's file cannot be read again, its place says so."""

    def gone(path: Path) -> Pixels:
        raise BadImage("there is no such file: put it back")

    page = _Page(to_html(evaluation, gone, load_mask))
    assert page.named("img") == []
    assert page.text.count("put it back") == 3


def test_bare_evaluation_renders(
    evaluation: Evaluation, load_image: LoadImage, load_mask: LoadMask
) -> None:
    """Without masks, defects, latency, backbone or exhibits the page still stands."""
    empty = Rate(0, 0, 0.0, 1.0)
    good = tuple(r for r in evaluation.images if r.label == GOOD)
    bare = replace(
        evaluation,
        manifest=replace(evaluation.manifest, backbones=()),
        images=good,
        parts=1,
        image_auroc=None,
        average_precision=None,
        f1_max=None,
        f1_threshold=None,
        roc=(),
        pixels=None,
        escapes=empty,
        kinds=(),
        total_latency=None,
        graph_latency=None,
        notes=(),
        exhibits=(),
    )
    page = _Page(to_html(bare, load_image, load_mask))
    assert "escapes are unknown" in page.text
    assert "no masks" in page.text
    json.loads(to_json(bare))


def test_headline_counts_what_was_stopped(evaluation: Evaluation) -> None:
    """The first sentence says how many defective parts did not pass as OK."""
    assert headline(evaluation) == "2 of 3 defective parts were stopped."
    empty = Rate(0, 0, 0.0, 1.0)
    assert headline(replace(evaluation, escapes=empty)) == "1 of 2 good parts passed."
    nothing = replace(evaluation, escapes=empty, overkill=empty)
    assert headline(nothing) == "Nothing could be judged."


def test_summary_says_all_verdicts(evaluation: Evaluation) -> None:
    """The sentences after it account for every image."""
    assert summary(evaluation) == [
        "1 was called NG and 1 was sent to review; 1 escaped as OK.",
        "Of 2 good parts, 1 passed, none went to review and 1 was wrongly called NG.",
        "1 of 6 images could not be inspected.",
    ]
    none = dict.fromkeys(Verdict, 0)
    perfect = replace(
        evaluation,
        images=(),
        confusion={GOOD: none | {Verdict.OK: 2}, "defective": none | {Verdict.NG: 3}},
    )
    assert summary(perfect)[0].endswith("none escaped as OK.")


def test_images_are_not_called_parts_where_they_are_not(evaluation: Evaluation) -> None:
    """Where several images show one part, images are what is counted."""
    assert noun(evaluation) == "parts"
    assert noun(replace(evaluation, parts=3)) == "images"


def test_no_word_is_left_unrendered(page: _Page) -> None:
    """No None, nan or template mark reaches the reader."""
    assert not re.search(r"\bNone\b(?! )|\bnan\b|\{\{|\}\}", page.text.split("</style>")[-1])


@pytest.mark.parametrize(
    ("own", "other", "words"),
    [(0.739, 1.0, "worse than"), (1.0, 0.739, "better than"), (0.9001, 0.9002, "as well as")],
)
def test_says_which_model_is_better(
    evaluation: Evaluation, own: float, other: float, words: str
) -> None:
    """Figures that are written alike count as alike; a model without a figure is not judged."""
    beside = replace(evaluation.in_short, model="other-1", image_auroc=other)
    unknown = replace(beside, image_auroc=None)
    (said,) = comparison(replace(evaluation, image_auroc=own, beside=(beside, unknown)))
    assert f"tells good from defective {words} other-1" in said
    assert "on these images" in said
    unlike = replace(beside, same_images=False)
    (said,) = comparison(replace(evaluation, image_auroc=own, beside=(unlike,)))
    assert "on images that are not all the same" in said


def test_other_models_stand_below_this_one(
    evaluation: Evaluation, load_image: LoadImage, load_mask: LoadMask, nasty: str
) -> None:
    """One table, this model's row first, what is unknown as a dash; none where there is none."""
    other = replace(
        evaluation.in_short, model="other-1", detector=nasty, image_auroc=0.987, graph_ms=None
    )
    bare = replace(other, model="other-2", pixel_auroc=None, aupro=None)
    page = _Page(to_html(replace(evaluation, beside=(other, bare)), load_image, load_mask))
    table = page.text.split("Beside other models")[1]
    assert " worse than other-1" in table
    table = " ".join(table.split("Graph, median")[1].split())
    own, first, second = (table.index(name) for name in (evaluation.model, "other-1", "other-2"))
    assert own < first < second
    assert "0.667" in table[own:first]
    assert "0.901" in table[own:first]
    assert "0.987" in table[first:second]
    assert page.named("script") == []
    assert "Beside" not in _Page(to_html(evaluation, load_image, load_mask)).text
