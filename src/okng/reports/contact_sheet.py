"""A contact sheet: a row of pictures for each example, so that people see what will be learned."""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from okng.domain.arrays import Pixels

_CELL_PX, _GAP_PX, _HEAD_PX, _LABEL_PX = 168, 8, 26, 120
_PAPER, _INK = (250, 250, 248), (30, 34, 38)
_LETTERS = 15


class Row(Protocol):
    """One example in several versions."""

    @property
    def label(self) -> str: ...

    @property
    def versions(self) -> Sequence[tuple[str, Pixels]]:
        """What each is, and uint8 `[h, w, 3]`; all rows have the same ones, of one size."""
        ...


def contact_sheet(rows: Sequence[Row]) -> Pixels:
    """Draw a sheet, uint8 `[H, W, 3]`: classes at the left, what each column is on top."""
    heads = [name for name, _ in rows[0].versions] if rows else []
    height, width = rows[0].versions[0][1].shape[:2] if rows else (1, 1)
    scale = _CELL_PX / max(height, width)
    tall, wide = (max(1, round(side * scale)) for side in (height, width))
    # Columns are as wide as their words.
    across = max(wide, _LABEL_PX - 2 * _GAP_PX) + _GAP_PX
    size = (
        _LABEL_PX + len(heads) * across + _GAP_PX,
        _HEAD_PX + len(rows) * (tall + _GAP_PX) + _GAP_PX,
    )
    sheet = Image.new("RGB", size, _PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for column, head in enumerate(heads):
        pen.text((_LABEL_PX + column * across, _GAP_PX), head, _INK, font)
    for number, row in enumerate(rows):
        top = _HEAD_PX + _GAP_PX + number * (tall + _GAP_PX)
        pen.text((_GAP_PX, top), _shortened(row.label), _INK, font)
        for column, (_, pixels) in enumerate(row.versions):
            shown = Image.fromarray(_scaled(pixels, wide, tall))
            sheet.paste(shown, (_LABEL_PX + column * across, top))
    return np.asarray(sheet)


def _scaled(pixels: Pixels, width: int, height: int) -> Pixels:
    shrinks = height <= pixels.shape[0] and width <= pixels.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def _shortened(label: str) -> str:
    return label if len(label) <= _LETTERS else f"{label[: _LETTERS - 2]}.."
