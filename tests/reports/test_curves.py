from xml.etree import ElementTree

import pytest

from okng.reports.curves import Axis, Curve, Panel, picture_file, small_multiples

SVG = "{http://www.w3.org/2000/svg}"


def panel(*curves: Curve, **axis: object) -> Panel:
    return Panel("AUROC < 1", Axis("level", **axis), Axis("share", percent=True), curves)  # type: ignore[arg-type]


def test_picture_is_a_whole_file_with_every_point() -> None:
    """A picture file is SVG by itself, escapes what it is told, and has a dot for each point."""
    curve = Curve("A & B", [(0.0, 0.0), (1.0, 0.5), (2.0, 1.0)], dots=True)
    chart = small_multiples("T", "D", [panel(curve), panel(curve)], columns=2)
    root = ElementTree.fromstring(picture_file(chart))
    assert root.tag == f"{SVG}svg"
    assert len(list(root.iter(f"{SVG}circle"))) == 6
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words.count("A & B") == 1
    assert words.count("AUROC < 1") == 2
    assert "40 %" in words
    assert "--s0" in next(iter(root.iter(f"{SVG}style"))).text  # type: ignore[operator]


def test_points_keep_their_order_and_stay_in_their_panel() -> None:
    """Higher values lie further right and up, and each panel keeps to its own column."""
    points = [(1.0, 0.1), (10.0, 0.2), (1000.0, 0.9)]
    chart = small_multiples("T", "D", [panel(Curve("", points, dots=True), is_log=True)] * 2, 2)
    dots = list(ElementTree.fromstring(picture_file(chart)).iter(f"{SVG}circle"))
    places = [(float(dot.get("cx", "nan")), float(dot.get("cy", "nan"))) for dot in dots]
    for column, (a, b, c) in enumerate((places[:3], places[3:])):
        assert 330 * column < a[0] < b[0] < c[0] < 330 * (column + 1)
        assert a[1] > b[1] > c[1]
        assert c[0] - b[0] == pytest.approx(2 * (b[0] - a[0]), abs=0.3)


def test_steps_go_along_and_then_up() -> None:
    """A staircase stays at a value until the next one."""
    chart = small_multiples("T", "D", [panel(Curve("", [(0.0, 0.0), (1.0, 1.0)], steps=True))], 1)
    lines = [p.get("d", "") for p in ElementTree.fromstring(chart).iter("path")]
    assert any("H" in line.split("V")[0] and "V" in line for line in lines if line[0] == "M")


def test_panel_without_points_is_refused() -> None:
    """An empty panel is an error that names it, not an empty picture."""
    with pytest.raises(ValueError, match="AUROC < 1"):
        small_multiples("T", "D", [panel(Curve("", []))], columns=1)
