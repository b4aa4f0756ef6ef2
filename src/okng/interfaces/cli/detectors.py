"""`okng detectors`."""

from typing import TYPE_CHECKING, Annotated

import typer

from okng.domain.detector_card import SettingKind
from okng.interfaces.cli import options
from okng.interfaces.cli.output import Output

if TYPE_CHECKING:
    from okng.domain.detector_card import DetectorCard, SettingCard


def detectors(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Show the settings of this one."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """List the detectors that can be trained, or the settings of one, for `okng train --set`."""
    from dataclasses import asdict

    from okng.bootstrap.detectors import detector_card, detector_cards
    from okng.settings import read_settings

    settings = read_settings()
    output = Output(as_json)
    if name is None:
        cards = detector_cards(settings)
        rows = [[card.name, _learns(card), card.missing or card.summary] for card in cards]
        output.table(["detector", "learns", "what"], rows, left=3)
    else:
        cards = (detector_card(name, settings),)
        output.line(cards[0].missing or f"{name}: {cards[0].summary}")
        for one in cards[0].settings:
            output.line()
            output.line(f"  {one.name}={_default(one)}    {_allowed(one)}")
            output.line(f"      {one.description}", "dim")
    output.document({"detectors": [asdict(card) for card in cards]})


def _learns(card: "DetectorCard") -> str:
    if card.missing:
        return "-"
    return "labelled defects" if card.names_defects else "good parts"


def _default(setting: "SettingCard") -> str:
    if setting.kind is SettingKind.FLAG:
        return str(setting.default).lower()
    return "" if setting.default is None else str(setting.default)


def _allowed(setting: "SettingCard") -> str:
    low, high = "", ""
    if setting.least is not None or setting.above is not None:
        low = f"{setting.least:g}" if setting.least is not None else f"above {setting.above:g}"
    if setting.most is not None or setting.below is not None:
        high = f"{setting.most:g}" if setting.most is not None else f"below {setting.below:g}"
    number = f"{low} to {high}" if low and high else low or (high and f"up to {high}")
    words = ["true", "false"] if setting.kind is SettingKind.FLAG else list(setting.choices)
    return " or ".join([*([number] if number else []), *words])
