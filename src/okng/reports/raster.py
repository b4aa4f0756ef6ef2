"""Small multiples of curves as pixels, for whoever wants a picture file and no page."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from okng.domain.arrays import Pixels
from okng.reports.curves import Panel
from okng.reports.drawing import Scale

_SCALE = 2
"""Drawn twice as large as the page draws it, so that it stays sharp on paper."""
_WIDTH, _HEIGHT, _LEGEND = 400 * _SCALE, 280 * _SCALE, 34 * _SCALE
_LEFT, _RIGHT, _TOP, _BOTTOM = 56 * _SCALE, 16 * _SCALE, 36 * _SCALE, 40 * _SCALE
_PAPER, _INK, _SOFT, _LINE = "#ffffff", "#16181d", "#5a606b", "#e2e3df"
_SERIES = ("#1f6fb2", "#c2500f", "#3b7d3a", "#7a4fa3", "#8a6400")
"""Colours of `okng.reports.curves` on light pages."""


def rastered(panels: Sequence[Panel], columns: int) -> Pixels:
    """Draw panels in rows of `columns`, one legend above: uint8 `[H, W, 3]`."""
    rows = ceil(len(panels) / columns)
    sheet = Image.new("RGB", (columns * _WIDTH, _LEGEND + rows * _HEIGHT), _PAPER)
    pen = _Pen(ImageDraw.Draw(sheet), ImageFont.load_default(12 * _SCALE))
    pen.legend(panels)
    for i, panel in enumerate(panels):
        pen.panel(panel, i % columns * _WIDTH, _LEGEND + i // columns * _HEIGHT)
    return np.asarray(sheet)


_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class _Pen:
    def __init__(
        self, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
    ) -> None:
        self._draw, self._font = draw, font

    def legend(self, panels: Sequence[Panel]) -> None:
        """Name each curve once."""
        names = {curve.name: curve.series for panel in panels for curve in panel.curves}
        x, y, step = float(_LEFT), _LEGEND / 2, 8 * _SCALE
        for name, series in names.items():
            self._draw.line([(x, y), (x + 3 * step, y)], _SERIES[series], 2 * _SCALE)
            self._say(x + 4 * step, y, name, "lm", _INK)
            x += 6 * step + self._draw.textlength(name, self._font)

    def panel(self, panel: Panel, left: int, top: int) -> None:
        points = [point for curve in panel.curves for point in curve.points]
        first, last, bottom = left + _LEFT, left + _WIDTH - _RIGHT, top + _HEIGHT - _BOTTOM
        x = panel.x.scale([a for a, _ in points], first, last)
        y = panel.y.scale([b for _, b in points], bottom, top + _TOP)
        self._say(first, top + _TOP / 2, panel.title, "lm", _INK)
        self._axes(panel, x, y, (first, last, bottom))
        for curve in panel.curves:
            places = [(x.at(a), y.at(b)) for a, b in curve.points]
            colour, r = _SERIES[curve.series], 3 * _SCALE
            self._draw.line(places, colour, 2 * _SCALE, joint="curve")
            for a, b in places if curve.dots else ():
                self._draw.ellipse([a - r, b - r, a + r, b + r], colour)

    def _axes(self, panel: Panel, x: Scale, y: Scale, edges: tuple[int, int, int]) -> None:
        first, last, bottom = edges
        for tick in panel.y.ticks(y, 4):
            at = y.at(tick)
            self._draw.line([(first, at), (last, at)], _LINE, _SCALE)
            self._say(first - 6 * _SCALE, at, panel.y.words(tick), "rm")
        for tick in panel.x.ticks(x, 5):
            self._say(x.at(tick), bottom + 6 * _SCALE, panel.x.words(tick), "mt")
        self._draw.line([(first, bottom), (last, bottom)], _SOFT, _SCALE)
        self._say(last, bottom + 22 * _SCALE, panel.x.label, "rt")

    def _say(self, x: float, y: float, text: str, anchor: str, colour: str = _SOFT) -> None:
        # The font that comes with Pillow has no thin space.
        self._draw.text((x, y), text.replace("\N{THIN SPACE}", " "), colour, self._font, anchor)
