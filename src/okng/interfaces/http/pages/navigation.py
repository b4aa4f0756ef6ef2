"""Where one can go: the entries at the top of every page, for whoever may."""

from collections.abc import Collection
from dataclasses import dataclass

from okng.domain.people import Principal, Right


@dataclass(frozen=True)
class Entry:
    """A page of its own; `key` names its texts (`navigation.key`) and its icon."""

    key: str
    path: str
    right: Right


ENTRIES = (
    Entry("inspect", "/inspect", Right.INSPECT),
    Entry("products", "/products", Right.READ),
    Entry("sensitivity", "/sensitivity", Right.TEACH),
    Entry("review", "/review", Right.REVIEW),
    Entry("results", "/results", Right.READ),
    Entry("live", "/live", Right.READ),
)
HOME = "/about"
"""Where somebody lands who may see none of the entries' pages."""


def entries(by: Principal, paths: Collection[str]) -> tuple[Entry, ...]:
    """Return the entries that somebody may see, among the `paths` that the application has."""
    return tuple(one for one in ENTRIES if by.may(one.right) and one.path in paths)


def home(by: Principal, paths: Collection[str]) -> str:
    """Return the page that somebody begins with."""
    return next((one.path for one in entries(by, paths)), HOME)
