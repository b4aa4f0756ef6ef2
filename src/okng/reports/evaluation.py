"""The evaluation report: one HTML file that needs nothing else, and the same as JSON."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from okng.domain.arrays import Mask, Pixels
from okng.domain.counting import chosen, counted
from okng.domain.dataset import GOOD
from okng.domain.evaluation import Evaluation, Shelf
from okng.domain.masks import MaskSource
from okng.domain.verdict import Verdict
from okng.reports import charts
from okng.reports.gallery import cards
from okng.reports.learning import learning_uri
from okng.reports.naming import reliability, sentence
from okng.reports.pages import encodable, environment, figure

DEFECTIVE = "defective"


def to_json(evaluation: Evaluation) -> str:
    """Return the figures as JSON; the same content as the HTML, without the pictures.

    In ASCII: a file's name need not be text, and JSON has escapes for what is none.
    """
    return json.dumps(evaluation.record(), indent=2, allow_nan=False) + "\n"


def to_html(
    evaluation: Evaluation,
    load_image: Callable[[Path], Pixels],
    load_mask: Callable[[MaskSource], Mask],
) -> str:
    """Return one self-contained HTML page; the few images of the gallery are read again."""
    page = environment().get_template("evaluation.html.j2")
    shelves = {}
    for shelf in Shelf:
        exhibits = [exhibit for exhibit in evaluation.exhibits if exhibit.shelf is shelf]
        roi = evaluation.manifest.view.roi
        shelves[shelf.name] = cards(exhibits, evaluation.calibration, roi, load_image, load_mask)
    text = page.render(
        evaluation=evaluation,
        manifest=evaluation.manifest,
        calibration=evaluation.calibration,
        noun=noun,
        headline=headline(evaluation),
        summary=summary(evaluation),
        comparison=comparison(evaluation),
        histograms=_histograms(evaluation),
        roc=_roc(evaluation),
        precision_recall=_precision_recall(evaluation),
        shelves=shelves,
        naming=evaluation.naming,
        reliability=reliability(evaluation.naming) if evaluation.naming else "",
        sureness_said=sentence(evaluation.naming) if evaluation.naming else "",
        learning=learning_uri(evaluation.manifest.curves),
        Verdict=Verdict,
        interval=charts.interval,
    )
    return encodable(text)


def noun(evaluation: Evaluation, number: int = 2) -> str:
    """Return what is counted: parts, or images where several show the same part."""
    one = "part" if evaluation.parts == len(evaluation.images) else "image"
    return chosen(number, one, f"{one}s")


def headline(evaluation: Evaluation) -> str:
    """Say in one sentence what a line manager asks first."""
    escapes, judged = evaluation.escapes, evaluation.overkill.total
    if escapes.total:
        stopped = escapes.total - escapes.count
        was = chosen(escapes.total, "was", "were")
        parts = noun(evaluation, escapes.total)
        return f"{stopped} of {escapes.total} defective {parts} {was} stopped."
    if judged:
        passed = evaluation.confusion[GOOD][Verdict.OK]
        return f"{passed} of {judged} good {noun(evaluation, judged)} passed."
    return "Nothing could be judged."


def summary(evaluation: Evaluation) -> list[str]:
    """Say the rest in plain words: one sentence for each class, one for failures."""
    good, bad = evaluation.confusion[GOOD], evaluation.confusion[DEFECTIVE]
    sentences = []
    if evaluation.escapes.total:
        escaped = bad[Verdict.OK]
        sentences.append(
            f"{_were(bad[Verdict.NG])} called NG and {_were(bad[Verdict.REVIEW]).lower()} sent to "
            f"review; {escaped or 'none'} escaped as OK."
        )
    else:
        sentences.append("The sample holds no defective part: escapes are unknown.")
    total = evaluation.overkill.total
    if total:
        sentences.append(
            f"Of {total} good {noun(evaluation, total)}, {good[Verdict.OK]} passed, "
            f"{good[Verdict.REVIEW] or 'none'} went to review and "
            f"{_were(good[Verdict.NG]).lower()} wrongly called NG."
        )
    else:
        sentences.append("The sample holds no good part: overkill is unknown.")
    if failed := len(evaluation.errors):
        images = counted(len(evaluation.images), "image")
        sentences.append(f"{failed} of {images} could not be inspected.")
    return sentences


def comparison(evaluation: Evaluation) -> list[str]:
    """Say for each other model which of the two tells good from defective better."""
    own, sentences = evaluation.image_auroc, []
    for other in evaluation.beside:
        if own is None or other.image_auroc is None:
            continue
        pair = figure(own), figure(other.image_auroc)
        more = other.image_auroc > own
        how = "as well as" if pair[0] == pair[1] else "worse than" if more else "better than"
        images = "these images" if other.same_images else "images that are not all the same"
        areas = f"{pair[0]} for both" if pair[0] == pair[1] else f"{pair[0]} against {pair[1]}"
        sentences.append(
            f"{evaluation.model} ({evaluation.manifest.detector}) tells good from defective {how} "
            f"{other.model} ({other.detector}) on {images}: image AUROC {areas}."
        )
    return sentences


def _were(count: int) -> str:
    return "None was" if not count else f"{count} {'was' if count == 1 else 'were'}"


def _histograms(evaluation: Evaluation) -> Mapping[str, str]:
    """Draw the scores for a wide and for a narrow window."""
    scored = [(r.label == GOOD, r.score) for r in evaluation.images if r.score is not None]
    good = [score for is_good, score in scored if is_good]
    bad = [score for is_good, score in scored if not is_good]
    limits = evaluation.calibration.review_threshold, evaluation.calibration.ng_threshold
    return {
        "wide": charts.histogram(good, bad, *limits),
        "narrow": charts.histogram(good, bad, *limits, width=charts.NARROW),
    }


def _roc(evaluation: Evaluation) -> str | None:
    """Draw the curve and both thresholds; None where a class is missing."""
    good, bad = evaluation.overkill.total, evaluation.escapes.total
    if not evaluation.roc or not good or not bad:
        return None
    clean, faulty = evaluation.confusion[GOOD], evaluation.confusion[DEFECTIVE]
    ng = clean[Verdict.NG] / good, faulty[Verdict.NG] / bad
    review = ng[0] + clean[Verdict.REVIEW] / good, ng[1] + faulty[Verdict.REVIEW] / bad
    return charts.roc(evaluation.roc, review, ng)


def _precision_recall(evaluation: Evaluation) -> str | None:
    """Draw the curve and both thresholds; None where a class is missing."""
    if not evaluation.precision_recall:
        return None
    clean, faulty = evaluation.confusion[GOOD], evaluation.confusion[DEFECTIVE]
    ng = _purity(faulty[Verdict.NG], clean[Verdict.NG], evaluation.escapes.total)
    review = _purity(
        faulty[Verdict.NG] + faulty[Verdict.REVIEW],
        clean[Verdict.NG] + clean[Verdict.REVIEW],
        evaluation.escapes.total,
    )
    return charts.precision_recall(evaluation.precision_recall, review, ng)


def _purity(bad: int, good: int, all_bad: int) -> tuple[float, float] | None:
    """Return recall and precision where so many are stopped; None where nothing is."""
    return (bad / all_bad, bad / (bad + good)) if bad + good and all_bad else None
