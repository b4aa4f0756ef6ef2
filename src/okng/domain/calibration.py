"""Thresholds, and what they promise."""

from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum

from okng.domain.counting import counted


class Method(StrEnum):
    """How a threshold was found."""

    SPLIT_CONFORMAL = "split-conformal"
    CROSS_FITTED = "cross-fitted"
    MANUAL = "manual"
    COST = "cost"
    ESCAPE_BOUND = "escape-bound"


class Evidence(StrEnum):
    """How the good scores behind a calibration came about.

    `held-out`: the graph scored parts that had no share in its training. `cross-fitted`: graphs
    like it, each trained without a fold, scored that fold, so a promise is approximate. `altered`:
    there was one part only, and mildly altered copies of its images were scored, so nothing is
    promised.
    """

    HELD_OUT = "held-out"
    CROSS_FITTED = "cross-fitted"
    ALTERED = "altered"


class Subject(StrEnum):
    """What a score speaks of: how unlike a good part, or how much the kind is in doubt.

    `kind` is of models that know kinds of defect alone, and no good part.
    """

    GOOD = "good"
    KIND = "kind"


@dataclass(frozen=True)
class Promise:
    """What a threshold promises, and on how much evidence.

    At most `rate` of the parts of a class (good parts for an overkill promise, defective ones for
    an escape promise, known ones for a promise on doubt) fall on the wrong side, with
    `confidence`. `exact` is False where the scores behind it are cross-fitted, so that the promise
    is approximate. `wanted` is the rate that was asked for, `missing` how many more independent
    parts it would take where only their number is in the way (else 0).
    """

    of: str
    rate: float
    confidence: float
    exact: bool
    method: Method
    n: int
    wanted: float
    missing: int = 0

    def __str__(self) -> str:
        at_most = f"{'at most' if self.exact else 'approximately at most'} {self.rate:.2%}"
        wrong = _WRONG.get(self.of, "are called OK")
        text = (
            f"{at_most} of {self.of} parts {wrong}, with {self.confidence:.0%} confidence "
            f"({self.method.value}, n={self.n})"
        )
        if self.missing:
            parts = counted(self.missing, f"more {self.of} part")
            text += f"; {self.wanted:.2%} would need {parts}"
        return text


_WRONG = {"good": "are not called OK", "known": "are sent to review"}


@dataclass(frozen=True)
class Calibration:
    """What turns a raw score into a verdict; belongs to the model whose graph hash it names.

    A score above `review_threshold` is not OK; above `ng_threshold` it is NG. `good_scores` are
    the raw scores, ascending, of good parts that the graph (or, cross-fitted, its like) has not
    seen: one for each independent part, or for each altered copy where there was one part alone.
    `promises` speak of `review_threshold`. `ng_rule` says in words where `ng_threshold` comes from,
    `evidence` where the good scores come from. `note` says what else is to be known, `author` who
    set the thresholds; empty where a training did, or a command.

    Where the model learned from labelled defects, `defect_scores` are the same of defective parts:
    of each its lowest. Where it knows kinds of defect alone, `subject` is `kind`, and the
    `good_scores` are the doubts about parts of known kinds.
    """

    version: int
    graph_sha256: str
    review_threshold: float
    ng_threshold: float
    promises: tuple[Promise, ...]
    good_scores: tuple[float, ...]
    method: Method
    ng_rule: str
    created: str
    evidence: Evidence = Evidence.CROSS_FITTED
    note: str = ""
    author: str = ""
    subject: Subject = Subject.GOOD
    defect_scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.ng_threshold >= self.review_threshold:
            raise ValueError("ng_threshold must not be below review_threshold")

    def p_value(self, score: float) -> float:
        """Return the share of good parts that look at least as abnormal as `score`.

        (1 + #{good >= score}) / (n + 1), valid under exchangeability: Vovk, Gammerman & Shafer
        2005, Algorithmic Learning in a Random World, section 2.2.
        """
        at_least = len(self.good_scores) - bisect_left(self.good_scores, score)
        return (1 + at_least) / (len(self.good_scores) + 1)
