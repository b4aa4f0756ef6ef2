"""What can be chosen of each detector, read from its `Config`."""

from collections.abc import Iterator, Mapping
from typing import Any

from okng import plugins
from okng.bootstrap.building import backbones
from okng.domain.detector_card import DetectorCard, SettingCard, SettingKind
from okng.domain.errors import MissingExtra
from okng.domain.ports import Classifier
from okng.settings import Settings

_MADE_OF_OTHERS = ("fusion",)
"""Detectors whose settings hold those of others: tiers choose them."""
_SET_ELSEWHERE = ("seed",)
_KINDS = {
    "integer": SettingKind.INTEGER,
    "number": SettingKind.NUMBER,
    "boolean": SettingKind.FLAG,
}


def detector_cards(settings: Settings) -> tuple[DetectorCard, ...]:
    """Return the detectors that can be chosen by name, in the order of preference.

    Imports all of them, PyTorch with those that stand on it.
    """
    every = plugins.names("detector", settings.plugins)
    return tuple(detector_card(name, settings) for name in every if name not in _MADE_OF_OTHERS)


def detector_card(name: str, settings: Settings) -> DetectorCard:
    """Return what can be chosen of one detector.

    Raises:
        BadSetting: there is none of this name.
    """
    try:
        detector = plugins.load("detector", name, settings.plugins)
    except MissingExtra as error:
        return DetectorCard(name, "", False, (), str(error))
    schema = detector.Config.model_json_schema()
    fields = schema.get("properties", {})
    if "backbone" in fields:
        fields["backbone"] |= {"enum": list(backbones(settings).names())}
    cards = (_setting(of, fields[of]) for of in fields if of not in _SET_ELSEWHERE)
    summary = (detector.__doc__ or "").strip().partition("\n")[0].partition(";")[0]
    names_defects = hasattr(detector, Classifier.train_labelled.__name__)
    return DetectorCard(name, summary.rstrip("."), names_defects, tuple(cards))


def _setting(name: str, field: Mapping[str, Any]) -> SettingCard:
    """Read one property of a JSON schema, as pydantic writes it."""
    ways = list(_ways(field))
    words = tuple(word for way in ways for word in _words(way))
    typed = next((way for way in ways if way.get("type") in _KINDS), None)
    if typed is not None:
        kind = _KINDS[typed["type"]]
    elif words:
        kind = SettingKind.CHOICE
    else:
        kind = SettingKind.TEXT
    bounds = typed or {}
    return SettingCard(
        name,
        field.get("title", name),
        field.get("description", ""),
        kind,
        field.get("default"),
        words,
        bounds.get("minimum"),
        bounds.get("maximum"),
        bounds.get("exclusiveMinimum"),
        bounds.get("exclusiveMaximum"),
    )


def _ways(field: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each way in which a value may be given; nothing, its default, is none."""
    yield from (way for way in field.get("anyOf", [field]) if way.get("type") != "null")


def _words(way: Mapping[str, Any]) -> list[str]:
    given = way.get("enum", [way["const"]] if "const" in way else [])
    return [word for word in given if isinstance(word, str)]
