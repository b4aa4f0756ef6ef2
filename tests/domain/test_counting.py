"""`okng.domain.counting`."""

import pytest

from okng.domain.counting import chosen, counted


@pytest.mark.parametrize(
    ("number", "plural", "text"),
    [
        (0, "", "0 images"),
        (1, "", "1 image"),
        (2, "", "2 images"),
        (12345, "", "12,345 images"),
        (1, "imagery", "1 image"),
        (2, "imagery", "2 imagery"),
    ],
)
def test_nouns_follow_their_number(number: int, plural: str, text: str) -> None:
    """One is singular, everything else is plural, thousands are set apart."""
    assert counted(number, "image", plural) == text


def test_verbs_follow_their_number() -> None:
    """The word for one goes with one alone."""
    assert [chosen(number, "is", "are") for number in (0, 1, 2)] == ["are", "is", "are"]
