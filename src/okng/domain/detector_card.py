"""What can be chosen of a detector, for whoever makes a form of it."""

from dataclasses import dataclass
from enum import StrEnum


class SettingKind(StrEnum):
    """How a setting is entered."""

    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "flag"
    CHOICE = "choice"
    """One of the setting's choices."""
    TEXT = "text"
    """As JSON where it is not plain text."""


@dataclass(frozen=True)
class SettingCard:
    """One setting.

    `default` is as JSON has it. Of a number, `least` and `most` are allowed, `above` and `below`
    are not; `choices` are words that stand beside it, as `auto`.
    """

    name: str
    title: str
    description: str
    kind: SettingKind
    default: object
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None


@dataclass(frozen=True)
class DetectorCard:
    """A detector that can be trained here; `missing` says what it needs where it cannot be.

    `names_defects` tells that it learns labelled defects.
    """

    name: str
    summary: str
    names_defects: bool
    settings: tuple[SettingCard, ...]
    missing: str | None = None
