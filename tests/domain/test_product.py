import pytest
from hypothesis import given
from hypothesis import strategies as st

from okng.domain.errors import BadSetting
from okng.domain.product import LONGEST_NAME, is_product_name, product_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("bottle", "bottle"),
        ("Big Bottle (new)", "big_bottle_new_"),
        ("Gehäuse", "gehause"),
        ("Maß", "mass"),
        ("part-3", "part_3"),
        ("part-3b", "part-3b"),
        ("..hidden", "hidden"),
        ("v1.2.", "v1.2"),
        ("  x  ", "x_"),
    ],
)
def test_slug(text: str, name: str) -> None:
    """A folder's name becomes a name that is safe everywhere and never looks like a version."""
    assert product_name(text) == name


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "a/b", "a\\b", "/etc/passwd", "CON", "com1.txt", "nul", "瓶子", "--", "x" * 65],
)
def test_refused(text: str) -> None:
    """What cannot be a name is refused with advice, not guessed at."""
    with pytest.raises(BadSetting):
        product_name(text)


@given(st.text(max_size=80))
def test_safe_and_stable(text: str) -> None:
    """Whatever comes in, a name that comes out is safe and stays itself."""
    try:
        name = product_name(text)
    except BadSetting:
        return
    assert product_name(name) == name
    assert is_product_name(name)
    assert 1 <= len(name) <= LONGEST_NAME
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert name[0].isalnum()
    assert name[-1] not in ".-"
