import pytest

from okng.domain.rates import Rate
from okng.reports.pages import figure, ms, percent, share, spaced

NARROW = "\N{NARROW NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.0476, "4.8 %"),
        (0.0004, "0.04 %"),
        (1e-9, "0.01 %"),
        (0.99999, "99.99 %"),
        (None, "\N{EN DASH}"),
    ],
)
def test_percent_never_rounds_to_certainty(value: float | None, text: str) -> None:
    """Only nothing is 0 % and only everything is 100 %."""
    assert percent(value).replace(NARROW, " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.000"), (0.99999, "0.9999"), (0.9996, "0.9996"), (0.9871, "0.987"), (None, "–")],
)
def test_figure_never_rounds_up_to_one(value: float | None, text: str) -> None:
    """An AUROC of 1 is shown only where it is 1."""
    assert figure(value) == text


def test_share_of_nothing_is_a_dash() -> None:
    """A rate without a sample has no value."""
    assert share(Rate(0, 0, 0.0, 1.0)) == "\N{EN DASH}"


def test_milliseconds() -> None:
    """Milliseconds keep about three figures."""
    assert ms(1.234).replace(NARROW, " ") == "1.2 ms"
    assert ms(123.4).replace(NARROW, " ") == "123 ms"


def test_sentences_are_set_like_figures() -> None:
    """A per cent sign in a sentence stands as far from its number as it does in a figure."""
    assert spaced("at most 1.49%, with 95 % confidence") == (
        f"at most 1.49{NARROW}%, with 95{NARROW}% confidence"
    )
