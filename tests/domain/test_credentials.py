import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.domain.credentials import check_password, person_name
from okng.domain.errors import BadSetting


@pytest.mark.parametrize(
    "password", ["seven green bottles", "Zug fährt spät 7", "x7#kQ!pm2z", "一二三四五六七八九十"]
)
def test_good_passwords(password: str) -> None:
    """Length is what counts; any script will do."""
    assert check_password(password, "ann")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short 123", "at least 10"),
        ("é" * 501, "at most 1000 bytes"),
        ("password123", "among the first"),
        ("QwertyUiop", "among the first"),
        ("margarethe", "among the first"),
        ("Margarethe2026!", "among the first"),
        ("aaaaaaaaaaaaaaa", "among the first"),
        ("1234567890", "among the first"),
        ("bell\x07bell bell", "control characters"),
        ("half\ud800half half", "control characters"),
    ],
)
def test_bad_passwords(password: str, reason: str) -> None:
    """A password that would be guessed, or could not be typed, is refused with the reason."""
    with pytest.raises(BadSetting, match=reason):
        check_password(password, "margarethe")


def test_keyboards_differ() -> None:
    """The same letters, composed or not, are the same password."""
    assert check_password("fa\u0308hrt spa\u0308t", "ann") == check_password("fährt spät", "ann")


@given(st.text(max_size=80))
def test_names_are_stable(text: str) -> None:
    """A name that is accepted is accepted again as it is kept, and is safe anywhere."""
    try:
        name = person_name(text)
    except BadSetting:
        return
    assert person_name(name) == name
    assert name.isascii()
    assert 1 <= len(name) <= 64
    assert not set(name) & set(":/\\ <>\"'")
