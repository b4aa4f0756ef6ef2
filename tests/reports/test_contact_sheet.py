from dataclasses import dataclass

import numpy as np
import pytest

from okng.domain.arrays import Pixels
from okng.reports.contact_sheet import contact_sheet


@dataclass(frozen=True)
class Example:
    label: str
    versions: tuple[tuple[str, Pixels], ...]


def flat(height: int, width: int, *colour: int) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (10, 500), (500, 10), (1, 1)])
def test_every_picture_is_on_the_sheet(height: int, width: int) -> None:
    """Each row and column has its picture, whatever its form, in its own place."""
    colours = np.random.default_rng(0).integers(0, 256, (2, 3, 3))
    rows = [
        Example("a class whose name is long", tuple(
            (f"version {i}", flat(height, width, *colour)) for i, colour in enumerate(row)
        ))
        for row in colours
    ]  # fmt: skip
    sheet = contact_sheet(rows)
    assert (sheet.dtype, sheet.shape[2]) == (np.uint8, 3)
    places = []
    for row in colours:
        for colour in row:
            found = np.argwhere((sheet == colour).all(axis=2))
            places.append(found.mean(axis=0))
    tops, lefts = np.array(places).reshape(2, 3, 2).transpose(2, 0, 1)
    assert (np.diff(tops, axis=0) > 0).all()
    assert (np.diff(lefts, axis=1) > 0).all()


def test_labels_are_written() -> None:
    """Classes and columns are named: without the words there is less on the sheet."""
    named = contact_sheet([Example("dent", (("as it is", flat(9, 9, 0, 0, 0)),))])
    silent = contact_sheet([Example("", (("", flat(9, 9, 0, 0, 0)),))])
    assert named.shape == silent.shape
    differs = np.argwhere((named != silent).any(axis=2))
    assert differs[:, 0].min() < 26 < differs[:, 0].max()


def test_nothing_to_show() -> None:
    """No example gives an empty sheet, not an error."""
    assert contact_sheet([]).size
