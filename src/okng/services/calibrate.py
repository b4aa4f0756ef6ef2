"""Calibrate: from scores of parts that the graph has not seen to thresholds that promise."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from okng.algorithms.binomial import upper_bound
from okng.algorithms.calibration import (
    cost_threshold,
    escape_threshold,
    margin_threshold,
    overkill_threshold,
    parts_needed,
)
from okng.domain.arrays import Scores
from okng.domain.calibration import Calibration, Evidence, Method, Promise, Subject
from okng.domain.errors import BadSetting

_TINY = 1e-9
"""Nearer to 0 or to 1 a share cannot be told from them in what follows."""
_ONE_PART = (
    "about good parts nothing is promised: the thresholds come from altered copies of one single "
    "part; train again with good images of more parts, better 30 or more"
)
_KINDS_ALONE = (
    "no good part was learned, so nothing is OK: what is in doubt goes to review, and all else is "
    "NG, of the kind that is named"
)
_OF = {Subject.GOOD: "good", Subject.KIND: "known"}

EVEN_ODDS = 0.0
"""The log-odds at which good and defective are equally probable."""


@dataclass(frozen=True)
class Wish:
    """What the thresholds should keep.

    At most `max_overkill` of the good parts may not be called OK, with `confidence`. A part is NG
    beyond the highest good score by `margin` times that score's distance from the median.
    """

    max_overkill: float = 0.01
    confidence: float = 0.95
    margin: float = 0.25

    def __post_init__(self) -> None:
        for name in ("max_overkill", "confidence"):
            if not _TINY <= getattr(self, name) <= 1 - _TINY:
                raise BadSetting(f"{name} must lie between 0 and 1, not be {getattr(self, name)}")
        if not 0 <= self.margin <= 100:
            raise BadSetting(f"margin must lie between 0 and 100, not be {self.margin}")

    @property
    def parts_needed(self) -> int:
        return parts_needed(self.max_overkill, self.confidence)


@dataclass(frozen=True)
class DefectWish:
    """How labelled defects move the threshold: by what an escape costs, or by a bound on escapes.

    An escape costs `escape_cost` times an overkill where `defect_rate` of all parts are defective;
    or at most `max_escapes` of the defective parts may be called OK.
    """

    escape_cost: float | None = None
    defect_rate: float = 0.05
    max_escapes: float | None = None

    def __post_init__(self) -> None:
        if (self.escape_cost is None) == (self.max_escapes is None):
            raise BadSetting("give either a cost of an escape or a bound on escapes, not both")
        if self.escape_cost is not None and not 0 < self.escape_cost < 1e9:
            raise BadSetting(f"the cost of an escape must be above 0, not {self.escape_cost}")
        if self.max_escapes is not None and not 0 < self.max_escapes < 1:
            raise BadSetting(f"max_escapes must lie between 0 and 1, not be {self.max_escapes}")
        if not 0 < self.defect_rate < 1:
            raise BadSetting(f"defect_rate must lie between 0 and 1, not be {self.defect_rate}")


def calibrate(
    good: Scores,
    wish: Wish,
    evidence: Evidence,
    graph_sha256: str,
    version: int = 1,
    subject: Subject = Subject.GOOD,
    defects: Scores | None = None,
) -> Calibration:
    """Set both thresholds by good parts alone.

    Args:
        good: float64 `[n]`, one raw score for each independent good part, or for each altered copy.
        wish: what the thresholds should keep.
        evidence: how the scores came about; nothing is promised on altered copies.
        graph_sha256: the graph that the scores belong to.
        version: of the calibration.
        subject: `kind` where the scores are doubts about parts of known kinds.
        defects: float64 `[m]`, the lowest raw score of each defective part that was not learned;
            they set nothing, but say what the threshold promises of escapes.
    """
    held_out = evidence is Evidence.HELD_OUT
    method = Method.SPLIT_CONFORMAL if held_out else Method.CROSS_FITTED
    lowest = np.empty(0) if defects is None else defects
    found = overkill_threshold(good, wish.max_overkill, wish.confidence)
    ng, rule = _ng_threshold(good, found.threshold, wish.margin, subject, bool(len(lowest)))
    promise = Promise(
        of=_OF[subject],
        rate=found.rate,
        confidence=wish.confidence,
        exact=held_out,
        method=method,
        n=found.n,
        wanted=wish.max_overkill,
        missing=found.missing,
    )
    return Calibration(
        version=version,
        graph_sha256=graph_sha256,
        review_threshold=found.threshold,
        ng_threshold=ng,
        promises=()
        if evidence is Evidence.ALTERED
        else (promise, *_escapes_at(found.threshold, lowest, wish, method, held_out)),
        good_scores=tuple(float(score) for score in np.sort(good)),
        method=method,
        ng_rule=rule,
        created=_now(),
        evidence=evidence,
        note=_ONE_PART if evidence is Evidence.ALTERED else "",
        subject=subject,
        defect_scores=tuple(float(score) for score in np.sort(lowest)),
    )


def recalibrate(old: Calibration, wish: Wish, version: int) -> Calibration:
    """Set the thresholds of a trained model anew, from the scores kept with it."""
    good, defects = np.array(old.good_scores), np.array(old.defect_scores)
    return calibrate(good, wish, old.evidence, old.graph_sha256, version, old.subject, defects)


def set_thresholds(
    old: Calibration, review: float, ng: float | None, wish: Wish, version: int
) -> Calibration:
    """Take thresholds that somebody chose, and say what they promise on the good scores.

    Raises:
        BadSetting: they are not finite, or the NG threshold is below the other.
    """
    if not all(np.isfinite(value) for value in (review, ng or 0.0)):
        raise BadSetting("thresholds must be finite numbers")
    if ng is not None and ng < review:
        raise BadSetting(
            f"the NG threshold ({ng:g}) must not be below the review threshold ({review:g})"
        )
    good = np.array(old.good_scores)
    promises = (
        *_overkill_at(review, good, wish, Method.MANUAL, old),
        *_escapes_at(review, np.array(old.defect_scores), wish, Method.MANUAL, exact=False),
    )
    moved = _moved(old, review, promises, wish, version, Method.MANUAL)
    return moved if ng is None else replace(moved, ng_threshold=ng, ng_rule="chosen by hand")


def calibrate_on_defects(
    old: Calibration, defective: Scores, defects: DefectWish, wish: Wish, version: int
) -> Calibration:
    """Set the review threshold by labelled defects that are not used for testing.

    Args:
        old: gives the good scores.
        defective: float64 `[m]`, one raw score for each independent defective part: its lowest.
        defects: by cost, or by a bound on escapes.
        wish: the confidence, and the margin of the NG threshold.
        version: of the calibration.

    Raises:
        BadSetting: there are no defects, or too few for the bound.
    """
    if not len(defective):
        raise BadSetting("there are no labelled defects among these images")
    good = np.array(old.good_scores)
    if defects.max_escapes is not None:
        method = Method.ESCAPE_BOUND
        found = escape_threshold(defective, defects.max_escapes, wish.confidence)
        if not found.kept:
            raise BadSetting(
                f"{found.n} defective parts can promise at most {found.rate:.2%} escapes at "
                f"{wish.confidence:.0%} confidence: add {found.missing} more, or ask for that"
            )
        review, wanted = found.threshold, defects.max_escapes
        note = ""
    else:
        method = Method.COST
        assert defects.escape_cost is not None
        review = cost_threshold(good, defective, defects.escape_cost, defects.defect_rate)
        wanted = 0.0
        note = (
            f"least cost where an escape costs {defects.escape_cost:g} overkills and "
            f"{defects.defect_rate:.2%} of the parts are defective"
        )
    escaped = int((defective <= review).sum())
    escapes = Promise(
        of="defective",
        rate=upper_bound(escaped, len(defective), wish.confidence),
        confidence=wish.confidence,
        exact=method is Method.ESCAPE_BOUND,
        method=method,
        n=len(defective),
        wanted=wanted,
    )
    promises = (escapes, *_overkill_at(review, good, wish, method, old))
    moved = _moved(old, review, promises, wish, version, method)
    return replace(moved, note="; ".join(filter(None, (note, moved.note))))


def _escapes_at(
    threshold: float, lowest: Scores, wish: Wish, method: Method, exact: bool
) -> tuple[Promise, ...]:
    """Say what a threshold that good parts set keeps of defective ones that were not learned."""
    if not len(lowest):
        return ()
    escaped = int((lowest <= threshold).sum())
    promise = Promise(
        of="defective",
        rate=upper_bound(escaped, len(lowest), wish.confidence),
        confidence=wish.confidence,
        exact=exact,
        method=method,
        n=len(lowest),
        wanted=0.0,
    )
    return (promise,)


def _overkill_at(
    threshold: float, good: Scores, wish: Wish, method: Method, old: Calibration
) -> tuple[Promise, ...]:
    """Say what a threshold that was not chosen by order keeps: approximate, for it may have been
    chosen after a look at these very scores. Copies of one part say nothing."""
    if old.evidence is Evidence.ALTERED:
        return ()
    above = int((good > threshold).sum())
    promise = Promise(
        of=_OF[old.subject],
        rate=upper_bound(above, len(good), wish.confidence),
        confidence=wish.confidence,
        exact=False,
        method=method,
        n=len(good),
        wanted=wish.max_overkill,
    )
    return (promise,)


def _moved(
    old: Calibration,
    review: float,
    promises: tuple[Promise, ...],
    wish: Wish,
    version: int,
    method: Method,
) -> Calibration:
    """Return a calibration on the same evidence with another review threshold."""
    good, knows_defects = np.array(old.good_scores), bool(old.defect_scores)
    ng, rule = _ng_threshold(good, review, wish.margin, old.subject, knows_defects)
    return replace(
        old,
        version=version,
        review_threshold=review,
        ng_threshold=ng,
        promises=promises,
        method=method,
        ng_rule=rule,
        created=_now(),
        note=_ONE_PART if old.evidence is Evidence.ALTERED else "",
    )


def _ng_threshold(
    good: Scores, review: float, margin: float, subject: Subject, knows_defects: bool
) -> tuple[float, str]:
    """Return the NG threshold, never below the review threshold, and its rule in words.

    Where defects were learned the score is their log-odds: what is unlike any good part, but
    still more probably good than defective, goes to review.
    """
    if subject is Subject.KIND:
        return max(review, 1.0), _KINDS_ALONE
    ng = margin_threshold(good, margin)
    if knows_defects and max(ng, review) < EVEN_ODDS:
        return EVEN_ODDS, "more probably defective than good"
    if ng < review:
        return review, "the review threshold, which lies beyond any good score"
    return ng, f"{margin:.0%} further from the median than the highest of {len(good)} good scores"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
