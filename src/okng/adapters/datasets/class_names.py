"""Which words mean a good part, and which a defective one."""

import re
from collections.abc import Iterable
from enum import StrEnum

from okng.domain.dataset import GOOD

SEVERAL = "combined"
"""The label of an image with defects of several kinds."""


class Quality(StrEnum):
    GOOD = "good"
    DEFECTIVE = "defective"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_GOOD = _set(
    "good ok okay okey normal nominal pass passed io gut accept accepted acceptable healthy "
    "flawless defectfree"
)
_DEFECTIVE = _set(
    "bad ng nok nio ko notok notgood nogood defect defects defective def fail fails failed failure "
    "fault faults faulty abnormal reject rejects rejected scrap scrapped damaged schlecht defekt "
    "fehler fehlerhaft ausschuss"
)
_NOT = _set("not no non un without nicht kein keine ohne")
_FREE = "free"


def quality_of(name: str) -> Quality | None:
    """Say what a folder's name or a label means; None where it has no word for either.

    Word by word, whatever the case: `ok_front` is good; `not_ok`, `NotOK`, `no-good` and `n.i.O.`
    are defective; `defect_free` and `no defects` are good. A name with words for both is neither.
    """
    words = _words(name)
    good = any(word in _GOOD for word in words)
    defective = any(_means_defective(word) for word in words)
    if good == defective:
        return None
    turned = any(word in _NOT for word in words) or (defective and _FREE in words)
    return Quality.GOOD if good != turned else Quality.DEFECTIVE


def good_among(names: Iterable[str]) -> set[str]:
    """Return the names that mean good.

    Where one says so and nothing else (`good`, `OK`, `no_defect`), names that also say something
    else (`good_side_scratch`) are not good but names of their own.
    """
    good = {name for name in names if quality_of(name) is Quality.GOOD}
    return {name for name in good if is_plainly_good(name)} or good


def is_plainly_good(name: str) -> bool:
    """Whether a name says good and nothing else."""
    return quality_of(name) is Quality.GOOD and all(
        word in _GOOD or word in _NOT or word == _FREE or _means_defective(word)
        for word in _words(name)
    )


def label_of(kinds: Iterable[str]) -> str:
    """Return an image's label by all kinds of defect on it: good where there is none.

    A word that says defective and nothing else gives way to a kind's own name; of several kinds
    none is preferred: the image is "combined".
    """
    defects = {kind for kind in kinds if not is_plainly_good(kind)}
    named = {kind for kind in defects if quality_of(kind) is not Quality.DEFECTIVE} or defects
    if not named:
        return GOOD
    return named.pop() if len(named) == 1 else SEVERAL


def _words(name: str) -> list[str]:
    whole = re.sub(r"[^a-z]", "", name.lower())
    if whole in _GOOD or whole in _DEFECTIVE:
        return [whole]
    return re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def _means_defective(word: str) -> bool:
    return word in _DEFECTIVE or word.startswith("anomal")
