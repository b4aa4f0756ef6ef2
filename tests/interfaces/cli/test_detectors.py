"""`okng detectors`."""

from collections.abc import Callable
from typing import Any

Okng = Callable[..., Any]


def test_detectors_are_listed_with_what_they_learn_from(read: Okng) -> None:
    """Those that learn good parts, and those that learn labelled defects."""
    cards = {card["name"]: card for card in read("detectors", "--json").json["detectors"]}
    assert [name for name in cards if cards[name]["names_defects"]] == ["probe", "cnn", "transfer"]
    assert "fusion" not in cards
    said = read("detectors").out
    assert all(name in said for name in cards)


def test_the_settings_of_a_detector(read: Okng) -> None:
    """Each with its bounds or words; those that are measured by themselves say so."""
    (card,) = read("detectors", "memory", "--json").json["detectors"]
    settings = {setting["name"]: setting for setting in card["settings"]}
    assert "seed" not in settings
    turns, share = settings["turns"], settings["bank_share"]
    assert (turns["kind"], turns["choices"], turns["least"]) == ("integer", ["auto"], 1)
    assert (share["above"], share["most"], share["default"]) == (0, 1, 0.1)
    assert settings["backbone"]["choices"] == ["efficientnet_lite0"]
    said = read("detectors", "memory").out
    lines = said.splitlines()
    at = lines.index("  turns=auto    1 to 64 or auto")
    assert lines[at - 1] == ""
    assert lines[at + 1].startswith("      At how many evenly spread angles")
    assert "  bank_share=0.1    above 0 to 1" in lines
    assert read("detectors", "nothing").code == 2
