import pytest

from okng.adapters.stores.references import Reference, check_alias, parse_reference
from okng.domain.errors import BadSetting, NotFound


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("bottle", Reference("bottle")),
        ("bottle-3", Reference("bottle", 3)),
        ("bottle@3", Reference("bottle", 3)),
        ("Bottle@champion", Reference("bottle", None, "champion")),
        ("part_2-3", Reference("part_2", 3)),
        ("a-b-12", Reference("a-b", 12)),
    ],
)
def test_parse(text: str, reference: Reference) -> None:
    """Each way to name a model is understood in one way only."""
    assert parse_reference(text) == reference


@pytest.mark.parametrize(
    "text",
    ["", "-3", "@champion", "bottle-0", "bottle-03", "a-1-2", "../x", "a/b-3", "a@", "a@b@c", ".x"],
)
def test_impossible(text: str) -> None:
    """What can name no model is said to be so."""
    with pytest.raises(NotFound, match="cannot be a model"):
        parse_reference(text)


@pytest.mark.parametrize("alias", ["", "3", "newest", "../x", "A", "a" * 33, "a b"])
def test_bad_alias(alias: str) -> None:
    """An alias is a short word, and no version."""
    with pytest.raises(BadSetting):
        check_alias(alias)
