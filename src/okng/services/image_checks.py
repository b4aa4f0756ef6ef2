"""What a survey says of single images: whether each is fit to be learned from."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from okng.algorithms.calibration import overkill_threshold
from okng.algorithms.image_health import deviations
from okng.domain.arrays import Scores
from okng.domain.counting import chosen, counted
from okng.domain.dataset import Dataset
from okng.domain.doctor import Case, Check, Finding, Shown
from okng.services.calibrate import Wish
from okng.services.survey import Facts, Survey

MOST_UNUSUAL = 6
"""Good images that are shown where none is a suspect."""
SUSPECT_DEVIATIONS = 5.0
"""Robust deviations of the logarithm of the score."""
BLUR_DEVIATIONS, BLUR_RATIO = 5.0, 0.5
"""Blurred: by so many deviations, and with less than this share of the usual sharpness."""
EXPOSURE_DEVIATIONS, EXPOSURE_LEVELS = 6.0, 25.0
"""Badly exposed: by so many deviations, and by as many grey levels."""
CLIPPED_SHARE = 0.1
"""Of the pixels, beyond what is usual in the set, without any shade."""
MAJORITY = 0.8
"""Of the images, that makes a size or mode the usual one, and the others odd."""

_SHOWN_KINDS = 4
_MODES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with alpha",
    "P": "palette",
    "RGB": "colour",
    "RGBA": "colour with alpha",
    "CMYK": "CMYK",
    "I": "grey of 16 bit",
    "I;16": "grey of 16 bit",
    "I;16B": "grey of 16 bit",
}


def unreadable(dataset: Dataset, survey: Survey) -> Finding | None:
    """Find files that cannot be used: truncated, damaged, of another format, too large."""
    if not survey.refused:
        return None
    reasons = {refused.path: refused.reason for refused in survey.refused}
    cases = []
    for sample in dataset.samples:
        if sample.path in reasons:
            reason = reasons[sample.path].removeprefix(f"{sample.path}: ")
            cases.append(Case((Shown.of(sample, dataset.root),), reason))
    images = counted(len(cases), "image")
    return Finding(
        Check.UNREADABLE,
        f"{images} cannot be read.",
        "A training passes them over. Save them again, or delete them.",
        tuple(cases),
    )


def too_few(parts: int, wish: Wish) -> Finding | None:
    """Say what so many different good parts can promise, where that is less than is wished."""
    if not parts:
        return Finding(
            Check.TOO_FEW,
            "There are no good images to train on.",
            "okng learns from good parts: put them into a folder named 'good'.",
        )
    found = overkill_threshold(np.zeros(parts), wish.max_overkill, wish.confidence)
    if found.kept:
        return None
    are = chosen(parts, "promises", "promise")
    return Finding(
        Check.TOO_FEW,
        f"{counted(parts, 'different good part')} to train on {are} at most {found.rate:.1%} of "
        f"good parts not called OK; {wish.max_overkill:.1%} needs "
        f"{counted(found.missing, 'more part')}.",
        f"At {wish.confidence:.0%} confidence. Photograph other parts: more images of the same "
        "ones do not count.",
    )


def suspects(survey: Survey, scores: Scores, root: Path) -> Finding | None:
    """Rank the good images that look unlike the other good ones; `scores` is nan elsewhere.

    Where none stands out, the most unusual ones are to be seen all the same.
    """
    scored = np.flatnonzero(np.isfinite(scores) & (scores > 0))
    away = deviations(np.log(scores[scored]), 0.05)
    if not len(scored):
        return None
    order = np.argsort(-scores[scored], kind="stable").tolist()
    ranked = [k for k in order if away[k] > SUSPECT_DEVIATIONS]
    check = Check.SUSPECTS if ranked else Check.UNUSUAL
    usual = float(np.median(scores[scored]))
    cases = []
    for k in ranked or order[:MOST_UNUSUAL]:
        ratio = float(scores[scored[k]]) / usual
        text = f"{ratio:.1f} times as unusual as the typical good image"
        cases.append(_alone(survey, root, int(scored[k]), text, ratio))
    if check is Check.UNUSUAL:
        return Finding(
            check,
            f"None of {counted(len(scored), 'good image')} stands out; the most unusual ones are "
            "worth a glance.",
            "If one of them is defective, move it to a folder named by the defect.",
            tuple(cases),
        )
    images = counted(len(cases), "good image")
    return Finding(
        check,
        f"{images} {chosen(len(cases), 'looks', 'look')} unlike the other good ones.",
        "Defective parts among the good ones hide their like from the model. Move those that are "
        "defective to a folder named by the defect.",
        tuple(cases),
    )


def sizes(survey: Survey, root: Path) -> Finding | None:
    """Find images of an odd size, or say that sizes are mixed."""
    return _odd(
        survey,
        root,
        Check.SIZES,
        "size",
        lambda facts: f"{facts.width} x {facts.height} px",
        "All are brought to one size, so proportions differ between images. Use one camera and "
        "one crop, or leave the odd ones out.",
    )


def modes(survey: Survey, root: Path) -> Finding | None:
    """Find images of an odd mode, or say that modes are mixed."""
    return _odd(
        survey,
        root,
        Check.MODES,
        "mode",
        lambda facts: _MODES.get(facts.mode, facts.mode),
        "Grey and colour, or 8 and 16 bit, look different to a model. Save all in one way.",
    )


def blurred(survey: Survey, root: Path) -> Finding | None:
    """Find images that are less sharp than the set by far."""
    sharpness = np.array([max(facts.health.sharpness, 1e-9) for facts in survey.facts])
    usual = float(np.median(sharpness))
    away = deviations(np.log(sharpness), 0.1)
    cases = []
    for i in np.argsort(sharpness).tolist():
        ratio = float(sharpness[i]) / usual
        if away[i] < -BLUR_DEVIATIONS and ratio < BLUR_RATIO:
            cases.append(_alone(survey, root, i, f"{ratio:.0%} of the usual sharpness", ratio))
    if not cases:
        return None
    images = counted(len(cases), "image")
    return Finding(
        Check.BLURRED,
        f"{images} {chosen(len(cases), 'is', 'are')} blurred, compared with the others.",
        "Fine defects do not show on them. Check focus and exposure time, and take them again.",
        tuple(cases),
    )


def exposure(survey: Survey, root: Path) -> Finding | None:
    """Find images that are much brighter or darker than the set, or clipped."""
    light = np.array([facts.health.brightness for facts in survey.facts])
    usual, away = float(np.median(light)), deviations(light, 1.0)
    white = np.array([facts.health.white for facts in survey.facts])
    black = np.array([facts.health.black for facts in survey.facts])
    found: list[tuple[float, Case]] = []
    for i, facts in enumerate(survey.facts):
        off = facts.health.brightness - usual
        if abs(away[i]) > EXPOSURE_DEVIATIONS and abs(off) > EXPOSURE_LEVELS:
            text = f"{abs(off):.0f} grey levels {'brighter' if off > 0 else 'darker'} than usual"
            found.append((abs(off), _alone(survey, root, i, text, off)))
            continue
        for shares, what in ((white, "white"), (black, "black")):
            more = float(shares[i] - np.median(shares))
            if more > CLIPPED_SHARE and deviations(shares, 0.01)[i] > EXPOSURE_DEVIATIONS:
                text = f"{shares[i]:.0%} of it is plain {what}"
                found.append((255 * more, _alone(survey, root, i, text, more)))
                break
    if not found:
        return None
    found.sort(key=lambda item: -item[0])
    images = counted(len(found), "image")
    return Finding(
        Check.EXPOSURE,
        f"{images} {chosen(len(found), 'is', 'are')} exposed unlike the others.",
        "Light is part of what is learned. Keep it constant, and take them again.",
        tuple(case for _, case in found),
    )


def _odd(
    survey: Survey,
    root: Path,
    check: Check,
    noun: str,
    kind_of: Callable[[Facts], str],
    mend: str,
) -> Finding | None:
    """Find images that differ from the usual kind; without a usual one, name the most frequent."""
    kinds = [kind_of(facts) for facts in survey.facts]
    counts = Counter(kinds)
    if len(counts) < 2:
        return None
    usual, most = counts.most_common(1)[0]
    note = _tells_label(survey, kinds, noun)
    if most >= MAJORITY * len(kinds):
        odd = [i for i, kind in enumerate(kinds) if kind != usual]
        images = counted(len(odd), "image")
        headline = (
            f"{images} {chosen(len(odd), 'has', 'have')} another {noun} than the usual {usual}."
        )
        cases = tuple(_alone(survey, root, i, kinds[i], None) for i in odd)
    else:
        common = ", ".join(f"{kind} ({n:,})" for kind, n in counts.most_common(_SHOWN_KINDS))
        more = f" and {len(counts) - _SHOWN_KINDS:,} more" if len(counts) > _SHOWN_KINDS else ""
        headline = f"The images have {len(counts):,} different {noun}s: {common}{more}."
        cases = ()
    return Finding(check, f"{headline}{note}", mend, cases)


def _tells_label(survey: Survey, kinds: Sequence[str], noun: str) -> str:
    """Warn where good and defective images are each of one kind of their own."""
    good = {kind for kind, s in zip(kinds, survey.samples, strict=True) if s.is_good}
    bad = {kind for kind, s in zip(kinds, survey.samples, strict=True) if s.is_defective}
    if not good or not bad or good & bad:
        return ""
    return f" Good and defective images never share one: their {noun} alone gives them away."


def _alone(survey: Survey, root: Path, i: int, text: str, value: float | None) -> Case:
    return Case((Shown.of(survey.samples[i], root),), text, value)
